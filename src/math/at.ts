/**
 * @file Indexing by several keys at once, as NumPy has it: integers, slices, new axes, an ellipsis, tensors of indices and masks; and writing at such
 * places.
 */

import { checkOptions, shown } from "../base/check.ts";
import { isFloat, wide } from "../base/dtype.ts";
import { broadcastShapes, formatShape, type Shape, sameShape, sizeOf } from "../base/shape.ts";
import { checkTensors } from "../ops/check.ts";
import { arange, tensor } from "../ops/create.ts";
import { addRows } from "../ops/indexing.ts";
import { put } from "../ops/places.ts";
import { fromEnd, Tensor, type TensorLike } from "../ops/tensor.ts";
import { nonzero } from "./indexing.ts";
import { PUT } from "./options.ts";

/**
 * What chooses along an axis:
 *
 * - an integer, from the end if negative: one element; the axis goes;
 * - a slice written as in Python, such as `":"`, `"1:"`, `":-1"`, `"::2"`, `"::-1"`: the bounds are cut to the axis;
 * - `"..."`: as many whole axes as the other keys leave;
 * - `null`: a new axis of size 1;
 * - a tensor (or list) of integers: the elements at these indices;
 * - a bool tensor (or list) over as many axes as it has: the elements where it holds. It must have a value already.
 */
export type IndexKey = number | string | null | Tensor | readonly number[] | readonly boolean[];

/** A key by what is done: bounds worked out, masks taken apart. `size` is that of the axis it is for. */
type Key =
  | { kind: "new" }
  | { kind: "one"; index: number }
  | { kind: "slice"; start: number; count: number; step: number }
  | { kind: "indices"; indices: Tensor };

const SLICE = /^\s*(-?\d+)?\s*:\s*(-?\d+)?\s*(?::\s*(-?\d+)?\s*)?$/;

/** Python's slices: bounds from the end, cut to the axis. */
function sliceKey(text: string, n: number): Key {
  const found = SLICE.exec(text);
  const step = Number(found?.[3] ?? 1);
  if (!found || step === 0)
    throw new RangeError(
      `at: ${JSON.stringify(text)} is no slice; want "start:stop" or "start:stop:step" with a step other than 0, or "..."`,
    );
  const [low, high] = step > 0 ? [0, n] : [-1, n - 1];
  const bound = (given: string | undefined, usual: number): number => {
    if (given === undefined) return usual;
    const value = Number(given) + (given.startsWith("-") ? n : 0);
    return Math.min(Math.max(value, low), high);
  };
  const start = bound(found[1], step > 0 ? low : high);
  const stop = bound(found[2], step > 0 ? high : low);
  return { kind: "slice", start, count: Math.max(0, Math.ceil((stop - start) / step)), step };
}

const isMask = (key: unknown): boolean =>
  key instanceof Tensor ? key.dtype === "bool" : Array.isArray(key) && typeof key[0] === "boolean";

/** How many axes a key is for. */
function axesOf(key: IndexKey): number {
  if (key === null || key === "...") return 0;
  if (!isMask(key)) return 1;
  return key instanceof Tensor ? key.rank : 1;
}

/** The indices of a key that has some: one tensor per axis. */
function indicesOf(key: number | Tensor | readonly unknown[], shape: Shape, axis: number): Tensor[] {
  const given = key instanceof Tensor ? key : isMask(key) ? tensor(key as never) : tensor(key as never, { dtype: "i32" });
  if (given.dtype === "bool") {
    const own = shape.slice(axis, axis + given.rank);
    if (!sameShape(own, given.shape))
      throw new RangeError(`at: a mask ${formatShape(given.shape)} does not fit the axes ${formatShape(own)} of ${formatShape(shape)}`);
    const found = nonzero(given);
    return given.shape.map((_, i) => found.select(1, i));
  }
  if (isFloat(given.dtype)) throw new TypeError(`at: indices must be integers or bools, got ${given}; convert with .cast("i32")`);
  return [fromEnd("at", given, shape[axis]!)];
}

function elementOf(key: number, n: number): number {
  if (!Number.isInteger(key) || key < -n || key >= n)
    throw new RangeError(`at: index ${key} is out of range; there are ${n}, from ${-n} to ${n - 1}`);
  return key;
}

interface Keys {
  readonly keys: readonly Key[];
  /** Whether something stands between the keys with indices, so that their axes come first. */
  readonly apart: boolean;
}

/** The keys for every axis of a shape. */
function keysFor(shape: Shape, given: readonly IndexKey[]): Keys {
  const taken = given.reduce<number>((n, key) => n + axesOf(key), 0);
  const dots = given.indexOf("...");
  if (taken > shape.length) throw new RangeError(`at: ${taken} axes are indexed, but ${formatShape(shape)} has ${shape.length}`);
  if (dots >= 0 && given.includes("...", dots + 1)) throw new RangeError('at: at most one key may be "..."');
  const whole = new Array<string>(shape.length - taken).fill(":");
  const all = dots < 0 ? [...given, ...whole] : given.flatMap((key) => (key === "..." ? ["", ...whole] : [key]));
  // An integer beside tensors of indices is one of them.
  const advanced = all.some((key) => typeof key === "object" && key !== null);
  const keys: Key[] = [];
  let axis = 0;
  for (const key of all) {
    const own = keysOf(key, shape, axis, advanced);
    keys.push(...own);
    axis += own.filter(({ kind }) => kind !== "new").length;
  }
  return { keys, apart: advanced && areApart(all) };
}

/** Whether something stands between the keys that are indices. An empty one keeps the two sides of an ellipsis apart. */
function areApart(keys: readonly (IndexKey | "")[]): boolean {
  const runs = keys.map((key) => typeof key === "number" || (typeof key === "object" && key !== null));
  const first = runs.indexOf(true);
  return first >= 0 && runs.slice(first, runs.lastIndexOf(true)).includes(false);
}

/** What one key says of the axes from `axis` on. `advanced`: integers are tensors of one index. */
function keysOf(key: IndexKey | "", shape: Shape, axis: number, advanced: boolean): Key[] {
  if (key === "") return [];
  if (key === null) return [{ kind: "new" }];
  if (typeof key === "number" && !advanced) return [{ kind: "one", index: elementOf(key, shape[axis]!) }];
  if (typeof key === "string") return [sliceKey(key, shape[axis]!)];
  if (typeof key === "number" || key instanceof Tensor || Array.isArray(key))
    return indicesOf(key as number, shape, axis).map((indices) => ({ kind: "indices", indices }));
  throw new TypeError(`at: want an integer, a slice such as "1:3", "...", null, or a tensor, got ${shown(key)}`);
}

/** The elements of x at some keys, one after another for its axes; missing ones at the end are whole axes. See {@link IndexKey}. */
export function at(x: Tensor, ...given: IndexKey[]): Tensor {
  checkTensors("at", { x });
  const { keys, apart } = keysFor(x.shape, given);
  let axis = 0;
  let y = x;
  const chosen: { axis: number; indices: Tensor }[] = [];
  for (const key of keys) {
    if (key.kind === "one") {
      y = y.select(axis, key.index);
      continue;
    }
    if (key.kind === "new") y = y.unsqueeze(axis);
    else if (key.kind === "slice") y = slice(y, axis, key);
    else chosen.push({ axis, indices: key.indices });
    axis++;
  }
  if (chosen.length === 0) return y;
  const shape = chosen.map((c) => c.indices.shape).reduce<number[] | null>((a, b) => a && broadcastShapes(a, b), []);
  if (!shape) throw new RangeError(`at: indices ${chosen.map((c) => formatShape(c.indices.shape)).join(", ")} do not broadcast`);
  const axes = chosen.map((c) => c.axis);
  const rest = y.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const sizes = axes.map((a) => y.shape[a]!);
  const rows = y.transpose([...axes, ...rest]).reshape([sizeOf(sizes), ...rest.map((i) => y.shape[i]!)]);
  const place = linearIndex(
    chosen.map((c) => c.indices.broadcastTo(shape)),
    sizes,
  );
  const taken = rows.takeInside(place, 0);
  return apart ? taken : moveFront(taken, shape.length, axes[0]!);
}

/** The first `n` axes moved to position `to` among the others. */
function moveFront(x: Tensor, n: number, to: number): Tensor {
  const order = x.shape.map((_, i) => i);
  const front = order.splice(0, n);
  order.splice(to, 0, ...front);
  return x.transpose(order);
}

function slice(x: Tensor, axis: number, { start, count, step }: Extract<Key, { kind: "slice" }>): Tensor {
  if (count === 0) return x.narrow(axis, 0, 0);
  const low = step > 0 ? start : start + (count - 1) * step;
  const at = (value: number, others: readonly number[]): number[] => others.map((d, i) => (i === axis ? value : d));
  const zeros = x.shape.map(() => 0);
  const size = Math.abs(step);
  const y = x.slice(
    at(low, zeros),
    at(low + (count - 1) * size + 1, x.shape),
    at(
      size,
      x.shape.map(() => 1),
    ),
  );
  return step > 0 ? y : y.flip(axis);
}

/** Positions in row-major order from an index per axis; -1 where one of them is out of range. */
function linearIndex(indices: readonly Tensor[], sizes: Shape): Tensor {
  const all = indices.map((t) => t.cast("i32"));
  if (all.length === 1) return all[0]!;
  const place = all.reduce((sum, t, i) => sum.mul(sizes[i]!).add(t));
  if (indices.every((t) => t.isComputed)) return place;
  const inside = all.map((t, i) => t.ge(0).and(t.lt(sizes[i]!))).reduce((a, b) => a.and(b));
  return inside.where(place, -1);
}

/**
 * x with `value`, which broadcasts, at the places that {@link at} would give. Of several at one place the last stays, or with `accumulate` all are added
 * to x.
 */
export function indexPut(x: Tensor, keys: readonly IndexKey[], value: TensorLike, options: { readonly accumulate?: boolean } = {}): Tensor {
  checkOptions("indexPut", options, PUT);
  if (!Array.isArray(keys)) throw new TypeError(`indexPut: want a list of keys, got ${shown(keys)}`);
  // From 1 on: an index that is out of range within a program gives 0, which then is no place.
  const places = at(arange(x.size).add(1).reshape(x.shape), ...keys).sub(1);
  const src = typeof value === "number" ? x.constantOf({ shape: [], dtype: x.dtype }, value) : x.operand(value);
  const shape = broadcastShapes(src.shape, places.shape);
  if (!shape || sizeOf(shape) !== places.size)
    throw new RangeError(`indexPut: value ${formatShape(src.shape)} does not broadcast to the places ${formatShape(places.shape)}`);
  const values = src.rank > places.rank ? src.reshape(src.shape.slice(src.rank - places.rank)) : src;
  const [flat, index] = [x.flatten(), places.flatten()];
  const rows = values.cast(x.dtype).broadcastTo(places.shape).flatten();
  const y = options.accumulate
    ? flat.add(addRows(rows.cast(wide(rows.dtype)), index, { batch: 0, size: x.size })).cast(x.dtype)
    : flat.bind(put, [flat, index, rows], { batch: 0 });
  return y.reshape(x.shape);
}
