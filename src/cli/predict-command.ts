/** @file `nabla predict`: what a trained model says of new examples. */

import type { Dataset } from "../data/dataset.ts";
import { unstandardize } from "../data/preprocessing.ts";
import { softmax } from "../math/softmax.ts";
import { tensor } from "../ops/create.ts";
import { predictOutputs } from "../train/evaluate.ts";
import { checkFits } from "./evaluate-command.ts";
import { type Input, readInputs } from "./inputs.ts";
import { percent } from "./reporter.ts";
import { loadData } from "./session.ts";
import { loadTrained, type Trained } from "./trained.ts";

export interface PredictFlags {
  /** Positions in the test split of the model's own data set. */
  readonly example?: readonly number[];
  readonly dataDir?: string;
  readonly top: number;
  readonly json?: boolean;
}

/** What is said of one example. */
interface Prediction {
  readonly input: string;
  /** Classes by falling probability, or target values. */
  readonly classes?: readonly { readonly class: string; readonly probability: number }[];
  readonly values?: readonly number[];
}

export async function predictCommand(path: string, files: readonly string[], flags: PredictFlags): Promise<number> {
  const trained = await loadTrained(path);
  if (files.length === 0 && !flags.example)
    throw new Error("want something to predict: files, or --example with positions in the test split");
  const inputs: Input[] = [];
  for (const file of files) inputs.push(...(await readInputs(file, trained.about)));
  if (flags.example) inputs.push(...(await examples(trained, flags.example, flags.dataDir)));
  for (const prediction of await predictAll(trained, inputs))
    console.log(flags.json ? JSON.stringify(prediction) : line(prediction, flags.top));
  return 0;
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

async function predictAll({ model, about }: Trained, inputs: readonly Input[]): Promise<Prediction[]> {
  const width = inputs[0]?.values.length ?? 0;
  const all = new Float32Array(inputs.length * width);
  inputs.forEach(({ values }, i) => {
    all.set(values, i * width);
  });
  const data = { ...about } as Dataset; // its examples are not looked at
  const outputs = await predictOutputs(model, data, { inputs: all, count: inputs.length });
  const size = outputs.length / inputs.length;
  return inputs.map(({ name }, i) => predictionOf(name, outputs.slice(i * size, (i + 1) * size), about));
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
