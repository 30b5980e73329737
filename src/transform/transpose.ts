/**
 * @file The transpose of a linear list: cotangents flow from the outputs back to the inputs, in one walk against the list. With forward
 * mode before it, this is reverse mode (Radul et al. 2023, "You only linearize once").
 */
import { isFloat } from "../base/dtype.ts";
import type { Instruction, Maybe, Op, Walks } from "../ops/op.ts";
import { type Tensor, withOrigin } from "../ops/tensor.ts";
import { dependents, tapeOf } from "../tape/tape.ts";

/** Transposes the linear map from `inputs` to `outputs`: cotangents of the outputs to cotangents of the inputs; undefined is zero. Throws if the map is not linear. */
export function transpose(outputs: readonly Maybe[], cotangents: readonly Maybe[], inputs: readonly Tensor[], walks: Walks): Maybe[] {
  const since = Math.min(...inputs.map((x) => x.source.serial));
  const list = tapeOf(
    outputs.filter((y) => y !== undefined),
    new Set(inputs),
    since,
  );
  const linear = dependents(list, inputs);
  const ct = new Map<Tensor, Tensor>();
  const push = (x: Tensor, c: Maybe): void => {
    if (!c || !linear.has(x)) return;
    ct.set(x, ct.has(x) ? ct.get(x)!.add(c) : c);
  };
  outputs.forEach((y, i) => {
    if (y) push(y, cotangents[i]);
  });
  for (const instruction of list.reverse()) {
    const cts = instruction.results.map((y) => named(y, ct.get(y)));
    if (!cts.some((c) => c)) continue;
    if (!instruction.operands.some((x) => linear.has(x))) continue;
    pull(instruction, cts, linear, walks).forEach((c, i) => {
      push(instruction.operands[i]!, c);
    });
    for (const y of instruction.results) ct.delete(y);
  }
  return inputs.map((x) => named(x, ct.get(x)));
}

/** Names a complete cotangent after its value, dz for z; constants and values with a name keep theirs. */
function named(x: Tensor, c: Maybe): Maybe {
  if (c && x.label && !c.label && c.source.operands.length > 0) c.label = x.label;
  return c;
}

/** The cotangents of the operands of one instruction, by its rule. */
function pull(instruction: Instruction, cts: readonly Maybe[], linear: ReadonlySet<Tensor>, walks: Walks): Maybe[] {
  const op = instruction.op;
  const { derivative } = op;
  const on = instruction.operands.map((x) => linear.has(x) && isFloat(x.dtype));
  checkLinear(op, on);
  if (derivative.kind === "none" || !derivative.transpose) throw new Error(`internal: ${op.name} is transposed but has no transpose`);
  const site = { params: instruction.params, regions: instruction.regions, types: instruction.results, walks };
  const { transpose: rule } = derivative;
  return withOrigin(instruction.origin, () => rule(cts, instruction.operands, site, on));
}

function checkLinear(op: Op, on: readonly boolean[]): void {
  const { derivative } = op;
  if (derivative.kind !== "linear") return;
  const fits = on.every((o, i) => !o || derivative.in === "all" || derivative.in.includes(i));
  const once = derivative.how === "jointly" || on.filter((o) => o).length === 1;
  if (!fits || !once) throw new Error(`internal: ${op.name} is not linear in the operands that carry tangents`);
}
