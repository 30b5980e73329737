/** @file From a configuration to what trains: all settings settled, the data loaded, model and optimizer made, the options of `fit`. */
import type { Dataset, Split } from "../data/dataset.ts";
import { batchCount } from "../data/loader.ts";
import { datasets, loadDataset } from "../data/registry.ts";
import { balancedSampler } from "../data/sampler.ts";
import { trainTestSplit } from "../data/split.ts";
import { setReadLimit } from "../formats/budget.ts";
import { manualSeed } from "../math/random.ts";
import { models, type STRUCTURE } from "../models/registry.ts";
import type { Layer } from "../nn/module.ts";
import { tensor, zeros } from "../ops/create.ts";
import { EMA } from "../optim/averaging.ts";
import { backendName } from "../runtime/backends.ts";
import { setBackend } from "../runtime/set-backend.ts";
import "../runtime/x64/register.ts";
import { setThreads } from "../runtime/wasm/pool.ts";
import type { Callback } from "../train/callback.ts";
import { checkTraining } from "../train/check-training.ts";
import { EarlyStopping, ReduceOnPlateau } from "../train/early-stopping.ts";
import type { FitOptions } from "../train/fit.ts";
import { classLoss, defaultLoss, type Loss, outputSize } from "../train/task.ts";
import { augmentation, randomCropOf } from "./augmentations.ts";
import { downloadReporter } from "./download-reporter.ts";
import { preparationFor, type Taken, takeWeights, trainable } from "./fine-tuning.ts";
import { isOnnx, onnxNetwork } from "./onnx-command.ts";
import { makeOptimizer, scheduleOf } from "./optimizers.ts";
import { recipeFor } from "./recipes.ts";
import { readReporter } from "./reporter.ts";
import type { Config } from "./settings.ts";
import { unknownName } from "./unknown-name.ts";

/** A configuration with nothing left to recipes, which may change from version to version. */
export type Settled = Config &
  Required<Pick<Config, "model" | "data" | "optimizer" | "lr" | "batchSize" | "epochs" | "schedule" | "seed" | "backend">>;

/** The backend that settings ask for, by its name: a run that is resumed takes the same. */
function backendOf(asked: Config["backend"]): Settled["backend"] {
  if (asked === "auto") setBackend(asked);
  return asked === undefined || asked === "auto" ? backendName() : asked;
}

/** @throws {Error} for a model that is not known, or none. */
export function settle({ model, ...given }: Config): Settled {
  const config = { ...given, backend: backendOf(given.backend) };
  if (model === undefined) throw new Error(`want a model to train, a name that nabla info lists, such as lenet5 or resnet18`);
  if (model === "pbp") return { model, task: "regression", hidden: [50], epochs: 40, seed: 0, ...config } as Settled;
  if (!Object.hasOwn(models, model) && !isOnnx(model)) throw unknownName("model", model, Object.keys(models));
  const { decay, ...recipe } = recipeFor(model, config);
  return { model, ...recipe, schedule: decay ? "cosine" : "constant", seed: 0, ...config };
}

export interface Session {
  readonly settings: Settled;
  readonly data: Dataset;
  readonly model: Layer;
  readonly options: FitOptions & { readonly callbacks: readonly Callback[]; readonly loss: Loss };
  /** What the weights started from, if not from chance. */
  readonly taken?: Taken;
}

/** Loads and makes everything; the same settings give the same bits. */
export async function openSession(settings: Settled): Promise<Session> {
  if (settings.backend !== "auto") setBackend(settings.backend);
  if (settings.threads !== undefined) setThreads(settings.threads);
  const data = splitData(await loadData(settings), settings);
  manualSeed(settings.seed);
  const model = await modelFor(settings, data);
  const taken = settings.weights === undefined ? undefined : await takeWeights(model, settings.weights, settings.weightsKey);
  const training = trainable(model, settings.freeze, taken?.fresh);
  const { epochs, batchSize, accumulate, clipNorm, seed, ema } = settings;
  const options = {
    optimizer: makeOptimizer(training, settings),
    epochs,
    batchSize,
    accumulate,
    clipNorm,
    seed,
    schedule: scheduleOf(settings, batchCount(data.train, { batchSize })),
    loss: lossOf(settings, data),
    ...(settings.balanced && { sampler: balancedSampler(data.train) }),
    ...(ema !== undefined && {
      average: new EMA(
        training.map(([, parameter]) => parameter),
        { decay: ema },
      ),
    }),
    ...(data.validation && { validation: data.validation }),
    ...(settings.augment && { augment: augmentation(settings.augment, data.inputShape) }),
    callbacks: deciders(settings),
    // The commands look themselves, with `sayMistakes`, before anything is written.
    checks: false,
  };
  return { settings, data, model, options, ...(taken && { taken }) };
}

/** What has been said, once for all runs of a sweep. */
const said = new Set<string>();

/** Says what may be a mistake in data, model or loss. @throws {Error} for what cannot train. */
export async function sayMistakes({ model, data, options }: Session): Promise<void> {
  const { optimizer, loss, augment, batchSize, validation } = options;
  for (const note of await checkTraining(model, data, { optimizer, loss, augment, batchSize, validation })) {
    if (!said.has(note)) console.error(`warning: ${note}`);
    said.add(note);
  }
}

/** The data set with examples of its training part held out for decisions, if some are asked for. */
export function splitData(whole: Dataset, { validation: share, seed }: Pick<Settled, "validation" | "seed">): Dataset {
  if (share === undefined) return whole;
  if (whole.validation)
    throw new Error(`validation: ${whole.name} has ${whole.validation.count} examples for validation already; leave out --validation`);
  const [train, validation] = splitOf(whole.train, share, seed);
  return { ...whole, train, validation };
}

function splitOf(train: Split, share: number, seed: number): [Split, Split] {
  if (train.read)
    throw new Error("validation: a share of images that stay on disk cannot be held out; put some into a folder val/ beside train/");
  return trainTestSplit(train, share, { seed });
}

/** The data set of some settings. */
export async function loadData(settings: Config & Pick<Settled, "data">): Promise<Dataset> {
  const { data, dataDir, label, targets, task, ignore, categorical, missing, testShare, imageSize, augment, seed } = settings;
  const isText = settings.model === "gpt";
  if (isText && data !== "text" && Object.hasOwn(datasets, data))
    throw new Error(`gpt: learns from a text, which ${data} is not; want the path of a text file: --data FILE`);
  const { header, decimal, thousands, currency, na, encoding, maxBytes } = settings;
  if (maxBytes !== undefined) setReadLimit(maxBytes);
  const csv = { ...(header && { header: header === "yes" }), decimal, thousands, currency, na, encoding, maxBytes };
  const { onProgress, close } = downloadReporter();
  const reading = readReporter();
  const randomResizedCrop = randomCropOf(augment);
  const images = {
    ...(imageSize !== undefined && { size: imageSize }),
    ...(await preparationFor(settings)),
    ...(randomResizedCrop !== undefined && { randomResizedCrop }),
    fromDisk: settings.fromDisk ?? randomResizedCrop !== undefined,
    workers: settings.workers,
    cropSeed: seed,
    onRead: reading.onRead,
  };
  try {
    const loaded = await loadDataset(isText ? "text" : data, {
      dataDir: isText && data !== "text" ? data : dataDir,
      context: settings.context,
      label,
      targets,
      task,
      ignore,
      categorical,
      missing,
      testShare,
      onProgress,
      ...csv,
      ...images,
    });
    if (randomResizedCrop !== undefined && !loaded.train.read)
      throw new Error(`augment: random-resized-crop is for folders of images, which ${data} is not`);
    return loaded;
  } finally {
    reading.close();
    close();
  }
}

/** The model of some settings, which may be that of an ONNX file, whose weights it starts from. @throws {Error} if it cannot take the data. */
async function modelFor(settings: Settled, data: Dataset): Promise<Layer> {
  if (!isOnnx(settings.model)) return makeModel(settings, data);
  const { model, inputShape } = await onnxNetwork(settings.model, data.inputShape);
  const found = model.eval().forward(zeros([1, ...inputShape])).shape;
  const want = outputSize(data);
  if (found.length !== 2 || found[1] !== want)
    throw new Error(`${settings.model}: gives [${found}] for an example, ${data.name} wants [1, ${want}]`);
  return model.train();
}

/** The model of some settings for a data set. @throws {Error} if it cannot take it. */
export function makeModel(settings: Pick<Settled, "model" | (typeof STRUCTURE)[number] | "context">, data: Dataset): Layer {
  const { model, hidden, dropout, layers, heads, features } = settings;
  if (model === "pbp") throw new Error("pbp: learns by updates in closed form, without an optimizer: only nabla train pbp trains it");
  if (hidden && model !== "mlp") throw new Error(`hidden: is for mlp; the layers of ${model} are its own`);
  const strange = (["context", "layers", "heads", "features"] as const).find((name) => settings[name] !== undefined);
  if (strange && model !== "gpt") throw new Error(`${strange}: is for gpt; ${model} has none to choose`);
  if (data.preprocessing?.text && model !== "gpt") throw new Error(`${model}: takes no text; for ${data.name}: nabla train gpt`);
  return models[model]({ inputShape: data.inputShape, outputs: outputSize(data), hidden, dropout, layers, heads, features });
}

/** What is minimized. @throws {Error} for weights of classes that are not there, or where there are no classes. */
export function lossOf({ classWeights, labelSmoothing }: Config, data: Dataset): Loss {
  if (classWeights === undefined && labelSmoothing === undefined) return defaultLoss(data);
  if (data.task !== "classification")
    throw new Error(`${classWeights ? "classWeights" : "labelSmoothing"}: is for classes, ${data.name} is for regression`);
  const weight = classWeights && tensor(weightsOf(classWeights, data));
  return classLoss({ labelSmoothing, ...(weight && { weight }) });
}

/** A weight for each class. "balanced": inverse to its share of the training examples, 1 on average over them. */
function weightsOf(texts: readonly string[], { train, classes }: Dataset): number[] {
  if (texts.length === 1 && texts[0] === "balanced") {
    const counts = new Float64Array(classes.length);
    for (const target of train.targets) counts[target]++;
    return Array.from(counts, (n) => (n === 0 ? 0 : train.count / (classes.length * n)));
  }
  const weights = new Array<number>(classes.length).fill(1);
  for (const text of texts) {
    const cut = text.lastIndexOf("=");
    const [name, value] = [text.slice(0, cut).trim(), Number(text.slice(cut + 1))];
    if (cut < 1 || text.slice(cut + 1).trim() === "" || !(value >= 0 && Number.isFinite(value)))
      throw new Error(`classWeights: want balanced, or class=weight with a weight >= 0, got "${text}"`);
    const index = classes.indexOf(name);
    if (index < 0) throw unknownName("class", name, classes);
    weights[index] = value;
  }
  if (weights.every((weight) => weight === 0)) throw new Error("classWeights: all are 0, which leaves nothing to learn");
  return weights;
}

/** Callbacks that decide about the run. */
function deciders({ patience, plateau, monitor }: Settled): Callback[] {
  return [
    ...(plateau === undefined ? [] : [new ReduceOnPlateau({ patience: plateau, monitor })]),
    ...(patience === undefined ? [] : [new EarlyStopping({ patience, monitor })]),
  ];
}

/** What decides about the run on the way by looking at the test split, if anything does: then the test figures are no fair judge of the result. */
export function peeksAt({ settings: { patience, plateau, monitor }, data }: Session): string | undefined {
  const watched = monitor ?? (data.validation ? "validationLoss" : "testLoss");
  if (!watched.startsWith("test") || (patience === undefined && plateau === undefined)) return undefined;
  const what = patience === undefined ? "the learning rate followed" : "the weights were picked by";
  return `${what} the ${watched === "testLoss" ? "test loss" : watched}, so the test figures are better than those on new data will be; --validation 0.1 holds out examples to decide by`;
}
