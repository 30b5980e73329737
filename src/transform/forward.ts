/**
 * @file Forward mode: the tangent of every value that depends on the seeded ones, in one walk along the list (Griewank & Walther 2008, §3.1).
 * A rule may replace the results that it was given, so the walk also keeps the new primal values.
 */
import { isFloat } from "../base/dtype.ts";
import type { Instruction, Maybe, Op, Walks } from "../ops/op.ts";
import { rebind } from "../ops/region.ts";
import { type Tensor, withOrigin } from "../ops/tensor.ts";
import { tapeOf } from "../tape/tape.ts";

/** The result of forward mode. */
export interface Forward {
  /** The outputs. Use these and not the old ones: a rule may have replaced them. */
  readonly y: Tensor[];
  /** Their tangents; undefined is zero. */
  readonly dy: Maybe[];
  /** For each primal value, the value that a rule put in its place. */
  readonly primal: ReadonlyMap<Tensor, Tensor>;
}

/** Results and tangents of `outputs` along the tangents of `seeds`, which must be fresh values (see `function/seed.ts`). */
export function forward(outputs: readonly Tensor[], seeds: ReadonlyMap<Tensor, Tensor>, walks: Walks): Forward {
  const since = Math.min(...[...seeds.keys()].map((x) => x.source.serial));
  const tangent = new Map<Tensor, Tensor>(seeds);
  const primal = new Map<Tensor, Tensor>();
  const now = (x: Tensor): Tensor => primal.get(x) ?? x;
  for (const instruction of tapeOf(outputs, new Set(seeds.keys()), since)) {
    const { operands, results } = instruction;
    const dx = operands.map((x) => tangent.get(x));
    const moved = operands.some((x) => primal.has(x));
    const active = dx.some((d) => d !== undefined);
    if (!moved && !active) continue;
    const x = operands.map(now);
    const again = moved ? rebind(instruction, x) : results;
    const { y, dy } = active ? withOrigin(instruction.origin, () => push(instruction, dx, x, again, walks)) : { y: again, dy: [] };
    results.forEach((old, i) => {
      if (y[i] !== old) primal.set(old, named(y[i]!, old.label));
      const d = dy[i];
      if (d !== undefined && isFloat(old.dtype)) tangent.set(old, named(d, old.label && `d${old.label}`));
    });
  }
  return { y: outputs.map(now), dy: outputs.map((y) => tangent.get(y)), primal };
}

function named(x: Tensor, label: string | undefined): Tensor {
  if (label && !x.label) x.label = label;
  return x;
}

/** The results and tangents of one instruction, by its rule. */
function push(
  instruction: Instruction,
  dx: readonly Maybe[],
  x: readonly Tensor[],
  y: readonly Tensor[],
  walks: Walks,
): { y: readonly Tensor[]; dy: readonly Maybe[] } {
  const op = instruction.op;
  const { derivative } = op;
  if (derivative.kind === "none") return { y, dy: [] };
  const site = { params: instruction.params, regions: instruction.regions, types: instruction.results, walks };
  if (derivative.kind === "jvp") return derivative.jvp(dx, x, y, site);
  const linearIn = derivative.in === "all" ? x.map((_, i) => i) : derivative.in;
  if (derivative.how === "separately") return { y, dy: [product(instruction, dx, x, linearIn)] };
  if (linearIn.every((i) => dx[i] === undefined)) return { y, dy: [] };
  // Linear in these operands together: the tangent is the op itself on the tangents.
  const shifted = x.map((t, i) => (linearIn.includes(i) ? (dx[i] ?? zeroFor(t)) : t));
  return { y, dy: sparseSum(op, dx) ?? rebindQuietly(instruction, shifted) };
}

/** d(x·y) = dx·y + x·dy */
function product(instruction: Instruction, dx: readonly Maybe[], x: readonly Tensor[], linearIn: readonly number[]): Maybe {
  let sum: Maybe;
  for (const i of linearIn) {
    const d = dx[i];
    if (!d) continue;
    const term = rebindQuietly(instruction, x.with(i, d))[0]!;
    sum = sum ? sum.add(term) : term;
  }
  return sum;
}

/** The tangent of a sum in which all terms but one have symbolic zeros as tangents. */
function sparseSum({ traits }: Op, dx: readonly Maybe[]): Maybe[] | undefined {
  const terms = dx.flatMap((d, i) => (d ? [{ d, sign: traits?.signs?.[i] }] : []));
  const [only] = terms;
  if (!traits?.signs || !only || terms.length > 1) return undefined;
  return [only.sign === 1 ? only.d : only.d.neg()];
}

function rebindQuietly(instruction: Instruction, operands: readonly Tensor[]): Tensor[] {
  const results = rebind(instruction, operands);
  for (const y of results) y.label = undefined;
  return results;
}

function zeroFor(x: Tensor): Tensor {
  return x.like(0);
}
