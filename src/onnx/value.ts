/**
 * @file What flows along the edges of an ONNX graph: tensors, numbers that are known on the host (sizes, axes, whatever is computed from them), and lists of either.
 * ONNX has more element types than Nabla; a value remembers its own and is held in the nearest.
 */
import type { Dtype } from "../base/dtype.ts";
import { formatShape, type Shape, sizeOf } from "../base/shape.ts";
import { clean } from "../formats/clean.ts";
import type { OnnxArray, OnnxDtype } from "../formats/onnx.ts";
import { isTensor, tensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";

/** What an importer cannot do, as opposed to what is wrong with a file or an input. */
export class OnnxUnsupportedError extends Error {
  override readonly name = "OnnxUnsupportedError";
}

/** In which dtype Nabla holds elements of each type. Whole numbers of 64 bits are held in 32; floats below 32 bits are widened. */
const HELD: Readonly<Partial<Record<OnnxDtype, Dtype>>> = {
  float: "f32",
  double: "f64",
  float16: "f32",
  bfloat16: "f32",
  float8e4m3fn: "f32",
  float8e4m3fnuz: "f32",
  float8e5m2: "f32",
  float8e5m2fnuz: "f32",
  float8e8m0: "f32",
  float4e2m1: "f32",
  int64: "i32",
  int32: "i32",
  int16: "i32",
  int8: "i32",
  int4: "i32",
  int2: "i32",
  uint64: "i32",
  uint32: "u32",
  uint16: "i32",
  uint8: "u8",
  uint4: "i32",
  uint2: "i32",
  bool: "bool",
};

/** The dtype that holds an ONNX type. @throws {OnnxUnsupportedError} for strings and complex numbers. */
export function heldAs(dtype: OnnxDtype): Dtype {
  const held = HELD[dtype];
  if (!held) throw new OnnxUnsupportedError(`elements of type ${dtype} are not supported`);
  return held;
}

export const isFloatType = (dtype: OnnxDtype): boolean => heldAs(dtype) === "f32" || dtype === "double";

/** The ONNX type of a tensor that says nothing else. */
const OWN: Readonly<Record<Dtype, OnnxDtype>> = { f32: "float", f64: "double", i32: "int64", u32: "uint32", u8: "uint8", bool: "bool" };

export const ownType = (dtype: Dtype): OnnxDtype => OWN[dtype];

/** A tensor under its ONNX type. */
export class Live {
  readonly tensor: Tensor;
  readonly dtype: OnnxDtype;

  constructor(x: Tensor, dtype: OnnxDtype = ownType(x.dtype)) {
    this.tensor = x.dtype === heldAs(dtype) ? x : x.cast(heldAs(dtype));
    this.dtype = dtype;
  }

  get shape(): Shape {
    return this.tensor.shape;
  }
}

const MOST = 2 ** 31;

/** Elements that are known on the host. Whole numbers of 64 bits are exact up to 2⁵³; what lies beyond is a limit such as "to the end". */
export class Known {
  readonly dtype: OnnxDtype;
  readonly shape: Shape;
  readonly data: ArrayLike<number>;
  readonly label: string;
  #tensor: Tensor | undefined;

  constructor(dtype: OnnxDtype, shape: Shape, data: ArrayLike<number>, label = "") {
    this.dtype = dtype;
    this.shape = shape;
    this.data = data;
    this.label = label;
  }

  /** As a constant of a list. @throws {RangeError} for a whole number that 32 bits do not hold. */
  get tensor(): Tensor {
    if (!this.#tensor) {
      const held = heldAs(this.dtype);
      if (held === "i32") {
        for (let i = 0; i < this.data.length; i++)
          if (!(this.data[i] >= -MOST && this.data[i] < MOST))
            throw new OnnxUnsupportedError(
              `${this.label ? `"${clean(this.label)}" has` : "there is"} the ${this.dtype} ${this.data[i]}, and whole numbers are held in 32 bits`,
            );
      }
      const array = { f32: Float32Array, f64: Float64Array, i32: Int32Array, u32: Uint32Array, u8: Uint8Array, bool: Uint8Array }[held];
      const own = this.data instanceof array ? this.data : array.from(this.data);
      this.#tensor = tensor(own, { shape: this.shape, dtype: held });
    }
    return this.#tensor;
  }
}

/** A list, as ONNX's sequences. */
export type Sequence = readonly Value[];

export type Value = Live | Known | Sequence;

/** An array of a file as known numbers. */
export function knownOf({ dtype, shape, data }: OnnxArray, label = ""): Known {
  heldAs(dtype);
  const isBig = data instanceof BigInt64Array || data instanceof BigUint64Array;
  return new Known(dtype, shape, isBig ? Float64Array.from(data as BigInt64Array, Number) : (data as ArrayLike<number>), label);
}

/** Known whole numbers. */
export const whole = (list: readonly number[], shape: Shape = [list.length]): Known => new Known("int64", shape, list);

export const isSequence = (value: Value | undefined): value is Sequence => Array.isArray(value);

/** For messages. */
export function describeValue(value: Value | undefined): string {
  if (value === undefined) return "nothing";
  if (isSequence(value)) return `a sequence of ${value.length}`;
  return `${value.dtype}${formatShape(value.shape)}`;
}

/** What an op gives: tensors get the type of the first input, if that is held alike, or their own. */
export type Given = Tensor | Value | undefined;

export function asValue(given: Given, like: OnnxDtype | undefined): Value | undefined {
  if (!isTensor(given)) return given;
  return new Live(given, like !== undefined && heldAs(like) === given.dtype ? like : ownType(given.dtype));
}

export const countOf = (value: Live | Known): number => sizeOf(value.shape);

/** 0, 1, … n - 1. */
export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

export const axisOf = (axis: number, rank: number): number => {
  const at = axis < 0 ? axis + rank : axis;
  if (!(at >= 0 && at < Math.max(rank, 1))) throw new RangeError(`there is no axis ${axis} among ${rank}`);
  return at;
};
