/** @file `nabla train`: data, model, training, result. */
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Dataset } from "../data/dataset.ts";
import { loadDataset } from "../data/registry.ts";
import { manualSeed } from "../math/random.ts";
import { models } from "../models/registry.ts";
import type { Layer } from "../nn/module.ts";
import { Adam } from "../optim/adam.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { cosine } from "../optim/schedules.ts";
import { SGD } from "../optim/sgd.ts";
import { backendName, setBackend } from "../runtime/backend.ts";
import type { History } from "../train/callback.ts";
import { saveModel } from "../train/checkpoint.ts";
import { fit } from "../train/fit.ts";
import { outputSize } from "../train/task.ts";
import { threads } from "./info-command.ts";
import { type Recipe, recipeFor, unknownName } from "./recipes.ts";
import { createReporter } from "./reporter.ts";
import { summarize } from "./summary.ts";

/** The command's options as given; what is left out follows the model's recipe. */
export interface TrainFlags {
  readonly data?: string;
  readonly dataDir?: string;
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly optimizer?: "sgd" | "adam";
  readonly lr?: number;
  readonly seed: number;
  readonly backend: "auto" | "wasm" | "interpreter";
  readonly out?: string;
  readonly json?: string;
}

const INTERRUPTED = 130; // 128 + SIGINT, as shells report it

/** Trains a model by name; gives the process's exit code. */
export async function trainCommand(name: string, flags: TrainFlags): Promise<number> {
  if (!Object.hasOwn(models, name)) throw unknownName("model", name, Object.keys(models));
  if (flags.backend !== "auto") setBackend(flags.backend);
  const { data: dataName, ...recipe } = recipeFor(name, flags);
  const data = await loadDataset(dataName, { dataDir: flags.dataDir });
  manualSeed(flags.seed);
  const model = models[name]({ inputShape: data.inputShape, outputs: outputSize(data) });
  const settings: Settings = { ...recipe, ...given(flags), name, seed: flags.seed };
  console.log(heading(model, data, settings));

  const history = await train(model, data, settings);
  const path = join(flags.out ?? join("runs", `${name}-${dataName}`), "model.safetensors");
  await writeAtomically(path, await saveModel(model, { model: name, data: dataName }));
  if (flags.json) await writeAtomically(flags.json, `${JSON.stringify(report(model, data, settings, history), null, 2)}\n`);
  const last = history.epochs.at(-1);
  if (history.stopped) console.log("interrupted");
  else if (last) console.log(await summarize(model, data, last));
  console.log(`saved ${path}`);
  return history.stopped ? INTERRUPTED : 0;
}

interface Settings extends Omit<Recipe, "data"> {
  readonly name: string;
  readonly seed: number;
}

/** The recipe's settings that the command line overrides. */
function given({ epochs, batchSize, lr }: TrainFlags): Partial<Recipe> {
  return { ...(epochs && { epochs }), ...(batchSize && { batchSize }), ...(lr && { lr }) };
}

function parameterCount(model: Layer): number {
  return model.parameters().reduce((n, { shape }) => n + shape.reduce((a, b) => a * b, 1), 0);
}

function heading(model: Layer, data: Dataset, { name, optimizer, lr, decay, batchSize, epochs, seed }: Settings): string {
  const count = (n: number): string => n.toLocaleString("en-US");
  const what = `${name} (${count(parameterCount(model))} parameters) on ${data.name} (${count(data.train.count)} + ${count(data.test.count)} examples)`;
  return `${what}: ${optimizer}, lr ${lr}${decay ? " falling to 0" : ""}, batch ${batchSize}, ${epochs} epochs, seed ${seed}, ${backendName()}`;
}

function makeOptimizer(model: Layer, { optimizer, lr }: Settings): Optimizer {
  return optimizer === "sgd" ? new SGD(model.parameters(), { lr, momentum: 0.9 }) : new Adam(model.parameters(), { lr });
}

/** Trains with progress on the terminal. The first Ctrl-C ends the run after the step at hand; a second one kills it. */
async function train(model: Layer, data: Dataset, settings: Settings): Promise<History> {
  const controller = new AbortController();
  const interrupt = (): void => controller.abort();
  process.once("SIGINT", interrupt);
  const reporter = createReporter();
  const { epochs, batchSize, seed } = settings;
  const schedule = settings.decay ? cosine : undefined;
  const options = {
    optimizer: makeOptimizer(model, settings),
    epochs,
    batchSize,
    seed,
    schedule,
    signal: controller.signal,
    callbacks: [reporter],
  };
  try {
    return await fit(model, data, options);
  } finally {
    reporter.close();
    process.off("SIGINT", interrupt);
  }
}

/** What `--json` writes. Accuracies are shares from 0 to 1, null for regression. */
function report(model: Layer, data: Dataset, { name, seed }: Settings, { epochs, examplesPerSecond }: History): Record<string, unknown> {
  return {
    model: name,
    data: data.name,
    backend: backendName(),
    threads: threads(),
    seed,
    parameters: parameterCount(model),
    epochs,
    testAccuracy: epochs.at(-1)?.testAccuracy ?? null,
    examplesPerSecond,
  };
}

/** Writes a file so that it is either the old one or the new one, whatever happens on the way. */
async function writeAtomically(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, content);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw new Error(`cannot write ${path}: ${(error as Error).message}`);
  }
}
