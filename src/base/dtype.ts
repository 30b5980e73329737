/**
 * @file Element types: f32 for work, f64 for checking, integers and bools for indices and masks.
 * Bools are stored as one byte, 0 or 1. Only floats carry tangents.
 */
import { didYouMean } from "./check.ts";

/** How an element is stored. Bytes (`u8`) and `bool` take one byte, `f64` eight, the others four. */
export type Dtype = "f32" | "f64" | "i32" | "u32" | "u8" | "bool";

/** What holds the elements of a tensor on the host. */
export type TypedArray = Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array;

const ARRAYS = {
  f32: Float32Array,
  f64: Float64Array,
  i32: Int32Array,
  u32: Uint32Array,
  u8: Uint8Array,
  bool: Uint8Array,
} as const;

/** Bytes an element takes in memory. */
export function byteSize(dtype: Dtype): number {
  return ARRAYS[dtype].BYTES_PER_ELEMENT;
}

export function isFloat(dtype: Dtype): boolean {
  return dtype === "f32" || dtype === "f64";
}

/** The dtype in which kernels compute with elements of `dtype`: bytes widen to u32. */
export function computeDtype(dtype: Dtype): Dtype {
  return dtype === "u8" ? "u32" : dtype;
}

/** A typed array of `n` zeros that stores `dtype`. */
export function allocate(dtype: Dtype, n: number): TypedArray {
  return new ARRAYS[dtype](n);
}

/** A view of `n` elements of `dtype` at byte `offset` of a buffer. */
export function viewOf(dtype: Dtype, buffer: ArrayBufferLike, offset: number, n: number): TypedArray {
  return new ARRAYS[dtype](buffer as ArrayBuffer, offset, n);
}

/** @throws {TypeError} if `dtype` is not the name of a dtype. */
export function checkDtype(dtype: Dtype, what: string): void {
  if (!Object.hasOwn(ARRAYS, dtype))
    throw new TypeError(
      `${what}: there is no dtype ${String(dtype)}; want one of ${Object.keys(ARRAYS).join(", ")}${didYouMean(String(dtype), Object.keys(ARRAYS))}`,
    );
}

// The order of promotion: the result of mixing two dtypes is the later of them.
const LADDER: readonly Dtype[] = ["bool", "u8", "i32", "u32", "f32", "f64"];

/** In which dtype sums, products and differences of `dtype` are made: bytes in i32, all else as it is. */
export function wide(dtype: Dtype): Dtype {
  return dtype === "bool" || dtype === "u8" ? "i32" : dtype;
}

/** The dtype of a binary operation on `a` and `b`: the higher on the ladder bool, u8, i32, u32, f32, f64. Arithmetic is made in {@link wide} of it. */
export function promote(a: Dtype, b: Dtype): Dtype {
  return LADDER[Math.max(LADDER.indexOf(a), LADDER.indexOf(b))]!;
}
