/** @file `nabla check <model>`: the model's gradients against central differences (AD-5), on a small random batch in f64. */
import { checkModel } from "../inspect/check.ts";
import { keyOf, manualSeed, normal, uniform } from "../math/random.ts";
import { type ModelTask, models } from "../models/registry.ts";
import { zoo } from "../models/zoo.ts";
import { crossEntropy, mseLoss } from "../nn/losses.ts";
import { arange } from "../ops/create.ts";
import { unknownName } from "./unknown-name.ts";

const EXAMPLES = 3;

/** What each small model is checked on; all others on small digits. */
const TASKS: Readonly<Record<string, ModelTask>> = {
  lenet5: { inputShape: [1, 28, 28], outputs: 10 },
  "lenet5-cosine": { inputShape: [1, 28, 28], outputs: 10 },
  xor: { inputShape: [2], outputs: 1 },
  gpt: { inputShape: [6], outputs: 10, layers: 2, features: 16 },
};
const DIGITS: ModelTask = { inputShape: [1, 8, 8], outputs: 10 };

/** The smallest images that a network takes. */
function taskFor(name: string): ModelTask {
  if (!Object.hasOwn(zoo, name)) return TASKS[name] ?? DIGITS;
  const { input, leastSmall } = zoo[name];
  return { inputShape: leastSmall === undefined ? input : [input[0], leastSmall, leastSmall], outputs: 10 };
}

export interface CheckFlags {
  readonly entries: number;
  readonly seed: number;
}

/** Prints the report; gives the exit code: 0 if all gradients agree. */
export function checkCommand(name: string, { entries, seed }: CheckFlags): number {
  if (!Object.hasOwn(models, name)) throw unknownName("model", name, Object.keys(models));
  manualSeed(seed);
  const task = taskFor(name);
  const model = models[name](task).eval();
  for (const [path, parameter] of model.namedParameters()) parameter.label = path;
  const shape = [EXAMPLES, ...task.inputShape];
  // Of a text each character has a target.
  const isText = name === "gpt";
  const x = isText ? uniform(keyOf(seed + 1), shape, { high: task.outputs }).floor() : normal(keyOf(seed + 1), shape);
  const classes = isText ? uniform(keyOf(seed + 2), shape, { high: task.outputs }).cast("i32") : arange(EXAMPLES);
  const target = normal(keyOf(seed + 2), [EXAMPLES, task.outputs]);
  const loss = task.outputs > 1 ? () => crossEntropy(model.forward(x), classes) : () => mseLoss(model.forward(x), target);
  // Kinks (ReLU, max pooling) within a step of a sample make differences meaningless there; a small step makes that rare.
  const report = checkModel(model.parameters(), loss, { entries, seed, step: 1e-6, tolerance: 1e-4 });
  console.log(String(report));
  return report.passed ? 0 : 1;
}
