/**
 * @file Tensors from numbers: nested arrays, typed arrays, constants and ranges.
 */
import { allocate, type Dtype, dtypeOf, type TypedArray } from "../base/dtype.ts";
import { checkShape, formatShape, type Shape, sizeOf, type Type } from "../base/shape.ts";
import { full as fullOp, iota } from "./indexing.ts";
import { data } from "./leaves.ts";
import { record, Tensor } from "./tensor.ts";

/** Numbers or booleans in nested arrays of equal lengths. */
export type Nested = number | boolean | readonly Nested[];

export interface TensorOptions {
  /** Default: that of the nesting, or one axis for a typed array. */
  readonly shape?: Shape;
  /** Default: f32 for numbers, bool for booleans, a typed array's own. */
  readonly dtype?: Dtype;
}

/** A computed tensor over `array`, which it owns from now on. */
export function fromArray(array: TypedArray, type: Type): Tensor {
  const storage = { read: () => array };
  return record(data, [], { shape: type.shape, dtype: type.dtype, storage }, [])[0]!;
}

/** A tensor from nested arrays or from a typed array (copied), f32 unless said otherwise. */
export function tensor(values: Nested | TypedArray, options: TensorOptions = {}): Tensor {
  if (ArrayBuffer.isView(values)) {
    const shape = options.shape ?? [values.length];
    return filled(values as TypedArray, shape, options.dtype ?? dtypeOf(values as TypedArray));
  }
  const found: number[] = [];
  const nesting = shapeOfNested(values as Nested, found);
  const isBool = typeof firstOf(values as Nested) === "boolean";
  return filled(found, options.shape ?? nesting, options.dtype ?? (isBool ? "bool" : "f32"));
}

function filled(values: ArrayLike<number>, shape: Shape, dtype: Dtype): Tensor {
  checkShape(shape, "tensor");
  if (values.length !== sizeOf(shape)) {
    throw new RangeError(
      `tensor: ${values.length} values do not fill the shape ${formatShape(shape)}, which has ${sizeOf(shape)} elements`,
    );
  }
  const array = allocate(dtype, values.length);
  if (dtype === "bool") for (let i = 0; i < values.length; i++) array[i] = values[i] ? 1 : 0;
  else array.set(values);
  return fromArray(array, { shape, dtype });
}

function firstOf(values: Nested): number | boolean | undefined {
  let x: Nested | undefined = values;
  while (Array.isArray(x)) x = x[0];
  return x as number | boolean | undefined;
}

/** The shape of nested arrays, whose numbers are appended to `found`. */
function shapeOfNested(values: Nested, found: number[]): number[] {
  if (!Array.isArray(values)) {
    if (typeof values !== "number" && typeof values !== "boolean")
      throw new TypeError(`tensor: expected numbers or nested arrays of them, got ${typeof values}`);
    found.push(Number(values));
    return [];
  }
  const shapes = values.map((v) => shapeOfNested(v, found));
  shapes.forEach((s, i) => {
    if (String(s) !== String(shapes[0])) {
      throw new RangeError(
        `tensor: ragged nesting: element 0 has shape ${formatShape(shapes[0]!)}, element ${i} has ${formatShape(s)}; all must agree`,
      );
    }
  });
  return [values.length, ...(shapes[0] ?? [])];
}

/** One number everywhere. */
export function full(shape: Shape, value: number, dtype: Dtype = "f32"): Tensor {
  checkShape(shape, "full");
  return record(fullOp, [], { shape, dtype, value }, [])[0]!;
}

/** Zeros of a shape. Default f32. */
export function zeros(shape: Shape, dtype: Dtype = "f32"): Tensor {
  return full(shape, 0, dtype);
}

/** Ones of a shape. Default f32. */
export function ones(shape: Shape, dtype: Dtype = "f32"): Tensor {
  return full(shape, 1, dtype);
}

/** 0, 1, ..., n-1. */
export function arange(n: number, dtype: Dtype = "i32"): Tensor {
  checkShape([n], "arange");
  return record(iota, [], { shape: [n], dtype, axis: 0 }, [])[0]!;
}

/** The n×n identity matrix. */
export function eye(n: number, dtype: Dtype = "f32"): Tensor {
  return arange(n).oneHot(n, dtype);
}

/** Tensors of one shape along a new axis. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  const [first] = tensors;
  if (!first) throw new RangeError("stack: got no tensors, want at least one");
  return first.unsqueeze(axis).concat(
    tensors.slice(1).map((t) => t.unsqueeze(axis)),
    axis,
  );
}

/** Tensors one after another along an axis. */
export function concatenate(tensors: readonly Tensor[], axis = 0): Tensor {
  const [first, ...rest] = tensors;
  if (!first) throw new RangeError("concatenate: got no tensors, want at least one");
  return first.concat(rest, axis);
}

export function isTensor(x: unknown): x is Tensor {
  return x instanceof Tensor;
}
