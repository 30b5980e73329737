/**
 * @file vmap: makes a function of a batch from a function of one example.
 */
import { type Checks, checkOptions, either, integer, list } from "../base/check.ts";
import { formatShape, normalizeAxis } from "../base/shape.ts";
import { Call } from "../ops/call.ts";
import { iota } from "../ops/indexing.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import { dependents, tapeOf } from "../tape/tape.ts";
import { batch } from "../transform/batch.ts";
import { walks } from "../transform/walks.ts";
import { capture, commit, leavesOf, together, withLeaves } from "./capture.ts";
import { noteDerived } from "./unused.ts";

/** Options of {@link vmap}. */
export interface VmapOptions {
  /** For each argument the axis that is mapped, or null for one that all examples share. Default 0 for all. */
  readonly inAxes?: number | readonly (number | null)[];
  /** The axis of the batch in the results. Default 0. */
  readonly outAxis?: number;
}

const VMAP_OPTIONS: Checks<VmapOptions> = { inAxes: either(integer, list), outAxis: integer };

/** Indices into the batches being mapped, the innermost last. Implicit randomness folds them into its keys. */
const indices: Tensor[] = [];

/** The batch indices (i32 scalars) of the vmaps around the caller. */
export function batchIndices(): readonly Tensor[] {
  return indices;
}

/** Runs `fn` with `index` (an i32 scalar) as an innermost batch index, for batches that are mapped in another way. */
export function atIndex<T>(index: Tensor, fn: () => T): T {
  indices.push(index);
  try {
    return fn();
  } finally {
    indices.pop();
  }
}

/** Returns a function that applies `fn` to every example of a batch at once. */
export function vmap<A extends unknown[] = Tensor[], R = unknown>(fn: (...args: A) => R, options: VmapOptions = {}): (...args: A) => R {
  checkOptions("vmap", options, VMAP_OPTIONS);
  const { inAxes = 0, outAxis = 0 } = options;
  return (...args) => {
    const axisOf = (i: number): number | null => (typeof inAxes === "number" ? inAxes : (inAxes[i] ?? null));
    const call = new Call("vmap", fn);
    const seeds = new Map<Tensor, Tensor>();
    let n = -1;
    const map = (x: Tensor, axis: number, path: string): Tensor => {
      const at = normalizeAxis(axis, x.rank, `vmap: argument ${path}`);
      const size = x.shape[at]!;
      if (n >= 0 && size !== n)
        throw new RangeError(`vmap: argument ${path} has ${size} examples along axis ${at} of ${formatShape(x.shape)}, others have ${n}`);
      n = size;
      const one = call.placeholderOf({ shape: x.shape.toSpliced(at, 1), dtype: x.dtype }, x.label);
      seeds.set(one, x.moveAxis(at, 0));
      return one;
    };
    const mapped = args.map((arg, i) => {
      const axis = axisOf(i);
      if (axis === null) return arg;
      const { leaves, paths } = leavesOf(arg);
      return withLeaves(
        arg,
        leaves.map((x, j) => map(x, axis, paths[j] ? `${i} (${paths[j]})` : String(i))),
      );
    }) as A;
    if (n < 0) throw new TypeError("vmap: no tensor is mapped; give at least one argument an axis in inAxes");
    const index = call.placeholderOf({ shape: [], dtype: "i32" }, "index");
    seeds.set(index, index.bind(iota, [], { shape: [n], dtype: "i32", axis: 0 }));
    return atIndex(index, () => {
      const captured = capture(call, () => fn(...mapped), { checkWrite: (cell, value) => refuseMapped(cell, value, seeds, n) });
      const images = batch([...captured.outputs, ...captured.writes.values()], seeds, n, walks);
      const results = images.splice(0, captured.outputs.length).map(({ y, mapped: on }) => {
        const result = (on ? y : y.expandFront(n)).moveAxis(0, outAxis);
        if (!on) noteDerived([result], [...seeds.values()]);
        return result;
      });
      commit(new Map([...captured.writes.keys()].map((cell, i) => [cell, images[i]!.y])));
      together(results);
      return withLeaves(captured.result, results);
    });
  };
}

/** Throws if a value written to a cell depends on the batch, since a cell holds one value. */
function refuseMapped(cell: Cell, value: Tensor, seeds: ReadonlyMap<Tensor, Tensor>, n: number): void {
  const since = Math.min(...[...seeds.keys()].map((x) => x.source.serial));
  if (!dependents(tapeOf([value], new Set(seeds.keys()), since), seeds.keys()).has(value)) return;
  // Of a loop or block some results may be shared and others mapped; its batching rule decides.
  if (!batch([value], seeds, n, walks)[0]!.mapped) return;
  throw new TypeError(
    `vmap: ${cell.label ?? "a cell"} is set to a value that differs between the examples, but a cell holds one value. Return the value from the function instead, and set the cell to a reduction of it, such as its mean`,
  );
}
