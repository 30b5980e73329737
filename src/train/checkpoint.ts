/**
 * @file Models, and whole runs, as bytes and back: safetensors files, readable by every other library that knows the format. A checkpoint is such
 * a file too: all cells that a run depends on, and plain data (its position, its history) as JSON in the metadata.
 */
import { type Checks, check, checkOptions, expectation, bytes as fileBytes, flag, having, text } from "../base/check.ts";
import type { Dtype } from "../base/dtype.ts";
import { type Entry, type Metadata, readSafetensors, type SafetensorsFile, writeSafetensors } from "../formats/safetensors.ts";
import { xxh32 } from "../formats/xxhash.ts";
import type { Module } from "../nn/module.ts";
import { type ArrayEntry, checkEntries, faults, type LoadReport, tensorFor } from "../nn/state-dict.ts";
import { elementsOf } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import type { Training } from "./callback.ts";
import { type RunFile, registerRunFiles } from "./run-files.ts";
import { checkRunState, type RunState } from "./run-state.ts";

const FILE_DTYPES: Readonly<Record<Dtype, string>> = { f32: "F32", f64: "F64", i32: "I32", u32: "U32", u8: "U8", bool: "BOOL" };

const aMap = expectation("a Map of names to cells", (value) => value instanceof Map);

/** A model's state dict as the bytes of a safetensors file; `metadata` is stored with it. */
export function saveModel(model: Module, metadata: Metadata = {}): Promise<Uint8Array> {
  check("saveModel: the model", model, having("a module", "stateDict"));
  return saveCells(model.stateDict(), metadata);
}

async function saveCells(cells: ReadonlyMap<string, Cell>, metadata: Metadata): Promise<Uint8Array> {
  const entries = new Map<string, Entry>();
  for (const [name, cell] of cells) {
    entries.set(name, { dtype: FILE_DTYPES[cell.dtype], shape: [...cell.shape], data: elementsOf(cell.value) });
  }
  return writeSafetensors(entries, metadata);
}

export interface LoadOptions {
  /** Refuse a file whose names or shapes differ. Default true; false loads what fits. */
  readonly strict?: boolean;
  /** What errors call the file. */
  readonly what?: string;
}

const LOAD_OPTIONS: Checks<LoadOptions> = { strict: flag, what: text };

/**
 * Sets a model's cells from the bytes of a safetensors file (or from the model's part of a checkpoint), and reports what did not fit.
 * @throws {Error} if the bytes are no such file, or a damaged checkpoint. @throws {StateDictError} if `strict` and names or shapes differ; then nothing is changed.
 */
export function loadModel(model: Module, bytes: Uint8Array, options: LoadOptions = {}): LoadReport {
  checkOptions("loadModel", options, LOAD_OPTIONS);
  const { strict = true, what } = options;
  check("loadModel: the model", model, having("a module", "loadStateDict"));
  check("loadModel: the file", bytes, fileBytes);
  const file = readSafetensors(bytes, what);
  if (file.metadata.nabla !== undefined) verify(bytes, file, what ?? "checkpoint");
  return model.loadStateDict(modelEntries(file) as ReadonlyMap<string, ArrayEntry>, { strict });
}

// ---- checkpoints of whole runs --------------------------------------------------------------------------------------------------------

/** Before the names of the model's own cells in a checkpoint. */
const MODEL = "model.";

/** How the checksum stands in the metadata: the sum of the file with zeros for its eight digits. */
const SUM = "xxh32:";
const MARKER: Uint8Array = new TextEncoder().encode(`"checksum":"${SUM}`);
const DIGITS = 8;

/**
 * The bytes of a checkpoint. `cells` is everything that the steps to come read, the model's cells under `model.`; `state` is plain data;
 * `metadata` is stored beside it. The file holds a checksum of all its bytes.
 */
export async function saveCheckpoint(cells: ReadonlyMap<string, Cell>, state: unknown, metadata: Metadata = {}): Promise<Uint8Array> {
  check("saveCheckpoint: cells", cells, aMap);
  const { checksum: _, nabla: __, ...rest } = metadata;
  const bytes = await saveCells(cells, { checksum: SUM + "0".repeat(DIGITS), ...rest, nabla: JSON.stringify(state) });
  bytes.set(new TextEncoder().encode(hex(xxh32(bytes))), digitsAt(bytes));
  return bytes;
}

const hex = (sum: number): string => sum.toString(16).padStart(DIGITS, "0");

/** Where the checksum's digits are in a file; quotes within texts are escaped, so nothing else looks like it. -1 if there is none. */
function digitsAt(bytes: Uint8Array): number {
  const header = bytes.subarray(8, 8 + new DataView(bytes.buffer, bytes.byteOffset, 8).getUint32(0, true));
  const last = header.length - MARKER.length - DIGITS;
  for (let at = header.indexOf(MARKER[0]); at >= 0 && at <= last; at = header.indexOf(MARKER[0], at + 1)) {
    if (MARKER.every((byte, i) => header[at + i] === byte)) return 8 + at + MARKER.length;
  }
  return -1;
}

/**
 * Reads a checkpoint and compares its checksum. `checked` is false for files of the first version, which have none.
 * @throws {Error} if the bytes are no checkpoint, or a damaged one.
 */
export function readCheckpoint(bytes: Uint8Array, what = "checkpoint"): CheckpointFile {
  const file = readSafetensors(bytes, what);
  const { nabla } = file.metadata;
  if (nabla === undefined) throw new Error(`${what}: holds weights only, not a run that could go on; want a checkpoint of \`fit\``);
  const checked = verify(bytes, file, what);
  const state = parseState(nabla, what);
  // The first version had neither. A file with one of them has lost the other.
  if (!checked && (state as Partial<RunState> | null)?.steps !== undefined) throw new Error(`${what}: damaged: its checksum is missing`);
  return { ...file, state, checked };
}

/** Compares the checksum of a file, if it has one; gives whether it has. @throws {Error} if its bytes have another. */
function verify(bytes: Uint8Array, { metadata }: SafetensorsFile, what: string): boolean {
  if (metadata.checksum === undefined) return false;
  if (metadata.checksum !== SUM + sumOf(bytes)) throw new Error(`${what}: damaged: its bytes do not have its checksum`);
  return true;
}

export interface CheckpointFile extends SafetensorsFile {
  /** The plain data. */
  readonly state: unknown;
  readonly checked: boolean;
}

function sumOf(bytes: Uint8Array): string {
  const at = digitsAt(bytes);
  if (at < 0) return "";
  const copy = bytes.slice();
  copy.fill(0x30, at, at + DIGITS);
  return hex(xxh32(copy));
}

function parseState(json: string, what: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new Error(`${what}: damaged: its state is not JSON`);
  }
}

/**
 * Sets the cells from a checkpoint and gives the plain data that was saved with them.
 * @throws {Error} if the bytes are no checkpoint, a damaged one, or one of another model, optimizer or set of callbacks; then nothing is changed.
 */
export function loadCheckpoint(cells: ReadonlyMap<string, Cell>, bytes: Uint8Array, what = "checkpoint"): unknown {
  check("loadCheckpoint: cells", cells, aMap);
  check("loadCheckpoint: the file", bytes, fileBytes);
  const file = readCheckpoint(bytes, what);
  checkCells(cells, file, what);
  setCells(cells, file);
  return file.state;
}

/** @throws {Error} if a checkpoint does not have just these cells. */
function checkCells(cells: ReadonlyMap<string, Cell>, { entries }: SafetensorsFile, what = "checkpoint"): void {
  const text = faults(checkEntries([...cells], entries as ReadonlyMap<string, ArrayEntry>));
  if (text) throw new Error(`${what}: is not a checkpoint of this model and these settings: ${text}`);
}

/** Sets cells from a file that has been checked. */
function setCells(cells: ReadonlyMap<string, Cell>, { entries }: SafetensorsFile): void {
  for (const [name, cell] of cells) cell.set(tensorFor(cell, entries.get(name) as ArrayEntry));
}

/**
 * The model's part of a checkpoint, or the whole of a file that holds only a model. Of a run that averages its weights these are the averages:
 * what it tests, and what it comes to.
 */
export function modelEntries({ entries, metadata }: SafetensorsFile): Map<string, Entry> {
  if (metadata.nabla === undefined) return entries;
  const model = new Map([...entries].flatMap(([name, entry]) => (name.startsWith(MODEL) ? [[name.slice(MODEL.length), entry]] : [])));
  const { averaged = [] } = parseState(metadata.nabla, "checkpoint") as Partial<RunState>;
  averaged.forEach((name, i) => {
    const average = entries.get(`average.average.${i}`);
    if (average && model.has(name)) model.set(name, average);
  });
  return model;
}

/**
 * A run, from a callback of it, as the bytes of a checkpoint: what `fit` takes as `resume`. It is `training.save(metadata)`; in a bundle this import brings what
 * makes and reads such files. `metadata` is stored with it.
 */
export function saveRun(training: Training, metadata: Metadata = {}): Promise<Uint8Array> {
  check("saveRun: training", training, having("a run, which callbacks of fit are given", "save"));
  return training.save(metadata);
}

/** Runs of the first version counted examples in their position, and no targets. */
function upgraded(file: CheckpointFile): CheckpointFile {
  const { examples } = (file.state as Partial<RunState> | null)?.position ?? {};
  if (file.checked || typeof examples !== "number") return file;
  const counted = { dtype: "F64", shape: [], data: Float64Array.of(examples) };
  return { ...file, entries: new Map([["meter.divisor", counted], ["meter.counted", counted], ...file.entries]) };
}

function openRun(bytes: Uint8Array): RunFile {
  const file = upgraded(readCheckpoint(bytes));
  return {
    names: [...file.entries.keys()],
    check(cells, steps) {
      checkCells(cells, file);
      return checkRunState(file.state, "checkpoint", steps);
    },
    set: (cells) => setCells(cells, file),
  };
}

registerRunFiles({ save: saveCheckpoint, open: openRun });
