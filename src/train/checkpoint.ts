/**
 * @file Models, and whole runs, as bytes and back: safetensors files, readable by every other library that knows the format. A checkpoint is such
 * a file too: all cells that a run depends on, and plain data (its position, its history) as JSON in the metadata.
 */
import type { Dtype } from "../base/dtype.ts";
import { type Entry, type Metadata, readSafetensors, type SafetensorsFile, writeSafetensors } from "../formats/safetensors.ts";
import type { Module } from "../nn/module.ts";
import { type ArrayEntry, checkEntries, faults, type LoadReport, tensorFor } from "../nn/state-dict.ts";
import type { Cell } from "../runtime/cell.ts";

const FILE_DTYPES: Readonly<Record<Dtype, string>> = { f32: "F32", f64: "F64", i32: "I32", u32: "U32", u8: "U8", bool: "BOOL" };

/** A model's state dict as the bytes of a safetensors file; `metadata` is stored with it. */
export function saveModel(model: Module, metadata: Metadata = {}): Promise<Uint8Array> {
  return saveCells(model.stateDict(), metadata);
}

async function saveCells(cells: ReadonlyMap<string, Cell>, metadata: Metadata): Promise<Uint8Array> {
  const entries = new Map<string, Entry>();
  for (const [name, cell] of cells) {
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
 * Sets a model's cells from the bytes of a safetensors file (or from the model's part of a checkpoint), and reports what did not fit.
 * @throws {Error} if the bytes are no such file. @throws {StateDictError} if `strict` and names or shapes differ; then nothing is changed.
 */
export function loadModel(model: Module, bytes: Uint8Array, { strict = true, what }: LoadOptions = {}): LoadReport {
  const entries = modelEntries(readSafetensors(bytes, what)) as ReadonlyMap<string, ArrayEntry>;
  return model.loadStateDict(entries, { strict });
}

// ---- checkpoints of whole runs --------------------------------------------------------------------------------------------------------

/** Before the names of the model's own cells in a checkpoint. */
const MODEL = "model.";

/**
 * The bytes of a checkpoint. `cells` is everything that the steps to come read, the model's cells under `model.`; `state` is plain data;
 * `metadata` is stored beside it.
 */
export function saveCheckpoint(cells: ReadonlyMap<string, Cell>, state: unknown, metadata: Metadata = {}): Promise<Uint8Array> {
  return saveCells(cells, { ...metadata, nabla: JSON.stringify(state) });
}

/**
 * Sets the cells from a checkpoint and gives the plain data that was saved with them.
 * @throws {Error} if the bytes are no checkpoint, or one of another model, optimizer or set of callbacks; then nothing is changed.
 */
export function loadCheckpoint(cells: ReadonlyMap<string, Cell>, bytes: Uint8Array, what = "checkpoint"): unknown {
  const file = readSafetensors(bytes, what);
  const state = checkpointState(file, what);
  const entries = file.entries as ReadonlyMap<string, ArrayEntry>;
  const text = faults(checkEntries([...cells], entries));
  if (text) throw new Error(`${what}: is not a checkpoint of this model and these settings: ${text}`);
  for (const [name, cell] of cells) cell.set(tensorFor(cell, entries.get(name)!));
  return state;
}

/** The plain data of a checkpoint, without its cells. */
export function checkpointState({ metadata }: SafetensorsFile, what = "checkpoint"): unknown {
  if (metadata.nabla === undefined)
    throw new Error(`${what}: holds weights only, not a run that could go on; want a checkpoint of \`fit\``);
  return JSON.parse(metadata.nabla);
}

/** The model's part of a checkpoint, or the whole of a file that holds only a model. */
export function modelEntries({ entries, metadata }: SafetensorsFile): Map<string, Entry> {
  if (metadata.nabla === undefined) return entries;
  return new Map([...entries].flatMap(([name, entry]) => (name.startsWith(MODEL) ? [[name.slice(MODEL.length), entry]] : [])));
}

/** Cells under a common first name, as they stand in a checkpoint. */
export function prefixed(prefix: string, cells: ReadonlyMap<string, Cell>): [string, Cell][] {
  return [...cells].map(([name, cell]) => [`${prefix}.${name}`, cell]);
}
