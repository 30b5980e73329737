/** @file What `nabla inspect` prints: bars, histograms and curves in a terminal. */
import { columns } from "../base/columns.ts";
import type { Flow, FlowStep } from "../inspect/flow.ts";
import type { Look } from "../inspect/look.ts";
import type { Spectrum } from "../inspect/spectrum.ts";
import type { Units } from "../inspect/units.ts";
import { findingText } from "../train/finding.ts";
import { drawCurves } from "./curves.ts";
import { binned, shareText, short, UNIT_HEADS, unitColumns } from "./inspect-format.ts";

const EIGHTHS = " ▏▎▍▌▋▊▉█";
const HEIGHTS = " ▁▂▃▄▅▆▇█";

/** A bar of a share of some columns, to an eighth of one. */
export function shareBar(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  return ("█".repeat(eighths >> 3) + (eighths % 8 > 0 ? EIGHTHS[eighths % 8] : "")).padEnd(width);
}

/** Counts as a line of heights, by square roots, so that rare values are seen. */
export function sparkline(counts: readonly number[], width: number): string {
  const each = counts.length / width;
  const sums = Array.from({ length: width }, (_, i) =>
    counts.slice(Math.floor(i * each), Math.max(Math.floor(i * each) + 1, Math.floor((i + 1) * each))).reduce((a, b) => a + b, 0),
  );
  const most = Math.sqrt(Math.max(1, ...sums));
  return sums.map((n) => (n === 0 ? " " : HEIGHTS[Math.max(1, Math.round((8 * Math.sqrt(n)) / most))])).join("");
}

const GAUGE = 33;

/** A factor on a logarithmic gauge about 1: the bar, and dots where it must lie. */
function gauge({ gain, whiskers }: FlowStep, decades: number): string {
  const middle = GAUGE >> 1;
  const at = (x: number): number =>
    Math.round(middle + (Math.max(-decades, Math.min(decades, x > 0 ? Math.log10(x) : -decades)) / decades) * middle);
  const cells = new Array<string>(GAUGE).fill(" ");
  if (whiskers) for (let i = at(whiskers.low); i <= at(whiskers.high); i++) cells[i] = "·";
  const [from, to] = [Math.min(middle, at(gain)), Math.max(middle, at(gain))];
  for (let i = from; i <= to; i++) cells[i] = "█";
  cells[middle] = from === to ? "┃" : "█";
  return cells.join("");
}

/** Gains from the input to the output, and the gradient at each layer. */
export function flowText(flow: Flow, width: number): string {
  if (flow.steps.length === 0) return "flow: no two sites to look at";
  const logs = flow.steps.map(({ gain }) => Math.abs(Math.log10(gain > 0 ? gain : 1)));
  const decades = Math.max(1, Math.ceil(Math.max(...logs)));
  const rows = flow.steps.map((step) => [
    step.name,
    step.kind === "linear" ? "weights" : step.kind,
    gauge(step, decades),
    short(step.gain),
    short(step.gradient),
  ]);
  const { bounds, verdict, ratio, gradients } = flow;
  const curve = gradients.map(({ norm }, i): [number, number] => [i + 1, norm > 0 ? Math.log10(norm) : Number.NaN]);
  const drawn =
    gradients.length > 2 ? drawCurves([{ name: "log10 ‖δ‖", points: curve }], { width: Math.min(width, 72), height: 7, x: "layer" }) : "";
  const lower = bounds.vacuous ? `lower 0: ${bounds.vacuous}` : `lower ${short(bounds.lower)}`;
  return [
    `flow: ${verdict}; first layer / last layer ${short(ratio)}${flow.cause ? `; ${flow.cause}` : ""}`,
    ...columns([["", "", `shrinks ${"".padEnd(GAUGE - 14)} grows`, "gain", "‖δ‖ behind"], ...rows], 3),
    `${bounds.of}: ${short(bounds.truth)}; upper bound ${short(bounds.upper)} (10^${bounds.tightness.toFixed(1)} times), ${lower}`,
    ...(bounds.measured.length > 0 ? [`measured, not bounded: ${bounds.measured.join(", ")}`] : []),
    ...flow.forks
      .slice(0, 12)
      .map(({ name, ways }) => `ways back to ${name}: ${ways.map((way) => `${way.name} ${(100 * way.share).toFixed(0)} %`).join(", ")}`),
    ...(drawn ? ["", drawn] : []),
  ].join("\n");
}

/** A line for each activation. */
export function unitsText({ activations, deadAtBirth }: Units): string {
  if (activations.length === 0) return "units: no activation to look at";
  const rows = activations.map((each) => [
    each.name,
    sparkline(each.histogram.counts, 24),
    `${short(each.histogram.low)}..${short(each.histogram.high)}`,
    `${each.dead.length}/${each.units}`,
    ...unitColumns(each),
  ]);
  const birth = deadAtBirth > 0.01 ? [`with biases of 0, ${shareText(deadAtBirth)} of such nets are born dead for an example`] : [];
  return ["units", ...columns([["", "outputs", "range", "dead", ...UNIT_HEADS], ...rows], 2), ...birth].join("\n");
}

/** A line for each weight. */
export function spectrumText({ layers, jacobian }: Spectrum): string {
  const rows = layers.map((layer) => {
    const [high, low] = [layer.values[0]!, layer.values.at(-1)!];
    return [
      layer.name,
      sparkline(binned(layer.values, 24), 24),
      short(low),
      short(high),
      short(layer.law.upper),
      String(layer.outliers.length),
      short(layer.stableRank),
      short(layer.effectiveRank),
      short(layer.condition),
    ];
  });
  const whole = jacobian
    ? [`whole Jacobian: σ₁ ${short(jacobian.norm.value)}; product of the layers' norms ${short(jacobian.product)}`]
    : [];
  return [
    "spectrum",
    ...columns([["", "singular values", "least", "σ₁", "law's edge", "outliers", "stable rank", "effective", "κ"], ...rows], 2),
    ...whole,
  ].join("\n");
}

/** What is wrong, or that nothing is. */
export function findingsText({ findings }: Pick<Look, "findings">): string {
  return findings.length === 0 ? "findings: none" : `findings: ${findings.length}\n${findings.map(findingText).join("\n")}`;
}
