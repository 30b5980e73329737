/** @file From a configuration to what trains: all settings settled, the data loaded, model and optimizer made, the options of `fit`. */
import type { Dataset } from "../data/dataset.ts";
import { loadDataset } from "../data/registry.ts";
import { trainTestSplit } from "../data/split.ts";
import { manualSeed } from "../math/random.ts";
import { models } from "../models/registry.ts";
import type { Layer } from "../nn/module.ts";
import type { Parameter } from "../nn/parameter.ts";
import { Adam } from "../optim/adam.ts";
import { AdamW } from "../optim/adamw.ts";
import { EMA } from "../optim/averaging.ts";
import { oneCycle } from "../optim/cyclic.ts";
import { Lion } from "../optim/lion.ts";
import { NAdam } from "../optim/nadam.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { RMSProp } from "../optim/rmsprop.ts";
import { cosine, type Schedule } from "../optim/schedules.ts";
import { SGD } from "../optim/sgd.ts";
import { setBackend } from "../runtime/backend.ts";
import { setThreads } from "../runtime/pool.ts";
import type { Callback } from "../train/callback.ts";
import { EarlyStopping, ReduceOnPlateau } from "../train/early-stopping.ts";
import type { FitOptions } from "../train/fit.ts";
import { outputSize } from "../train/task.ts";
import { augmentation } from "./augmentations.ts";
import { downloadReporter } from "./download-reporter.ts";
import { recipeFor, unknownName } from "./recipes.ts";
import type { Config } from "./settings.ts";

/** A configuration with nothing left to recipes, which may change from version to version. */
export type Settled = Config &
  Required<Pick<Config, "model" | "data" | "optimizer" | "lr" | "batchSize" | "epochs" | "schedule" | "seed" | "backend">>;

/** @throws {Error} for a model that is not known, or none. */
export function settle({ model, ...config }: Config): Settled {
  if (model === undefined) throw new Error(`want a model to train, a name that nabla info lists, such as lenet5 or resnet18`);
  if (!Object.hasOwn(models, model)) throw unknownName("model", model, Object.keys(models));
  const { decay, ...recipe } = recipeFor(model, config);
  return { model, ...recipe, schedule: decay ? "cosine" : "constant", seed: 0, backend: "auto", ...config };
}

export interface Session {
  readonly settings: Settled;
  readonly data: Dataset;
  readonly model: Layer;
  readonly options: FitOptions & { readonly callbacks: readonly Callback[] };
}

/** Loads and makes everything; the same settings give the same bits. */
export async function openSession(settings: Settled): Promise<Session> {
  if (settings.backend !== "auto") setBackend(settings.backend);
  if (settings.threads !== undefined) setThreads(settings.threads);
  const whole = await loadData(settings);
  const [train, validation] =
    settings.validation === undefined ? [whole.train] : trainTestSplit(whole.train, settings.validation, { seed: settings.seed });
  const data = { ...whole, train };
  manualSeed(settings.seed);
  const model = makeModel(settings, data);
  const { epochs, batchSize, accumulate, clipNorm, seed, ema } = settings;
  const options = {
    optimizer: makeOptimizer(model.parameters(), settings),
    epochs,
    batchSize,
    accumulate,
    clipNorm,
    seed,
    schedule: scheduleOf(settings),
    ...(ema !== undefined && { average: new EMA(model.parameters(), { decay: ema }) }),
    ...(validation && { validation }),
    ...(settings.augment && { augment: augmentation(settings.augment, data.inputShape) }),
    callbacks: deciders(settings),
  };
  return { settings, data, model, options };
}

/** The data set of some settings. */
export async function loadData({
  data,
  dataDir,
  label,
  task,
  ignore,
  categorical,
  missing,
  testShare,
  imageSize,
}: Config & { data: string }): Promise<Dataset> {
  const { onProgress, close } = downloadReporter();
  try {
    return await loadDataset(data, { dataDir, label, task, ignore, categorical, missing, testShare, size: imageSize, onProgress });
  } finally {
    close();
  }
}

/** The model of some settings for a data set. @throws {Error} if it cannot take it. */
export function makeModel({ model, hidden }: Pick<Settled, "model" | "hidden">, data: Dataset): Layer {
  if (hidden && model !== "mlp") throw new Error(`hidden: is for mlp; the layers of ${model} are its own`);
  return models[model]({ inputShape: data.inputShape, outputs: outputSize(data), hidden });
}

export function makeOptimizer(
  parameters: readonly Parameter[],
  { optimizer, lr, weightDecay }: Pick<Settled, "optimizer" | "lr" | "weightDecay">,
): Optimizer {
  const options = { lr, ...(weightDecay !== undefined && { weightDecay }) };
  switch (optimizer) {
    case "sgd":
      return new SGD(parameters, { ...options, momentum: 0.9 });
    case "adam":
      return new Adam(parameters, options);
    case "adamw":
      return new AdamW(parameters, options);
    case "nadam":
      return new NAdam(parameters, options);
    case "rmsprop":
      return new RMSProp(parameters, options);
    case "lion":
      return new Lion(parameters, options);
  }
}

const ONE_CYCLE = oneCycle(1, { steps: 10_001 });

const schedules: Readonly<Record<Settled["schedule"], Schedule | undefined>> = {
  constant: undefined,
  cosine,
  linear: (done) => 1 - done,
  "one-cycle": (done) => ONE_CYCLE(10_000 * done),
};

function scheduleOf({ schedule, warmUp = 0 }: Settled): Schedule | undefined {
  const chosen = schedules[schedule];
  return warmUp === 0 ? chosen : (done) => Math.min(1, done / warmUp) * (chosen?.(done) ?? 1);
}

/** Callbacks that decide about the run. */
function deciders({ patience, plateau, monitor }: Settled): Callback[] {
  return [
    ...(plateau === undefined ? [] : [new ReduceOnPlateau({ patience: plateau, monitor })]),
    ...(patience === undefined ? [] : [new EarlyStopping({ patience, monitor })]),
  ];
}
