/**
 * @file Runs many steps of a function in one program, for `compile(fn, { steps })`: puts a loop around it, and stacks batches for the loop.
 */
import { shown } from "../base/check.ts";
import { allocate } from "../base/dtype.ts";
import { formatType } from "../base/shape.ts";
import { mapTree } from "../base/tree.ts";
import { fromArray, isTensor } from "../ops/create.ts";
import { elementsOf, type Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import { type AnyFunction, isCell, leavesOf, withLeaves } from "./capture.ts";
import { scan } from "./control.ts";

/** The same tree, where cells may take the place of tensors. */
export type OrCells<T> = T extends Tensor ? Tensor | Cell : T extends object ? { [K in keyof T]: OrCells<T[K]> } : T;

/** Runs `fn` n times on the same arguments; results are stacked along a new axis 0. */
export function repeated<F extends AnyFunction>(fn: F, n: number): F {
  return ((...args) => scan(() => [null, fn(...args)], null, null, { length: n })[1]) as F;
}

/** Runs `fn` on each of n slices of its arguments along axis 0; results are stacked along a new axis 0. Cells among the arguments are not copied. */
export function sliced<F extends AnyFunction>(fn: F, n: number): (...args: OrCells<Parameters<F>>) => ReturnType<F> {
  return (...args) => scan((_: null, slice: Parameters<F>) => [null, fn(...slice)], null, stackedArguments<F>(args, n), { length: n })[1];
}

/** The same without a loop, for the NaN hunter, which looks at single instructions. */
export function slicedByHand<F extends AnyFunction>(fn: F, n: number): (...args: OrCells<Parameters<F>>) => ReturnType<F> {
  return (...args) => {
    const stacked = stackedArguments<F>(args, n);
    const { leaves } = leavesOf(stacked);
    return inTurn(n, (i) => {
      const slices = leaves.map((x) => x.select(0, i));
      return fn(...withLeaves(stacked, slices));
    });
  };
}

/** Calls `step` n times and stacks its results. */
export function inTurn<R>(n: number, step: (i: number) => R): R {
  return stackTrees(Array.from({ length: n }, (_, i) => step(i)));
}

function stackedArguments<F extends AnyFunction>(args: readonly unknown[], n: number): Parameters<F> {
  const stacked = mapTree(args, isCell, (cell) => cell.value, isTensor) as Parameters<F>;
  checkStacked(stacked, n);
  return stacked;
}

/** Throws unless all tensors of the arguments have n slices along axis 0. */
function checkStacked(args: readonly unknown[], n: number): void {
  const { leaves, paths } = leavesOf(args);
  if (leaves.length === 0)
    throw new TypeError("along: no argument is a tensor or a cell; for the same arguments in every step call the function itself");
  leaves.forEach((x, i) => {
    if (x.shape[0] === n) return;
    throw new RangeError(
      `along: want the batches of ${n} steps along axis 0 of every tensor, got ${formatType(x)} for argument ${paths[i]}; stack ${n} batches, or use over(batches) for another number`,
    );
  });
}

/** Stacks trees of the same structure: the tensors of the result have a new axis 0. The elements are copied. */
export function stackTrees<T>(trees: readonly T[]): T {
  const lists = trees.map((tree) => leavesOf(tree).leaves);
  const stacked = lists[0]!.map(({ shape, dtype, size }, i) => {
    const elements = allocate(dtype, trees.length * size);
    for (const [j, list] of lists.entries()) elements.set(elementsOf(list[i]!), j * size);
    return fromArray(elements, { shape: [trees.length, ...shape], dtype });
  });
  return withLeaves(trees[0]!, stacked);
}

/** Groups batches (lists of arguments) by up to n; all batches of a group have the same signature. */
export function* grouped<A extends unknown[]>(batches: Iterable<A>, n: number): Generator<A[], void, undefined> {
  let group: A[] = [];
  let signature = "";
  for (const batch of batches) {
    if (!Array.isArray(batch)) throw new TypeError(`over: want each batch as a list of arguments, such as [x, y], got ${shown(batch)}`);
    const { structure, leaves } = leavesOf(batch);
    const own = `${structure} ${leaves.map(formatType).join(" ")}`;
    if (group.length > 0 && own !== signature) {
      yield group;
      group = [];
    }
    signature = own;
    group.push(batch);
    if (group.length === n) {
      yield group;
      group = [];
    }
  }
  if (group.length > 0) yield group;
}

/** @throws {TypeError} for a value that is not iterable. */
export function checkIterable(batches: unknown): void {
  const given = typeof batches === "object" && batches !== null ? batches : {};
  if (Symbol.iterator in given && typeof given[Symbol.iterator] === "function") return;
  const async = Symbol.asyncIterator in given && typeof given[Symbol.asyncIterator] === "function";
  throw new TypeError(
    `over: want an iterable of argument lists, such as a generator that yields [x, y], got ${async ? "an asynchronous one; collect its batches with for await, and pass them as an array" : String(batches)}`,
  );
}
