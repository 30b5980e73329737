/**
 * @file Published weights: a file in the safetensors format or PyTorch's, into a model of this library. Names that authors have changed since are
 * known under both.
 */

import { formatShape, sameShape } from "../base/shape.ts";
import { isPth, readPth } from "../formats/pth.ts";
import { type Entry, readSafetensors } from "../formats/safetensors.ts";
import { checkModule, type Module } from "../nn/module.ts";
import type { ArrayEntry } from "../nn/state-dict.ts";
import { publishedName } from "./published-names.ts";

/** Auxiliary classifiers serve training alone: files have them, models may not. */
const AUXILIARY = /^(?:aux1|aux2|AuxLogits)\./;

/** The tensors of a file, whichever of the two formats it has. `what` names it in errors. */
export async function readWeights(bytes: Uint8Array, what = "weights"): Promise<Map<string, Entry>> {
  return isPth(bytes) ? readPth(bytes, what) : readSafetensors(bytes, what).entries;
}

/** The tensors of a file under the names that the model has for them. */
export async function weightsFor(model: Module, bytes: Uint8Array, what = "weights"): Promise<Map<string, Entry>> {
  const cells = model.stateDict();
  const entries = new Map<string, Entry>();
  for (const [name, entry] of await readWeights(bytes, what)) {
    const known = publishedName(name, cells);
    if (cells.has(known) || !AUXILIARY.test(known)) entries.set(known, entry);
  }
  return entries;
}

/**
 * Sets a model's cells from the bytes of a `.safetensors` or `.pth` file, all of them or none. Counters of batches may be missing, as in files
 * of before 2018, and auxiliary classifiers that the model lacks are passed over.
 * @throws {Error} of one line that names the first tensor that is missing, left over or of another shape, and counts the rest.
 */
export async function loadWeights(model: Module, bytes: Uint8Array, what = "weights"): Promise<void> {
  checkModule("loadWeights: model", model);
  const cells = model.stateDict();
  const entries = await weightsFor(model, bytes, what);
  const missing = [...cells.keys()].filter((name) => !entries.has(name) && !name.endsWith("num_batches_tracked"));
  const extra = [...entries.keys()].filter((name) => !cells.has(name));
  const misshapen = [...entries].filter(([name, { shape }]) => cells.has(name) && !sameShape(shape, cells.get(name)!.shape));
  const fault = (text: string, count: number): Error => {
    const rest = count > 1 ? ` (and ${count - 1} more of the kind)` : "";
    return new Error(`${what}: ${text}${rest}; are these the weights of ${model.constructor.name}?`);
  };
  if (misshapen.length > 0) {
    const [name, { shape }] = misshapen[0];
    throw fault(`"${name}" has shape ${formatShape(shape)}, the model wants ${formatShape(cells.get(name)!.shape)}`, misshapen.length);
  }
  if (missing.length > 0) throw fault(`"${missing[0]}" is missing`, missing.length);
  if (extra.length > 0) throw fault(`the model has no "${extra[0]}"`, extra.length);
  model.loadStateDict(entries as ReadonlyMap<string, ArrayEntry>, { strict: false });
}
