/** @file `nabla evaluate`: everything that is usually measured, of a trained model on a data set. */
import type { Dataset } from "../data/dataset.ts";
import { scores } from "../train/confusion.ts";
import { evaluate, usualMetrics } from "../train/evaluate.ts";
import type { Auc, RegressionErrors } from "../train/metrics.ts";
import { outputFile } from "./output.ts";
import { bitsOf, formatLoss, formatNumber, percent } from "./reporter.ts";
import { type Config, givenSettings } from "./settings.ts";
import { dataFor, loadTrained } from "./trained.ts";

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
  const output = json === undefined ? undefined : outputFile(json, [path, trained.settings.data, flags.data]);
  const tried = await dataFor(trained, givenSettings(undefined, flags), split);
  const { data } = tried;
  const report = (await evaluate(trained.model, data, tried.split, usualMetrics(data))) as Report;
  console.log(
    `${trained.settings.model} (${trained.path}) on the ${tried.split.count.toLocaleString("en-US")} examples of ${data.name}, ${tried.what}`,
  );
  for (const note of tried.notes) console.error(`note: ${note}`);
  console.log(describe(report, data));
  const { errors, ...rest } = report;
  const about = {
    data: data.name,
    split: tried.what === "the whole file" ? "all" : split,
    examples: tried.split.count,
    notes: tried.notes,
  };
  const numbers = { ...rest, ...(errors && { mae: errors.mae, rmse: errors.rmse, r2: errors.r2, errors }) };
  const bits = data.preprocessing?.text ? { bitsPerCharacter: bitsOf(report.loss) } : {};
  await output?.write(`${JSON.stringify({ ...about, ...numbers, ...bits }, null, 2)}\n`);
  return 0;
}

function describe({ loss, accuracy, top5, confusion, auc, errors }: Report, { classes, preprocessing }: Dataset): string {
  const units = errors ? "   (mean squared error of the standardized targets)" : "";
  const lines = [`loss       ${formatLoss(loss)}${units}`];
  if (preprocessing?.text) lines.push(`bits       ${bitsOf(loss).toFixed(4)} per character`);
  if (accuracy !== null) lines.push(`accuracy   ${percent(accuracy)}`);
  if (top5 !== undefined) lines.push(`top-5      ${percent(top5)}`);
  if (auc)
    lines.push(`ROC-AUC    ${auc.macro.toFixed(4)} (mean over classes, each against the rest; to within ${auc.error.toExponential(0)})`);
  if (errors)
    lines.push(`MAE        ${formatNumber(errors.mae)}`, `RMSE       ${formatNumber(errors.rmse)}`, `R²         ${errors.r2.toFixed(4)}`);
  if (confusion) lines.push("", ...classTable(confusion, classes), "", ...matrix(confusion, classes));
  return lines.join("\n");
}

function classTable(confusion: number[][], classes: readonly string[]): string[] {
  const { perClass, macro, micro, weighted } = scores(confusion);
  const width = longest(classes, 8);
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
  const width = longest([...classes, ...confusion.flat().map(String)], 5);
  // Outputs that hold NaN are of no class.
  const columns = confusion[0].length > classes.length ? [...classes, "none"] : classes;
  const head = `${"is \\ taken for".padEnd(Math.max(14, width))} ${columns.map((name) => name.padStart(width)).join(" ")}`;
  return [
    head,
    ...confusion.map((row, i) => `${classes[i].padEnd(Math.max(14, width))} ${row.map((n) => String(n).padStart(width)).join(" ")}`),
  ];
}

/** The length of the longest text, at least `least`. */
const longest = (texts: readonly string[], least: number): number => texts.reduce((most, { length }) => Math.max(most, length), least);
