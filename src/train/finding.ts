/** @file Findings: what a rule says, always with a number, a place, a cause and remedies. */

import { checkFields, list, object, text } from "../base/check.ts";

/** The rules. */
export type RuleName =
  | "not-finite"
  | "data"
  | "outputs"
  | "too-fast"
  | "poor-init"
  | "exploding"
  | "dead"
  | "saturated"
  | "vanishing"
  | "unchanged"
  | "mixes-batch"
  | "update-ratio"
  | "batch-noise"
  | "no-activation"
  | "weight-decay"
  | "overfit"
  | "loss-flat";

/** Something that keeps a network from learning, or may. */
export interface Finding {
  readonly rule: RuleName;
  /** A site, a parameter, `inputs`, `labels`, `outputs` or `loss`. */
  readonly where: string;
  /** Of the run, from 0; null outside of one. */
  readonly step: number | null;
  readonly severity: "error" | "warning" | "note";
  readonly evidence: Readonly<Record<string, number>>;
  readonly cause: string;
  readonly remedies: readonly string[];
  readonly confidence: "proved" | "measured" | "guessed";
}

/** What each rule explains away when it holds: its consequences. */
const EXPLAINS: Readonly<Partial<Record<RuleName, readonly RuleName[]>>> = {
  "not-finite": [
    "batch-noise",
    "exploding",
    "vanishing",
    "dead",
    "saturated",
    "too-fast",
    "update-ratio",
    "unchanged",
    "loss-flat",
    "poor-init",
    "mixes-batch",
    "overfit",
  ],
  data: [
    "batch-noise",
    "not-finite",
    "exploding",
    "dead",
    "saturated",
    "too-fast",
    "poor-init",
    "loss-flat",
    "vanishing",
    "update-ratio",
    "overfit",
  ],
  outputs: ["batch-noise", "loss-flat", "vanishing", "dead", "saturated", "mixes-batch", "overfit"],
  "too-fast": [
    "batch-noise",
    "not-finite",
    "exploding",
    "dead",
    "saturated",
    "vanishing",
    "update-ratio",
    "poor-init",
    "loss-flat",
    "unchanged",
  ],
  "poor-init": ["batch-noise", "vanishing", "dead", "saturated", "unchanged", "update-ratio", "loss-flat"],
  exploding: ["batch-noise", "poor-init", "saturated", "dead", "vanishing", "loss-flat", "update-ratio"],
  dead: ["batch-noise", "vanishing", "unchanged", "update-ratio", "loss-flat"],
  saturated: ["batch-noise", "vanishing", "update-ratio", "loss-flat"],
  vanishing: ["batch-noise", "update-ratio", "unchanged", "loss-flat"],
  unchanged: ["batch-noise", "vanishing", "loss-flat", "update-ratio"],
  "mixes-batch": ["loss-flat", "overfit"],
  "batch-noise": ["loss-flat"],
  "weight-decay": ["vanishing", "update-ratio", "loss-flat", "dead", "poor-init"],
  "update-ratio": ["loss-flat"],
};

const SEVERITY = { error: 0, warning: 1, note: 2 } as const;

/**
 * The causes among some findings, the gravest first, each once. What starts before the first step causes what comes later: a rate that is too large does not explain weights that explode at step 0, and
 * values that are not finite in the inputs or the parameters of step 0 are no one's consequence.
 */
export function causesOf(findings: readonly Finding[]): Finding[] {
  const explains = (cause: Finding, other: Finding): boolean => {
    if (!EXPLAINS[cause.rule]?.includes(other.rule) || cause === other || cause.severity === "note") return false;
    // What the tape or the optimizer's list shows is nobody's consequence; and of not-finite labels that are no classes explain the loss alone.
    if (other.rule === "unchanged" && other.confidence === "proved") return false;
    if (cause.rule === "data" && other.rule === "not-finite") return cause.where === "labels" && other.where === "loss";
    const mutual = EXPLAINS[other.rule]?.includes(cause.rule) === true;
    return !mutual || (cause.step ?? 0) <= (other.step ?? 0);
  };
  const early = (f: Finding): boolean => f.rule === "exploding" && (f.step ?? 0) === 0;
  const late = (f: Finding): boolean => f.rule === "too-fast";
  const initial = findings.some(early);
  const left = findings.filter((f) => !(initial && late(f)));
  const kept = left.filter((other) => !left.some((cause) => explains(cause, other)));
  const once = kept.filter((f, i) => kept.findIndex(({ rule, where }) => rule === f.rule && where === f.where) === i);
  return once.sort((a, b) => SEVERITY[a.severity] - SEVERITY[b.severity]);
}

const number = (x: number): string => (Number.isInteger(x) && Math.abs(x) < 1e6 ? String(x) : x.toPrecision(3));

/** One finding in two lines: what is wrong, where, by which numbers; and what helps. */
export function findingText(finding: Finding): string {
  checkFields("findingText: the finding", finding, {
    rule: text,
    where: text,
    severity: text,
    evidence: object,
    cause: text,
    remedies: list,
    confidence: text,
  });
  const { rule, where, step, severity, evidence, cause, remedies, confidence } = finding;
  const at = step === null || step === 0 ? "" : ` at step ${step}`;
  const numbers = Object.entries(evidence).map(([name, value]) => `${name} ${number(value)}`);
  const help = remedies.length > 0 ? `\n  try: ${remedies.join("; ")}` : "";
  return `${severity}: ${rule} in ${where}${at}: ${cause} (${[...numbers, confidence].join(", ")})${help}`;
}
