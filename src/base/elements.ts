/**
 * @file Numbers from outside as elements of a dtype: typed arrays of every class and realm, and the check that a number fits.
 */
import { allocate, type Dtype, isFloat, type TypedArray } from "./dtype.ts";
import { formatShape, type Shape } from "./shape.ts";

/** Typed arrays whose elements are 64-bit integers. */
export type BigArray = BigInt64Array | BigUint64Array;

/** A typed array of any class, `Float16Array` included where the host has it. */
export type AnyTypedArray = TypedArray | Int8Array | Int16Array | Uint16Array | Uint8ClampedArray | BigArray;

// The getter reads an internal slot, so it knows arrays of other realms (`vm`, iframes, Jest), where `instanceof` fails.
const nameGetter = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)!.get!;

/** The class of a typed array, such as `Int16Array`; undefined for anything else. A Node Buffer is a `Uint8Array`. */
export function typedArrayName(x: unknown): string | undefined {
  return nameGetter.call(x);
}

/** What `x` is, for messages: `string`, `null`, `Int16Array`, `DataView`, `Object`. */
export function kindOf(x: unknown): string {
  if (x === null || x === undefined) return String(x);
  return typedArrayName(x) ?? (typeof x === "object" ? Object.prototype.toString.call(x).slice(8, -1) : typeof x);
}

/** The dtype that takes the elements of each class when nothing else is said: its own, or the narrowest that is wide enough. */
const DTYPES: ReadonlyMap<string, Dtype> = new Map([
  ["Float16Array", "f32"],
  ["Float32Array", "f32"],
  ["Float64Array", "f64"],
  ["Int8Array", "i32"],
  ["Int16Array", "i32"],
  ["Uint16Array", "i32"],
  ["Int32Array", "i32"],
  ["BigInt64Array", "i32"],
  ["BigUint64Array", "i32"],
  ["Uint32Array", "u32"],
  ["Uint8Array", "u8"],
  ["Uint8ClampedArray", "u8"],
]);

/** The dtype for a typed array of the class `name`. @throws {TypeError} for a class that is not known. */
export function dtypeOfArray(name: string): Dtype {
  const dtype = DTYPES.get(name);
  if (!dtype) throw new TypeError(`tensor: a ${name} is not known; copy it into one of ${[...DTYPES.keys()].join(", ")}`);
  return dtype;
}

const RANGES: Readonly<Partial<Record<Dtype, readonly [number, number]>>> = {
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
  u8: [0, 255],
  bool: [0, 1],
};

/** Returns true if `dtype` holds `x`: integers exactly, floats rounded, but no finite number as an infinity. */
export function fits(x: number, dtype: Dtype): boolean {
  const range = RANGES[dtype];
  if (range) return Number.isInteger(x) && x >= range[0] && x <= range[1];
  return dtype === "f64" || !Number.isFinite(x) || Number.isFinite(Math.fround(x));
}

/** @throws {RangeError} if `dtype` does not hold `x`. `where` says which number it is. */
export function checkFits(x: number, dtype: Dtype, what: string, where = ""): void {
  if (!fits(x, dtype)) throw new RangeError(`${what}: ${x}${where} does not fit ${dtype}, which holds ${held(dtype)}; ${remedy(x, dtype)}`);
}

function held(dtype: Dtype): string {
  const range = RANGES[dtype];
  if (dtype === "bool") return "true and false, or 1 and 0";
  return range ? `integers from ${range[0]} to ${range[1]}` : "numbers up to 3.4e38";
}

function remedy(x: number, dtype: Dtype): string {
  if (dtype === "bool") return "compare first, as in x !== 0";
  if (isFloat(dtype)) return "use f64, or Infinity where that is meant";
  if (!Number.isInteger(x)) return "round it first, or use f32";
  const wider = (["i32", "u32", "f64"] as const).filter((other) => other !== dtype && fits(x, other));
  return `use ${[...wider.slice(0, 1), ...(wider[0] === "f64" ? [] : ["f64"])].join(" or ")}, or clamp it first`;
}

/** Element `i` of `shape` as text: ` at [1, 2]`. */
export function positionOf(i: number, shape: Shape): string {
  const at: number[] = [];
  let rest = i;
  for (const size of shape.toReversed()) {
    at.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return ` at ${formatShape(at)}`;
}

/** Every element of the classes fits these dtypes. */
const ALWAYS_FITS: Readonly<Record<string, readonly Dtype[]>> = {
  Float16Array: ["f32", "f64"],
  Float32Array: ["f32", "f64"],
  Float64Array: ["f64"],
  Int8Array: ["i32", "f32", "f64"],
  Int16Array: ["i32", "f32", "f64"],
  Uint16Array: ["i32", "u32", "f32", "f64"],
  Int32Array: ["i32", "f32", "f64"],
  Uint32Array: ["u32", "f32", "f64"],
  Uint8Array: ["u8", "i32", "u32", "f32", "f64"],
  Uint8ClampedArray: ["u8", "i32", "u32", "f32", "f64"],
};

/**
 * A copy of `values` that stores `dtype`. `name` is the class of a typed array, if it is one; `shape` is for messages.
 * @throws {RangeError} with the position, if an element does not fit.
 */
export function elementsAs(
  values: ArrayLike<number | bigint>,
  dtype: Dtype,
  { what, shape = [values.length], name }: { readonly what: string; readonly shape?: Shape; readonly name?: string | undefined },
): TypedArray {
  const array = allocate(dtype, values.length);
  if (name !== undefined && ALWAYS_FITS[name]?.includes(dtype)) {
    array.set(values as ArrayLike<number>);
    return array;
  }
  const big = typeof values[0] === "bigint";
  if (isFloat(dtype) && !big) array.set(values as ArrayLike<number>);
  else for (let i = 0; i < values.length; i++) array[i] = Number(values[i]);
  checkStored(values, array, dtype, (i) => positionOf(i, shape), what);
  return array;
}

/** @throws {RangeError} unless `array` holds what `values` are. */
function checkStored(
  values: ArrayLike<number | bigint>,
  array: TypedArray,
  dtype: Dtype,
  position: (i: number) => string,
  what: string,
): void {
  if (dtype === "f64") return;
  const lossy = dtype === "f32" ? (i: number) => !Number.isFinite(array[i]!) : () => true;
  for (let i = 0; i < array.length; i++) {
    if (!lossy(i)) continue;
    const x = Number(values[i]);
    if (!fits(x, dtype)) checkFits(x, dtype, what, position(i));
  }
}

/** Returns true for arrays of integers, which as targets are class indices. */
export function areIntegers(values: ArrayLike<number>): boolean {
  return /^(Big)?(Int|Uint)/.test(typedArrayName(values) ?? "");
}

/** Elements as f32: the array itself if it is one, else a copy. @throws {TypeError} for what is no typed array. @throws {RangeError} for what does not fit. */
export function asFloats(values: ArrayLike<number>, what: string): Float32Array {
  return asArray(values, "f32", what) as Float32Array;
}

/** Inputs as the data sets have them: an Int32Array (indices, such as tokens) as it is, everything else as f32. */
export function asInputs(values: ArrayLike<number>, what: string): Float32Array | Int32Array {
  return typedArrayName(values) === "Int32Array" ? (asArray(values, "i32", what) as Int32Array) : asFloats(values, what);
}

/** Targets as the data sets have them: integers of any width as i32 class indices, floats as f32 values. */
export function asTargets(values: ArrayLike<number>, what: string): Int32Array | Float32Array {
  return asArray(values, areIntegers(values) ? "i32" : "f32", what) as Int32Array | Float32Array;
}

function asArray(values: ArrayLike<number>, dtype: Dtype, what: string): TypedArray {
  const name = typedArrayName(values);
  if (name === undefined)
    throw new TypeError(`${what}: want a typed array, such as a Float32Array, got ${kindOf(values)}; make one with Float32Array.from`);
  const same = allocate(dtype, 0).constructor;
  return values.constructor === same ? (values as TypedArray) : elementsAs(values, dtype, { what, name });
}
