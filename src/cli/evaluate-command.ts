/** @file `nabla evaluate`: everything that is usually measured, of a trained model on a data set. */
import type { Dataset } from "../data/dataset.ts";
import { scores } from "../train/confusion.ts";
import { evaluate, usualMetrics } from "../train/evaluate.ts";
import type { Auc, RegressionErrors } from "../train/metrics.ts";
import { outputSize } from "../train/task.ts";
import { outputFile } from "./output.ts";
import { formatLoss, percent } from "./reporter.ts";
import { loadData } from "./session.ts";
import { type Config, givenSettings } from "./settings.ts";
import { loadTrained, type Trained } from "./trained.ts";

export interface EvaluateFlags extends Config {
  readonly split: "train" | "test";
  readonly json?: string;
}

interface Report {
  readonly loss: number;
  readonly accuracy: number | null;
  readonly top5?: number;
  readonly confusion?: number[][];
  readonly auc?: Auc;
  readonly errors?: RegressionErrors;
}

export async function evaluateCommand(path: string, { split, json, ...flags }: EvaluateFlags): Promise<number> {
  const trained = await loadTrained(path);
  const settings = { ...trained.settings, ...givenSettings(undefined, flags) };
  const output = json === undefined ? undefined : outputFile(json, [path, trained.settings.data, settings.data]);
  const data = await loadData(settings);
  checkFits(trained, data);
  const report = (await evaluate(trained.model, data, data[split], usualMetrics(data))) as Report;
  console.log(
    `${trained.settings.model} (${trained.path}) on the ${data[split].count.toLocaleString("en-US")} examples of ${data.name}, ${split} split`,
  );
  console.log(describe(report, data));
  await output?.write(`${JSON.stringify({ data: data.name, split, ...report }, null, 2)}\n`);
  return 0;
}

/** @throws {Error} if the model takes or gives something else than the data have. */
export function checkFits({ path, about, model }: Trained, data: Dataset): void {
  const shape = (x: Pick<Dataset, "inputShape">): string => `[${x.inputShape.join(", ")}]`;
  if (shape(about) !== shape(data)) throw new Error(`${path}: takes inputs ${shape(about)}, ${data.name} has ${shape(data)}`);
  if (about.task !== data.task) throw new Error(`${path}: is for ${about.task}, ${data.name} is for ${data.task}`);
  if (data.task !== "classification" || about.classes.join() === data.classes.join()) return;
  const list = (classes: readonly string[]): string => (classes.length > 8 ? `${classes.slice(0, 8).join(", ")}, ...` : classes.join(", "));
  throw new Error(
    `${path}: knows the classes ${list(about.classes)}; ${data.name} has ${list(data.classes)} (${outputSize(data)} for ${model.constructor.name})`,
  );
}

function describe({ loss, accuracy, top5, confusion, auc, errors }: Report, { classes }: Dataset): string {
  const lines = [`loss       ${formatLoss(loss)}`];
  if (accuracy !== null) lines.push(`accuracy   ${percent(accuracy)}`);
  if (top5 !== undefined) lines.push(`top-5      ${percent(top5)}`);
  if (auc)
    lines.push(`ROC-AUC    ${auc.macro.toFixed(4)} (mean over classes, each against the rest; to within ${auc.error.toExponential(0)})`);
  if (errors) lines.push(`MAE        ${number(errors.mae)}`, `RMSE       ${number(errors.rmse)}`, `R²         ${errors.r2.toFixed(4)}`);
  if (confusion) lines.push("", ...classTable(confusion, classes), "", ...matrix(confusion, classes));
  return lines.join("\n");
}

const number = (x: number): string => (Math.abs(x) >= 1e-3 && Math.abs(x) < 1e6 ? x.toPrecision(4) : x.toExponential(3));

function classTable(confusion: number[][], classes: readonly string[]): string[] {
  const { perClass, macro, micro, weighted } = scores(confusion);
  const width = Math.max(8, ...classes.map((name) => name.length));
  const row = (name: string, score: { precision: number; recall: number; f1: number }, support?: number): string =>
    `${name.padEnd(width)}  ${[score.precision, score.recall, score.f1].map((x) => x.toFixed(4).padStart(9)).join("  ")}  ${String(support ?? "").padStart(8)}`.trimEnd();
  return [
    `${"".padEnd(width)}  ${["precision", "recall", "F1"].map((x) => x.padStart(9)).join("  ")}  examples`,
    ...perClass.map((score, i) => row(classes[i], score, score.support)),
    row("macro", macro),
    row("micro", micro),
    row("weighted", weighted),
  ];
}

// More classes than this do not fit a terminal's line.
const MOST = 20;

function matrix(confusion: number[][], classes: readonly string[]): string[] {
  if (classes.length > MOST) return [];
  const width = Math.max(5, ...classes.map((name) => name.length), ...confusion.flat().map((n) => String(n).length));
  // Outputs that hold NaN are of no class.
  const columns = confusion[0].length > classes.length ? [...classes, "none"] : classes;
  const head = `${"is \\ taken for".padEnd(Math.max(14, width))} ${columns.map((name) => name.padStart(width)).join(" ")}`;
  return [
    head,
    ...confusion.map((row, i) => `${classes[i].padEnd(Math.max(14, width))} ${row.map((n) => String(n).padStart(width)).join(" ")}`),
  ];
}
