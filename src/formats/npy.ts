/**
 * @file NumPy's array files (numpy.lib.format, versions 1 to 3).
 *
 *     93 "NUMPY" major minor | length of the header, 2 bytes (version 1) or 4 | a Python dict literal, ended by a line feed | elements
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
 *
 * Elements come back in row-major order and in this machine's byte order; 16-bit floats become Float32Arrays. Python objects are refused.
 */

import { anything, checkFields, listOf, naturalNumber, optional, text } from "../base/check.ts";
import { kindOf, typedArrayName } from "../base/elements.ts";
import { budgetFor, type ReadLimits } from "./budget.ts";
import { widenHalf } from "./safetensors.ts";

/** Elements as a npy file can hold them. */
export type NpyData =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/** An array as a npy file has it. */
export interface NpyArray {
  /** NumPy's name of the dtype in the file, such as f4, i8 or b1 (bool). */
  readonly dtype: string;
  readonly shape: number[];
  /** Row by row. f2 comes as a Float32Array, b1 as a Uint8Array of 0 and 1. */
  readonly data: NpyData;
}

interface Dtype {
  readonly size: number;
  /** `bytes` is a copy of the elements' own, in this machine's order. */
  decode(bytes: Uint8Array<ArrayBuffer>): NpyData;
}

type ArrayType = { new (buffer: ArrayBuffer): NpyData; readonly BYTES_PER_ELEMENT: number };
const plain = (array: ArrayType): Dtype => ({ size: array.BYTES_PER_ELEMENT, decode: ({ buffer }) => new array(buffer) });

const dtypes: ReadonlyMap<string, Dtype> = new Map<string, Dtype>([
  ["b1", plain(Uint8Array)],
  ["i1", plain(Int8Array)],
  ["u1", plain(Uint8Array)],
  ["i2", plain(Int16Array)],
  ["u2", plain(Uint16Array)],
  ["i4", plain(Int32Array)],
  ["u4", plain(Uint32Array)],
  ["i8", plain(BigInt64Array)],
  ["u8", plain(BigUint64Array)],
  ["f2", { size: 2, decode: ({ buffer }) => new Float32Array(Uint32Array.from(new Uint16Array(buffer), widenHalf).buffer) }],
  ["f4", plain(Float32Array)],
  ["f8", plain(Float64Array)],
]);

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** An array from the bytes of a .npy file; `what` names it in errors. @throws {Error} one line for whatever the bytes are instead. */
export function readNpy(bytes: Uint8Array, what = "npy", limits: ReadLimits = {}): NpyArray {
  const budget = budgetFor("readNpy", bytes, what, limits);
  const { header, start } = readHeader(bytes, what);
  const fault = unsupported(header);
  if (fault) throw new Error(`${what}: ${fault}`);
  const { descr, fortran, shape } = parseHeader(header, what);
  const dtype = dtypes.get(descr.slice(1))!;
  const count = shape.reduce((product, n) => product * n, 1);
  const size = count * dtype.size;
  const rest = bytes.length - start;
  if (rest !== size) {
    const fault = rest < size ? "truncated file" : "damaged file";
    throw new Error(`${what}: ${fault}: ${descr} [${shape.join(", ")}] takes ${size} bytes, ${rest} follow the header`);
  }
  budget.claim(size, "its elements");
  const own = new Uint8Array(bytes.subarray(start)); // a copy: the slice may be unaligned
  if (descr[0] === ">") reverseEach(own, dtype.size);
  if (descr === "|b1" && own.some((byte) => byte > 1)) throw new Error(`${what}: damaged file: a bool that is neither 0 nor 1`);
  const data = dtype.decode(own);
  return { dtype: descr.slice(1), shape, data: fortran && shape.length > 1 ? rowMajor(data, shape) : data };
}

/** Why the elements of a whole npy file are none that can be read: texts, Python objects, records; undefined if they can. */
export function unsupportedElements(bytes: Uint8Array, what: string): string | undefined {
  return unsupported(readHeader(bytes, what).header);
}

function unsupported(header: string): string | undefined {
  if (/["']descr["']\s*:\s*\[/.test(header)) return "an array of records; save each field as an array of its own";
  const descr = DESCR.exec(header)?.[1];
  if (descr === undefined || dtypes.has(descr.slice(1))) return undefined;
  return `unsupported dtype ${JSON.stringify(descr)} (supported: ${[...dtypes.keys()].join(", ")}); in NumPy, convert with astype`;
}

/** NumPy writes its names in single quotes; other writers of Python literals, or of JSON, in double ones. */
const DESCR = /["']descr["']\s*:\s*["']([<>|=][a-zA-Z]\w{0,8})["']/;

function readHeader(bytes: Uint8Array, what: string): { header: string; start: number } {
  if (bytes.length < 10 || MAGIC.some((byte, i) => bytes[i] !== byte))
    throw new Error(`${what}: not an npy file: it does not begin with 93 "NUMPY"`);
  const version = bytes[6];
  if (version < 1 || version > 3) throw new Error(`${what}: npy version ${version}.${bytes[7]} is not known (1 to 3 are)`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = version === 1 ? 10 : 12;
  const length = version === 1 ? view.getUint16(8, true) : bytes.length >= 12 ? view.getUint32(8, true) : Number.POSITIVE_INFINITY;
  if (at + length > bytes.length) throw new Error(`${what}: truncated file: ${bytes.length} bytes, the header alone has ${at + length}`);
  return { header: new TextDecoder(version === 3 ? "utf-8" : "latin1").decode(bytes.slice(at, at + length)), start: at + length };
}

/** The three entries of the dict, in any order. */
function parseHeader(header: string, what: string): { descr: string; fortran: boolean; shape: number[] } {
  const descr = DESCR.exec(header)?.[1];
  const order = /["']fortran_order["']\s*:\s*(True|False)/.exec(header)?.[1];
  const sizes = /["']shape["']\s*:\s*\(([\d\s,L]{0,200})\)/.exec(header)?.[1];
  if (descr === undefined || order === undefined || sizes === undefined)
    throw new Error(`${what}: damaged header: ${JSON.stringify(header.trimEnd().slice(0, 80))}`);
  const shape = sizes.split(",").flatMap((size) => (size.trim() === "" ? [] : [Number(size.trim().replace(/L$/, ""))]));
  if (!shape.every((n) => Number.isSafeInteger(n) && n >= 0))
    throw new Error(`${what}: damaged header: shape (${sizes}) is not a list of sizes`);
  return { descr, fortran: order === "True", shape };
}

function reverseEach(bytes: Uint8Array, size: number): void {
  for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse();
}

/** Elements with the first index fastest, brought into the order with the last index fastest. */
function rowMajor(data: NpyData, shape: readonly number[]): NpyData {
  const result = data.slice() as NpyData;
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((a, b) => a * b, 1));
  const index = shape.map(() => 0);
  for (let i = 0, from = 0; i < data.length; i++) {
    result[i] = data[from];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return result;
}

/** NumPy's dtype for each class of typed array. */
const codes: ReadonlyMap<string, string> = new Map([
  ["Int8Array", "|i1"],
  ["Uint8Array", "|u1"],
  ["Uint8ClampedArray", "|u1"],
  ["Int16Array", "<i2"],
  ["Uint16Array", "<u2"],
  ["Int32Array", "<i4"],
  ["Uint32Array", "<u4"],
  ["BigInt64Array", "<i8"],
  ["BigUint64Array", "<u8"],
  ["Float16Array", "<f2"],
  ["Float32Array", "<f4"],
  ["Float64Array", "<f8"],
]);

/** The dtype for `data`. @throws {TypeError} for what is no typed array, or none that holds bools where `dtype` is b1. */
function codeOf(data: NpyData, dtype: string | undefined): string {
  const name = typedArrayName(data);
  const code = codes.get(name ?? "");
  if (!code)
    throw new TypeError(
      `npy: elements are written from a typed array, got ${name ?? kindOf(data)}; copy them into one, such as a Float32Array`,
    );
  if (dtype !== "b1") return code;
  if (code !== "|u1" || (data as Uint8Array).some((byte) => byte > 1))
    throw new TypeError(
      `npy: bools (b1) are written from a Uint8Array of 0 and 1, got a ${name}${code === "|u1" ? " with other values" : ""}`,
    );
  return "|b1";
}

/** What {@link writeNpy} takes: an array as it was read, or without a dtype. */
export interface NpySource {
  readonly shape: readonly number[];
  readonly data: NpyData;
  readonly dtype?: string;
}

/** The bytes of a .npy file (version 1) in row-major order. The dtype is the typed array's; only b1 makes bool of a Uint8Array. @throws {TypeError} for what is no typed array. */
export function writeNpy(array: NpySource): Uint8Array {
  checkFields("writeNpy", array, { shape: listOf(naturalNumber), data: anything, dtype: optional(text) });
  const { shape, data, dtype } = array;
  const descr = codeOf(data, dtype);
  const count = shape.reduce((a, b) => a * b, 1);
  if (count !== data.length) throw new RangeError(`npy: shape [${shape.join(", ")}] has ${count} elements, the data ${data.length}`);
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const header = `${dict.padEnd(Math.ceil((dict.length + 11) / 64) * 64 - 11)}\n`; // elements begin at a multiple of 64
  const file = new Uint8Array(10 + header.length + data.byteLength);
  file.set([...MAGIC, 1, 0, header.length & 0xff, header.length >> 8]);
  file.set(new TextEncoder().encode(header), 10);
  file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 10 + header.length);
  return file;
}
