/** @file Data sets by name, as the command and the training loop ask for them. */
import type { Dataset } from "./dataset.ts";
import { digits } from "./digits.ts";
import { fashionMnist, mnist } from "./mnist.ts";
import { xor } from "./xor.ts";

export interface LoadOptions {
  /** The folder of the files, for data sets that are not part of the package. */
  readonly dataDir?: string;
}

/** Data sets by name. */
export const datasets: Readonly<Record<string, (options: LoadOptions) => Promise<Dataset>>> = {
  digits,
  xor: async () => xor(),
  mnist: ({ dataDir }) => mnist(dataDir),
  "fashion-mnist": ({ dataDir }) => fashionMnist(dataDir),
};

/** The data set of a name. */
export async function loadDataset(name: string, options: LoadOptions = {}): Promise<Dataset> {
  if (Object.hasOwn(datasets, name)) return datasets[name](options);
  const names = Object.keys(datasets);
  const nearest = await suggestion(name, names);
  throw new Error(`unknown data set "${name}"${nearest ? `; did you mean "${nearest}"?` : ""} (known: ${names.join(", ")})`);
}

/** The nearest name, if it is near. In a page without a bundler the package is not found; the list of all names must do there. */
async function suggestion(name: string, names: readonly string[]): Promise<string | undefined> {
  try {
    const { closest, distance } = await import("fastest-levenshtein");
    const nearest = closest(name, names);
    return distance(name, nearest) <= nearest.length / 2 ? nearest : undefined;
  } catch {
    return undefined;
  }
}
