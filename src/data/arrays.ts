/**
 * @file Arrays as data sets: npy and npz files of NumPy, idx files. Inputs are [N], [N, features], grey images [N, height, width], or images with
 * their channels first or last. Bytes of images become 0 to 1; other numbers are standardized by feature or channel, in f64, as the training part has them.
 */
import { aPath, type Checks, check, checkOptions, finite, oneOf, share, text } from "../base/check.ts";
import { READ_LIMITS, type ReadLimits } from "../formats/budget.ts";
import { readIdx } from "../formats/idx.ts";
import { readNpy } from "../formats/npy.ts";
import { readNpz } from "../formats/npz.ts";
import type { DataDescription, Dataset, Split } from "./dataset.ts";
import { digestOf, readIfThere } from "./files.ts";
import { fitStandardization, type Preprocessing, type RawArray, type Standardization, standardizeValues } from "./preprocessing.ts";
import { splitIndices, subset } from "./split.ts";

export interface ArrayOptions extends ReadLimits {
  /** The file of the targets, beside a .npy or idx file of inputs. */
  readonly targets?: string;
  /** Default: classification for whole numbers with few values; else regression. */
  readonly task?: Dataset["task"];
  /** Share of the examples that test, where the file has no part for it. Default 0.2. */
  readonly testShare?: number;
  /** Of the random split. Default 0. */
  readonly seed?: number;
}

export const ARRAY_OPTIONS: Checks<ArrayOptions> = {
  ...READ_LIMITS,
  targets: aPath,
  task: oneOf("classification", "regression"),
  testShare: share,
  seed: finite,
};

/** An array of any file, its elements as numbers. */
export interface NumberArray {
  readonly what: string;
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
  /** Whether the elements are bytes. */
  readonly bytes: boolean;
}

type PartName = "train" | "validation" | "test" | "all";
type Pair = { readonly inputs?: NumberArray; readonly targets?: NumberArray };

const ARRAYS = /(\.(npy|npz|idx)|idx\d-ubyte)(\.gz)?$/i;

/** Whether a path is that of a file of arrays. */
export const isArrayFile = (path: string): boolean => ARRAYS.test(path);

/** The parts of a file of arrays by name: train, validation and test, or all together. @throws {Error} for a file without inputs or targets. */
async function readParts(path: string, { targets, maxBytes }: ArrayOptions): Promise<Map<PartName, Pair>> {
  const bytes = await bytesOf(path);
  if (/\.npz$/i.test(path)) return partsOfArchive(path, bytes, { maxBytes });
  const labels = targets ?? siblingOf(path);
  if (labels === undefined) throw new Error(`${path}: want the file of the targets too (targets: "y.npy", --targets y.npy)`);
  const pair = { inputs: await arrayIn(path, bytes, { maxBytes }), targets: await arrayIn(labels, await bytesOf(labels), { maxBytes }) };
  const test = testSiblings(path, labels);
  const found = test && (await Promise.all(test.map(readIfThere)));
  if (!found?.[0] || !found[1]) return new Map([["all", pair]]);
  const testPair = { inputs: await arrayIn(test![0], found[0], { maxBytes }), targets: await arrayIn(test![1], found[1], { maxBytes }) };
  return new Map<PartName, Pair>([
    ["train", pair],
    ["test", testPair],
  ]);
}

/** `train-labels-idx1-ubyte` beside `train-images-idx3-ubyte`, as MNIST names them. */
function siblingOf(path: string): string | undefined {
  const sibling = path.replace(/images-idx\d-ubyte/i, "labels-idx1-ubyte");
  return sibling === path ? undefined : sibling;
}

/** The test files of MNIST's four. */
function testSiblings(inputs: string, targets: string): [string, string] | undefined {
  const pattern = /train-((?:images|labels)-idx\d-ubyte(?:\.gz)?)$/;
  return pattern.test(inputs) && pattern.test(targets)
    ? [inputs.replace(pattern, "t10k-$1"), targets.replace(pattern, "t10k-$1")]
    : undefined;
}

async function bytesOf(path: string): Promise<Uint8Array> {
  const bytes = await readIfThere(path);
  if (!bytes) throw new Error(`no file ${path}`);
  return bytes;
}

async function arrayIn(path: string, bytes: Uint8Array, limits: ReadLimits): Promise<NumberArray> {
  const { shape, data } = /\.npy(\.gz)?$/i.test(path) ? readNpy(bytes, path, limits) : await readIdx(bytes, path, undefined, limits);
  return numbersOf(path, shape, data);
}

function numbersOf(what: string, shape: readonly number[], data: ArrayLike<unknown>): NumberArray {
  const whole = data instanceof BigInt64Array || data instanceof BigUint64Array;
  const numbers = whole ? Float64Array.from(data as BigInt64Array, Number) : (data as ArrayLike<number>);
  if (numbers.length > 0 && typeof numbers[0] !== "number" && typeof numbers[0] !== "boolean")
    throw new Error(`${what}: holds ${typeof numbers[0]}s; want numbers`);
  return { what, shape, data: numbers, bytes: data instanceof Uint8Array };
}

const SPLITS: Readonly<Record<string, PartName>> = {
  train: "train",
  training: "train",
  test: "test",
  testing: "test",
  val: "validation",
  valid: "validation",
  validation: "validation",
};
const INPUTS = ["x", "input", "inputs", "image", "images", "data", "features", "samples"];
const TARGETS = ["y", "target", "targets", "label", "labels", "class", "classes"];

/** What an array holds by its name, of whose words one says it. */
function kindOf(name: string, words: readonly string[]): keyof Pair | undefined {
  if (name === "arr_0" || words.some((word) => INPUTS.includes(word))) return "inputs";
  return name === "arr_1" || words.some((word) => TARGETS.includes(word)) ? "targets" : undefined;
}

/** Members by their names: `x_train`, `train_images`, `labels`; NumPy's `arr_0` and `arr_1` are inputs and targets. */
async function partsOfArchive(path: string, bytes: Uint8Array, limits: ReadLimits): Promise<Map<PartName, Pair>> {
  const parts = new Map<PartName, Pair>();
  const members = await readNpz(bytes, path, limits);
  for (const [name, { shape, data }] of members) {
    const words = name.toLowerCase().split(/[_\-. ]+/);
    const part = words.map((word) => SPLITS[word]).find((found) => found !== undefined) ?? "all";
    const kind = kindOf(name, words);
    if (kind === undefined) continue;
    if (parts.get(part)?.[kind])
      throw new Error(`${path}: "${name}" is a second array of ${kind}; want one, such as x and y, or x_train and y_train`);
    parts.set(part, { ...parts.get(part), [kind]: numbersOf(`${path}: ${name}`, shape, data) });
  }
  for (const [part, { inputs, targets }] of parts) {
    if (inputs && targets) continue;
    throw new Error(
      `${path}: has ${inputs ? "inputs" : "targets"} but no ${inputs ? "targets" : "inputs"}${part === "all" ? "" : ` to ${part} with`}; its arrays are ${[...members.keys()].join(", ")}`,
    );
  }
  if (parts.size === 0)
    throw new Error(
      `${path}: want arrays called x and y (or x_train, y_train, x_test, y_test; images and labels); its arrays are ${[...members.keys()].join(", ")}`,
    );
  return parts;
}

// ---- inputs -------------------------------------------------------------------------------------------------------------------------

/** How examples of this array become inputs. */
function rawArrayOf({ what, shape, bytes }: NumberArray): RawArray {
  const example = shape.slice(1);
  if (shape.length === 0 || example.length > 3)
    throw new Error(
      `${what}: has the shape [${shape.join(", ")}]; want [N], [N, features], [N, height, width], or images with their channels first or last`,
    );
  const [first, , last] = example;
  const channelsLast = example.length === 3 && ![1, 3].includes(first) && [1, 3, 4].includes(last);
  return { shape: example, ...(channelsLast && { channelsLast }), ...(bytes && example.length > 1 && { scale: 1 / 255 }) };
}

/** Shape of an input: [features], or [channels, height, width]. */
export function inputShapeOf({ shape, channelsLast }: RawArray): number[] {
  if (shape.length === 0) return [1];
  if (shape.length === 2) return [1, ...shape];
  return channelsLast ? [shape[2], shape[0], shape[1]] : [...shape];
}

/** Raw examples as numbers for the model, before standardization: channels first, scaled. */
export function arrayInputs(data: ArrayLike<number>, { shape, channelsLast, scale = 1 }: RawArray): Float64Array {
  if (!channelsLast) return Float64Array.from(data, (value) => Number(value) * scale);
  const [height, width, channels] = shape;
  const [plane, size] = [height * width, height * width * channels];
  const result = new Float64Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor((i % size) / channels);
    result[i - (i % size) + (i % channels) * plane + pixel] = Number(data[i]) * scale;
  }
  return result;
}

// ---- data sets ----------------------------------------------------------------------------------------------------------------------

interface Classes {
  readonly values: readonly number[];
}

/** A file of arrays as a data set, called after the file. */
export async function arrayDataset(name: string, path: string, options: ArrayOptions = {}): Promise<Dataset> {
  check("arrayDataset: name", name, text);
  check("arrayDataset: path", path, aPath);
  checkOptions("arrayDataset", options, ARRAY_OPTIONS);
  const parts = await readParts(path, options);
  const main = (parts.get("train") ?? parts.get("all")) as Required<Pair> | undefined;
  if (!main) throw new Error(`${path}: has parts ${[...parts.keys()].join(", ")}, but none to train with`);
  const array = rawArrayOf(main.inputs);
  const classes = classesOf(main.targets, options.task);
  const whole = new Map([...parts].map(([part, pair]) => [part, rawSplit(pair as Required<Pair>, array, classes)]));
  const all = whole.get("train") ?? whole.get("all")!;
  const [train, test] = whole.has("test") ? [all, whole.get("test")!] : halves(all, options);
  const inputShape = inputShapeOf(array);
  const inputs = array.scale === undefined ? fitStandardization(train.inputs, train.count, inputShape[0]) : undefined;
  const targets = classes ? undefined : fitStandardization(train.targets, train.count, train.targets.length / train.count);
  const preprocessing = { array, ...(inputs && { inputs }), ...(targets && { targets }) };
  const validation = whole.get("validation");
  return {
    name,
    train: ready(train, preprocessing),
    test: ready(test, preprocessing),
    ...(validation && { validation: ready(validation, preprocessing) }),
    classes: classes ? classes.values.map(String) : [],
    inputShape,
    task: classes ? "classification" : "regression",
    preprocessing,
    sha256: await digestOf([path, ...(options.targets === undefined ? [] : [options.targets])]),
  };
}

/** Examples in f64, not yet standardized. */
interface RawSplit {
  readonly inputs: Float64Array;
  readonly targets: Float64Array | Int32Array;
  readonly count: number;
}

function rawSplit({ inputs, targets }: Required<Pair>, array: RawArray, classes: Classes | undefined): RawSplit {
  const count = inputs.shape[0];
  if (inputs.shape.slice(1).join() !== array.shape.join())
    throw new Error(`${inputs.what}: has examples of shape [${inputs.shape.slice(1).join(", ")}]; want [${array.shape.join(", ")}]`);
  if (targets.shape[0] !== count)
    throw new Error(`${inputs.what}: has ${count} examples, but ${targets.what} has ${targets.shape[0] ?? "no"} targets`);
  const gap = Array.prototype.findIndex.call(inputs.data, (value: number) => !Number.isFinite(Number(value)));
  if (gap >= 0)
    throw new Error(
      `${inputs.what}: example ${Math.floor(gap / (inputs.data.length / count))} has a value that is ${inputs.data[gap]}; want finite numbers`,
    );
  return {
    inputs: arrayInputs(inputs.data, array),
    targets: classes ? indicesOf(targets, classes) : Float64Array.from(targets.data, Number),
    count,
  };
}

/** The classes of targets, or nothing if they are numbers to predict. */
function classesOf(targets: NumberArray, task: Dataset["task"] | undefined): Classes | undefined {
  const { what, shape, data } = targets;
  if (shape.length > 2) throw new Error(`${what}: has the shape [${shape.join(", ")}]; want a target for each example, [N] or [N, values]`);
  const single = shape.length === 1 || shape[1] === 1;
  const values = [...new Set(Array.from(data, Number))].sort((a, b) => a - b);
  const few = values.length <= 2 || (values.length <= 1000 && 5 * values.length <= data.length);
  const asClasses = task === "classification" || (task === undefined && single && few && values.every(Number.isInteger));
  if (!asClasses) return undefined;
  if (!single) throw new Error(`${what}: has the shape [${shape.join(", ")}]; want one class for each example, [N]`);
  if (values.length < 2) throw new Error(`${what}: every example has the class ${values[0]}; want at least two classes`);
  return { values };
}

function indicesOf({ what, data }: NumberArray, { values }: Classes): Int32Array {
  const index = new Map(values.map((value, i) => [value, i]));
  return Int32Array.from(data, (value, i) => {
    const found = index.get(Number(value));
    if (found === undefined)
      throw new Error(
        `${what}: example ${i} has the class ${value}, which does not train; those that do are ${values.slice(0, 12).join(", ")}`,
      );
    return found;
  });
}

function halves(all: RawSplit, { testShare = 0.2, seed }: ArrayOptions): [RawSplit, RawSplit] {
  const strata = { targets: all.targets instanceof Int32Array ? all.targets : new Float32Array(0), count: all.count };
  const parts = splitIndices(strata, testShare, { seed });
  return parts.map((indices) => subset(all, indices)) as [RawSplit, RawSplit];
}

function ready({ inputs, targets, count }: RawSplit, preprocessing: Preprocessing): Split {
  const scaled = (values: ArrayLike<number>, by: Standardization | undefined): Float32Array =>
    by ? standardizeValues(values, by, count) : Float32Array.from(values);
  return {
    inputs: scaled(inputs, preprocessing.inputs),
    targets: targets instanceof Int32Array ? targets : scaled(targets, preprocessing.targets),
    count,
  };
}

/** A file of arrays as examples for a trained model: all of them, or the part that is asked for where the file has parts. */
export async function arraySplit(path: string, about: DataDescription, options: ArrayOptions, part: PartName): Promise<Split> {
  const { array } = about.preprocessing ?? {};
  if (!array) throw new Error(`${path}: holds arrays, but the model was not trained on arrays`);
  const parts = await readParts(path, options);
  const pair = (parts.get("all") ?? parts.get(part)) as Required<Pair> | undefined;
  if (!pair) throw new Error(`${path}: has no ${part} part; it has ${[...parts.keys()].join(", ")}`);
  const classes = about.task === "classification" ? { values: about.classes.map(Number) } : undefined;
  return ready(rawSplit(pair, array, classes), about.preprocessing!);
}
