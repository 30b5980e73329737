/**
 * @file What public functions make of arguments that cannot be: an error that Nabla wrote, which names what was expected; never a message of the
 * JavaScript engine, an endless loop, or a run that goes on.
 */
import { afterEach, describe, expect, test } from "vitest";
import { shown } from "../src/base/check.ts";
import type { Dataset, Split } from "../src/data/index.ts";
import * as distributed from "../src/distributed/index.ts";
import * as nabla from "../src/index.ts";
import * as onnx from "../src/onnx/index.ts";
import { pendingCells } from "../src/runtime/cell.ts";
import "../src/runtime/evaluate.ts";

// The files after this one share the process: the next read would draw the weights of models that nobody will use, and lines that are traced
// make each instruction thirty times slower.
afterEach(() => {
  pendingCells.clear();
  nabla.traceOrigins(false);
});

const { data: D, nn, optim, train } = nabla;

/** Messages of the engine itself: something was used before anyone had looked at it. */
const INTERNAL =
  /Cannot (read|set|convert|destructure|use|mix|create|access|assign)|is not (a function|iterable|a constructor|defined|an object)|(undefined|null|object) is not|Invalid (array|typed array|time|count)|Maximum call stack|Reduce of empty|called on (null|non)|requires a|private (member|field|method)|not extensible|read only property|out of bounds|buffer allocation|BigInt/;

type Callable = (...args: unknown[]) => unknown;

const isClass = (fn: Callable): boolean => /^class\b/.test(Function.prototype.toString.call(fn));

/** The error of a call, also of a promise or of the first item of a generator; undefined if there is none. */
async function errorOf(fn: Callable, args: readonly unknown[]): Promise<unknown> {
  try {
    const result = isClass(fn) ? Reflect.construct(fn, args) : fn(...args);
    await result;
    if (typeof (result as AsyncIterator<unknown> | null | undefined)?.next === "function") await (result as AsyncIterator<unknown>).next();
    return undefined;
  } catch (error) {
    return error;
  }
}

const isOwn = (error: unknown): boolean => error instanceof Error && !INTERNAL.test(error.message);

// ---- any function, any values -------------------------------------------------------------------------------------------------------

/** Values of the wrong type, and numbers that few parameters allow. */
const circle: unknown[] = [];
circle.push(circle);
const VALUES: readonly unknown[] = [
  undefined,
  null,
  Number.NaN,
  -1,
  0,
  2.5,
  1e300,
  Number.POSITIVE_INFINITY,
  "3",
  "",
  true,
  {},
  [],
  [null],
  () => undefined,
  nabla.tensor([1, 2, 3]),
  3n,
  Symbol("s"),
  Object.create(null),
  circle,
];

/** Those that are not called: parts for the library's own use and for extensions, what sets the whole process, goes to the network, or makes 44 million weights of nothing. */
const UNCHECKED: Readonly<Record<string, readonly string[]>> = {
  optim: ["Group", "isWeight"],
  nn: ["StateDictError", "Transformer"],
  data: ["cifar10", "mnist", "fashionMnist", "digits", "digitImages"],
  formats: ["setReadLimit", "Budget", "NpzArrays"],
  train: ["DivergenceError"],
  onnx: ["OnnxModule", "OnnxUnsupportedError"],
  distributed: ["LostRank", "mpi", "threads"],
  nabla: ["Tensor", "setBackend", "setThreads", "elementwise", "rebind", "tapeOf"],
};

const { functional, linalg, random, formats, inspect, distributions, fft, signal, special, kernel } = nabla;
const { randomMatrix, cost } = inspect;
const { initializers } = nn;
describe.each(
  Object.entries({
    inspect,
    randomMatrix,
    cost,
    train,
    optim,
    nn,
    initializers,
    functional,
    linalg,
    random,
    distributions,
    fft,
    signal,
    special,
    kernel,
    data: D,
    formats,
    onnx,
    distributed,
    nabla,
  }),
)("%s", (name, namespace) => {
  const callables = Object.entries(namespace).filter((entry): entry is [string, Callable] => typeof entry[1] === "function");

  test.each(callables.filter(([each]) => !UNCHECKED[name]?.includes(each)))("%s", async (_, fn) => {
    for (const value of VALUES) {
      for (const args of [[], [value], [value, value], [value, value, value]]) {
        const error = await errorOf(fn, args);
        if (error !== undefined && !isOwn(error)) expect.fail(`(${args.map(shown).join(", ")}): ${error}`);
      }
    }
  });
});

// ---- data sets and options, field by field --------------------------------------------------------------------------------------------

const split: Split = { inputs: Float32Array.from({ length: 12 }, (_, i) => i / 12), targets: Int32Array.of(0, 1, 0, 1, 0, 1), count: 6 };
const data: Dataset = { name: "six", train: split, test: split, classes: ["a", "b"], inputShape: [2], task: "classification" };
const model = (): InstanceType<typeof nn.Linear> => new nn.Linear(2, 2);
const withOptimizer = (more: object = {}): object => ({ epochs: 1, ...more });

/** Copies of an object with one field taken away, or replaced by what it cannot be. */
function* spoilt(object: object, keep: readonly string[] = []): Generator<[what: string, spoilt: object]> {
  for (const field of Object.keys(object)) {
    if (keep.includes(field)) continue;
    for (const value of [undefined, null, Number.NaN, -1, "x", {}, [], Promise.resolve(1)])
      yield [`${field} = ${String(value)}`, { ...object, [field]: value }];
  }
}

const splits: readonly [what: string, split: unknown][] = [
  ...spoilt(split),
  ["a count too large", { ...split, count: 7 }],
  ["a count too small", { ...split, count: 5 }],
  ["a fraction", { ...split, count: 5.5 }],
  ["no examples", { inputs: new Float32Array(0), targets: new Int32Array(0), count: 0 }],
  ["plain lists", { ...split, inputs: [...split.inputs] }],
  ["targets of another length", { ...split, targets: Int32Array.of(0, 1) }],
  ["inputs of another size", { ...split, inputs: new Float32Array(18) }],
  ["a class that is none", { ...split, targets: Int32Array.of(0, 1, 2, 0, 1, 0) }],
  ["values for classes", { ...split, targets: new Float32Array(6) }],
  ["a promise", Promise.resolve(split)],
  ["nothing", undefined],
  ["null", null],
];

const datasets: readonly [what: string, data: unknown][] = [
  ...spoilt(data, ["name", "train", "test"]),
  ...splits.flatMap(([what, each]): [string, unknown][] => [
    [`train: ${what}`, { ...data, train: each }],
    [`test: ${what}`, { ...data, test: each }],
  ]),
  ["nothing", undefined],
  ["null", null],
  ["a string", "mnist"],
  ["a promise", Promise.resolve(data)],
];

const onDatasets: readonly [string, (data: Dataset) => unknown][] = [
  ["fit", (d) => train.fit(model(), d, { optimizer: new optim.SGD(model().parameters(), { lr: 0.1 }), epochs: 1 })],
  ["overfitOneBatch", (d) => train.overfitOneBatch(model(), d, { optimizer: new optim.SGD(model().parameters(), { lr: 0.1 }) })],
  ["findLearningRate", (d) => train.findLearningRate(model(), d, { optimizer: new optim.SGD(model().parameters(), { lr: 0.1 }) })],
  ["bagging", (d) => train.bagging(model, d, { optimizer: (m) => new optim.SGD(m.parameters(), { lr: 0.1 }), epochs: 1 })],
  [
    "snapshotEnsemble",
    (d) => train.snapshotEnsemble(model, d, { optimizer: (m) => new optim.SGD(m.parameters(), { lr: 0.1 }), epochs: 5 }),
  ],
];

test.each(onDatasets)("%s refuses every data set that is not whole", async (_, call) => {
  for (const [what, each] of datasets) {
    const error = await errorOf(() => call(each as Dataset), []);
    expect(isOwn(error), `${what}: ${String(error)}`).toBe(true);
  }
});

test.each([
  ["evaluate", (s: Split) => train.evaluate(model(), data, s)],
  ["predict", (s: Split) => train.predict(model(), data, s ?? null)],
  ["predictOutputs", (s: Split) => train.predictOutputs(model(), data, s)],
  ["batches", (s: Split) => [...D.batches(s, { batchSize: 4 })]],
  ["subset", (s: Split) => D.subset(s, [0])],
  ["kFold", (s: Split) => D.kFold(s, 2)],
  ["trainTestSplit", (s: Split) => D.trainTestSplit(s, 0.5)],
  ["Loader", (s: Split) => new D.Loader(s, { batchSize: 4 }).epoch(0).next()],
  ["bootstrap", (s: Split) => train.bootstrap(s)],
] as const)("%s gives no error of the engine for any split", async (_, call) => {
  for (const [what, each] of splits) {
    const error = await errorOf(() => call(each as Split), []);
    expect(error === undefined || isOwn(error), `${what}: ${String(error)}`).toBe(true);
  }
});

test("fit refuses every option that cannot be, and options that are none", async () => {
  const optimizer = new optim.SGD(model().parameters(), { lr: 0.1 });
  const options = {
    optimizer,
    epochs: 1,
    batchSize: 2,
    seed: 0,
    schedule: () => 1,
    loss: nn.crossEntropy,
    accumulate: 1,
    clipNorm: 1,
    augment: (x: unknown) => x,
  };
  const required = ["optimizer", "epochs"];
  const cases = [...spoilt(options)].filter(
    ([what]) => !/(seed) = -1/.test(what) && !(what.endsWith("= undefined") && !required.some((name) => what.startsWith(name))),
  );
  for (const epochs of [0, 1.5, Number.POSITIVE_INFINITY, 2 ** 60]) cases.push([`epochs = ${epochs}`, { ...options, epochs }]);
  for (const [what, each] of cases) {
    const error = await errorOf(() => train.fit(model(), data, each as never), []);
    expect(isOwn(error), `${what}: ${String(error)}`).toBe(true);
    expect(String(error)).toMatch(/fit: \w+ must be /);
  }
  for (const each of [undefined, null, 3, "x"]) {
    const error = await errorOf(() => train.fit(model(), data, each as never), []);
    expect(String(error)).toMatch(/^TypeError: fit: want an object with optimizer, epochs/);
  }
  expect(String(await errorOf(() => train.fit({} as never, data, withOptimizer({ optimizer }) as never), []))).toMatch(
    /fit: the model must be a module/,
  );
});

test("what was named in the report: a split without count, a data set without test", async () => {
  const trained = model();
  const options = { optimizer: new optim.SGD(trained.parameters(), { lr: 0.1 }), epochs: 1, onWarning: () => {} };
  const { count: _, ...uncounted } = split;
  await expect(train.fit(model(), { ...data, train: uncounted as Split }, options)).rejects.toThrow(
    "six: the training split: count must be an integer of at least 0, got undefined",
  );
  const { test: __, ...untested } = data;
  await expect(train.fit(model(), untested as Dataset, options)).rejects.toThrow(
    "six: the test split: want an object with count, inputs, targets, got undefined",
  );
  await expect(train.fit(model(), data, { ...options, validation: uncounted as Split })).rejects.toThrow(
    "six: the validation split: count",
  );
  await train.fit(trained, data, { ...options, batchSize: 100 }); // larger than the set
});
