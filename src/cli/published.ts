/** @file Published weights as a model that predicts: a file of tensors, the network they are for, how it wants its images, and names of classes. */
import { readFile } from "node:fs/promises";
import { type ClassNames, classNames } from "../data/imagenet.ts";
import { blueprint } from "../inspect/cost.ts";
import { presetOf } from "../models/preset.ts";
import { models } from "../models/registry.ts";
import { loadWeights } from "../models/weights.ts";
import { zoo } from "../models/zoo.ts";
import { unknownName } from "./recipes.ts";
import type { Trained } from "./trained.ts";

export interface PublishedFlags {
  /** A file of any format of weights that is read. */
  readonly weights: string;
  /** Of a checkpoint with several state dicts, the one to take. */
  readonly weightsKey?: string;
  /** A network of the zoo. */
  readonly model?: string;
  /** A file with the names of the classes. */
  readonly classes?: string;
  /** Side of the images. Default: that of the network. */
  readonly imageSize?: number;
}

export type Published = Pick<Trained, "path" | "model" | "about"> & Pick<ClassNames, "synsets">;

/** The model, in evaluation mode. @throws {Error} one line for whatever is wrong. */
export async function loadPublished({ weights, weightsKey: key, model: name, classes, imageSize }: PublishedFlags): Promise<Published> {
  if (name === undefined)
    throw new Error(
      `--weights ${weights}: want --model with the network that they are for, such as --model resnet50 (nabla info lists them)`,
    );
  if (!Object.hasOwn(zoo, name)) throw unknownName("model", name, Object.keys(zoo));
  const { names, synsets }: ClassNames = classes === undefined ? { names: numbered(zoo[name].classes) } : await readClasses(classes);
  const { image, inputs } = presetOf(name, imageSize);
  const inputShape = [image.channels, image.height, image.width];
  const model = blueprint(() => models[name]({ inputShape, outputs: names.length })).eval();
  await loadWeights(model, weights, { what: weights, ...(key !== undefined && { key }) });
  const about = { name, classes: names, inputShape, task: "classification" as const, preprocessing: { image, ...(inputs && { inputs }) } };
  return { path: weights, model, about, ...(synsets && { synsets }) };
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, i) => `class ${i}`);

async function readClasses(path: string): Promise<ClassNames> {
  const text = await readFile(path, "utf8").catch((error: Error) => {
    throw new Error(`cannot read ${path}: ${error.message}`);
  });
  return classNames(text, path);
}
