/**
 * @file Weights of TensorFlow.js (tensorflow/tfjs, `weights_loader`): in `model.json` a list of groups, each with files and the tensors that lie one
 * after another in them, `weightsManifest: [{paths, weights: [{name, shape, dtype, quantization?}]}]`. Of integers that stand for numbers
 * (`quantization`) value = code · scale + min. The topology is not read.
 */
import type { Budget } from "./budget.ts";
import { brief } from "./clean.ts";
import { decodeElements, type Entry, type TypedArray } from "./safetensors.ts";
import { isPlainName } from "./sharded.ts";
import { type TensorSet, tensorSet } from "./source.ts";

/** Dtypes of tensors, as entries have them. */
const DTYPES: Readonly<Record<string, string>> = { float32: "F32", int32: "I32", bool: "BOOL", float16: "F16", uint8: "U8" };
/** Dtypes of what lies in the files, with bytes per element. */
const STORED: Readonly<Record<string, readonly [dtype: string, bytes: number]>> = {
  float32: ["F32", 4],
  int32: ["I32", 4],
  bool: ["BOOL", 1],
  uint8: ["U8", 1],
  uint16: ["U16", 2],
  float16: ["F16", 2],
};

interface Weight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly stored: string;
  /** value = code · scale + min. */
  readonly line?: { readonly scale: number; readonly min: number };
}

const isMap = (value: unknown): value is ReadonlyMap<string, unknown> => value instanceof Map;
const isSize = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0;
const bytesIn = ({ shape, stored }: Weight): number => shape.reduce((a, b) => a * b, 1) * STORED[stored][1];

/** The tensors of a parsed `model.json`. `open` gives the bytes of a file beside it. */
export async function openTfjs(
  model: ReadonlyMap<string, unknown>,
  open: (name: string) => Promise<Uint8Array>,
  what: string,
  budget: Budget,
): Promise<TensorSet> {
  const groups = model.get("weightsManifest");
  if (!Array.isArray(groups)) throw new Error(`${what}: weightsManifest is not a list of groups`);
  const entries = new Map<string, Entry>();
  for (const group of groups) {
    const { paths, weights } = groupOf(group, what);
    const data = await joined(paths, open, budget);
    let at = 0;
    for (const weight of weights) {
      const end = at + bytesIn(weight);
      if (end > data.length)
        throw new Error(
          `${what}: "${brief(weight.name)}" ends at byte ${end} of ${paths.map(brief).join(", ")}, which have ${data.length}`,
        );
      if (entries.has(weight.name)) throw new Error(`${what}: two tensors are called "${brief(weight.name)}"`);
      budget.claim(8 * (end - at), `its "${brief(weight.name)}"`);
      entries.set(weight.name, entryOf(weight, new Uint8Array(data.subarray(at, end)), what));
      at = end;
    }
    if (at < data.length) throw new Error(`${what}: ${data.length - at} bytes at the end of ${brief(paths.at(-1)!)} belong to no tensor`);
  }
  return tensorSet(entries);
}

function groupOf(group: unknown, what: string): { paths: readonly string[]; weights: readonly Weight[] } {
  const [paths, weights] = isMap(group) ? [group.get("paths"), group.get("weights")] : [];
  if (!Array.isArray(paths) || paths.length === 0 || !Array.isArray(weights))
    throw new Error(`${what}: a group of weightsManifest lacks its paths or its weights`);
  const strange = paths.find((path) => !isPlainName(path));
  if (strange !== undefined)
    throw new Error(`${what}: weightsManifest names "${brief(String(strange))}"; want the name of a file beside it, without a path`);
  return { paths, weights: weights.map((weight) => weightOf(weight, what)) };
}

function weightOf(weight: unknown, what: string): Weight {
  const map = isMap(weight) ? weight : new Map<string, unknown>();
  const [name, shape, dtype, quantization] = ["name", "shape", "dtype", "quantization"].map((field) => map.get(field));
  if (typeof name !== "string") throw new Error(`${what}: a tensor of weightsManifest has no name`);
  const fault = (text: string): Error => new Error(`${what}: "${brief(name)}": ${text}`);
  if (!Array.isArray(shape) || !shape.every(isSize)) throw fault("its shape is not a list of sizes");
  if (typeof dtype !== "string" || !Object.hasOwn(DTYPES, dtype))
    throw fault(`unsupported dtype ${brief(String(dtype))} (supported: ${Object.keys(DTYPES).join(", ")})`);
  if (!isMap(quantization)) return { name, shape, dtype, stored: dtype };
  const [stored, scale, min] = ["dtype", "scale", "min"].map((field) => quantization.get(field));
  if (stored === "float16") return { name, shape, dtype, stored };
  if ((stored !== "uint8" && stored !== "uint16") || typeof scale !== "number" || typeof min !== "number")
    throw fault("its quantization is not { dtype: uint8 or uint16, scale, min } or { dtype: float16 }");
  return { name, shape, dtype, stored, line: { scale, min } };
}

/** The files of a group, one after another. */
async function joined(paths: readonly string[], open: (name: string) => Promise<Uint8Array>, budget: Budget): Promise<Uint8Array> {
  if (paths.length === 1) return open(paths[0]);
  const parts: Uint8Array[] = [];
  for (const path of paths) parts.push(await open(path));
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  budget.claim(length, "its files");
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function entryOf({ name, shape, dtype, stored, line }: Weight, bytes: Uint8Array, what: string): Entry {
  if (stored === "bool" && bytes.some((byte) => byte > 1)) throw new Error(`${what}: "${brief(name)}": a bool that is neither 0 nor 1`);
  const codes = decodeElements(STORED[stored][0], bytes);
  return { dtype: DTYPES[dtype], shape: [...shape], data: line ? onLine(codes, line, dtype) : codes };
}

/** In double precision, rounded once. */
function onLine(codes: TypedArray, { scale, min }: { readonly scale: number; readonly min: number }, dtype: string): TypedArray {
  const value = (code: number | bigint): number => Number(code) * scale + min;
  if (dtype === "int32") return Int32Array.from(codes as Uint8Array, (code) => Math.round(value(code)));
  if (dtype === "bool" || dtype === "uint8") return Uint8Array.from(codes as Uint8Array, (code) => Math.round(value(code)));
  return Float32Array.from(codes as Uint8Array, value);
}
