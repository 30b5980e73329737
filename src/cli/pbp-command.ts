/** @file `nabla train pbp`: a network for regression that says how sure it is, trained by probabilistic backpropagation; a run as any other. */
import { join } from "node:path";
import { sizeOf } from "../base/shape.ts";
import type { Dataset, Split } from "../data/dataset.ts";
import type { Curve } from "../figures/curves.ts";
import { lineChart } from "../figures/svg.ts";
import { tensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { setBackend } from "../runtime/set-backend.ts";
import type { EpochRecord } from "../train/callback.ts";
import { saveModel } from "../train/checkpoint.ts";
import { PbpNetwork, type PbpPrediction, pbp } from "../train/pbp.ts";
import { CsvSink } from "../train/record.ts";
import { REACH_95 } from "../train/trained.ts";
import { drawCurves } from "./curves.ts";
import { outputFile } from "./output.ts";
import { RunFolder } from "./run-folder.ts";
import { describeRun, withResult } from "./run-info.ts";
import { claimFree } from "./runs.ts";
import { loadData, type Settled, settle } from "./session.ts";
import type { Config } from "./settings.ts";
import { terminalWidth } from "./terminal.ts";
import { modelMetadata } from "./trained.ts";

/** Settings that the method has; others are refused by name. */
const KNOWN: readonly string[] = [
  "model", "data", "dataDir", "label", "task", "ignore", "categorical", "missing", "testShare", "header", "decimal", "thousands", "currency", "na", "encoding",
  "maxBytes", "hidden", "epochs", "seed", "backend",
]; // biome-ignore format: a list

export interface PbpFlags {
  readonly out?: string;
  readonly json?: string;
  readonly overwrite?: boolean;
  readonly takeOver?: boolean;
}

/** How many deviations a share of a Gaussian's middle reaches to either side. */
const REACH = { 50: 0.674_489_750_196_082, 80: 1.281_551_565_544_601, 90: 1.644_853_626_951_473, 95: REACH_95 } as const;

/** Trains and measures; gives the process's exit code. */
export async function pbpCommand(given: Config, flags: PbpFlags): Promise<number> {
  const other = Object.keys(given).find((name) => !KNOWN.includes(name));
  if (other !== undefined) throw new Error(`pbp: has no setting ${other}; it takes ${KNOWN.filter((name) => name !== "model").join(", ")}`);
  if (given.data === undefined) throw new Error("pbp: want a table to learn from: --data FILE.csv --label COLUMN");
  const report = flags.json === undefined ? undefined : outputFile(flags.json, [given.data]);
  const settings = settle(given);
  if (settings.backend !== "auto") setBackend(settings.backend);
  const data = await loadData(settings);
  if (data.task !== "regression" || sizeOf(data.targetShape ?? []) !== 1)
    throw new Error(
      `pbp: predicts one number, and ${data.name} asks for ${data.task === "regression" ? "several" : "classes"}; name a column of numbers with --label`,
    );
  const { hidden, epochs, seed } = settings;
  console.log(
    `pbp (${hidden!.join(" x ")} units) on ${data.name} (${data.train.count} + ${data.test.count} examples): ${epochs} passes, seed ${seed}`,
  );
  for (const note of data.notes ?? []) console.log(note);
  const run = flags.out === undefined ? await claimFree(settings) : new RunFolder(flags.out);
  if (flags.out !== undefined) await run.claim(flags);
  try {
    const { network, records } = await trained(run, settings, data);
    const result = measured(network, data);
    console.log(summary(result));
    await save(run, settings, data, network, result);
    await run.write(withResult(run.info, "finished", { epochs: records }));
    console.log(`saved ${FILES.map((name) => join(run.path, name)).join(", ")}`);
    await report?.write(`${JSON.stringify({ model: "pbp", data: data.name, seed, epochs, ...forReport(result) }, null, 2)}\n`);
    return 0;
  } finally {
    run.release();
  }
}

/** Trains, and notes after every pass how well it predicts. */
async function trained(run: RunFolder, settings: Settled, data: Dataset): Promise<{ network: PbpNetwork; records: EpochRecord[] }> {
  const { hidden = [], epochs, seed } = settings;
  const [train, test] = [examplesOf(data, data.train), examplesOf(data, data.test)];
  await run.create(settings, describeRun(new PbpNetwork([train.x.shape[1], ...hidden, 1]), data));
  const curves = new CsvSink(run.store, "epochs.csv");
  await curves.open(0);
  const records: EpochRecord[] = [];
  let before = performance.now();
  const onEpoch = (epoch: number, _: number, network: PbpNetwork): void => {
    const seconds = (performance.now() - before) / 1000;
    const figures = { ...figuresOf("train", network, train), ...figuresOf("test", network, test) };
    curves.write(epoch, { epoch, ...figures, seconds });
    records.push({ ...figures, trainAccuracy: null, testAccuracy: null, seconds });
    progress(epoch, epochs);
    before = performance.now();
  };
  try {
    return { network: pbp(train.x, train.y, { hidden, epochs, seed, onEpoch }), records };
  } finally {
    await curves.flush();
  }
}

type Figures<P extends string> = Record<`${P}Loss` | `${P}Rmse` | `${P}Mae` | `${P}LogLikelihood`, number>;

/** The loss is the mean squared error of the standardized targets, as of other models of regression; the rest is in their own units. */
function figuresOf<P extends "train" | "test">(part: P, network: PbpNetwork, { x, y, unit }: Examples): Figures<P> {
  const { rmse, mae, logLikelihood } = network.measure(x, y);
  return {
    [`${part}Loss`]: rmse ** 2,
    [`${part}Mae`]: mae * unit,
    [`${part}Rmse`]: rmse * unit,
    [`${part}LogLikelihood`]: logLikelihood - Math.log(unit),
  } as Figures<P>;
}

interface Examples {
  readonly x: Tensor;
  /** Standardized, as models of regression see them. */
  readonly y: Tensor;
  /** One unit of the standardized targets, and where their 0 is, in their own units. */
  readonly unit: number;
  readonly centre: number;
}

function examplesOf(data: Dataset, split: Split): Examples {
  const width = sizeOf(data.inputShape);
  const { mean: [centre = 0] = [], std: [unit = 1] = [] } = data.preprocessing?.targets ?? {};
  const x = tensor(Float64Array.from(split.inputs), { shape: [split.count, width] });
  return { x, y: tensor(Float64Array.from(split.targets as ArrayLike<number>)), unit, centre };
}

function progress(epoch: number, epochs: number): void {
  if (process.stderr.isTTY) process.stderr.write(epoch === epochs ? "\r\x1b[K" : `\rpass ${epoch} of ${epochs}`);
}

interface Result extends PbpPrediction {
  readonly targets: Float64Array;
  readonly rmse: number;
  readonly logLikelihood: number;
  readonly noise: number;
  /** Share of targets inside the middle 50, 80, 90 and 95 % of their distributions. */
  readonly inside: Readonly<Record<string, number>>;
  /** Over the share that a distribution gives an interval, the share of targets that lie in it. */
  readonly calibration: Curve;
}

/** On the test split, in the units of the targets. */
function measured(network: PbpNetwork, data: Dataset): Result {
  const { x, y, unit, centre } = examplesOf(data, data.test);
  const own = (values: ArrayLike<number>, offset = 0): Float64Array => Float64Array.from(values, (v) => v * unit + offset);
  const { mean, deviation, modelDeviation } = network.predict(x);
  const prediction = { mean: own(mean, centre), deviation: own(deviation), modelDeviation: own(modelDeviation) };
  const targets = own(y.dataSync(), centre);
  const reach = targets.map((target, i) => Math.abs(target - prediction.mean[i]) / prediction.deviation[i]).sort();
  const within = (deviations: number): number => reach.filter((r) => r <= deviations).length / reach.length;
  // The share that a Gaussian gives to so many deviations on either side, at each target's own.
  const shares = tensor(reach).mul(Math.SQRT1_2).erf().dataSync();
  const points = Array.from(shares, (share, i): [number, number] => [share, (i + 1) / reach.length]);
  const figures = figuresOf("test", network, { x, y, unit, centre });
  return {
    ...prediction,
    targets,
    rmse: figures.testRmse,
    logLikelihood: figures.testLogLikelihood,
    noise: network.noise * unit,
    inside: Object.fromEntries(Object.entries(REACH).map(([share, deviations]) => [share, within(deviations)])),
    calibration: { name: "measured", points: [[0, 0], ...points, [1, 1]] },
  };
}

const IDEAL: Curve = { name: "ideal", points: [[0, 0], [1, 1]] }; // biome-ignore format: two points

function summary(result: Result): string {
  const text = (x: number): string => String(Number(x.toPrecision(4)));
  const rows = Array.from(result.targets.subarray(0, 5), (target, i) => {
    const half = REACH[95] * result.deviation[i];
    return `  ${text(result.mean[i] - half)} to ${text(result.mean[i] + half)}, expected ${text(result.mean[i])}; it was ${text(target)}`;
  });
  const curves = [result.calibration, IDEAL];
  return [
    `test RMSE ${text(result.rmse)}, mean log-likelihood ${text(result.logLikelihood)}, noise of the data ${text(result.noise)}`,
    `targets inside the middle ${Object.entries(result.inside)
      .map(([share, found]) => `${share} %: ${(100 * found).toFixed(1)} %`)
      .join(", ")}`,
    "the first of the test, with 95 %:",
    ...rows,
    "calibration: the share of targets inside an interval, over the share that the network gives it",
    drawCurves(curves, { width: Math.min(79, terminalWidth()), height: 10, x: "share" }),
  ].join("\n");
}

const forReport = ({ rmse, logLikelihood, noise, inside, calibration }: Result): object => ({
  rmse,
  logLikelihood,
  noise,
  inside,
  calibration: calibration.points,
});

const FILES = ["model.safetensors", "predictions.csv", "calibration.svg"] as const;

/** The model, its predictions of the test split with intervals, and the picture of their calibration. */
async function save({ store }: RunFolder, settings: Settled, data: Dataset, network: PbpNetwork, result: Result): Promise<void> {
  const rows = Array.from(result.targets, (target, i) => {
    const half = REACH[95] * result.deviation[i];
    return [target, result.mean[i], result.deviation[i], result.modelDeviation[i], result.mean[i] - half, result.mean[i] + half].join(",");
  });
  const head = "target,mean,deviation,modelDeviation,low95,high95";
  const [model, predictions, picture] = FILES;
  await store.write(model, await saveModel(network, modelMetadata(settings, data)));
  await store.write(predictions, `${[head, ...rows].join("\n")}\n`);
  await store.write(
    picture,
    `${lineChart([result.calibration, IDEAL], { title: "calibration", x: "share that the network gives", y: "share of targets", log: false })}\n`,
  );
}
