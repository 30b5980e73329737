/** @file A tensor of a file. */

/** A tensor of a file. */
export interface Entry {
  /**
   * The dtype in the file: F64, F32, F16, BF16, F8_E4M3, F8_E5M2, F8_E8M0, I64, U64, I32, U32, I16, U16, I8, U8, BOOL, or one that is not known here.
   * Floats below 32 bits have their data in a Float32Array; those of an unknown dtype are the bytes of the file.
   */
  readonly dtype: string;
  readonly shape: number[];
  readonly data: TypedArray;
}

/** What holds the elements of a tensor of a file. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;
