/**
 * @file The NaN hunter: runs a list one instruction at a time and stops at the first that makes a NaN or an infinity out of finite operands,
 * in the forward pass or the backward one.
 */
import { isFloat, type TypedArray } from "../base/dtype.ts";
import { formatType } from "../base/shape.ts";
import type { Instruction, Region } from "../ops/op.ts";
import type { Tensor } from "../ops/tensor.ts";
import { hashRegion } from "../tape/hash.ts";
import { HostStorage, readNow } from "../tape/node.ts";
import { userLine } from "../tape/origin.ts";
import { formatParams } from "../tape/print.ts";
import { tapeOfRegion } from "../tape/tape.ts";
import { theBackend } from "./backends.ts";
import { compileRegion } from "./compile.ts";
import { Executables } from "./executables.ts";
import { optimize } from "./passes.ts";

/** The outputs of a region on the elements of its inputs. @throws {Error} at the first instruction that makes a value that is not finite. */
export function huntNaN(region: Region, inputs: readonly TypedArray[], cache: Executables = new Executables()): TypedArray[] {
  const optimized = optimize(region, { target: theBackend().target });
  const known = new Map<Tensor, TypedArray>(region.inputs.map((x, i) => [x, inputs[i]!]));
  for (const instruction of tapeOfRegion(optimized)) {
    const results = runAlone(instruction, known, cache);
    instruction.results.forEach((y, i) => {
      known.set(y, results[i]!);
      if (isFloat(y.dtype)) checkFinite(instruction, y, results[i]!, known);
    });
  }
  return optimized.outputs.map((y) => known.get(y)!);
}

/** Runs one instruction as a program of its own. */
function runAlone({ operands, results }: Instruction, known: ReadonlyMap<Tensor, TypedArray>, cache: Executables): TypedArray[] {
  const distinct = [...new Set(operands)];
  const region: Region = { inputs: distinct, outputs: results };
  const roles = { inputs: distinct.map(() => "argument" as const), outputs: results.map(() => "result" as const) };
  const executable = cache.of(hashRegion(region), () => compileRegion(region, roles));
  const made = executable.run(distinct.map((x) => new HostStorage(known.get(x)!)));
  return made.map((storage) => readNow(storage, "compile: debug nan"));
}

const firstBad = (elements: TypedArray): number => elements.findIndex((x: number) => !Number.isFinite(x));

/** Throws if a result is not finite although all operands are. */
function checkFinite(instruction: Instruction, y: Tensor, elements: TypedArray, known: ReadonlyMap<Tensor, TypedArray>): void {
  const at = firstBad(elements);
  // Constants may be infinite on purpose, and an instruction that passes on a bad operand is not its origin.
  if (at < 0 || instruction.operands.length === 0 || instruction.operands.some((x) => isFloat(x.dtype) && firstBad(known.get(x)!) >= 0))
    return;
  const name = (v: Tensor): string => `${v.label ? `${v.label}: ` : ""}${formatType(v)}`;
  const operands = instruction.operands.map((x) => `  ${name(x)} in ${rangeOf(known.get(x)!)}`);
  const line = userLine(instruction.origin);
  throw new RangeError(
    [
      `${instruction.op.name}${formatParams(instruction.params)} makes ${elements[at]} at element ${at} of ${name(y)}${line ? `, recorded at ${line}` : ""}; its operands are finite:`,
      ...operands,
    ].join("\n"),
  );
}

/** The least and the greatest element as a text. */
function rangeOf(elements: TypedArray): string {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const x of elements) {
    low = Math.min(low, x);
    high = Math.max(high, x);
  }
  return elements.length ? `[${low}, ${high}]` : "nothing";
}
