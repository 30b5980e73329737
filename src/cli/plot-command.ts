/** @file `nabla plot`: the curves of runs, in the terminal, and as SVG or HTML. */
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { didYouMean } from "../base/check.ts";
import { type Curve, curveOf, type Row, rowsOfCsv } from "../figures/curves.ts";
import { lineChart, page } from "../figures/svg.ts";
import { drawCurves } from "./curves.ts";
import { outputFile } from "./output.ts";
import { RunFolder } from "./run-folder.ts";
import { terminalWidth } from "./terminal.ts";

/** Flags of the command. */
export interface PlotFlags {
  readonly metric?: string;
  readonly steps?: boolean;
  readonly svg?: string;
  readonly html?: string;
}

interface Recorded {
  readonly path: string;
  readonly rows: readonly Row[];
}

/** Draws the curves of runs; gives the process's exit code. */
export async function plotCommand(paths: readonly string[], flags: PlotFlags): Promise<number> {
  const file = flags.steps ? "steps.csv" : "epochs.csv";
  const svg = flags.svg === undefined ? undefined : outputFile(flags.svg, paths);
  const html = flags.html === undefined ? undefined : outputFile(flags.html, paths);
  const runs = paths.map((path) => recordsOf(path, file));
  const metrics = flags.metric === undefined ? usualMetrics(runs, flags.steps) : [flags.metric];
  const charts = metrics.map((metric) => ({ metric, curves: curvesOf(runs, metric, flags.steps) }));
  for (const { metric, curves } of charts) {
    const drawn = drawCurves(curves, { width: terminalWidth(), x: flags.steps ? "step" : "epoch" });
    console.log(`${metric}\n${drawn || "(one point: a curve wants two)"}`);
  }
  const title = runs.map(({ path }) => basename(path)).join(", ");
  const pictures = charts.map(({ metric, curves }) =>
    lineChart(curves, {
      title: `${title}: ${metric}`,
      x: flags.steps ? "step" : "epoch",
      y: metric,
      ...(metric !== "loss" && { log: false }),
    }),
  );
  if (svg) {
    if (pictures.length > 1)
      console.error(`note: an SVG file has one picture: ${metrics[0]}; choose with --metric, or write all with --html`);
    await svg.write(`${pictures[0]}\n`);
    console.log(`saved ${flags.svg}`);
  }
  if (html) {
    await html.write(page(title, pictures));
    console.log(`saved ${flags.html}`);
  }
  return 0;
}

/** @throws {Error} for a folder without records. */
function recordsOf(path: string, file: string): Recorded {
  const run = new RunFolder(path);
  const { state } = run.info; // says what is no run
  const csv = join(path, file);
  const rows = existsSync(csv) ? rowsOfCsv(readFileSync(csv, "utf8")) : [];
  if (rows.length > 0) return { path, rows };
  throw new Error(
    `${path}: nothing is recorded in ${file} yet (the run is ${state}); ${file === "epochs.csv" ? "--steps draws single steps" : "let it train first"}`,
  );
}

/** Loss, and accuracy where there is one. */
function usualMetrics(runs: readonly Recorded[], steps = false): string[] {
  return !steps && runs.some(({ rows }) => curvesOfRun(rows, "accuracy").length > 0) ? ["loss", "accuracy"] : ["loss"];
}

const capital = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

/** Of training, validation and test, or the column of that name. */
function curvesOfRun(rows: readonly Row[], metric: string): Curve[] {
  const parts = ["train", "validation", "test"].flatMap((part) => curveOf(rows, part + capital(metric), part, "epoch") ?? []);
  return parts.length > 0 ? parts : [curveOf(rows, metric, metric, "epoch")].filter((curve) => curve !== undefined);
}

/** One run: its parts. Several: what decides in each, validation or test. @throws {Error} for a metric that is not recorded. */
function curvesOf(runs: readonly Recorded[], metric: string, steps = false): Curve[] {
  const curves = runs.flatMap(({ path, rows }) => {
    const own = steps ? [curveOf(rows, metric, metric, "step")].filter((curve) => curve !== undefined) : curvesOfRun(rows, metric);
    if (runs.length === 1) return own;
    const decisive = own.find(({ name }) => name === "validation") ?? own.find(({ name }) => name === "test") ?? own[0];
    return decisive ? [{ ...decisive, name: basename(path) }] : [];
  });
  if (curves.length > 0) return curves;
  const known = ["loss", ...new Set(runs.flatMap(({ rows }) => rows.flatMap((row) => Object.keys(row))))].filter(
    (name) => !["step", "epoch", "seconds"].includes(name),
  );
  throw new Error(`no run has recorded "${metric}"${didYouMean(metric, known)} (recorded: ${known.join(", ")})`);
}
