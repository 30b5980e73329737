/**
 * @file HDF5 (The HDF Group, File Format Specification 3.0), as far as weights need it: groups, their attributes, and arrays of numbers. The package jsfive
 * reads it. It believes what a file says, so sizes are checked against the file before it makes an array, and whatever it throws becomes one line.
 */
import type { Group as JsfiveGroup } from "jsfive";
import { messageOf } from "../base/message.ts";
import type { Budget } from "./budget.ts";
import { brief } from "./clean.ts";
import type { Entry, TypedArray } from "./safetensors.ts";
import type { TensorInfo, TensorSet } from "./source.ts";

/** An HDF5 file as a list: arrays and attributes by path. */
export interface Hdf5 extends TensorSet {
  /** The groups' attributes by path, "" for the file's own. */
  readonly attributes: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
}

const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

export function isHdf5(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, i) => bytes[i] === byte);
}

/** The dtypes that are read, as jsfive writes them. */
const DTYPES: Readonly<Record<string, readonly [dtype: string, array: { readonly from: (list: ArrayLike<never>) => TypedArray }]>> = {
  f2: ["F16", Float32Array],
  f4: ["F32", Float32Array],
  f8: ["F64", Float64Array],
  i1: ["I8", Int8Array],
  i2: ["I16", Int16Array],
  i4: ["I32", Int32Array],
  i8: ["I64", BigInt64Array],
  u1: ["U8", Uint8Array],
  u2: ["U16", Uint16Array],
  u4: ["U32", Uint32Array],
  u8: ["U64", BigUint64Array],
};

/** More than any network has: a damaged file may hold itself. */
const MOST_OBJECTS = 200_000;
const DEEPEST = 32;
/** What compression of numbers comes to at most (deflate: 1032). */
const MOST_SHRUNK = 1032;
/** Lists of JavaScript numbers, of which arrays are made. */
const BYTES_PER_ELEMENT = 24;

async function library(what: string): Promise<typeof import("jsfive")> {
  try {
    return await import("jsfive");
  } catch {
    throw new Error(`${what}: HDF5 files are read by the package jsfive, which is not installed: npm install jsfive`);
  }
}

/** A file's arrays and attributes. @throws {Error} of one line for what is damaged. */
export async function openHdf5(bytes: Uint8Array, what: string, budget: Budget): Promise<Hdf5> {
  const { File, Group } = await library(what);
  budget.claim(bytes.length, "a copy of the file");
  const guarded = <T>(read: () => T): T => {
    const { warn } = console;
    try {
      // The package prints names of attributes as they stand in the file.
      console.warn = () => {};
      return read();
    } catch (error) {
      if (error instanceof Fault) throw new Error(`${what}: ${error.message}`);
      const text = brief(messageOf(error));
      throw new Error(`${what}: damaged HDF5 file, or of a kind that is not read: ${text}`);
    } finally {
      console.warn = warn;
    }
  };
  const attributes = new Map<string, Readonly<Record<string, unknown>>>();
  const tensors = new Map<string, TensorInfo>();
  const values = new Map<string, () => ArrayLike<unknown>>();
  let count = 0;
  const visit = (group: JsfiveGroup, path: string, depth: number): void => {
    if (depth > DEEPEST) throw new Fault(`more than ${DEEPEST} levels of groups`);
    attributes.set(path, { ...group.attrs });
    for (const key of group.keys) {
      if (++count > MOST_OBJECTS) throw new Fault(`more than ${MOST_OBJECTS} objects`);
      const name = path ? `${path}/${key}` : key;
      const found = group.get(key);
      if (found instanceof Group) visit(found, name, depth + 1);
      else {
        const info = infoOf(name, found.dtype, found.shape, bytes.length);
        if (!info) continue; // texts and references
        tensors.set(name, info);
        values.set(name, () => found.value);
      }
    }
  };
  guarded(() => visit(new File(new Uint8Array(bytes).buffer, "file"), "", 0));
  return {
    attributes,
    tensors,
    read: async (name) => {
      const { dtype, shape } = tensors.get(name)!;
      const size = shape.reduce((a, b) => a * b, 1);
      budget.claim(BYTES_PER_ELEMENT * size, `its "${brief(name)}"`);
      const data = guarded(() => elements(name, values.get(name)!(), dtype, size));
      budget.release((BYTES_PER_ELEMENT - data.BYTES_PER_ELEMENT) * size);
      return { dtype, shape: [...shape], data } satisfies Entry;
    },
  };
}

/** What is wrong with a file, in our words. */
class Fault extends Error {}

function infoOf(name: string, dtype: unknown, shape: readonly number[], fileBytes: number): TensorInfo | undefined {
  const known = typeof dtype === "string" ? /^[<|]([fiu][1248])$/.exec(dtype)?.[1] : undefined;
  if (known === undefined) {
    if (typeof dtype === "string" && dtype.startsWith(">"))
      throw new Fault(`"${brief(name)}" is big-endian; only little-endian arrays are read`);
    return undefined;
  }
  if (!Array.isArray(shape) || !shape.every((n) => Number.isSafeInteger(n) && n >= 0)) throw new Fault(`"${brief(name)}" has no shape`);
  const bytes = shape.reduce((a, b) => a * b, 1) * Number(known[1]);
  if (bytes > MOST_SHRUNK * fileBytes)
    throw new Fault(`"${brief(name)}" should have ${bytes} bytes, which a file of ${fileBytes} cannot hold`);
  return { dtype: DTYPES[known][0], shape };
}

function elements(name: string, value: ArrayLike<unknown>, dtype: string, size: number): TypedArray {
  if (value?.length !== size) throw new Fault(`"${brief(name)}" should have ${size} elements, ${value?.length ?? 0} are there`);
  const [, array] = Object.values(DTYPES).find(([known]) => known === dtype)!;
  const list = dtype.endsWith("64") && dtype !== "F64" ? Array.from(value, (x) => BigInt(x as number)) : value;
  return array.from(list as ArrayLike<never>);
}

/** An attribute that is a list of texts, without the zeros behind texts of fixed length. */
export function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map((x) => String(x).replace(/\0+$/, "")) : [];
}
