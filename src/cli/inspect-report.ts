/** @file `nabla inspect --html`: one page with what the instruments found. */
import { type Bar, factorBars, histogramRows } from "../figures/bars.ts";
import { report, type Section } from "../figures/report.ts";
import { lineChart } from "../figures/svg.ts";
import type { Flow } from "../inspect/flow.ts";
import { marchenkoPastur } from "../inspect/random-matrix.ts";
import type { LayerSpectrum, Spectrum } from "../inspect/spectrum.ts";
import type { Units } from "../inspect/units.ts";
import type { Finding } from "../train/finding.ts";
import { binned, shareText, short, UNIT_HEADS, unitColumns } from "./inspect-format.ts";
import { lossSections } from "./inspect-loss.ts";
import type { Inspected } from "./inspected.ts";

function findingsSection(findings: readonly Finding[]): Section {
  if (findings.length === 0)
    return {
      title: "Findings",
      cards: [
        {
          kind: "good",
          head: "Nothing found",
          body: "No rule fired: gradients, units, data, outputs and the size of a step are as in nets that learn.",
          list: [],
        },
      ],
    };
  const cards = findings.map(({ rule, where, severity, cause, evidence, confidence, remedies }) => ({
    kind: severity,
    head: `${rule} in ${where}`,
    body: `${cause} (${Object.entries(evidence)
      .map(([name, value]) => `${name} ${short(value)}`)
      .join(", ")}; ${confidence})`,
    list: remedies,
  }));
  return { title: "Findings", cards };
}

const COLOURS = { linear: 0, activation: 1, norm: 2, join: 3, between: 6 } as const;

function flowSection(flow: Flow): Section {
  const bars = flow.steps.map(
    ({ name, gain, whiskers, kind }): Bar => ({
      name: kind === "linear" ? `weights ${name}` : name,
      value: gain,
      whiskers,
      colour: COLOURS[kind],
    }),
  );
  const points = flow.gradients.map(({ norm }, i): [number, number] => [i + 1, norm > 0 ? norm : Number.NaN]);
  const { bounds } = flow;
  return {
    title: "Gradient flow",
    text: [
      `What the gradient is multiplied by on its way back, from the input (top) to the output: ${flow.verdict}. Thin lines are where a factor must lie: singular values, and slopes.`,
      `${bounds.of}: ${short(bounds.truth)}; upper bound ${short(bounds.upper)}; lower bound ${bounds.vacuous ? `0, since ${bounds.vacuous}` : short(bounds.lower)}.`,
      ...(flow.cause ? [`Cause: ${flow.cause}.`] : []),
    ],
    pictures: [
      ...(bars.length > 0 ? [factorBars("Gains", bars)] : []),
      ...(points.filter(([, y]) => Number.isFinite(y)).length > 2
        ? [lineChart([{ name: "‖δ‖", points }], { title: "Gradient behind each layer", x: "layer", y: "median ‖δ‖", height: 280 })]
        : []),
    ],
    ...(flow.forks.length > 0 && {
      table: [
        ["value", "comes back through", ""],
        ...flow.forks.map(({ name, ways }) => [
          name,
          ways.map((way) => way.name).join(", "),
          ways.map(({ share }) => shareText(share)).join(", "),
        ]),
      ],
    }),
  };
}

function unitsSection({ activations }: Units): Section {
  const rows = activations.map(({ name, histogram, dead, units, flat }) => ({
    name,
    note: `dead ${dead.length} of ${units}, flat ${shareText(flat)}`,
    ...histogram,
  }));
  return {
    title: "Units",
    text: ["Outputs of each activation; heights are square roots of counts, so that rare values are seen."],
    ...(rows.length > 0 && { pictures: [histogramRows("Outputs", rows)] }),
    table: [
      ["activation", "units", "dead", "weak", ...UNIT_HEADS],
      ...activations.map((each) => [
        each.name,
        String(each.units),
        String(each.dead.length),
        String(each.weak.length),
        ...unitColumns(each),
      ]),
    ],
  };
}

function spectrumSection({ layers }: Spectrum): Section {
  const rows = layers.map(({ name, values, law, outliers }) => {
    const [low, high] = [values.at(-1)!, values[0]!];
    const counts = binned(values, 64);
    return { name, note: `σ₁ ${short(high)}, the law ends at ${short(law.upper)}, ${outliers.length} beyond`, low, high, counts };
  });
  return {
    title: "Spectra",
    text: ["Singular values of each weight beside the law of random matrices of its shape."],
    pictures: [
      histogramRows("Singular values", rows),
      ...layers
        .filter(({ values, law }) => values.length >= 16 && law.upper > 0)
        .slice(0, 6)
        .map(lawChart),
    ],
  };
}

/** The density of a weight's singular values beside the law. */
function lawChart({ name, values, law, rows, columns, variance }: LayerSpectrum): string {
  const [low, high] = [Math.min(law.lower, values.at(-1)!), Math.max(law.upper, values[0]!) * 1.02];
  const bins = Math.max(8, Math.min(40, Math.round(values.length / 4)));
  const width = (high - low) / bins;
  const counts = new Array<number>(bins).fill(0);
  for (const value of values) counts[Math.min(bins - 1, Math.floor((value - low) / width))]!++;
  const measured = counts.map((n, i): [number, number] => [low + (i + 0.5) * width, n / (values.length * width)]);
  const expected = Array.from({ length: 200 }, (_, i): [number, number] => {
    const s = law.lower + ((law.upper - law.lower) * (i + 0.5)) / 200;
    return [s, marchenkoPastur(s, { rows, columns, variance })];
  });
  const curves = [
    { name: "measured", points: measured },
    { name: "law", points: expected },
  ];
  return lineChart(curves, { title: `${name}: Marchenko-Pastur`, x: "singular value", y: "density", height: 240, log: false });
}

/** The page. */
export function inspectReport(about: string, found: Inspected): string {
  const { findings, flow, units, spectrum } = found;
  const sections = [
    ...(findings ? [findingsSection(findings)] : []),
    ...(flow ? [flowSection(flow)] : []),
    ...(units ? [unitsSection(units)] : []),
    ...(spectrum ? [spectrumSection(spectrum)] : []),
    ...lossSections(found),
  ];
  return report("nabla inspect", about, sections);
}
