/** @file `nabla predict`: what a trained model, or a network with published weights, says of new examples. */
import { extname } from "node:path";
import { csvCell } from "../data/csv-cell.ts";
import { inputsAt } from "../data/loader.ts";
import { outputsOf } from "../train/evaluate.ts";
import { PbpNetwork } from "../train/pbp.ts";
import { answering, batchFor, type Prediction, predictionOf } from "../train/trained.ts";
import { filesIn, type Input, readInputs } from "./inputs.ts";
import { isOnnx } from "./onnx-command.ts";
import { outputFile } from "./output.ts";
import { loadOnnx, loadPublished, type Published, type PublishedFlags } from "./published.ts";
import { percent } from "./reporter.ts";
import { dataFor, loadTrained, type Trained } from "./trained.ts";

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
interface Said extends Prediction {
  readonly input: string;
}

/** Exit code 1 if nothing could be predicted. */
export async function predictCommand(path: string | undefined, files: readonly string[], flags: PredictFlags): Promise<number> {
  const write = flags.out === undefined ? undefined : writerFor(flags.out, [path, flags.weights, flags.classes, ...files]);
  const found: Said[] = [];
  const flagged: Said[] = [];
  let count = 0;
  for await (const [input, said] of predictions(path, files, flags)) {
    count++;
    if (said.error !== undefined) flagged.push(said);
    if (write) found.push({ ...said, ...(said.classes && { classes: said.classes.slice(0, flags.top) }) });
    else if (flags.json) console.log(JSON.stringify(said));
    else if (said.error !== undefined) console.log(`${said.input}: not predicted: ${said.error}`);
    else console.log(input.picture && said.classes ? bars(said, flags.top) : line(said, flags.top));
  }
  if (count > 0 && flagged.length === count) throw new Error(`${flagged[0].input}: ${flagged[0].error}`);
  if (write) await write(found);
  if (flagged.length > 0) {
    const more = flagged.length > 1 ? ` and ${flagged.length - 1} more` : "";
    console.error(`warning: ${flagged.length} of ${count} could not be predicted: ${flagged[0].input}: ${flagged[0].error}${more}`);
  }
  return 0;
}

async function* predictions(
  path: string | undefined,
  files: readonly string[],
  { weights, ...flags }: PredictFlags,
): AsyncGenerator<[Input, Said]> {
  if (weights !== undefined) {
    if (flags.example)
      throw new Error("--example is for models that nabla train has written, which know their data set; give --weights files of images");
    const named = [...(path === undefined ? [] : [path]), ...files];
    if (named.length === 0) throw new Error("want something to predict: images, or a folder of them");
    const paths = await filesIn(named);
    yield* predicted(await loadPublished({ ...flags, weights }), (about) => inputsFrom(paths, about));
    return;
  }
  if (flags.model !== undefined && isOnnx(flags.model)) {
    if (flags.example) throw new Error("--example is for models that nabla train has written; give an ONNX file images or arrays");
    const named = [...(path === undefined ? [] : [path]), ...files];
    if (named.length === 0) throw new Error("want something to predict: images, arrays (.npy), or a folder of them");
    const paths = await filesIn(named);
    yield* predicted(await loadOnnx(flags.model, flags.classes, flags.imageSize), (about) => inputsFrom(paths, about));
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
  const { data } = await dataFor(trained, { ...(dataDir !== undefined && { dataDir }) });
  const { targets, count } = data.test;
  const read = async (i: number): Promise<Input> => {
    if (i >= count) throw new Error(`--example ${i}: ${data.name} has ${count} test examples, 0 to ${count - 1}`);
    const truth = data.task === "classification" ? ` (${data.classes[targets[i]]})` : "";
    return { name: `${data.name} ${i}${truth}`, values: Float32Array.from(await inputsAt(data.test, Int32Array.of(i))) };
  };
  return Promise.all(positions.map(read));
}

/** Each input with what the model says of it, in their order. */
async function* predicted(
  { model, about, hasDeviation = model instanceof PbpNetwork }: Pick<Published, "model" | "about" | "hasDeviation">,
  inputs: (about: Trained["about"]) => AsyncIterable<Input>,
): AsyncGenerator<[Input, Said]> {
  const waiting: Input[] = [];
  async function* values(): AsyncGenerator<Float32Array> {
    for await (const input of inputs(about)) {
      waiting.push(input);
      if (input.values) yield input.values;
    }
  }
  function* flagged(): Generator<[Input, Said]> {
    while (waiting[0]?.error !== undefined) {
      const input = waiting.shift()!;
      yield [input, { input: input.name, error: input.error }];
    }
  }
  for await (const outputs of outputsOf(answering(model), about.inputShape, values(), batchFor(about.inputShape))) {
    yield* flagged();
    const input = waiting.shift()!;
    yield [input, { input: input.name, ...predictionOf(outputs, about, hasDeviation) }];
  }
  yield* flagged();
}

function line({ input, classes, values, deviation, low95, high95 }: Said, top: number): string {
  const said =
    classes?.slice(0, top).map(({ class: name, probability }) => `${name} (${percent(probability)})`) ??
    values!.map((v) => v.toPrecision(6));
  const sure =
    deviation === undefined ? "" : ` ± ${deviation.toPrecision(3)} (95 %: ${low95!.toPrecision(6)} to ${high95!.toPrecision(6)})`;
  return `${input}: ${said.join(", ")}${sure}`;
}

const BAR = 30;
const EIGHTHS = " ▏▎▍▌▋▊▉";

/** A line per class, with a bar as long as it is probable. */
function bars({ input, classes }: Said, top: number): string {
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

const FORMATS: Readonly<Record<string, (found: readonly Said[]) => string>> = {
  ".json": (found) => `${JSON.stringify(found, null, 2)}\n`,
  ".csv": csv,
};

function writerFor(path: string, inputs: readonly (string | undefined)[]): (found: readonly Said[]) => Promise<void> {
  const format = FORMATS[extname(path).toLowerCase()];
  if (!format) throw new Error(`--out ${path}: want a file that ends in ${Object.keys(FORMATS).join(" or ")}`);
  const output = outputFile(path, inputs);
  return (found) => output.write(format(found));
}

/** What a model says that knows how sure it is. */
const SURE = ["deviation", "low95", "high95"] as const;

/** A row per input: its name, then class and probability by rank, or the values; and why there are none, if some could not be predicted. */
function csv(found: readonly Said[]): string {
  const cellsOf = ({ classes, values = [] }: Said): (string | number)[] => classes?.flatMap((c) => [c.class, c.probability]) ?? [...values];
  const sure = SURE.filter((name) => found.some((said) => said[name] !== undefined));
  const first = found.find(({ error }) => error === undefined);
  const most = found.reduce((n, said) => Math.max(n, cellsOf(said).length), 0);
  const names = first?.classes ? ["class", "probability"] : ["value"];
  const ranks = Array.from({ length: most / names.length }, (_, i) => i + 1);
  const flagged = found.some(({ error }) => error !== undefined);
  const head = ["input", ...ranks.flatMap((i) => names.map((name) => `${name}${i}`)), ...sure, ...(flagged ? ["error"] : [])];
  const row = (said: Said): (string | number)[] => {
    const cells = cellsOf(said);
    const empty = new Array<string>(most - cells.length).fill("");
    return [said.input, ...cells, ...empty, ...sure.map((name) => said[name] ?? ""), ...(flagged ? [said.error ?? ""] : [])];
  };
  return [head, ...found.map(row)].map((cells) => `${cells.map(csvCell).join(",")}\n`).join("");
}
