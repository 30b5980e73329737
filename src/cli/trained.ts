/** @file Trained models as files: what a model file says of itself, and a model made from it again. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Dataset } from "../data/dataset.ts";
import { type Metadata, readSafetensors } from "../formats/safetensors.ts";
import { models } from "../models/registry.ts";
import type { Layer } from "../nn/module.ts";
import { loadModel } from "../train/checkpoint.ts";
import { outputSize } from "../train/task.ts";
import { unknownName } from "./recipes.ts";
import { RunFolder } from "./run-folder.ts";
import { type Settled, settle } from "./session.ts";
import { type Config, parseConfig } from "./settings.ts";

/** What a model must know of its data to predict: all of a data set but the examples. */
export type Description = Pick<Dataset, "name" | "classes" | "inputShape" | "task" | "preprocessing">;

/** Stored with every model: how it was trained, and what it takes and gives. Not on how many threads: the same model is the same file. */
export function modelMetadata({ threads: _, ...settings }: Settled, data: Dataset): Metadata {
  const { name, classes, inputShape, task, preprocessing } = data;
  return {
    model: settings.model,
    data: name,
    outputs: String(outputSize(data)),
    settings: JSON.stringify(settings),
    description: JSON.stringify({ name, classes, inputShape, task, preprocessing }),
  };
}

export interface Trained {
  /** The file. */
  readonly path: string;
  readonly model: Layer;
  readonly settings: Config & { readonly data: string };
  readonly about: Description;
}

/** The model in a file, a checkpoint, or a run's folder (its last state), in evaluation mode. @throws {Error} one line for whatever is wrong. */
export async function loadTrained(path: string): Promise<Trained> {
  const { bytes, file } = await open(path);
  const { metadata } = readSafetensors(bytes, file);
  const { model: name, settings, description, outputs } = metadata;
  if (name === undefined || settings === undefined || description === undefined) {
    throw new Error(`${file}: does not say which model it is; want a file that nabla train has written`);
  }
  if (!Object.hasOwn(models, name)) throw new Error(`${file}: ${unknownName("model", name, Object.keys(models)).message}`);
  const about = parsed(description, file) as Description;
  const chosen = parseConfig(settings, file);
  const model = models[name]({ inputShape: about.inputShape, outputs: Number(outputs), hidden: chosen.hidden }).eval();
  try {
    loadModel(model, bytes, { what: file });
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message.replace(/; \{ strict: false \}.*/, "")}`);
  }
  return { path: file, model, settings: settle(chosen), about };
}

function parsed(json: string, file: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new Error(`${file}: its description is damaged: ${(error as Error).message}`);
  }
}

async function open(path: string): Promise<{ bytes: Uint8Array; file: string }> {
  if (!existsSync(path)) throw new Error(`no file ${path}`);
  if (!statSync(path).isDirectory()) return { bytes: readFileSync(path), file: path };
  const whole = join(path, "model.safetensors");
  if (existsSync(whole)) return { bytes: readFileSync(whole), file: whole };
  const found = await new RunFolder(path).latest();
  if (!found) throw new Error(`${path}: has neither a model.safetensors nor a checkpoint; want the folder of a run, or a model's file`);
  return { bytes: found.bytes, file: join(path, "checkpoints", found.name) };
}
