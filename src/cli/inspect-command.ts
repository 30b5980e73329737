/** @file `nabla inspect`: why a network learns or does not, in the terminal, as JSON, or as one page. */

import { isFloat } from "../base/dtype.ts";
import type { Dataset } from "../data/dataset.ts";
import { fetchBatches } from "../data/loader.ts";
import { parameterCount } from "../inspect/cost.ts";
import { type LookBatch, lookAt } from "../inspect/look.ts";
import { spectrum } from "../inspect/spectrum.ts";
import { keyOf, manualSeed, normal } from "../math/random.ts";
import type { Layer } from "../nn/module.ts";
import { fromArray } from "../ops/create.ts";
import { batchTensors } from "../train/task.ts";
import { findingsText, flowText, spectrumText, unitsText } from "./inspect-drawing.ts";
import { lookAtLoss, lossText } from "./inspect-loss.ts";
import { inspectReport } from "./inspect-report.ts";
import type { Inspected } from "./inspected.ts";
import { makeOptimizer } from "./optimizers.ts";
import { outputFile } from "./output.ts";
import { recipeFor } from "./recipes.ts";
import { loadData, lossOf, makeModel, type Settled, settle } from "./session.ts";
import { type Config, givenSettings } from "./settings.ts";
import { networkOf } from "./summary-command.ts";
import { terminalWidth } from "./terminal.ts";
import { dataFor, isTrained, loadTrained } from "./trained.ts";

export type { Inspected } from "./inspected.ts";

/** What can be asked for. */
export const INSTRUMENTS = ["flow", "units", "rules", "spectrum", "curvature", "landscape", "paths"] as const;
export type Instrument = (typeof INSTRUMENTS)[number];

/** Flags of the command. */
export interface InspectFlags extends Config {
  readonly examples: number;
  readonly seed: number;
  readonly what: readonly Instrument[];
  readonly json?: boolean;
  readonly html?: string;
}

interface Subject {
  readonly model: Layer;
  readonly about: string;
  readonly data: string;
  readonly batch: LookBatch;
  readonly step: number | null;
  /** Of plain gradient descent. */
  readonly rate?: number;
}

/** Looks, and prints. What is found is no failure of the command. */
export async function inspectCommand(what: string, flags: InspectFlags): Promise<number> {
  const html = flags.html === undefined ? undefined : outputFile(flags.html, [what, flags.dataDir]);
  const subject = await subjectOf(what, flags);
  const { model, batch, step } = subject;
  const wants = (name: Instrument): boolean => flags.what.includes(name);
  const started = performance.now();
  const seen = await lookAt(model, batch, step);
  const found: Inspected = {
    model: what,
    data: subject.data,
    examples: seen.examples,
    loss: seen.loss,
    ...(wants("rules") && { findings: seen.findings }),
    ...(wants("flow") && { flow: seen.flow }),
    ...(wants("units") && { units: seen.units }),
    ...(wants("spectrum") && {
      spectrum: spectrum(model.eval(), isFloat(batch.x.dtype) ? { input: batch.x, steps: 30, tolerance: 1e-3 } : {}),
    }),
    ...lookAtLoss(model, batch, wants, subject.rate),
    ...(seen.sites.hidden.length > 0 && { hidden: seen.sites.hidden }),
    seconds: (performance.now() - started) / 1000,
  };
  const about = `${subject.about}: ${parameterCount(model).toLocaleString("en-US")} parameters, ${seen.sites.sites.length} sites, ${seen.examples} examples, loss ${seen.loss.toPrecision(4)}; ${found.seconds.toFixed(1)} s`;
  if (html) await html.write(inspectReport(about, found));
  if (flags.json) console.log(JSON.stringify(found, plain, 2));
  else console.log([textOf(about, found), ...(html ? [`saved ${flags.html}`] : [])].join("\n\n"));
  return 0;
}

/** Typed arrays as lists. Numbers that are not finite become null. */
function plain(_: string, value: unknown): unknown {
  return ArrayBuffer.isView(value) ? Array.from(value as Float64Array) : value;
}

function textOf(about: string, found: Inspected): string {
  const { findings, flow, units, spectrum: spectra, hidden = [] } = found;
  return [
    about,
    ...(findings ? [findingsText({ findings })] : []),
    ...(flow ? [flowText(flow, terminalWidth())] : []),
    ...(units ? [unitsText(units)] : []),
    ...(spectra ? [spectrumText(spectra)] : []),
    ...lossText(found, terminalWidth()),
    ...(hidden.length > 0 ? [`not looked into: ${hidden.length} loop${hidden.length === 1 ? "" : "s"}, whose insides are no sites`] : []),
  ].join("\n\n");
}

/** Examples for a model: the first of the training split, or noise. */
async function subjectOf(what: string, flags: InspectFlags): Promise<Subject> {
  const { examples, seed, json: _, html: __, what: ___, ...given } = flags;
  if (isTrained(what)) {
    const trained = await loadTrained(what);
    const { data } = await dataFor(trained, givenSettings(undefined, given), "train");
    const batch = await batchFor(trained.model, data, examples, trained.settings);
    return {
      model: trained.model,
      about: `${trained.settings.model} (${trained.path}) on ${data.name}`,
      data: data.name,
      batch,
      step: null,
      ...rateOf(trained.settings),
    };
  }
  manualSeed(seed);
  const name = given.data ?? (Object.hasOwn(OWN, recipeFor(what).data) ? recipeFor(what).data : undefined);
  if (name === undefined) return onNoise(what, examples, seed);
  const data = await loadData({ ...given, data: name });
  const settings = settle({ ...givenSettings(what, given), data: name, seed });
  const model = makeModel(settings, data);
  return {
    model,
    about: `${what}, fresh weights, on ${data.name}`,
    data: data.name,
    batch: await batchFor(model, data, examples, settings),
    step: 0,
    ...rateOf(settings),
  };
}

/** The limit of a rate is known for plain gradient descent. */
const rateOf = ({ optimizer, lr }: Settled): Pick<Subject, "rate"> => (optimizer === "sgd" ? { rate: lr } : {});

/** Data sets that come with the package. */
const OWN: Readonly<Record<string, true>> = { digits: true, xor: true };

async function batchFor(model: Layer, data: Dataset, examples: number, settings: Settled): Promise<LookBatch> {
  const n = Math.min(examples, data.train.count);
  const { value } = await fetchBatches(data.train, { batchSize: n }).next();
  const { x, y, lengths, more } = batchTensors(data, value!);
  return {
    x,
    y,
    ...(lengths && { lengths }),
    ...(more && { more }),
    loss: lossOf(settings, data),
    optimizer: makeOptimizer(model.namedParameters(), settings),
    batch: settings.batchSize * (settings.accumulate ?? 1),
    ...(data.task === "classification" && { classes: data.classes.length }),
  };
}

function onNoise(what: string, examples: number, seed: number): Subject {
  const { model, inputShape } = networkOf(what);
  const n = Math.min(examples, 64);
  const x = normal(keyOf(seed), [n, ...inputShape]);
  const y = fromArray(
    Int32Array.from({ length: n }, (_, i) => i % 10),
    { shape: [n], dtype: "i32" },
  );
  return { model, about: `${what}, fresh weights, on noise (give --data for examples)`, data: "noise", batch: { x, y }, step: 0 };
}
