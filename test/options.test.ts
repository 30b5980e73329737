/**
 * @file Options: whoever takes some refuses a name that is none, and says which names there are; every interface of options has one table of checks,
 * and every check refuses a value of no use.
 */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as nabla from "../src/index.ts";
import * as tables from "../src/math/options.ts";
import "../src/runtime/evaluate.ts";

const { nn, optim, train, data: D, functional: F } = nabla;
type Callable = (...args: unknown[]) => unknown;

/** What stands before the options where they are not looked at first. */
const x = nabla.tensor([[1, 2]]);
const model = new nn.Linear(2, 2);
const data = D.moons({ count: 8 });
const before: Readonly<Record<string, readonly unknown[]>> = {
  compile: [() => x],
  meshgrid: [[x]],
  rnn: [x, undefined, [{}]],
  lstm: [x, undefined, [{}]],
  gru: [x, undefined, [{}]],
  augment: [[]],
  Augmenter: [[]],
  summary: [model, [2]],
  probe: [model, { data: [1], shape: [1, 1, 1, 1] }],
  foldBatchNorms: [model],
  findLearningRate: [model, data],
  fit: [model, data],
  checkTraining: [model, data],
  overfitOneBatch: [model, data],
  bagging: [() => model, data],
  decoupled: [[model, model]],
  snapshotEnsemble: [() => model, data],
  latestCheckpoint: [{ list: () => [], read: () => undefined }],
  Checkpoints: [{ list: () => [], read: () => undefined, write: () => undefined }],
  Ensemble: [[model]],
  RocAuc: [2],
  Plateau: [1],
  loadModel: [model],
  HessianFree: [model.parameters()],
  LBFGS: [model.parameters()],
  Newton: [model.parameters()],
  EMA: [model.parameters()],
  WeightAverage: [model.parameters()],
};

/** Parts for the library's own use, and options that go on to a function that looks at them. */
const PASSED_ON = new Set([
  "fastDevRun",
  "Optimizer",
  "MomentOptimizer",
  "Parameter",
  "State",
  "Group",
  "ConvNd",
  "convSettings",
  "pcaColour",
]);

/** Where the options stand among the parameters; undefined if there are none. */
function placeOfOptions(fn: Callable): number | undefined {
  const text = Function.prototype.toString.call(fn);
  const list = /^class\b/.test(text)
    ? /\bconstructor\(([^)]*)\)/.exec(text)?.[1]
    : /^(?:async )?(?:function\*? ?\w*)?\(([^)]*)\)/.exec(text)?.[1];
  const at = list?.split(",").findIndex((each) => /^\s*options\b/.test(each)) ?? -1;
  return at < 0 ? undefined : at;
}

async function errorOf(fn: Callable, args: readonly unknown[]): Promise<string> {
  try {
    await (/^class\b/.test(Function.prototype.toString.call(fn)) ? Reflect.construct(fn, args) : fn(...args));
    return "nothing";
  } catch (error) {
    return String(error);
  }
}

describe.each(Object.entries({ functional: F, nn, optim, train, nabla }))("%s", (_, namespace) => {
  const callables = Object.entries(namespace).filter(
    (entry): entry is [string, Callable] =>
      typeof entry[1] === "function" && !PASSED_ON.has(entry[0]) && placeOfOptions(entry[1]) !== undefined,
  );

  test("an option that is none is refused, and the nearest is named", async () => {
    expect(callables.length).toBeGreaterThan(2);
    const missed: string[] = [];
    for (const [name, fn] of callables) {
      const args = Array.from({ length: placeOfOptions(fn)! }, (_unused, i) => before[name]?.[i] ?? x);
      const error = await errorOf(fn, [...args, { no_such_option: 1 }]);
      if (!/there is no option no_such_option.*\(known: /.test(error)) missed.push(`${name}: ${error}`);
    }
    expect(missed).toEqual([]);
  });
});

test("every table refuses a value that is none", () => {
  const accepted = Object.entries(tables).flatMap(([table, checks]) =>
    "holds" in checks
      ? []
      : Object.entries(checks).flatMap(([name, { holds }]) =>
          name !== "checkpoint" && holds(Symbol("no value")) ? [`${table}.${name}`] : [],
        ),
  );
  expect(accepted).toEqual([]);
});

test("every interface of options has a table of checks", () => {
  const files = ["math", "distributions", "nn", "optim", "train", "models", "inspect", "function", "ops"].flatMap((folder) =>
    readdirSync(new URL(`../src/${folder}`, import.meta.url)).map((file) =>
      readFileSync(new URL(`../src/${folder}/${file}`, import.meta.url), "utf8"),
    ),
  );
  const all = files.join("\n");
  const interfaces = [...all.matchAll(/export interface (\w+Options)\b/g)].map((match) => match[1]!);
  // An optimizer's checks are made from its defaults; the others are parts of a larger interface, or the library's own.
  const optimizers = [...all.matchAll(/Required<(\w+Options)> =/g)].map((match) => match[1]!);
  const others = [
    "WindowOptions",
    "CaptureOptions",
    "OptimizerOptions",
    "StateOptions",
    "RecurrentCallOptions",
    "InitializerOptions",
    "RankOptions",
  ];
  const without = interfaces.filter((name) => !all.includes(`Checks<${name}>`) && !optimizers.includes(name) && !others.includes(name));
  expect(without).toEqual([]);
});

test.each<[what: string, call: () => unknown, message: string]>([
  [
    "another spelling",
    () => new optim.Adam(model.parameters(), { weight_decay: 0.1 } as object),
    'no option weight_decay; did you mean "weightDecay"?',
  ],
  ["initials", () => new optim.Adam(model.parameters(), { learningRate: 0.1 } as object), 'no option learningRate; did you mean "lr"?'],
  ["in a group", () => new optim.SGD([{ parameters: model.parameters(), momentun: 0.9 } as never], { lr: 1 }), 'did you mean "momentum"?'],
  ["a bare value", () => new optim.Adam(model.parameters(), 0.1 as never), "got 0.1; did you mean { lr: 0.1 }?"],
  ["a bare value of a function", () => F.dropout(x, 0.1 as never), "did you mean { p: 0.1 }?"],
  [
    "letters of another case",
    () => new nn.RNN(2, 2, { nonlinearity: "ReLU" as never }),
    'nonlinearity must be "tanh" or "relu", got "ReLU"; did you mean "relu"?',
  ],
  [
    "a value that is none",
    () => new nn.CrossEntropyLoss({ reduction: "avg" as never }),
    'reduction must be "mean" or "sum" or "none", got "avg"',
  ],
  ["a value of a function", () => F.gelu(x, { approximate: "erf" as never }), 'approximate must be "none" or "tanh", got "erf"'],
  ["a class instead of a layer", () => new nn.Sequential(nn.ReLU as never), "got the function ReLU; make one, as in new nn.ReLU()"],
  ["another library's word", () => nabla.grad((y: nabla.Tensor) => y, { argnums: 1 } as object), 'did you mean "argument"?'],
  [
    "sizes one by one",
    () => nabla.zeros(3 as never, 4 as never),
    "zeros: the shape must be a list or typed array of numbers, got 3; the shape is one argument",
  ],
  ["axes among the options", () => x.sum({ axis: 0 } as never), "sum: axes must be a number or a list"],
  ["options of a reduction", () => x.mean(0, { keepdim: true } as object), 'did you mean "keepDims"?'],
  [
    "a dtype of NumPy's",
    () => nabla.tensor([1], { dtype: "float32" as never }),
    'there is no dtype float32; want one of f32, f64, i32, u32, u8, bool; did you mean "f32"?',
  ],
])("%s", (_, call, message) => {
  expect(call).toThrow(message);
});

test("undefined counts as absent", () => {
  expect(new optim.Adam(model.parameters(), { lr: undefined, noSuch: undefined } as object).lr).toBe(1e-3);
});
