/**
 * @file Tensors from numbers: nested arrays, typed arrays, constants and ranges.
 */

import { type Checks, checkOptions, list, text } from "../base/check.ts";
import { byteSize, checkDtype, type Dtype, isFloat, type TypedArray } from "../base/dtype.ts";
import { type AnyTypedArray, checkFits, dtypeOfArray, elementsAs, kindOf, typedArrayName } from "../base/elements.ts";
import { checkShape, formatShape, formatType, type Shape, sameShape, sizeOf, type Type } from "../base/shape.ts";
import { HostStorage, type Storage } from "../tape/node.ts";
import { checkTensorList } from "./check.ts";
import { full as fullOp, iota } from "./indexing.ts";
import { data } from "./leaves.ts";
import { record, Tensor } from "./tensor.ts";

/** Numbers or booleans in nested arrays of equal lengths. */
export type Nested = number | boolean | readonly Nested[];

/** Options of {@link tensor}. */
export interface TensorOptions {
  /** Shape. Default: that of the nesting, or one axis for a typed array. */
  readonly shape?: Shape;
  /** Dtype. Default: f32 for numbers, bool for booleans, that of a typed array (see {@link tensor}). */
  readonly dtype?: Dtype;
}

const TENSOR_OPTIONS: Checks<TensorOptions> = { shape: list, dtype: text }; // shapes and dtypes have checks of their own

/** A computed tensor over `array`; the array belongs to the tensor from now on. */
export function fromArray(array: TypedArray, type: Type): Tensor {
  // Backends copy bytes. Elements of another width would be read as other numbers.
  if (array.BYTES_PER_ELEMENT !== byteSize(type.dtype)) throw new TypeError(`internal: ${type.dtype} in a ${typedArrayName(array)}`);
  return fromStorage(new HostStorage(array), type);
}

/** A computed tensor whose elements are in `storage`. */
export function fromStorage(storage: Storage, { shape, dtype }: Type): Tensor {
  return record(data, [], { shape, dtype, storage }, [])[0]!;
}

/**
 * Makes a tensor from nested arrays or from a typed array; the elements are copied. Numbers become f32 and booleans bool, unless `dtype` says otherwise. Typed arrays
 * keep their dtype; Int8, Int16, Uint16 and 64-bit integers become i32, Uint8Clamped becomes u8, Float16 becomes f32.
 * @throws {RangeError} if a number does not fit the dtype, the nesting is ragged, or the shape has another size.
 * @throws {TypeError} for an element that is not a number, with its position.
 */
export function tensor(values: Nested | AnyTypedArray, options: TensorOptions = {}): Tensor {
  checkOptions("tensor", options, TENSOR_OPTIONS);
  const name = typedArrayName(values);
  if (name !== undefined) {
    const elements = values as AnyTypedArray;
    return filled(elements, options.shape ?? [elements.length], options.dtype ?? dtypeOfArray(name), name);
  }
  const found: number[] = [];
  const nesting = shapeOfNested(values as Nested, found, []);
  const isBool = typeof firstOf(values as Nested) === "boolean";
  return filled(found, options.shape ?? nesting, options.dtype ?? (isBool ? "bool" : "f32"));
}

/** A tensor of checked elements. */
function filled(values: ArrayLike<number | bigint>, shape: Shape, dtype: Dtype, name?: string): Tensor {
  checkShape(shape, "tensor");
  checkDtype(dtype, "tensor");
  if (values.length !== sizeOf(shape)) {
    throw new RangeError(
      `tensor: ${values.length} values do not fill the shape ${formatShape(shape)}, which has ${sizeOf(shape)} elements`,
    );
  }
  // The shape is copied, since the caller may write to the given array.
  return fromArray(elementsAs(values, dtype, { what: "tensor", shape, name }), { shape: [...shape], dtype });
}

function firstOf(values: Nested): number | boolean | undefined {
  let x: Nested | undefined = values;
  while (Array.isArray(x)) x = x[0];
  return x as number | boolean | undefined;
}

/** Returns the shape of nested arrays and appends their numbers to `found`. `path` is the position of `values`; it is unchanged on return. */
function shapeOfNested(values: Nested, found: number[], path: number[]): Shape {
  if (!Array.isArray(values)) {
    if (typeof values !== "number" && typeof values !== "boolean") throw new TypeError(`tensor: ${refusal(values, path)}`);
    found.push(Number(values));
    return [];
  }
  if (path.length > MOST_AXES) throw new RangeError(`tensor: arrays are nested more than ${MOST_AXES} deep, or one contains itself`);
  let first: Shape = [];
  for (let i = 0; i < values.length; i++) {
    path.push(i);
    const shape = shapeOfNested(values[i], found, path);
    if (i === 0) first = shape;
    else if (!sameShape(shape, first)) {
      throw new RangeError(
        `tensor: ragged nesting: element ${nameOf(path.with(-1, 0))} has shape ${formatShape(first)}, element ${nameOf(path)} has ${formatShape(shape)}; all must agree`,
      );
    }
    path.pop();
  }
  return [values.length, ...first];
}

const MOST_AXES = 64;

/** `3`, or `[1, 3]` further inside. */
const nameOf = (path: readonly number[]): string => (path.length === 1 ? String(path[0]) : formatShape(path));

/** An error text that says why `x` is not a number, and what to do. */
function refusal(x: unknown, path: readonly number[]): string {
  const at = path.length > 0 ? ` at ${formatShape(path)}` : "";
  const kind = isTensor(x) ? `a tensor ${formatType(x)}` : kindOf(x);
  const shown = typeof x === "string" ? ` ${JSON.stringify(x.length > 20 ? `${x.slice(0, 20)}...` : x)}` : "";
  return `expected numbers or nested arrays of them, got ${kind}${shown}${at}${remedyFor(x, kind, path.length > 0)}`;
}

/** The part of an error text that says what to do. */
function remedyFor(x: unknown, kind: string, isElement: boolean): string {
  if (isTensor(x)) return isElement ? "; put tensors together with stack or concatenate" : "; it is a tensor already";
  if (kind === "bigint" || kind === "string") return "; convert it with Number()";
  if (kind === "undefined" && isElement) return "; an element is missing";
  if (typedArrayName(x) !== undefined) return "; make it an array with Array.from, or stack tensors of the rows";
  if (kind.endsWith("ArrayBuffer") || kind === "DataView") return "; say what its bytes are, as in new Float32Array(buffer)";
  return "";
}

/** A tensor whose elements all equal one number. @throws {RangeError} if `dtype` cannot represent it. */
export function full(shape: Shape, value: number | boolean, dtype: Dtype = typeof value === "boolean" ? "bool" : "f32"): Tensor {
  checkShape(shape, "full");
  checkDtype(dtype, "full");
  if (typeof value !== "number" && typeof value !== "boolean") throw new TypeError(`full: ${refusal(value, [])}`);
  checkFits(Number(value), dtype, "full");
  return record(fullOp, [], { shape: [...shape], dtype, value: Number(value) }, [])[0]!;
}

/** Zeros of a shape. Default f32. */
export function zeros(shape: Shape, dtype: Dtype = "f32"): Tensor {
  checkShape(shape, "zeros");
  return full(shape, 0, dtype);
}

/** Ones of a shape. Default f32. */
export function ones(shape: Shape, dtype: Dtype = "f32"): Tensor {
  checkShape(shape, "ones");
  return full(shape, 1, dtype);
}

/** The vector 0, 1, ..., n-1. Default i32. @throws {RangeError} if `dtype` cannot represent all of them. */
export function arange(n: number, dtype: Dtype = "i32"): Tensor {
  checkShape([n], "arange");
  checkDtype(dtype, "arange");
  if (n > 0 && !isFloat(dtype)) checkFits(n - 1, dtype, "arange");
  return record(iota, [], { shape: [n], dtype, axis: 0 }, [])[0]!;
}

/** The n×n identity matrix; with a second size the n×m matrix with ones on the diagonal. Default f32. */
export function eye(n: number, m: number | Dtype = n, dtype: Dtype = typeof m === "string" ? m : "f32"): Tensor {
  const columns = typeof m === "string" ? n : m;
  checkShape([n, columns], "eye");
  return arange(n).oneHot(columns, dtype);
}

/** x itself if it is a float, otherwise x as f32. */
export function floating(x: Tensor): Tensor {
  return isFloat(x.dtype) ? x : x.cast("f32");
}

/** Stacks tensors of the same shape along a new axis. Default axis 0. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  checkTensorList("stack: tensors", tensors);
  const [first] = tensors;
  if (!first) throw new RangeError("stack: got no tensors, want at least one");
  return first.unsqueeze(axis).concat(
    tensors.slice(1).map((t) => t.unsqueeze(axis)),
    axis,
  );
}

/** Concatenates tensors along an axis. Default axis 0. Their other sizes must agree. */
export function concatenate(tensors: readonly Tensor[], axis = 0): Tensor {
  checkTensorList("concatenate: tensors", tensors);
  const [first, ...rest] = tensors;
  if (!first) throw new RangeError("concatenate: got no tensors, want at least one");
  return first.concat(rest, axis);
}

export function isTensor(x: unknown): x is Tensor {
  return x instanceof Tensor;
}
