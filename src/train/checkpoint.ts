/** @file Models as bytes and back: state dicts in the safetensors format, readable by every other library that knows it. */
import type { Dtype } from "../base/dtype.ts";
import { type Entry, type Metadata, readSafetensors, writeSafetensors } from "../formats/safetensors.ts";
import type { Module } from "../nn/module.ts";
import type { ArrayEntry, LoadReport } from "../nn/state-dict.ts";

const FILE_DTYPES: Readonly<Record<Dtype, string>> = { f32: "F32", f64: "F64", i32: "I32", u32: "U32", u8: "U8", bool: "BOOL" };

/** A model's state dict as the bytes of a safetensors file; `metadata` is stored with it. */
export async function saveModel(model: Module, metadata: Metadata = {}): Promise<Uint8Array> {
  const entries = new Map<string, Entry>();
  for (const [name, cell] of model.stateDict()) {
    entries.set(name, { dtype: FILE_DTYPES[cell.dtype], shape: [...cell.shape], data: await cell.value.data() });
  }
  return writeSafetensors(entries, metadata);
}

export interface LoadOptions {
  /** Refuse a file whose names or shapes differ. Default true; false loads what fits. */
  readonly strict?: boolean;
  /** What errors call the file. */
  readonly what?: string;
}

/**
 * Sets a model's cells from the bytes of a safetensors file, and reports what did not fit.
 * @throws {Error} if the bytes are no such file. @throws {StateDictError} if `strict` and names or shapes differ; then nothing is changed.
 */
export function loadModel(model: Module, bytes: Uint8Array, { strict = true, what }: LoadOptions = {}): LoadReport {
  const { entries } = readSafetensors(bytes, what);
  return model.loadStateDict(entries as ReadonlyMap<string, ArrayEntry>, { strict });
}
