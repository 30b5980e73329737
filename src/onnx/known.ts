/**
 * @file Ops on what is known on the host: sizes, axes and what graphs compute from them, exactly as whole numbers of 64 bits (up to 2⁵³) where tensors hold 32. So
 * shapes that a graph computes are numbers by the time they are needed, inside `compile` too, and the arithmetic leaves no instruction.
 */
import { broadcastShapes, type Shape, sizeOf, stridesOf } from "../base/shape.ts";
import type { OnnxDtype } from "../formats/onnx.ts";
import type { Call } from "./call.ts";
import { axisOf, isFloatType, isSequence, Known, range, type Value, whole } from "./value.ts";

/** What is larger is computed as a tensor. */
const MOST_ELEMENTS = 4096;

/** The results of a call whose inputs are all known, or nothing if they are not, are many, or the op is none of these. */
export function folded(c: Call): Value[] | undefined {
  if (c.step.domain !== "") return undefined;
  if (c.step.op === "Shape" || c.step.op === "Size") return isSequence(c.inputs[0]) ? undefined : [STATIC[c.step.op](c)];
  const run = Object.hasOwn(HOST, c.step.op) ? HOST[c.step.op] : undefined;
  if (!run || c.inputs.length === 0) return undefined;
  for (const value of c.inputs)
    if (value !== undefined && !(value instanceof Known && value.data.length <= MOST_ELEMENTS)) return undefined;
  const result = run(c);
  return result && (Array.isArray(result) ? result : [result]);
}

/** What depends on shapes alone, which are always known. */
const STATIC: Readonly<Record<"Shape" | "Size", (c: Call) => Known>> = {
  Shape: (c) => {
    const shape = c.shape(0);
    const limit = (at: number): number => Math.min(Math.max(at < 0 ? at + shape.length : at, 0), shape.length);
    return whole(shape.slice(limit(c.int("start", 0)), limit(c.int("end", shape.length))));
  },
  Size: (c) => whole([sizeOf(c.shape(0))], []),
};

// ---- building blocks ------------------------------------------------------------------------------------------------------------------

/** How many bits whole numbers of a type have, and whether they have a sign. */
const WIDTHS: Readonly<Partial<Record<OnnxDtype, readonly [bits: number, signed: boolean]>>> = {
  int32: [32, true],
  uint32: [32, false],
  int16: [16, true],
  uint16: [16, false],
  int8: [8, true],
  uint8: [8, false],
};

/** A number as its type holds it. */
function held(value: number, dtype: OnnxDtype): number {
  if (dtype === "float") return Math.fround(value);
  if (isFloatType(dtype)) return value;
  if (dtype === "bool") return value === 0 ? 0 : 1;
  const n = Math.trunc(value);
  const width = WIDTHS[dtype];
  if (!width || !Number.isFinite(n)) return n;
  const [bits, isSigned] = width;
  const wrapped = ((n % 2 ** bits) + 2 ** bits) % 2 ** bits;
  return isSigned && wrapped >= 2 ** (bits - 1) ? wrapped - 2 ** bits : wrapped;
}

const map =
  (f: (x: number) => number, dtype?: OnnxDtype) =>
  (c: Call): Known => {
    const x = c.known(0);
    const type = dtype ?? x.dtype;
    return new Known(
      type,
      x.shape,
      Array.from(x.data, (v) => held(f(v), type)),
    );
  };

/** Element at position `i` of a result of `shape`, in an operand that broadcasts to it. */
function picker({ shape: own, data }: Known, shape: Shape): (i: number) => number {
  if (data.length === 1) return () => data[0];
  if (own.length === shape.length && own.every((d, k) => d === shape[k])) return (i) => data[i];
  const [outer, inner] = [stridesOf(shape), stridesOf(own)];
  const skip = shape.length - own.length;
  return (i) => {
    let at = 0;
    for (let k = 0; k < own.length; k++) if (own[k] !== 1) at += (Math.floor(i / outer[k + skip]) % own[k]) * inner[k];
    return data[at];
  };
}

function broadcast(shapes: readonly Shape[]): Shape {
  return shapes.reduce<Shape>((a, b) => {
    const both = broadcastShapes(a, b);
    if (!both) throw new RangeError(`shapes [${a}] and [${b}] do not broadcast`);
    return both;
  }, []);
}

function zip(operands: readonly Known[], f: (...xs: number[]) => number, dtype: OnnxDtype): Known {
  const shape = broadcast(operands.map((x) => x.shape));
  const pick = operands.map((x) => picker(x, shape));
  return new Known(
    dtype,
    shape,
    Array.from({ length: sizeOf(shape) }, (_, i) => held(f(...pick.map((at) => at(i))), dtype)),
  );
}

const all = (c: Call): Known[] => c.inputs.map((_, i) => c.known(i));

const binary =
  (f: (a: number, b: number) => number, dtype?: OnnxDtype) =>
  (c: Call): Known =>
    zip([c.known(0), c.known(1)], f, dtype ?? c.dtype(0));

const several =
  (f: (a: number, b: number) => number) =>
  (c: Call): Known =>
    zip(all(c), (...xs) => xs.reduce((a, b) => f(a, b)), c.dtype(0));

/** The elements of a result of `shape`, each taken from a place of `x`. */
const taken = (x: Known, shape: Shape, place: (index: number[]) => number): Known => {
  const strides = stridesOf(shape);
  const index = (i: number): number[] => shape.map((d, k) => Math.floor(i / strides[k]) % d);
  return new Known(
    x.dtype,
    shape,
    Array.from({ length: sizeOf(shape) }, (_, i) => x.data[place(index(i))]),
  );
};

const placeIn = (shape: Shape): ((index: readonly number[]) => number) => {
  const strides = stridesOf(shape);
  return (index) => index.reduce((sum, at, k) => sum + at * strides[k], 0);
};

const reshaped = (x: Known, shape: Shape): Known => new Known(x.dtype, shape, x.data, x.label);

/** The shape that `Reshape` asks for: 0 keeps a size, -1 is what is left. */
export function reshapeTo(shape: Shape, wanted: readonly number[], allowZero: boolean): number[] {
  const out = wanted.map((d, i) => (d === 0 && !allowZero ? (shape[i] ?? 0) : d));
  const open = out.indexOf(-1);
  if (open < 0) return out;
  const rest = out.reduce((n, d, i) => (i === open ? n : n * d), 1);
  return out.with(open, rest === 0 ? 0 : sizeOf(shape) / rest);
}

/** A shape without `axes` (all of size 1, if there are none), or with them put in. */
export const squeezed = (shape: Shape, axes: readonly number[] | undefined): number[] =>
  shape.filter((d, i) => (axes ? !axes.includes(i) : d !== 1));
export const unsqueezed = (shape: Shape, axes: readonly number[]): number[] => {
  const rank = shape.length + axes.length;
  const at = axes.map((axis) => axisOf(axis, rank));
  const rest = [...shape];
  return range(rank).map((i) => (at.includes(i) ? 1 : (rest.shift() ?? 1)));
};

/** Along one axis: from where, how many, by which step. */
export interface Cut {
  readonly axis: number;
  readonly start: number;
  readonly count: number;
  readonly step: number;
}

/** What `Slice` cuts out of a shape. Limits beyond the ends are the ends. */
export function cutsOf(c: Call): Cut[] {
  const shape = c.shape(0);
  const starts = c.listOf(1, "starts") ?? [];
  const ends = c.listOf(2, "ends") ?? [];
  const axes = c.listOf(3, "axes")?.map((axis) => axisOf(axis, shape.length)) ?? range(starts.length);
  const steps = c.has(4) ? c.numbers(4) : starts.map(() => 1);
  return axes.map((axis, i) => {
    const size = shape[axis];
    const step = steps[i];
    if (step === 0) throw new RangeError("a step of 0");
    const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
    const limit = (at: number): number => Math.min(Math.max(at < 0 ? at + size : at, low), high);
    const start = limit(starts[i]);
    return { axis, start, count: Math.max(0, Math.ceil((limit(ends[i]) - start) / step)), step };
  });
}

/** The sizes into which `Split` divides an axis. */
export function splitSizes(c: Call, size: number): number[] {
  const given = c.listOf(1, "split");
  if (given) return given;
  const n = c.int("num_outputs", c.outputs);
  const each = Math.ceil(size / n);
  return range(n).map((i) => Math.max(0, Math.min(each, size - i * each)));
}

const floorMod = (a: number, b: number): number => (b === 0 ? 0 : a - Math.floor(a / b) * b);
const divided = (c: Call): Known => binary((a, b) => (isFloatType(c.dtype(0)) ? a / b : b === 0 ? 0 : Math.trunc(a / b)))(c);

const reduction =
  (f: (a: number, b: number) => number, start: number) =>
  (c: Call): Known | undefined => {
    const x = c.known(0);
    const axes = c.axes(1);
    if (axes?.length === 0 && c.flag("noop_with_empty_axes")) return x;
    const over = axes?.length ? axes : range(x.shape.length);
    if (x.data.length === 0) return undefined;
    const kept = x.shape.map((d, i) => (over.includes(i) ? 1 : d));
    const out = new Float64Array(sizeOf(kept)).fill(start);
    const [strides, place] = [stridesOf(x.shape), placeIn(kept)];
    for (let i = 0; i < x.data.length; i++) {
      const at = place(x.shape.map((d, k) => (over.includes(k) ? 0 : Math.floor(i / strides[k]) % d)));
      out[at] = f(out[at], x.data[i]);
    }
    const shape = c.flag("keepdims", true) ? kept : squeezed(kept, over);
    return new Known(
      x.dtype,
      shape,
      Array.from(out, (v) => held(v, x.dtype)),
    );
  };

/** Count of `Range`. */
export const rangeCount = (start: number, limit: number, delta: number): number => Math.max(0, Math.ceil((limit - start) / delta));

const cast = (x: Known, to: OnnxDtype): Known | undefined => {
  const simple = to === "float" || to === "double" || to === "bool" || to === "int64" || to in WIDTHS;
  return simple
    ? new Known(
        to,
        x.shape,
        Array.from(x.data, (v) => held(v, to)),
        x.label,
      )
    : undefined;
};

const HOST: Readonly<Record<string, (c: Call) => Known | Known[] | undefined>> = {
  Identity: (c) => c.known(0),
  Cast: (c) => cast(c.known(0), c.type("to") ?? "float"),
  CastLike: (c) => cast(c.known(0), c.dtype(1)),
  Add: binary((a, b) => a + b),
  Sub: binary((a, b) => a - b),
  Mul: binary((a, b) => a * b),
  Div: divided,
  Mod: (c) => binary(c.flag("fmod") ? (a, b) => a % b : floorMod)(c),
  Min: several(Math.min),
  Max: several(Math.max),
  Pow: binary((a, b) => a ** b),
  Floor: map(Math.floor),
  Ceil: map(Math.ceil),
  Neg: map((x) => -x),
  Abs: map(Math.abs),
  Sqrt: map(Math.sqrt),
  Not: map((x) => (x ? 0 : 1)),
  Equal: binary((a, b) => Number(a === b), "bool"),
  Less: binary((a, b) => Number(a < b), "bool"),
  LessOrEqual: binary((a, b) => Number(a <= b), "bool"),
  Greater: binary((a, b) => Number(a > b), "bool"),
  GreaterOrEqual: binary((a, b) => Number(a >= b), "bool"),
  And: binary((a, b) => a & b, "bool"),
  Or: binary((a, b) => a | b, "bool"),
  Xor: binary((a, b) => a ^ b, "bool"),
  Where: (c) => zip(all(c), (on, x, y) => (on ? x : y), c.dtype(1)),
  Reshape: (c) => reshaped(c.known(0), reshapeTo(c.shape(0), c.numbers(1), c.flag("allowzero"))),
  Squeeze: (c) => reshaped(c.known(0), squeezed(c.shape(0), c.axes(1))),
  Unsqueeze: (c) => reshaped(c.known(0), unsqueezed(c.shape(0), c.listOf(1, "axes") ?? [])),
  Flatten: (c) => {
    const at = c.int("axis", 1);
    const axis = at < 0 ? at + c.rank(0) : at;
    return reshaped(c.known(0), [sizeOf(c.shape(0).slice(0, axis)), sizeOf(c.shape(0).slice(axis))]);
  },
  Transpose: (c) => {
    const x = c.known(0);
    const order = c.ints("perm") ?? range(x.shape.length).reverse();
    const place = placeIn(x.shape);
    return taken(
      x,
      order.map((axis) => x.shape[axis]),
      (index) => place(x.shape.map((_, axis) => index[order.indexOf(axis)])),
    );
  },
  Gather: (c) => {
    const [x, at] = [c.known(0), c.known(1)];
    const axis = c.axis(0);
    const [place, inner] = [placeIn(x.shape), placeIn(at.shape)];
    const size = x.shape[axis];
    return taken(x, [...x.shape.slice(0, axis), ...at.shape, ...x.shape.slice(axis + 1)], (index) => {
      const row = at.data[inner(index.slice(axis, axis + at.shape.length))];
      if (!(row >= -size && row < size)) throw new RangeError(`index ${row} of an axis of ${size}`);
      return place([...index.slice(0, axis), row < 0 ? row + size : row, ...index.slice(axis + at.shape.length)]);
    });
  },
  Slice: (c) => {
    const x = c.known(0);
    const cuts = cutsOf(c);
    const place = placeIn(x.shape);
    const of = (axis: number): Cut => cuts.find((cut) => cut.axis === axis) ?? { axis, start: 0, count: x.shape[axis], step: 1 };
    const each = x.shape.map((_, axis) => of(axis));
    return taken(
      x,
      each.map(({ count }) => count),
      (index) => place(index.map((at, axis) => each[axis].start + at * each[axis].step)),
    );
  },
  Split: (c) => {
    const x = c.known(0);
    const axis = c.axis(0);
    const place = placeIn(x.shape);
    let start = 0;
    return splitSizes(c, x.shape[axis]).map((size) => {
      const from = start;
      start += size;
      return taken(x, x.shape.with(axis, size), (index) => place(index.with(axis, index[axis] + from)));
    });
  },
  Concat: (c) => {
    const list = all(c);
    const axis = axisOf(c.int("axis", 0), list[0].shape.length);
    const shape = list[0].shape.with(
      axis,
      list.reduce((n, x) => n + x.shape[axis], 0),
    );
    const before = sizeOf(shape.slice(0, axis));
    const data = range(before).flatMap((row) =>
      list.flatMap((x) => {
        const length = x.data.length / before;
        return Array.from({ length }, (_, i) => x.data[row * length + i]);
      }),
    );
    return before === 0 ? undefined : new Known(list[0].dtype, shape, data);
  },
  Expand: (c) => {
    const x = c.known(0);
    const shape = broadcast([x.shape, c.numbers(1)]);
    if (sizeOf(shape) > MOST_ELEMENTS) return undefined;
    const pick = picker(x, shape);
    return new Known(x.dtype, shape, range(sizeOf(shape)).map(pick));
  },
  Tile: (c) => {
    const x = c.known(0);
    if (c.opset < 6) return undefined;
    const shape = c.numbers(1).map((n, i) => n * x.shape[i]);
    const place = placeIn(x.shape);
    return sizeOf(shape) > MOST_ELEMENTS ? undefined : taken(x, shape, (index) => place(index.map((at, i) => at % x.shape[i])));
  },
  Range: (c) => {
    const [start, limit, delta] = [c.number(0), c.number(1), c.number(2)];
    const count = rangeCount(start, limit, delta);
    const dtype = c.dtype(0);
    return count > MOST_ELEMENTS
      ? undefined
      : new Known(
          dtype,
          [count],
          range(count).map((i) => held(start + i * delta, dtype)),
        );
  },
  ConstantOfShape: (c) => {
    const shape = c.numbers(0);
    const value = c.constant("value");
    if (sizeOf(shape) > MOST_ELEMENTS) return undefined;
    return new Known(value?.dtype ?? "float", shape, new Array(sizeOf(shape)).fill(value?.data[0] ?? 0));
  },
  ReduceSum: reduction((a, b) => a + b, 0),
  ReduceProd: reduction((a, b) => a * b, 1),
  ReduceMax: reduction(Math.max, Number.NEGATIVE_INFINITY),
  ReduceMin: reduction(Math.min, Number.POSITIVE_INFINITY),
};
