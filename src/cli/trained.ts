/** @file Trained models on the command line: the model of a file with its settings checked, and the data that it is tried on. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { applyPreprocessing } from "../data/apply.ts";
import type { DataDescription, Dataset, Split } from "../data/dataset.ts";
import { datasets } from "../data/registry.ts";
import type { Metadata } from "../formats/safetensors.ts";
import { models } from "../models/registry.ts";
import { registerOnnx } from "../nn/foreign.ts";
import type { Layer } from "../nn/module.ts";
import { loadRun, modelMetadata as metadata, type TrainedModel } from "../train/trained.ts";
import { readReporter } from "./reporter.ts";
import { loadData, type Settled, settle, splitData } from "./session.ts";
import { type Config, flagOf, parseConfig } from "./settings.ts";
import { unknownName } from "./unknown-name.ts";

/** What a model must know of its data to predict: all of a data set but the examples. */
export type Description = DataDescription;

export interface Trained {
  /** The file. */
  readonly path: string;
  readonly model: Layer;
  readonly settings: Settled;
  readonly about: Description;
  readonly run: TrainedModel;
}

/** Stored with every model. Not on how many threads it was trained: the same model is the same file. */
export function modelMetadata({ threads: _, workers: __, ...settings }: Settled, data: Dataset): Metadata {
  return metadata(settings, data);
}

/** The model in a file, a checkpoint, or a run's folder (its last state), in evaluation mode. @throws {Error} one line for whatever is wrong. */
export async function loadTrained(path: string): Promise<Trained> {
  const run = await loadRun(path);
  const settings = settle(parseConfig(JSON.stringify(run.settings), run.path));
  return { path: run.path, model: run.model, settings, about: run.about, run };
}

// Opened only for the runs that want it: its operators take a while to load.
registerOnnx(async (source) => (await import("../onnx/layer.ts")).loadLayer(source));

type Part = "train" | "test";

/** Examples for a trained model, and what is to be said of them. */
export interface Tried {
  readonly data: Dataset;
  readonly split: Split;
  /** What they are: "test split", or "the whole file". */
  readonly what: string;
  readonly notes: readonly string[];
}

/** Settings that say which rows test: with others the split of a run would not be its own. */
const OF_SPLIT = ["label", "task", "ignore", "categorical", "missing", "testShare", "imageSize"] as const;

/**
 * The data that a model is tried on. Its own data set has the run's own split, if it is still what it was; any other file is taken whole, by the
 * preprocessing that the model was trained with.
 * @throws {Error} if the model's own file has changed: its rows would be split anew, and some that trained would test.
 */
export async function dataFor(trained: Trained, given: Config, part: Part = "test"): Promise<Tried> {
  const { settings, about } = trained;
  const path = pathOf(given);
  if (path === undefined) return ownData(trained, given, part);
  const reading = readReporter();
  try {
    const { data, flagged, extra } = await applyPreprocessing(path, about, {
      label: given.label,
      targets: given.targets,
      part,
      onRead: reading.onRead,
    });
    if (data.sha256 !== undefined && data.sha256 === about.sha256) {
      const own = await ownData(trained, { ...given, data: path, dataDir: undefined }, part);
      return { ...own, notes: [`${path} is the file that the model was trained on; of its rows those of the ${part} split are measured`] };
    }
    const changed =
      path === pathOf(settings) ? [`${path} has changed since the run was trained: rows that trained may be among these`] : [];
    const strange = extra.filter((name) => !settings.ignore?.includes(name));
    const left = flagged.slice(0, 3).map(({ name, reason }) => `${name}: ${reason}`);
    const more = flagged.length > 3 ? `; and ${flagged.length - 3} more` : "";
    return {
      data,
      split: data.test,
      what: "the whole file",
      notes: [
        ...changed,
        ...(flagged.length > 0
          ? [`${flagged.length} of ${flagged.length + data.test.count} rows are left out: ${left.join("; ")}${more}`]
          : []),
        ...(strange.length > 0 ? [`columns that the model does not look at: ${strange.join(", ")}`] : []),
      ],
    };
  } finally {
    reading.close();
  }
}

/** The path of a file or folder that some settings name; nothing for data sets with names of their own. */
function pathOf({ data, dataDir }: Config): string | undefined {
  if (data === undefined) return undefined;
  if (["csv", "parquet", "imagefolder", "text"].includes(data)) return dataDir;
  return Object.hasOwn(datasets, data) ? undefined : data;
}

/** The run's own data set, or another with a name, split as it always is. */
async function ownData(trained: Trained, given: Config, part: Part): Promise<Tried> {
  const { settings, about } = trained;
  const differs = OF_SPLIT.find((name) => given[name] !== undefined && JSON.stringify(given[name]) !== JSON.stringify(settings[name]));
  if (differs !== undefined)
    throw new Error(
      `${trained.path}: was trained with ${flagOf(differs).split(" ")[0]} ${JSON.stringify(settings[differs] ?? "(its default)")}; with another one rows that trained would test; leave it out, or give a file of its own with --data`,
    );
  const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const whole = await loadData({ ...settings, ...said });
  if (about.sha256 !== undefined && whole.sha256 !== undefined && whole.sha256 !== about.sha256)
    throw new Error(
      `${trained.path}: ${pathOf({ ...settings, ...said }) ?? settings.data} has changed since the run was trained (sha256 ${about.sha256.slice(0, 12)}... then, ${whole.sha256.slice(0, 12)}... now): split anew, rows that trained would test. Bring the old one back, or give new examples whole with --data FILE`,
    );
  checkFits(trained, whole);
  const data = splitData(whole, settings);
  return { data, split: data[part], what: `${part} split`, notes: [] };
}

/** @throws {Error} if the model takes or gives something else than the data have. */
function checkFits({ path, about }: Trained, data: Dataset): void {
  const shape = (x: Pick<Dataset, "inputShape">): string => `[${x.inputShape.join(", ")}]`;
  if (shape(about) !== shape(data)) throw new Error(`${path}: takes inputs ${shape(about)}, ${data.name} has ${shape(data)}`);
  if (about.task !== data.task) throw new Error(`${path}: is for ${about.task}, ${data.name} is for ${data.task}`);
  const same = data.classes.length === about.classes.length && data.classes.every((name, i) => name === about.classes[i]);
  if (data.task !== "classification" || same) return;
  const list = (classes: readonly string[]): string => (classes.length > 8 ? `${classes.slice(0, 8).join(", ")}, ...` : classes.join(", "));
  throw new Error(`${path}: knows the classes ${list(about.classes)}; ${data.name} has ${list(data.classes)}`);
}

/** Whether something on disk is meant, and no name of a model. @throws {Error} if it is neither. */
export function isTrained(what: string): boolean {
  if (existsSync(what) && (!Object.hasOwn(models, what) || existsSync(join(what, "config.json")))) return true;
  if (Object.hasOwn(models, what)) return false;
  throw new Error(`${unknownName("model", what, Object.keys(models)).message}; nor is there such a file or folder`);
}
