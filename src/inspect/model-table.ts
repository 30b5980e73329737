/**
 * @file The networks of the zoo as a table in Markdown: the source of `docs/models.md`. Parameters, work and depth are counted from the networks
 * themselves; memory and whether they train comes from the last run of `npm run test:zoo`.
 */
import { type ZooEntry, zoo } from "../models/zoo.ts";
import { blueprint, depthOf, macsOf, parameterCount, recordOn } from "./cost.ts";

/** What `npm run test:zoo` found of a network. */
export interface ZooRecord {
  /** Cross-entropy on 8 fixed small images before the first of 20 steps, and the mean before the last three. */
  readonly before: number;
  readonly after: number;
  readonly falls: boolean;
  /** Whether evaluating twice gives the same bits. */
  readonly deterministic: boolean;
  /** Scratch memory of a training step at batch 2 and native size, as planned and run. */
  readonly scratchMiB?: number;
  /** Bytes that the plan was given, where it did not fit without. */
  readonly budget?: number | null;
  /** Why no plan fits into 4 GiB. */
  readonly refused?: string;
}

const cell = (text: string): string => text.replaceAll("|", "\\|");

function factsOf({ make, classes, input }: ZooEntry): { parameters: number; macs: number; depth: number } {
  const model = blueprint(() => make({ classes, channels: input[0] })).eval();
  const recorded = recordOn((x) => model.forward(x), [[1, ...input]]);
  return { parameters: parameterCount(model), macs: macsOf(recorded.list).total, depth: depthOf(recorded) };
}

/** In full from 100 on, four digits below: 0.1363, 40.55, 11,308. */
function inUnits(n: number): string {
  return n.toLocaleString("en-US", n >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: n >= 1 ? 4 : 2 });
}

function memoryOf(record: ZooRecord | undefined): string {
  if (!record) return "";
  if (record.refused !== undefined) return "over 4 GiB";
  const mib = `${inUnits(record.scratchMiB ?? 0)} MiB`;
  return record.budget ? `${mib}, recomputing` : mib;
}

function trainingOf(record: ZooRecord | undefined): string {
  return record ? `${record.before.toFixed(2)} → ${record.after.toPrecision(2)}` : "";
}

/** The page; records by name, for networks that have been run. */
export function modelTable(records: Readonly<Record<string, ZooRecord>>): string {
  const rows = Object.entries(zoo).map(([name, entry]) => {
    const { parameters, macs, depth } = factsOf(entry);
    const record = records[name];
    const counts = [parameters.toLocaleString("en-US"), inUnits(macs / 1e6), `${depth}`];
    return [
      `\`${name}\``,
      `${entry.year}`,
      entry.input.join("×"),
      ...counts,
      memoryOf(record),
      trainingOf(record),
      entry.idea,
      entry.source,
    ].map(cell);
  });
  const head = ["name", "year", "input", "parameters", "MACs (M)", "depth", "memory", "20 steps", "idea", "source"];
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return [...INTRODUCTION, "", ...lines, ""].join("\n");
}

const INTRODUCTION = [
  "# Models",
  "",
  "Made by `npm run docs` from the networks themselves (`src/models`); do not edit. `models.zoo[name].make(options)` builds one, with options `classes`,",
  "`channels`, `smallImages` (a stem for images of about 32×32) and `width`; `models.loadWeights(model, path)` takes published weights (see weights.md).",
  "Names and shapes of weights are torchvision's where it has the network, and the counts are exact: of weights, biases and scales, and of",
  "multiply-accumulates (MACs, two FLOPs each) of convolutions and matrix products for one image. Depth is the number of layers with weights on the longest",
  "way from input to output.",
  "",
  'Memory is what the plan of one training step takes at batch 2 and native size beside weights and optimizer state, and "20 steps" the cross-entropy on 8',
  "fixed images (of 16 to 32 pixels where the network has a form for small ones) before and after 20 steps of Adam (of SGD where its moments leave no room in 4 GiB); both are from the last runs of `npm run test:zoo`,",
  "and empty where a network has not been run.",
];
