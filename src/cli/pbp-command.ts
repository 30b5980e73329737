/** @file `nabla train pbp`: a network for regression that says how sure it is, trained by probabilistic backpropagation. */
import { join } from "node:path";
import { sizeOf } from "../base/shape.ts";
import type { Dataset, Split } from "../data/dataset.ts";
import { unstandardize } from "../data/preprocessing.ts";
import type { Curve } from "../figures/curves.ts";
import { lineChart } from "../figures/svg.ts";
import { tensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { type PbpNetwork, type PbpPrediction, pbp } from "../train/pbp.ts";
import { folderStore, type Store } from "../train/store.ts";
import { drawCurves } from "./curves.ts";
import { outputFile } from "./output.ts";
import { loadData } from "./session.ts";
import type { Config } from "./settings.ts";
import { terminalWidth } from "./terminal.ts";

/** Settings that the method has; others are refused by name. */
const KNOWN: readonly string[] = [
  "model", "data", "dataDir", "label", "task", "ignore", "categorical", "missing", "testShare", "header", "decimal", "thousands", "currency", "na", "encoding",
  "maxBytes", "hidden", "epochs", "seed",
]; // biome-ignore format: a list

export interface PbpFlags {
  readonly out?: string;
  readonly json?: string;
}

/** How many deviations a share of a Gaussian's middle reaches to either side. */
const REACH = { 50: 0.674_489_750_196_082, 80: 1.281_551_565_544_601, 90: 1.644_853_626_951_473, 95: 1.959_963_984_540_054 } as const;

/** Trains and measures; gives the process's exit code. */
export async function pbpCommand(settings: Config, flags: PbpFlags): Promise<number> {
  const other = Object.keys(settings).find((name) => !KNOWN.includes(name));
  if (other !== undefined) throw new Error(`pbp: has no setting ${other}; it takes ${KNOWN.filter((name) => name !== "model").join(", ")}`);
  if (settings.data === undefined) throw new Error("pbp: want a table to learn from: --data FILE.csv --label COLUMN");
  const report = flags.json === undefined ? undefined : outputFile(flags.json, [settings.data]);
  const data = await loadData({ ...settings, data: settings.data, task: settings.task ?? "regression" });
  if (data.task !== "regression" || sizeOf(data.targetShape ?? []) !== 1)
    throw new Error(
      `pbp: predicts one number, and ${data.name} asks for ${data.task === "regression" ? "several" : "classes"}; name a column of numbers with --label`,
    );
  const { hidden = [50], epochs = 40, seed = 0 } = settings;
  console.log(
    `pbp (${hidden.join(" x ")} units) on ${data.name} (${data.train.count} + ${data.test.count} examples): ${epochs} passes, seed ${seed}`,
  );
  for (const note of data.notes ?? []) console.log(note);
  const [train, test] = [examplesOf(data, data.train), examplesOf(data, data.test)];
  const network = pbp(train.x, train.y, { hidden, epochs, seed, onEpoch: progress });
  const result = measured(network, test);
  console.log(summary(result, network));
  if (flags.out !== undefined) await save(folderStore(flags.out), flags.out, result);
  await report?.write(`${JSON.stringify({ model: "pbp", data: data.name, seed, epochs, ...forReport(result, network) }, null, 2)}\n`);
  return 0;
}

interface Examples {
  readonly x: Tensor;
  readonly y: Tensor;
}

/** A split with targets in their own units. */
function examplesOf(data: Dataset, split: Split): Examples {
  const width = sizeOf(data.inputShape);
  const targets = Float32Array.from(split.targets as ArrayLike<number>);
  const own = data.preprocessing?.targets ? unstandardize(targets, data.preprocessing.targets, split.count) : targets;
  return { x: tensor(Float64Array.from(split.inputs), { shape: [split.count, width] }), y: tensor(Float64Array.from(own)) };
}

function progress(epoch: number, epochs: number): void {
  if (process.stderr.isTTY) process.stderr.write(epoch === epochs ? "\r\x1b[K" : `\rpass ${epoch} of ${epochs}`);
}

interface Result extends PbpPrediction {
  readonly targets: Float64Array;
  readonly rmse: number;
  readonly logLikelihood: number;
  /** Share of targets inside the middle 50, 80, 90 and 95 % of their distributions. */
  readonly inside: Readonly<Record<string, number>>;
  /** Over the share that a distribution gives an interval, the share of targets that lie in it. */
  readonly calibration: Curve;
}

function measured(network: PbpNetwork, { x, y }: Examples): Result {
  const prediction = network.predict(x);
  const targets = Float64Array.from(y.dataSync());
  const reach = targets.map((target, i) => Math.abs(target - prediction.mean[i]!) / prediction.deviation[i]!).sort();
  const within = (deviations: number): number => reach.filter((r) => r <= deviations).length / reach.length;
  // The share that a Gaussian gives to so many deviations on either side, at each target's own.
  const shares = tensor(reach).mul(Math.SQRT1_2).erf().dataSync();
  const points = Array.from(shares, (share, i): [number, number] => [share, (i + 1) / reach.length]);
  return {
    ...prediction,
    targets,
    ...network.measure(x, y),
    inside: Object.fromEntries(Object.entries(REACH).map(([share, deviations]) => [share, within(deviations)])),
    calibration: { name: "measured", points: [[0, 0], ...points, [1, 1]] },
  };
}

const IDEAL: Curve = { name: "ideal", points: [[0, 0], [1, 1]] }; // biome-ignore format: two points

function summary(result: Result, network: PbpNetwork): string {
  const text = (x: number): string => String(Number(x.toPrecision(4)));
  const rows = Array.from(result.targets.subarray(0, 5), (target, i) => {
    const half = REACH[95] * result.deviation[i]!;
    return `  ${text(result.mean[i]! - half)} to ${text(result.mean[i]! + half)}, expected ${text(result.mean[i]!)}; it was ${text(target)}`;
  });
  const curves = [result.calibration, IDEAL];
  return [
    `test RMSE ${text(result.rmse)}, mean log-likelihood ${text(result.logLikelihood)}, noise of the data ${text(network.noise)}`,
    `targets inside the middle ${Object.entries(result.inside)
      .map(([share, found]) => `${share} %: ${(100 * found).toFixed(1)} %`)
      .join(", ")}`,
    "the first of the test, with 95 %:",
    ...rows,
    "calibration: the share of targets inside an interval, over the share that the network gives it",
    drawCurves(curves, { width: Math.min(79, terminalWidth()), height: 10, x: "share" }),
  ].join("\n");
}

const forReport = ({ rmse, logLikelihood, inside, calibration }: Result, network: PbpNetwork): object => ({
  rmse,
  logLikelihood,
  noise: network.noise,
  inside,
  calibration: calibration.points,
});

/** Predictions with intervals, and the picture of their calibration. */
async function save(store: Store, path: string, result: Result): Promise<void> {
  const rows = Array.from(result.targets, (target, i) => {
    const half = REACH[95] * result.deviation[i]!;
    return [target, result.mean[i]!, result.deviation[i]!, result.modelDeviation[i]!, result.mean[i]! - half, result.mean[i]! + half].join(
      ",",
    );
  });
  const head = "target,mean,deviation,modelDeviation,low95,high95";
  await store.write("predictions.csv", `${[head, ...rows].join("\n")}\n`);
  await store.write(
    "calibration.svg",
    `${lineChart([result.calibration, IDEAL], { title: "calibration", x: "share that the network gives", y: "share of targets", log: false })}\n`,
  );
  console.log(`saved ${join(path, "predictions.csv")}, ${join(path, "calibration.svg")}`);
}
