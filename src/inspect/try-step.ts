/** @file A few training steps on one batch, tried and taken back: how far they go, what they do to the loss, and whether each takes the one before back. */
import { isFloat } from "../base/dtype.ts";
import { randomState } from "../math/random.ts";
import type { Layer } from "../nn/module.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { Cell } from "../runtime/cell.ts";
import { isFrozen } from "../runtime/frozen.ts";
import { Mark } from "../train/divergence.ts";
import type { Finding } from "../train/finding.ts";
import { compileStep } from "../train/step.ts";
import type { BatchTensors, Loss } from "../train/task.ts";

/** What some steps on one batch did. */
export interface TriedStep {
  readonly before: number;
  /** Loss of the same batch behind the first step, and behind all but one of them. */
  readonly after: number;
  readonly last: number;
  /** ‖Δw‖/‖w‖ of the weights (no biases, no scales of norms) in the first step, by name. */
  readonly ratios: ReadonlyMap<string, number>;
  readonly lr: number;
  /**
   * The largest 1 - Δ′·Δ/‖Δ‖² of two steps after one another, over all parameters. Of gradient descent it is the curvature along Δ times the rate, and steps turn Δ towards the sharpest
   * direction: above 2 a step is longer than the one that it takes back. NaN if a step was of length 0 or of no finite one.
   */
  readonly curvature: number;
}

/** Values of parameters by name, to be compared with later ones. */
export type Snapshot = ReadonlyMap<string, Float32Array | Float64Array>;

/** Copies of all float parameters. */
export async function snapshotOf(model: Layer): Promise<Snapshot> {
  const found = new Map<string, Float32Array>();
  for (const [name, cell] of model.namedParameters()) if (isFloat(cell.dtype)) found.set(name, (await cell.value.data()) as Float32Array);
  return found;
}

/** ‖Δw‖/‖w‖ of weights: what has two axes or more. */
export function ratiosOf(model: Layer, before: Snapshot, after: Snapshot): Map<string, number> {
  const ratios = new Map<string, number>();
  for (const [name, cell] of model.namedParameters()) {
    const [a, b] = [before.get(name), after.get(name)];
    if (!a || !b || cell.shape.length < 2 || isFrozen(cell)) continue;
    let [moved, size] = [0, 0];
    for (let i = 0; i < a.length; i++) {
      moved += (b[i]! - a[i]!) ** 2;
      size += a[i]! ** 2;
    }
    if (size > 0) ratios.set(name, Number.isFinite(moved) ? Math.sqrt(moved / size) : Number.POSITIVE_INFINITY);
  }
  return ratios;
}

/** Enough for an unstable direction to outgrow the others: by 1.5⁷ = 17 where sharpness times rate is 2.5. */
const TRIED = 8;

/** 1 - b·a/‖a‖² of the moves between three moments. */
function turning([first, second, third]: readonly Snapshot[]): number {
  let [product, square] = [0, 0];
  for (const [name, w] of second!) {
    const [before, after] = [first!.get(name)!, third!.get(name)!];
    for (let i = 0; i < w.length; i++) {
      const move = w[i]! - before[i]!;
      square += move * move;
      product += move * (after[i]! - w[i]!);
    }
  }
  return 1 - product / square;
}

/** Takes some steps on a batch, looks, and puts every cell back. */
export async function tryStep(model: Layer, optimizer: Optimizer, loss: Loss, { x, y, lengths, more }: BatchTensors): Promise<TriedStep> {
  const cells = [...model.stateDict().values(), ...optimizer.stateDict().values(), ...optimizer.parameters, randomState()];
  const mark = new Mark(new Set(cells));
  const step = compileStep(model, optimizer, { loss });
  try {
    const losses: number[] = [];
    const moments = [await snapshotOf(model)];
    let ratios: ReadonlyMap<string, number> = new Map();
    let curvature = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < TRIED; k++) {
      losses.push(await step(x, y, true, lengths, more).item());
      moments.push(await snapshotOf(model));
      if (k === 0) ratios = ratiosOf(model, moments[0]!, moments[1]!);
      if (k === 0) continue;
      curvature = Math.max(curvature, turning(moments));
      moments.shift();
    }
    return { before: losses[0]!, after: losses[1]!, last: losses.at(-1)!, ratios, lr: optimizer.lr, curvature };
  } finally {
    mark.restore();
    step.dispose();
  }
}

/** What is said of parameters that train and that the optimizer does not hold. */
export function leftOutFinding(model: Layer, optimizer: Optimizer, step: number | null): Finding[] {
  const held = new Set<Cell>(optimizer.parameters);
  const trained = model.namedParameters().filter(([, cell]) => !isFrozen(cell));
  const left = trained.filter(([, cell]) => !held.has(cell)).map(([name]) => name);
  if (left.length === 0) return [];
  const shown = left.length > 6 ? `${left.slice(0, 6).join(", ")} and ${left.length - 6} more` : left.join(", ");
  const none = left.length === trained.length;
  return [
    {
      rule: "unchanged",
      where: shown,
      step,
      severity: "error",
      evidence: { "not held": left.length, of: trained.length, held: held.size },
      cause: none
        ? "the optimizer holds none of the model's parameters: nothing is trained"
        : "the optimizer does not hold these parameters",
      remedies: ["make the optimizer from this model, when it is complete: new Adam(model.parameters())", "freeze() what shall rest"],
      confidence: "proved",
    },
  ];
}

/** Share of every weight that decay may take in a step: weights of AdamW with usual settings lose 1e-5, of SGD 1e-4. */
const DECAY = 0.02;

/** What is said of an optimizer that draws weights to 0. */
export function decayFinding(optimizer: Optimizer, step: number | null): Finding[] {
  const shares = optimizer.groups.map(({ lr, options }) => [lr * (options.weightDecay ?? 0), lr, options.weightDecay ?? 0] as const);
  const [share, lr, decay] = shares.reduce((a, b) => (b[0] > a[0] ? b : a), [0, 0, 0]);
  if (share <= DECAY) return [];
  return [
    {
      rule: "weight-decay",
      where: "weights",
      step,
      severity: "error",
      evidence: { "rate × weightDecay": share, "learning rate": lr, weightDecay: decay },
      cause: "weight decay takes a large share of every weight in each step: they are drawn to 0 faster than they learn",
      remedies: ["a smaller weightDecay (usual are 1e-4 with SGD, 1e-2 with AdamW), or none"],
      confidence: "proved",
    },
  ];
}

/** Above this a step replaces a weight rather than corrects it. */
const LARGE = 0.5;

/** What a tried step says of the learning rate. */
export function optimizerRules(tried: TriedStep, step: number | null): Finding[] {
  const { before, after, last, ratios, lr, curvature } = tried;
  const [most] = [...ratios].sort(([, a], [, b]) => b - a);
  if (!most) return [];
  const [where, ratio] = most;
  const rises = !(after <= 4 * Math.max(before, 1e-3));
  if (ratio > LARGE || (rises && ratio > 0.05))
    return [tooFast(where, { "‖Δw‖/‖w‖": ratio, "learning rate": lr, "loss before": before, "loss after": after }, step)];
  if (ratio > 0 && !(last <= before) && !(curvature <= 2))
    return [
      tooFast(
        "loss",
        { "sharpness × rate": curvature, "learning rate": lr, "loss before": before, [`loss after ${TRIED - 1} steps`]: last },
        step,
      ),
    ];
  const still = ratio < 1e-7 || (ratio < 3e-6 && before - after < 1e-4 * Math.abs(before));
  return still ? [tooSlow(where, { "‖Δw‖/‖w‖": ratio, "learning rate": lr }, step)] : [];
}

/** The rate is too large. */
export const tooFast = (where: string, evidence: Finding["evidence"], step: number | null): Finding => ({
  rule: "too-fast",
  where,
  step,
  severity: "error",
  evidence,
  cause: "steps are so long that they undo what was learned",
  remedies: [
    "a learning rate ten times smaller, or the one that `nabla find-lr` finds",
    "a warm-up, as in optim.oneCycle",
    "clipNorm in fit",
  ],
  confidence: "measured",
});

/** The rate is too small. */
export const tooSlow = (where: string, evidence: Finding["evidence"], step: number | null): Finding => ({
  rule: "update-ratio",
  where,
  step,
  severity: "warning",
  evidence,
  cause: "steps are so short that the weights stay where they are (healthy are 1e-4 to 1e-2 of their length)",
  remedies: ["a larger learning rate, such as the one that `nabla find-lr` finds"],
  confidence: "measured",
});
