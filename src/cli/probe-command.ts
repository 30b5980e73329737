/** @file `nabla probe`: what shifting, rotating and scaling images changes in a network's features and answers. */

import { columns } from "../base/columns.ts";
import type { Dataset } from "../data/dataset.ts";
import { inputsAt } from "../data/loader.ts";
import { type Maps, type Probe, type ProbeRow, probe } from "../inspect/probe.ts";
import { manualSeed } from "../math/random.ts";
import { models } from "../models/registry.ts";
import { zoo } from "../models/zoo.ts";
import type { Layer } from "../nn/module.ts";
import { loadData, makeModel } from "./session.ts";
import { type Config, givenSettings } from "./settings.ts";
import { dataFor, isTrained, loadTrained } from "./trained.ts";

export interface ProbeFlags extends Config {
  readonly examples: number;
  readonly layer?: string;
  readonly seed: number;
  readonly json?: boolean;
}

interface Subject {
  readonly model: Layer;
  /** What the model and the images are, in words. */
  readonly about: string;
  readonly images: Maps;
}

export async function probeCommand(what: string, flags: ProbeFlags): Promise<number> {
  const { model, about, images } = await subjectOf(what, flags);
  const found = await probe(model.eval(), images, { layer: flags.layer });
  console.log(flags.json ? JSON.stringify(found, null, 2) : table(about, found));
  return 0;
}

/** A network by name with fresh weights, or a trained one. */
async function subjectOf(what: string, { examples, layer, json, seed, ...settings }: ProbeFlags): Promise<Subject> {
  if (isTrained(what)) {
    const trained = await loadTrained(what);
    const { data } = await dataFor(trained, givenSettings(undefined, settings));
    const images = await firstOf(data, examples);
    return {
      model: trained.model,
      images,
      about: `${trained.settings.model} (${trained.path}) on ${images.shape[0]} images of ${data.name}`,
    };
  }
  manualSeed(seed);
  if (settings.data !== undefined) {
    const data = await loadData({ ...settings, data: settings.data });
    const images = await firstOf(data, examples);
    return { model: makeModel({ model: what }, data), images, about: `${what}, untrained, on ${images.shape[0]} images of ${data.name}` };
  }
  if (!Object.hasOwn(zoo, what)) throw new Error(`${what}: want --data with images to look at, such as --data digits`);
  const { input, classes } = zoo[what];
  const images = blots([Math.min(examples, 8), ...input], seed);
  return {
    model: models[what]({ inputShape: input, outputs: classes }),
    images,
    about: `${what}, untrained, on ${images.shape[0]} images of blots`,
  };
}

/** The first images that test. */
async function firstOf({ test, inputShape, name }: Dataset, examples: number): Promise<Maps> {
  if (inputShape.length !== 3) throw new Error(`${name}: has inputs [${inputShape.join(", ")}]; want images to move`);
  const n = Math.min(examples, test.count);
  return {
    shape: [n, ...inputShape],
    data: await inputsAt(
      test,
      Int32Array.from({ length: n }, (_, i) => i),
    ),
  };
}

/** Soft blots of light in the middle of dark images: something to move, where there is no data set. */
function blots(shape: readonly number[], seed: number): Maps {
  const [n, c, height, width] = shape;
  const data = new Float32Array(n * c * height * width);
  // Places from the golden ratio: spread, and the same for every run.
  const spread = (i: number): number => ((i + 1 + seed) * 0.618034) % 1;
  const BLOTS = 6;
  for (let plane = 0; plane < n * c; plane++) {
    for (let b = 0; b < BLOTS; b++) {
      const k = BLOTS * plane + b;
      const [my, mx] = [(0.3 + 0.4 * spread(3 * k)) * height, (0.3 + 0.4 * spread(3 * k + 1)) * width];
      const reach = (0.03 + 0.07 * spread(3 * k + 2)) * width;
      for (let at = 0; at < height * width; at++)
        data[plane * height * width + at] += Math.exp(-((Math.floor(at / width) - my) ** 2 + ((at % width) - mx) ** 2) / (2 * reach ** 2));
    }
  }
  return { shape, data };
}

const percent = (x: number | undefined): string => (x === undefined ? "-" : x === 0 ? "0 %" : `${(100 * x).toFixed(x < 0.001 ? 4 : 1)} %`);

function table(about: string, { layer, rows }: Probe): string {
  const border = (row: ProbeRow): string => (row.equivariance !== undefined && !row.inside ? " *" : "");
  const cells = [
    ["", "f(Tx) - T f(x)", "f(Tx) - f(x)", "outputs", "same class"],
    ...rows.map((row) => [
      row.motion.name,
      percent(row.equivariance) + border(row),
      percent(row.invariance),
      percent(row.outputs),
      percent(row.unchanged),
    ]),
  ];
  const features = layer
    ? [
        `features f: ${layer.name} [${layer.shape.slice(1).join(", ")}]; a unit sees ${layer.field.size.join("x")} pixels, the next is ${layer.field.stride.join("x")} away`,
      ]
    : ["no maps of features"];
  const note = rows.some((row) => border(row))
    ? ["* every unit sees beyond the border: all those that stay in the picture are compared"]
    : [];
  return [
    about,
    ...features,
    "",
    ...columns(cells),
    "",
    "Changes relative to the size of what is compared: 0 % in the first column is equivariance, in the others invariance.",
    ...note,
  ].join("\n");
}
