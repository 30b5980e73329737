/**
 * @file Runs a compiled function block by block, so that one program serves any number of examples. The last block is moved back so that it is full too; examples
 * that are computed twice give the same bits.
 */
import { allocate } from "../base/dtype.ts";
import { sizeOf, type Type } from "../base/shape.ts";
import { fromArray } from "../ops/create.ts";
import { elementsOf, type Tensor } from "../ops/tensor.ts";
import { currentFrame } from "../runtime/cell.ts";
import { type AnyFunction, leavesOf, withLeaves } from "./capture.ts";
import type { Extension } from "./compiled.ts";
import type { Recording } from "./recording.ts";
import { checkRows, MixedExamples } from "./rows.ts";

/** @throws {MixedExamples} unless a recorded function computes each example by itself. */
export function checkBlock({ region, inputs, outputs }: Recording, block: number): void {
  const written = outputs.find((role) => role !== "result");
  if (written !== undefined && typeof written !== "string")
    throw new MixedExamples(
      `compile: block: the function writes ${written.label ?? "a cell"}, which each block would do again; call model.eval(), or leave { block } out`,
    );
  const batched = region.inputs.map(({ shape }, i) => inputs[i] === "argument" && shape.length > 0);
  checkRows(region, batched, block, "compile: block");
}

/** The extension of `compiled` that runs a function in blocks of `block` examples. */
export function inBlocks(fn: AnyFunction, block: number): Extension {
  return { look: (recording) => checkBlock(recording, block), wrap: (run) => calledInBlocks(fn, run, block) };
}

/** Makes a function of any number of examples from `one`, which takes `block` examples. */
function calledInBlocks(fn: AnyFunction, one: AnyFunction, block: number): AnyFunction {
  return (...args) => {
    if (currentFrame()) return fn(...args);
    const { leaves } = leavesOf(args);
    const n = countOf(leaves);
    const elements = leaves.map((x) => (x.rank === 0 ? undefined : elementsOf(x)));
    const at = (start: number): unknown => {
      const parts = leaves.map((x, i) => (elements[i] ? rowsFrom(elements[i], x, start, block) : x));
      return one(...withLeaves(args, parts));
    };
    if (n === block) return one(...args);
    const first = at(0);
    const results = leavesOf(first).leaves;
    const whole = results.map(({ shape, dtype }) => allocate(dtype, sizeOf([n, ...shape.slice(1)])));
    const keep = (made: readonly Tensor[], start: number): void => {
      made.forEach((y, i) => {
        const each = sizeOf(y.shape.slice(1));
        whole[i]!.set(elementsOf(y).subarray(0, Math.min(block, n) * each), start * each);
      });
    };
    keep(results, 0);
    for (let start = block; start < n; start += block) {
      const from = Math.min(start, n - block);
      keep(leavesOf(at(from)).leaves, from);
    }
    return withLeaves(
      first,
      whole.map((all, i) => fromArray(all, { shape: [n, ...results[i]!.shape.slice(1)], dtype: results[i]!.dtype })),
    );
  };
}

/** The number of examples, which all tensors of the arguments except scalars must share. */
function countOf(leaves: readonly Tensor[]): number {
  const counts = leaves.flatMap(({ shape }) => (shape.length > 0 ? [shape[0]!] : []));
  const [n] = counts;
  if (n === undefined) throw new TypeError("compile: block: want an argument with one example on each index of its first axis, got none");
  const other = counts.find((count) => count !== n);
  if (other !== undefined)
    throw new RangeError(
      `compile: block: all arguments must have as many examples on axis 0, got ${n} and ${other}; keep what is no example in a cell`,
    );
  return n;
}

/** `block` rows from `start` on, followed by zeros if there are fewer. */
function rowsFrom(all: ReturnType<typeof elementsOf>, { shape, dtype }: Type, start: number, block: number): Tensor {
  const each = sizeOf(shape.slice(1));
  const part = all.subarray(start * each, (start + block) * each);
  const type = { shape: [block, ...shape.slice(1)], dtype };
  if (part.length === block * each) return fromArray(part, type);
  const padded = allocate(dtype, block * each);
  padded.set(part);
  return fromArray(padded, type);
}
