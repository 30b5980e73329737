/**
 * @file Weights of a file, of any format that is read, into a model of this library: a state dict within a checkpoint, names with a wrapper's prefix, names that authors have
 * changed since, Keras's layers. What was chosen is said.
 */

import { anything, type Checks, check, checkOptions, expectation, fn } from "../base/check.ts";
import { formatShape, sameShape } from "../base/shape.ts";
import { type Archive, candidatesIn, chosenSet, listOf, openWeights, WEIGHTS_OPTIONS, type WeightsOptions } from "../formats/archive.ts";
import type { KerasSet } from "../formats/keras.ts";
import type { Entry } from "../formats/safetensors.ts";
import { type TensorSet, tensorSet } from "../formats/source.ts";
import { checkModule, type Module } from "../nn/module.ts";
import { tensorFor } from "../nn/state-dict.ts";
import type { Cell } from "../runtime/cell.ts";
import { KERAS_OPTIONS, type KerasOptions, kerasEntries } from "./keras-layers.ts";
import { publishedName } from "./published-names.ts";

/** Options of {@link loadWeights}. */
export interface LoadWeightsOptions extends WeightsOptions, KerasOptions {
  /**
   * What the file's names begin with and the model's do not, such as `"module."`; false: nothing. Default: the prefixes `module.`, `_orig_mod.`, `model.`, `net.`, `backbone.` that all
   * names share, if the names then fit.
   */
  readonly strip?: string | false;
  /** Told, once, what was chosen: a dictionary of a checkpoint, a prefix, a match of layers. Default: `console.warn`. */
  readonly onNote?: (text: string) => void;
}

const textOrFalse = expectation("a string or false", (value) => value === false || typeof value === "string");

const LOAD_OPTIONS: Checks<LoadWeightsOptions> = {
  ...WEIGHTS_OPTIONS,
  ...KERAS_OPTIONS,
  strip: textOrFalse,
  onNote: fn,
};

/** Auxiliary classifiers serve training alone: files have them, models may not. */
const AUXILIARY = /^(?:aux1|aux2|AuxLogits)\./;
/** What wrappers put before every name: DataParallel, torch.compile, and modules that hold the network. */
const WRAPPERS = /^(?:module|_orig_mod|model|net|backbone)$/;

type Cells = ReadonlyMap<string, Cell>;

/** Tensors of a file under the model's names. */
interface Named {
  readonly set: TensorSet;
  /** The file's names by the model's. */
  readonly names: ReadonlyMap<string, string>;
  readonly prefix: string;
}

/** Names of cells that must be there; counters of batches are missing in files of before 2018. */
const wanted = (cells: Cells): string[] => [...cells.keys()].filter((name) => !name.endsWith("num_batches_tracked"));

const covers = ({ names }: Named, cells: Cells): boolean => wanted(cells).every((name) => names.has(name));
const fits = (named: Named, cells: Cells): boolean =>
  covers(named, cells) &&
  [...named.names].every(([name, file]) => !cells.has(name) || sameShape(named.set.tensors.get(file)!.shape, cells.get(name)!.shape));

function namedBy(set: TensorSet, cells: Cells, prefix: string): Named {
  const names = new Map<string, string>();
  for (const file of set.tensors.keys()) {
    const known = publishedName(file.startsWith(prefix) ? file.slice(prefix.length) : file, cells);
    if (cells.has(known) || !AUXILIARY.test(known)) names.set(known, file);
  }
  return { set, names, prefix };
}

/** The prefixes of wrappers that all names share, longest first; none at the end. */
function prefixesOf(set: TensorSet): string[] {
  const [first = "", ...others] = set.tensors.keys();
  const prefixes = [""];
  for (const part of first.split(".")) {
    const longer = `${prefixes[0]}${part}.`;
    if (!WRAPPERS.test(part) || !others.every((name) => name.startsWith(longer))) break;
    prefixes.unshift(longer);
  }
  return prefixes;
}

/** The names that fit best: with the shortest prefix that makes them fit, or as they are. */
function naming(set: TensorSet, cells: Cells, strip: string | false | undefined): Named {
  if (strip !== undefined) return namedBy(set, cells, strip || "");
  const tried = prefixesOf(set)
    .map((prefix) => namedBy(set, cells, prefix))
    .filter(({ prefix }) => prefix === "" || ![...cells.keys()].some((name) => name.startsWith(prefix)));
  return tried.find((named) => fits(named, cells)) ?? tried.find((named) => covers(named, cells)) ?? tried[tried.length - 1];
}

/** The tensors that are meant for the model, and what was chosen. */
async function find(model: Module, archive: Archive, options: LoadWeightsOptions): Promise<{ named: Named; notes: string[] }> {
  const cells = model.stateDict();
  const { key, strip, map } = options;
  const sets = key === undefined ? archive.sets : new Map([[key, chosenSet(archive, key)]]);
  const keras = [...sets.values()].find((set): set is KerasSet => "layers" in set);
  const all = [...sets].map(([at, set]) => ({ at, named: naming(set, cells, strip) }));
  const fitting = all.filter(({ named }) => fits(named, cells));
  if (keras && (map !== undefined || fitting.length === 0)) {
    const { entries, notes } = await kerasEntries(model, keras, archive.what, options);
    return { named: { set: tensorSet(entries), names: new Map([...entries.keys()].map((name) => [name, name])), prefix: "" }, notes };
  }
  if (fitting.length > 1)
    throw new Error(
      `${archive.what}: several of its dictionaries fit ${model.constructor.name}: ${listOf(new Map(fitting.map(({ at, named }) => [at, named.set])))}; say which is meant with { key } (--weights-key)`,
    );
  const covering = all.filter(({ named }) => covers(named, cells));
  const candidates = candidatesIn(sets);
  const { at, named } =
    fitting[0] ??
    (covering.length === 1 ? covering[0] : candidates.size === 1 ? all.find((one) => candidates.has(one.at))! : nothing(archive, model));
  const notes = [
    ...(at !== "" && key === undefined ? [`the tensors under "${at}" were taken`] : []),
    ...(named.prefix !== "" && strip === undefined ? [`"${named.prefix}" was taken off its names`] : []),
  ];
  return { named, notes };
}

function nothing({ what, sets }: Archive, model: Module): never {
  if (sets.size === 0)
    throw new Error(`${what}: holds no tensors with names; want a state dict, as torch.save(model.state_dict(), path) writes it`);
  throw new Error(
    `${what}: none of its dictionaries fits ${model.constructor.name}: ${listOf(sets)}; say which is meant with { key } (--weights-key)`,
  );
}

const optionsOf = (options: LoadWeightsOptions | string): LoadWeightsOptions => (typeof options === "string" ? { what: options } : options);

function tell(what: string, notes: readonly string[], { onNote = console.warn }: LoadWeightsOptions): void {
  if (notes.length > 0) onNote(`${what}: ${notes.join("; ")}`);
}

/** The tensors of a file under the names that the model has for them. */
export async function weightsFor(
  model: Module,
  from: Uint8Array | string,
  options: LoadWeightsOptions | string = {},
): Promise<Map<string, Entry>> {
  const archive = await openWeights(from, readingOptions(optionsOf(options)));
  try {
    const { named, notes } = await find(model, archive, optionsOf(options));
    tell(archive.what, notes, optionsOf(options));
    const entries = new Map<string, Entry>();
    for (const [name, file] of named.names) entries.set(name, await named.set.read(file));
    return entries;
  } finally {
    await archive.close();
  }
}

function readingOptions({ what, key, files, maxBytes }: LoadWeightsOptions): WeightsOptions {
  return {
    ...(what !== undefined && { what }),
    ...(key !== undefined && { key }),
    ...(files && { files }),
    ...(maxBytes !== undefined && { maxBytes }),
  };
}

/**
 * Sets a model's cells from a file of weights, given as bytes or (in Node) as a path: safetensors (one file, or shards with their index), PyTorch's `.pth` (a state dict, or a checkpoint
 * with one in it), Keras's `.h5`, `.weights.h5` and `.keras`, TensorFlow.js's `model.json`, `.npz`. The content decides, not the name. From bytes all cells are set or none; from a
 * path the tensors of safetensors are read one at a time, so that the file need not fit into memory. Counters of batches may be missing, as in files of before 2018, and auxiliary
 * classifiers that the model lacks are passed over.
 * @throws {Error} of one line that names the first tensor that is missing, left over or of another shape, and counts the rest.
 */
export async function loadWeights(model: Module, from: Uint8Array | string, options: LoadWeightsOptions | string = {}): Promise<void> {
  checkModule("loadWeights: model", model);
  check("loadWeights: options", options, anything);
  const settings = optionsOf(options);
  checkOptions("loadWeights", settings, LOAD_OPTIONS);
  const archive = await openWeights(from, readingOptions(settings));
  try {
    const { named, notes } = await find(model, archive, settings);
    checkFit(named, model, archive.what);
    tell(archive.what, notes, settings);
    await setAll(model.stateDict(), named, typeof from === "string");
  } finally {
    await archive.close();
  }
}

/** @throws {Error} unless the names and shapes are those of the model. */
function checkFit({ set, names }: Named, model: Module, what: string): void {
  const cells = model.stateDict();
  const shapeOf = (file: string): readonly number[] => set.tensors.get(file)!.shape;
  const missing = wanted(cells).filter((name) => !names.has(name));
  const extra = [...names.keys()].filter((name) => !cells.has(name));
  const misshapen = [...names].filter(([name, file]) => cells.has(name) && !sameShape(shapeOf(file), cells.get(name)!.shape));
  const fault = (text: string, count: number): Error => {
    const rest = count > 1 ? ` (and ${count - 1} more of the kind)` : "";
    return new Error(`${what}: ${text}${rest}; are these the weights of ${model.constructor.name}?`);
  };
  if (misshapen.length > 0) {
    const [name, file] = misshapen[0];
    throw fault(
      `"${name}" has shape ${formatShape(shapeOf(file))}, the model wants ${formatShape(cells.get(name)!.shape)}`,
      misshapen.length,
    );
  }
  if (missing.length > 0) throw fault(`"${missing[0]}" is missing`, missing.length);
  if (extra.length > 0) throw fault(`the model has no "${extra[0]}"`, extra.length);
}

/** One cell after another, or all once all are read. */
async function setAll(cells: Cells, { set, names }: Named, oneByOne: boolean): Promise<void> {
  for (const cell of cells.values()) cell.checkNotDisposed();
  const waiting: (() => void)[] = [];
  for (const [name, file] of names) {
    const cell = cells.get(name)!;
    const value = tensorFor(cell, await set.read(file));
    if (oneByOne) cell.set(value);
    else waiting.push(() => cell.set(value));
  }
  for (const go of waiting) go();
}
