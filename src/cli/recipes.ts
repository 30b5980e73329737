/** @file What `nabla train` does where it is not told: the data set of a model, and settings that train it well. */
import { closest, distance } from "fastest-levenshtein";

export interface Recipe {
  readonly data: string;
  readonly optimizer: "sgd" | "adam";
  readonly lr: number;
  readonly batchSize: number;
  readonly epochs: number;
  /** Whether the learning rate falls to 0 along a cosine, or stays. */
  readonly decay: boolean;
}

const adam = { optimizer: "adam", lr: 1e-3, decay: false } as const;

const recipes: Readonly<Record<string, Recipe>> = {
  mlp: { ...adam, data: "digits", batchSize: 32, epochs: 30 },
  cnn: { ...adam, data: "digits", batchSize: 32, epochs: 60 },
  lenet5: { ...adam, data: "mnist", batchSize: 64, epochs: 5 },
  // Four examples and a saturating output: a rate that would be wild elsewhere gets below 1e-3 within 50 steps.
  xor: { ...adam, data: "xor", lr: 0.1, batchSize: 4, epochs: 100 },
};

/** What the large data sets change: far fewer passes. A rate that starts high and falls to 0 makes up for them: LeNet-5 gains 0.3 points. */
const onLarge = { batchSize: 64, epochs: 5, lr: 2e-3, decay: true };
const large: readonly string[] = ["mnist", "fashion-mnist"];

// With momentum 0.9 the velocity is ten gradients long, so this moves about as far as 0.5 without.
const SGD_LR = 0.05;

/** The settings for a model, a data set and an optimizer, as far as they are given. */
export function recipeFor(model: string, given: { readonly data?: string; readonly optimizer?: "sgd" | "adam" }): Recipe {
  const recipe = recipes[model];
  const data = given.data ?? recipe.data;
  const optimizer = given.optimizer ?? recipe.optimizer;
  return { ...recipe, ...(large.includes(data) ? onLarge : {}), ...(optimizer === "sgd" ? { lr: SGD_LR } : {}), data, optimizer };
}

/** The error for a name that is not known, with the nearest one that is. */
export function unknownName(what: string, name: string, known: readonly string[]): Error {
  const nearest = closest(name, known);
  const near = distance(name, nearest) <= nearest.length / 2 ? `; did you mean "${nearest}"?` : "";
  return new Error(`unknown ${what} "${name}"${near} (known: ${known.join(", ")})`);
}
