/**
 * @file Trained models as files: what a model file says of itself, a model made from it again, and what it says of new examples. The preprocessing is
 * part of the model: a new row, image or array goes the way that the training examples went.
 */

import { aPath, check, checkFields, text } from "../base/check.ts";
import { nodeModule } from "../base/host.ts";
import { sizeOf } from "../base/shape.ts";
import { arrayInputs } from "../data/arrays.ts";
import type { Cell } from "../data/cells.ts";
import { checkDescription as checkData } from "../data/check.ts";
import type { DataDescription, Dataset } from "../data/dataset.ts";
import { encodeRecord } from "../data/encode.ts";
import { readIfThere } from "../data/files.ts";
import { standardizeValues, unstandardize } from "../data/preprocessing.ts";
import { type Metadata, readSafetensors } from "../formats/safetensors.ts";
import { softmax } from "../math/softmax.ts";
import { models } from "../models/registry.ts";
import { readOnnxLayer } from "../nn/foreign.ts";
import { type Layer, Module } from "../nn/module.ts";
import { tensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { loadModel } from "./checkpoint.ts";
import { latestCheckpoint } from "./checkpoints.ts";
import { checkDescription } from "./description.ts";
import { outputsOf } from "./evaluate.ts";
import { PbpNetwork } from "./pbp.ts";
import { folderStore } from "./store.ts";
import { outputSize } from "./task.ts";

/** What makes a model again: its name in the registry and what its maker was told beside the task. */
export interface ModelSettings extends Readonly<Record<string, unknown>> {
  readonly model: string;
  readonly hidden?: readonly number[];
  readonly dropout?: number;
  readonly layers?: number;
  readonly heads?: number;
  readonly features?: number;
}

/**
 * What is stored with every model, as JSON under `settings` and `description`; and for other programs one by one: classes, shape of an input, mean and
 * deviation of inputs and targets, columns with their categories.
 */
export function modelMetadata(settings: ModelSettings, data: Dataset): Metadata {
  checkFields("modelMetadata: the settings", settings, { model: text });
  checkData("modelMetadata: the data set", data);
  const { name, classes, inputShape, task, preprocessing, sha256 } = data;
  const about = { name, classes, inputShape, task, ...(preprocessing && { preprocessing }), ...(sha256 && { sha256 }) };
  return metadataOf(settings, about, outputSize(data));
}

function metadataOf(settings: ModelSettings, about: DataDescription, outputs: number): Metadata {
  const { inputs, targets, columns, image } = about.preprocessing ?? {};
  const facts = {
    classes: about.classes,
    inputShape: about.inputShape,
    mean: inputs?.mean,
    std: inputs?.std,
    targetMean: targets?.mean,
    targetStd: targets?.std,
    columns,
    image,
  };
  const known = Object.entries(facts).filter(([, value]) => value !== undefined);
  return {
    model: settings.model,
    data: about.name,
    task: about.task,
    outputs: String(outputs),
    settings: JSON.stringify(settings),
    description: JSON.stringify(about),
    ...Object.fromEntries(known.map(([name, value]) => [name, JSON.stringify(value)])),
  };
}

/** What a model says of one example. */
export interface Prediction {
  /** Of classification: the most probable class, and all by falling probability. */
  readonly class?: string;
  readonly classes?: readonly { readonly class: string; readonly probability: number }[];
  /** Of regression: the first target value, and all of them, in their own units. */
  readonly value?: number;
  readonly values?: readonly number[];
  /** Of a model that says how sure it is: the standard deviation, and the interval that has the target in 95 of 100 cases. */
  readonly deviation?: number;
  readonly low95?: number;
  readonly high95?: number;
  /** Why there is none: what the model cannot take in this example. */
  readonly error?: string;
}

/** A new example: the cells of a row by the names of their columns; or numbers as the training files had them (images from 0 to 1, channels first). */
export type Row = Readonly<Record<string, Cell>> | ArrayLike<number>;

/** Examples predicted together: as many as make a program's fixed cost small. */
export const batchFor = (inputShape: readonly number[]): number => Math.max(8, Math.min(256, Math.floor(2 ** 17 / sizeOf(inputShape))));

/** A model from a run or a file, in evaluation mode, with all that belongs to it. */
export class TrainedModel {
  /** The file. */
  readonly path: string;
  readonly model: Layer;
  /** How it was trained. */
  readonly settings: ModelSettings;
  /** What it takes and gives: classes in their order, shape of an input, preprocessing. */
  readonly about: DataDescription;
  /** Numbers that it gives for one example. */
  readonly #outputs: number;

  constructor(path: string, model: Layer, settings: ModelSettings, about: DataDescription, outputs: number) {
    this.path = path;
    this.model = model;
    this.settings = settings;
    this.about = about;
    this.#outputs = outputs;
  }

  /** What is stored with the model, for a file of its own. */
  get metadata(): Metadata {
    return metadataOf(this.settings, this.about, this.#outputs);
  }

  get classes(): readonly string[] {
    return this.about.classes;
  }

  /**
   * What the model says of new examples, in their order. One that it cannot take (a gap, a category that training never saw, a wrong number of values)
   * gets an `error` instead, and the others are predicted.
   */
  async predict(rows: Iterable<Row>): Promise<Prediction[]> {
    const encoded = [...rows].map((row) => this.#encode(row));
    const good = encoded.filter((values): values is Float32Array => values instanceof Float32Array);
    const predictions: Prediction[] = [];
    const isSure = this.model instanceof PbpNetwork;
    for await (const outputs of this.outputs(toAsync(good))) predictions.push(predictionOf(outputs, this.about, isSure));
    let next = 0;
    return encoded.map((values) => (values instanceof Float32Array ? predictions[next++] : { error: values.message }));
  }

  /** Raw outputs for inputs as the model takes them, one by one; of a model that says how sure it is also the deviations. */
  outputs(inputs: AsyncIterable<Float32Array>): AsyncGenerator<Float32Array, void, undefined> {
    return outputsOf(answering(this.model), this.about.inputShape, inputs, batchFor(this.about.inputShape));
  }

  #encode(row: Row): Float32Array | Error {
    try {
      return encodeExample(row, this.about);
    } catch (error) {
      return error as Error;
    }
  }
}

async function* toAsync<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

/** A new example as the model takes it. @throws {Error} for one that it cannot take. */
export function encodeExample(row: Row, { inputShape, preprocessing = {} }: DataDescription): Float32Array {
  const numbers = Array.isArray(row) || ArrayBuffer.isView(row);
  if (preprocessing.columns && !numbers) return encodeRecord(row as Readonly<Record<string, Cell>>, preprocessing);
  const values = row as ArrayLike<number>;
  if (!numbers || values.length !== sizeOf(inputShape))
    throw new Error(
      `want ${preprocessing.columns ? "a record of cells, or " : ""}${sizeOf(inputShape)} numbers for an input [${inputShape.join(", ")}], got ${numbers ? values.length : typeof row}`,
    );
  const raw = preprocessing.array ? arrayInputs(values, preprocessing.array) : values;
  return preprocessing.inputs ? standardizeValues(raw, preprocessing.inputs, 1) : Float32Array.from(raw);
}

/** Mean and deviation instead of the mean alone, of a network that has both. */
class Distribution extends Module {
  readonly network: PbpNetwork;

  constructor(network: PbpNetwork) {
    super();
    this.network = network;
  }

  override forward(x: Tensor): Tensor {
    return this.network.distribution(x);
  }
}

/** The model as it answers to new examples: one that says how sure it is gives means and deviations. */
export const answering = (model: Layer): Layer => (model instanceof PbpNetwork ? new Distribution(model).eval() : model);

/** Deviations to either side of the mean between which 95 % of a Gaussian lie. */
export const REACH_95 = 1.959_963_984_540_054;

/**
 * The outputs of one example in words: probabilities of classes, or values in their own units.
 * @param hasDeviation Whether the outputs are a mean and its standard deviation.
 */
export function predictionOf(outputs: Float32Array, about: DataDescription, hasDeviation = false): Prediction {
  const { task, classes, preprocessing } = about;
  if (hasDeviation) {
    const [value, above] = [outputs[0], outputs[0] + outputs[1]].map((v) => predictionOf(Float32Array.of(v), about).value!);
    const deviation = above - value;
    return { value, values: [value], deviation, low95: value - REACH_95 * deviation, high95: value + REACH_95 * deviation };
  }
  if (task === "regression") {
    const values = [...(preprocessing?.targets ? unstandardize(outputs, preprocessing.targets, 1) : outputs)];
    return { value: values[0], values };
  }
  const probabilities = softmax(tensor(outputs), 0).dataSync();
  const ranked = classes.map((name, i) => ({ class: name, probability: Number(probabilities[i]) }));
  ranked.sort((a, b) => b.probability - a.probability);
  return { class: ranked[0].class, classes: ranked };
}

/**
 * The model of a run, in evaluation mode, with its preprocessing: `(await loadRun("runs/table")).predict([{ age: 39, city: "Rome" }])`. Node only.
 * @param path The folder of a run (its model, or its newest checkpoint), a model's file, or a checkpoint.
 * @throws {Error} one line for whatever is wrong.
 */
export async function loadRun(path: string): Promise<TrainedModel> {
  const { bytes, file } = await open(path);
  const { metadata, entries } = readSafetensors(bytes, file);
  const { model: name, settings: text, description, outputs } = metadata;
  if (name === undefined || text === undefined || description === undefined)
    throw new Error(`${file}: does not say which model it is; want a file that nabla train has written`);
  if (!Object.hasOwn(models, name) && !isOnnx(name) && name !== "pbp") throw new Error(`${file}: unknown model "${name}", see nabla info`);
  const about = parsed(description, file) as DataDescription;
  const settings = parsed(text, file) as ModelSettings;
  checkDescription(
    { ...about, hidden: settings.features === undefined ? settings.hidden : [settings.features], outputs: Number(outputs) },
    [...entries.values()],
    file,
  );
  if (Number(settings.layers) > entries.size)
    throw new Error(`${file}: its description is damaged: it has ${settings.layers} layers and ${entries.size} tensors`);
  const model = (await made(name, settings, about, Number(outputs))).eval();
  try {
    loadModel(model, bytes, { what: file });
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message.replace(/; \{ strict: false \}.*/, "")}`);
  }
  return new TrainedModel(file, model, settings, about, Number(outputs));
}

const isOnnx = (name: string): boolean => /\.onnx$/i.test(name);

/** A model of that name with fresh weights. */
async function made(name: string, settings: ModelSettings, { inputShape }: DataDescription, outputs: number): Promise<Layer> {
  const { hidden, dropout, layers, heads, features } = settings;
  if (isOnnx(name)) return await readOnnxLayer(name);
  if (name === "pbp") return new PbpNetwork([sizeOf(inputShape), ...(hidden ?? [50]), outputs]);
  return models[name]({ inputShape, outputs, hidden, dropout, layers, heads, features });
}

function parsed(json: string, file: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new Error(`${file}: its description is damaged: ${(error as Error).message}`);
  }
}

async function open(path: string): Promise<{ bytes: Uint8Array; file: string }> {
  check("loadRun: path", path, aPath);
  const { stat, readFile } = await nodeModule<typeof import("node:fs/promises")>("node:fs/promises");
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new Error(`no file ${path}; want the folder of a run, or the file of a model`);
  if (!found.isDirectory()) return { bytes: new Uint8Array(await readFile(path)), file: path };
  const whole = await readIfThere(`${path}/model.safetensors`);
  if (whole) return { bytes: whole, file: `${path}/model.safetensors` };
  const checkpoint = await latestCheckpoint(folderStore(`${path}/checkpoints`));
  if (!checkpoint)
    throw new Error(`${path}: has neither a model.safetensors nor a checkpoint; want the folder of a run, or a model's file`);
  return { bytes: checkpoint.bytes, file: `${path}/checkpoints/${checkpoint.name}` };
}
