/** @file `nabla predict`: what a trained model, or a network with published weights, says of new examples. */
import { extname } from "node:path";
import { unstandardize } from "../data/preprocessing.ts";
import { softmax } from "../math/softmax.ts";
import { tensor } from "../ops/create.ts";
import { outputsOf } from "../train/evaluate.ts";
import { checkFits } from "./evaluate-command.ts";
import { filesIn, type Input, readInputs } from "./inputs.ts";
import { outputFile } from "./output.ts";
import { loadPublished, type PublishedFlags } from "./published.ts";
import { percent } from "./reporter.ts";
import { loadData } from "./session.ts";
import { loadTrained, type Trained } from "./trained.ts";

export interface PredictFlags extends Partial<PublishedFlags> {
  /** Positions in the test split of the model's own data set. */
  readonly example?: readonly number[];
  readonly dataDir?: string;
  readonly top: number;
  readonly json?: boolean;
  /** A .csv or .json file to write, instead of printing. */
  readonly out?: string;
}

/** What is said of one example. */
interface Prediction {
  readonly input: string;
  /** Classes by falling probability, or target values. */
  readonly classes?: readonly { readonly class: string; readonly probability: number }[];
  readonly values?: readonly number[];
}

export async function predictCommand(path: string | undefined, files: readonly string[], flags: PredictFlags): Promise<number> {
  const write = flags.out === undefined ? undefined : writerFor(flags.out, [path, flags.weights, flags.classes, ...files]);
  const found: Prediction[] = [];
  for await (const [input, prediction] of predictions(path, files, flags)) {
    if (write) found.push({ ...prediction, ...(prediction.classes && { classes: prediction.classes.slice(0, flags.top) }) });
    else if (flags.json) console.log(JSON.stringify(prediction));
    else console.log(input.picture && prediction.classes ? bars(prediction, flags.top) : line(prediction, flags.top));
  }
  if (write) await write(found);
  return 0;
}

async function* predictions(
  path: string | undefined,
  files: readonly string[],
  { weights, ...flags }: PredictFlags,
): AsyncGenerator<[Input, Prediction]> {
  if (weights !== undefined) {
    if (flags.example)
      throw new Error("--example is for models that nabla train has written, which know their data set; give --weights files of images");
    const named = [...(path === undefined ? [] : [path]), ...files];
    if (named.length === 0) throw new Error("want something to predict: images, or a folder of them");
    const paths = await filesIn(named);
    yield* predicted(await loadPublished({ ...flags, weights }), (about) => inputsFrom(paths, about));
    return;
  }
  if (flags.model !== undefined || flags.classes !== undefined)
    throw new Error("--model and --classes go with --weights: a model that nabla train has written says itself what it is");
  if (path === undefined) throw new Error("want a trained model: the folder of a run, a model's file, or --weights FILE --model NAME");
  const trained = await loadTrained(path);
  if (files.length === 0 && !flags.example)
    throw new Error("want something to predict: files, or --example with positions in the test split");
  const paths = await filesIn(files);
  yield* predicted(trained, async function* (about) {
    yield* inputsFrom(paths, about);
    if (flags.example) yield* await examples(trained, flags.example, flags.dataDir);
  });
}

async function* inputsFrom(paths: readonly string[], about: Trained["about"]): AsyncGenerator<Input> {
  for (const path of paths) yield* await readInputs(path, about);
}

async function examples(trained: Trained, positions: readonly number[], dataDir: string | undefined): Promise<Input[]> {
  const data = await loadData({ ...trained.settings, ...(dataDir !== undefined && { dataDir }) });
  checkFits(trained, data);
  const { inputs, targets, count } = data.test;
  const width = inputs.length / count;
  return positions.map((i) => {
    if (i >= count) throw new Error(`--example ${i}: ${data.name} has ${count} test examples, 0 to ${count - 1}`);
    const truth = data.task === "classification" ? ` (${data.classes[targets[i]]})` : "";
    return { name: `${data.name} ${i}${truth}`, values: inputs.slice(i * width, (i + 1) * width) };
  });
}

/** Each input with what the model says of it. */
async function* predicted(
  { model, about }: Pick<Trained, "model" | "about">,
  inputs: (about: Trained["about"]) => AsyncIterable<Input>,
): AsyncGenerator<[Input, Prediction]> {
  const waiting: Input[] = [];
  async function* values(): AsyncGenerator<Float32Array> {
    for await (const input of inputs(about)) {
      waiting.push(input);
      yield input.values;
    }
  }
  for await (const outputs of outputsOf(model, about.inputShape, values())) {
    const input = waiting.shift()!;
    yield [input, predictionOf(input.name, outputs, about)];
  }
}

function predictionOf(input: string, outputs: Float32Array, { task, classes, preprocessing }: Trained["about"]): Prediction {
  if (task === "regression")
    return { input, values: [...(preprocessing?.targets ? unstandardize(outputs, preprocessing.targets, 1) : outputs)] };
  const probabilities = softmax(tensor(outputs), 0).dataSync();
  const ranked = classes.map((name, i) => ({ class: name, probability: Number(probabilities[i]) }));
  return { input, classes: ranked.sort((a, b) => b.probability - a.probability) };
}

function line({ input, classes, values }: Prediction, top: number): string {
  const said =
    classes?.slice(0, top).map(({ class: name, probability }) => `${name} (${percent(probability)})`) ??
    values!.map((v) => v.toPrecision(6));
  return `${input}: ${said.join(", ")}`;
}

const BAR = 30;
const EIGHTHS = " ▏▎▍▌▋▊▉";

/** A line per class, with a bar as long as it is probable. */
function bars({ input, classes }: Prediction, top: number): string {
  const shown = classes!.slice(0, top);
  const width = Math.max(...shown.map(({ class: name }) => name.length));
  const rows = shown.map(({ class: name, probability }) => {
    const eighths = Math.round(8 * BAR * probability);
    const bar = `${"█".repeat(Math.floor(eighths / 8))}${eighths % 8 === 0 ? "" : EIGHTHS[eighths % 8]}`;
    return `  ${name.padEnd(width)}  ${percent(probability).padStart(7)}  ${bar}`.trimEnd();
  });
  return [input, ...rows].join("\n");
}

// ---- to a file ----------------------------------------------------------------------------------------------------------------------

const FORMATS: Readonly<Record<string, (found: readonly Prediction[]) => string>> = {
  ".json": (found) => `${JSON.stringify(found, null, 2)}\n`,
  ".csv": csv,
};

function writerFor(path: string, inputs: readonly (string | undefined)[]): (found: readonly Prediction[]) => Promise<void> {
  const format = FORMATS[extname(path).toLowerCase()];
  if (!format) throw new Error(`--out ${path}: want a file that ends in ${Object.keys(FORMATS).join(" or ")}`);
  const output = outputFile(path, inputs);
  return (found) => output.write(format(found));
}

/** A row per input: its name, then class and probability by rank, or the values. */
function csv(found: readonly Prediction[]): string {
  const most = Math.max(0, ...found.map(({ classes, values }) => (classes ?? values!).length));
  const ranks = Array.from({ length: most }, (_, i) => i + 1);
  const head = ["input", ...ranks.flatMap((i) => (found[0]?.classes ? [`class${i}`, `probability${i}`] : [`value${i}`]))];
  const rows = found.map(({ input, classes, values }) => [input, ...(classes?.flatMap((c) => [c.class, c.probability]) ?? values!)]);
  return [head, ...rows].map((row) => `${row.map(quoted).join(",")}\n`).join("");
}

const quoted = (value: string | number): string => (/[",\n\r]/.test(`${value}`) ? `"${`${value}`.replaceAll('"', '""')}"` : `${value}`);
