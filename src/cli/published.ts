/** @file Published weights as a model that predicts: a file of tensors, the network they are for, how it wants its images, and names of classes. */
import { readFile } from "node:fs/promises";
import { checkDescription } from "../data/check.ts";
import type { DataDescription } from "../data/dataset.ts";
import { type ClassNames, classNames } from "../data/imagenet.ts";
import { blueprint } from "../inspect/cost.ts";
import { presetOf } from "../models/preset.ts";
import { models } from "../models/registry.ts";
import { loadWeights } from "../models/weights.ts";
import { zoo } from "../models/zoo.ts";
import { onnxNetwork } from "./onnx-command.ts";
import type { Trained } from "./trained.ts";
import { unknownName } from "./unknown-name.ts";

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

export interface Published extends Pick<Trained, "path" | "model" | "about">, Pick<ClassNames, "synsets"> {
  /** Whether the model gives means and standard deviations. */
  readonly hasDeviation?: boolean;
}

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

/**
 * The network of an ONNX file, in evaluation mode. A file that `nabla export` wrote says what it takes and gives; images for others are values from 0 to 1, channels
 * first.
 */
export async function loadOnnx(path: string, classes?: string, imageSize?: number): Promise<Published> {
  const { inspect } = await import("../onnx/index.ts");
  const { inputs, metadata, producer } = await inspect(path);
  const declared = inputs[0]?.shape?.slice(1) ?? [];
  const isOurs = producer.startsWith("nabla") && metadata.description !== undefined;
  const described = isOurs ? parseDescription(metadata.description, path, declared) : undefined;
  const inputShape = described?.inputShape ?? declared.map((d, axis) => (typeof d === "number" ? d : axis > 0 ? (imageSize ?? 224) : 3));
  const { model, outputs } = await onnxNetwork(path, inputShape);
  const named: ClassNames | undefined = classes === undefined ? undefined : await readClasses(classes);
  const about = described ?? {
    name: path,
    classes: numbered(outputs),
    inputShape,
    task: "classification" as const,
    preprocessing: inputShape.length === 3 ? { image: { channels: inputShape[0], height: inputShape[1], width: inputShape[2] } } : {},
  };
  if (named && about.task === "regression") throw new Error(`--classes ${classes}: ${path} gives numbers, not classes`);
  return {
    path,
    model: model.eval(),
    about: { ...about, ...(named && { classes: named.names }) },
    hasDeviation: metadata.model === "pbp",
    ...(named?.synsets && { synsets: named.synsets }),
  };
}

/** @throws {Error} if it is damaged, or does not fit the input of the file. */
function parseDescription(json: string, path: string, declared: readonly (number | string)[]): DataDescription {
  const what = `${path}: the description in its metadata`;
  let about: DataDescription;
  try {
    about = JSON.parse(json);
  } catch (error) {
    throw new Error(`${what} is damaged: ${(error as Error).message}`);
  }
  checkDescription(what, about);
  if (about.inputShape.join() !== declared.join())
    throw new Error(`${what} is of inputs [${about.inputShape.join(", ")}], the file takes [${declared.join(", ")}]`);
  return about;
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, i) => `class ${i}`);

async function readClasses(path: string): Promise<ClassNames> {
  const text = await readFile(path, "utf8").catch((error: Error) => {
    throw new Error(`cannot read ${path}: ${error.message}`);
  });
  return classNames(text, path);
}
