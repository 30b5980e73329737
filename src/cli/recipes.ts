/** @file What `nabla train` does where it is not told: the data set of a model, and settings that train it well. */
import { type OptimizerName, optimizers, type Rates } from "./optimizers.ts";

export interface Recipe {
  readonly data: string;
  readonly optimizer: OptimizerName;
  readonly lr: number;
  readonly batchSize: number;
  readonly epochs: number;
  /** Whether the learning rate falls to 0 along a cosine, or stays. */
  readonly decay: boolean;
  /** How training images are changed, as `--augment` takes it. */
  readonly augment?: readonly string[];
}

/** A recipe with the learning rates of Adam and of SGD, from which those of other optimizers follow. */
interface Default extends Omit<Recipe, "optimizer" | "lr" | "augment"> {
  readonly lr: Rates;
}

const usual = { lr: { adam: 1e-3, sgd: 0.05 }, batchSize: 32, decay: false };

/** For those whose images are changed or normalized: a high rate, falling to 0. */
const high = { lr: { adam: 3e-3, sgd: 0.05 }, decay: true };

const defaults: Readonly<Record<string, Default>> = {
  mlp: { ...usual, data: "digits", epochs: 30 },
  cnn: { ...usual, ...high, data: "digits", epochs: 60 },
  convnet: { ...high, batchSize: 64, data: "mnist", epochs: 20 },
  lenet5: { ...usual, data: "mnist", epochs: 5 },
  "lenet5-cosine": { lr: { adam: 2e-3, sgd: 0.05 }, data: "mnist", batchSize: 64, epochs: 20, decay: true },
  gpt: { ...usual, decay: true, data: "text", epochs: 10 },
  // Four examples and a saturating output: rates that would be wild elsewhere get below 1e-3 in some fifty steps (SGD: a hundred and more).
  xor: { lr: { adam: 0.1, sgd: 0.5 }, data: "xor", batchSize: 4, epochs: 200, decay: false },
};

/** For the networks of the zoo. */
const ofZoo: Default = { ...usual, data: "mnist", epochs: 5 };

/** Made for the large data sets. */
const forLarge: readonly string[] = ["convnet", "lenet5-cosine"];

/** What the large data sets change for other networks: far fewer passes. A rate that starts high and falls to 0 makes up for them: LeNet-5 gains 0.3 points. */
const onLarge = { batchSize: 64, epochs: 5, lr: { adam: 2e-3, sgd: 0.05 }, decay: true };
const large: readonly string[] = ["mnist", "fashion-mnist"];

/** How images are changed where it is known to help (docs/accuracy.md). */
const changes: ReadonlyMap<string, readonly string[]> = new Map([
  ["cnn on digits", ["crop=1"]],
  ["lenet5-cosine on mnist", ["translate=0.1", "rotate=10", "scale=0.1"]],
  ["convnet on mnist", ["translate=0.1", "rotate=10", "scale=0.1"]],
  ["convnet on fashion-mnist", ["flip", "crop=2"]],
]);

/** The settings for a model, and for a data set and an optimizer if they are given. */
export function recipeFor(model: string, given: { readonly data?: string; readonly optimizer?: Recipe["optimizer"] } = {}): Recipe {
  const own = Object.hasOwn(defaults, model) ? defaults[model] : ofZoo;
  const data = given.data ?? own.data;
  const optimizer = given.optimizer ?? "adam";
  const chosen = { ...own, ...(large.includes(data) && !forLarge.includes(model) && onLarge) };
  const augment = changes.get(`${model} on ${data}`);
  return { ...chosen, data, optimizer, lr: optimizers[optimizer].rate(chosen.lr), ...(augment && { augment }) };
}
