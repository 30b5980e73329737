/** @file Starting from weights that are there: published ones, or those of a run of one's own. The last layer is new where the classes are others. */
import type { ImageFolderOptions } from "../data/image-folder.ts";
import { presetOf } from "../models/preset.ts";
import { weightsFor } from "../models/weights.ts";
import { zoo } from "../models/zoo.ts";
import type { Layer } from "../nn/module.ts";
import type { Parameter } from "../nn/parameter.ts";
import type { ArrayEntry, StateEntry } from "../nn/state-dict.ts";
import { loadRun } from "../train/trained.ts";
import type { Config } from "./settings.ts";

/** What the weights are for: how images must be prepared for them. */
export async function preparationFor({ weights, model, imageSize }: Config): Promise<ImageFolderOptions> {
  if (weights === undefined) return {};
  const own = await loadRun(weights).catch(() => undefined);
  if (own) {
    const { image, inputs } = own.about.preprocessing ?? {};
    if (!image) return {};
    const { height, width, shorterSide, filter, fit } = image;
    return { size: imageSize ?? [height, width], shorterSide, filter, fit, ...(inputs && { inputs }) };
  }
  if (model === undefined || !Object.hasOwn(zoo, model)) return {};
  const { image, inputs } = presetOf(model, imageSize);
  const { shorterSide, filter } = image;
  return { size: [image.height, image.width], channels: image.channels === 1 ? 1 : 3, shorterSide, filter, ...(inputs && { inputs }) };
}

/** What was taken from the file, and what is new. */
export interface Taken {
  readonly from: string;
  readonly tensors: number;
  /** Names of cells that the file has for other classes, or not at all: they keep their fresh values. */
  readonly fresh: readonly string[];
}

/**
 * Sets the cells of a model from a file, but for a last layer of other classes.
 * @throws {Error} if the file is of another network: a tensor is not there, or differs in more than the number of classes.
 */
export async function takeWeights(model: Layer, path: string, key?: string): Promise<Taken> {
  const cells = model.stateDict();
  const own = await loadRun(path).catch(() => undefined);
  const entries: ReadonlyMap<string, StateEntry> =
    own?.model.stateDict() ??
    ((await weightsFor(model, path, { what: path, ...(key !== undefined && { key }) })) as Map<string, ArrayEntry>);
  const fresh: string[] = [];
  for (const [name, cell] of cells) {
    const shape = entries.get(name)?.shape;
    if (shape === undefined && name.endsWith("num_batches_tracked")) continue;
    if (shape === undefined) throw new Error(`${path}: has no "${name}"; are these the weights of ${model.constructor.name}?`);
    if (shape.join() === cell.shape.join()) continue;
    if (shape.slice(1).join() !== cell.shape.slice(1).join())
      throw new Error(
        `${path}: "${name}" has shape [${shape.join(", ")}], the model wants [${cell.shape.join(", ")}]; more than the number of classes differs (--image-size?)`,
      );
    fresh.push(name);
  }
  checkLast(path, [...cells.keys()], fresh);
  model.loadStateDict(new Map([...entries].filter(([name]) => !fresh.includes(name))), { strict: false });
  return { from: path, tensors: cells.size - fresh.length, fresh };
}

/** Only what belongs to classes may be new: one layer. */
function checkLast(path: string, all: readonly string[], fresh: readonly string[]): void {
  const layers = new Set(fresh.map((name) => name.slice(0, name.lastIndexOf("."))));
  if (fresh.length === all.length || layers.size > 2)
    throw new Error(
      `${path}: fits no layer but ${all.length - fresh.length} of ${all.length} tensors; are these the weights of this network?`,
    );
}

/** The last layer: what is new, or else the layer of the last parameter. */
function headOf(model: Layer, fresh: readonly string[]): readonly string[] {
  const last = model.namedParameters().at(-1)![0];
  const layer = last.slice(0, last.lastIndexOf(".") + 1);
  return fresh.length > 0 ? fresh : model.namedParameters().flatMap(([name]) => (name.startsWith(layer) ? [name] : []));
}

/**
 * The parameters that train. The modules of the others stay in evaluation mode, so that their running statistics rest too.
 * @throws {Error} for a name that no parameter begins with, or if none is left to train.
 */
export function trainable(model: Layer, freeze: readonly string[] = [], fresh: readonly string[] = []): [string, Parameter][] {
  const all = model.namedParameters();
  if (freeze.length === 0) return all;
  const head = headOf(model, fresh);
  const begins = (name: string, start: string): boolean => name === start || name.startsWith(`${start}.`);
  const unknown = freeze.find((start) => start !== "backbone" && !all.some(([name]) => begins(name, start)));
  if (unknown !== undefined) {
    const parts = [...new Set(all.map(([name]) => name.split(".")[0]))];
    throw new Error(
      `freeze: no parameter's name begins with "${unknown}"; the model's parts are ${parts.join(", ")}, or backbone for all but the last layer`,
    );
  }
  const rests = (name: string): boolean => freeze.some((start) => (start === "backbone" ? !head.includes(name) : begins(name, start)));
  const training = all.filter(([name]) => !rests(name));
  if (training.length === 0) throw new Error(`freeze: ${freeze.join(", ")} leaves nothing to train`);
  for (const [name, parameter] of all) parameter.requiresGrad = !rests(name);
  for (const [name, module] of model.namedModules()) {
    const own = all.filter(([parameter]) => begins(parameter, name));
    if (name !== "" && own.length > 0 && own.every(([parameter]) => rests(parameter))) module.freeze();
  }
  return training;
}
