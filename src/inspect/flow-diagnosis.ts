/** @file Whether a gradient vanishes or explodes on its way, what does it, and what helps (TRN-2). */
import type { FlowStep } from "./flow-step.ts";
import { median } from "./quantiles.ts";

/** How the gradient's length goes from the last layer to the first. */
export interface Trend {
  /** Norm at the first layer over that at the last. */
  readonly ratio: number;
  /** log₁₀ of the factor per layer on the way back, by least squares. */
  readonly slope: number;
}

/** What is said of it. */
export interface Diagnosis {
  readonly verdict: "healthy" | "vanishing" | "exploding" | "none";
  /** Of what is not healthy: which factors did it. */
  readonly cause: string | undefined;
  /** The step where most of it happened. */
  readonly worst: string | undefined;
  readonly remedies: readonly string[];
}

/** A gradient that shrinks (or grows) by more than this over the layers is said to vanish (explode), if it does by 10^0.3 per layer too. */
const [RATIO, SLOPE] = [1e3, 0.3] as const;

/** How norms go from the last layer to the first. */
export function trendOf(norms: readonly number[]): Trend {
  const [first, last] = [norms[0] ?? Number.NaN, norms.at(-1) ?? Number.NaN];
  const logs = norms.toReversed().map((norm) => Math.log10(Math.max(norm, Number.MIN_VALUE)));
  const n = logs.length;
  const [mx, my] = [(n - 1) / 2, logs.reduce((a, b) => a + b, 0) / n];
  const top = logs.reduce((sum, y, i) => sum + (i - mx) * (y - my), 0);
  const below = logs.reduce((sum, _, i) => sum + (i - mx) ** 2, 0);
  return { ratio: first / last, slope: below === 0 ? 0 : top / below };
}

const log = (x: number): number => Math.log10(Math.max(x, Number.MIN_VALUE));

export function diagnosisOf({ ratio, slope }: Trend, steps: readonly FlowStep[]): Diagnosis {
  const nothing = { cause: undefined, worst: undefined, remedies: [] };
  if (Number.isNaN(ratio)) {
    const finite = steps.every(({ gradient }) => Number.isFinite(gradient));
    return finite ? { verdict: "none", ...nothing } : { verdict: "exploding", ...nothing, cause: "a gradient is no finite number" };
  }
  const vanishing = ratio < 1 / RATIO && slope < -SLOPE;
  const exploding = (ratio > RATIO && slope > SLOPE) || ratio === Number.POSITIVE_INFINITY;
  if (!vanishing && !exploding) return { verdict: "healthy", ...nothing };
  const shut = ratio === 0 ? steps.findLast(({ gain }) => gain === 0) : undefined;
  if (shut)
    return {
      verdict: "vanishing",
      cause: `for most examples no gradient at all comes back through ${shut.name}: all of its units are off`,
      worst: shut.name,
      remedies: ["a smaller rate of dropout, where there is one", "leakyRelu or elu, whose slope is nowhere 0", "wider layers"],
    };
  const sign = vanishing ? -1 : 1;
  const total = (kind: FlowStep["kind"]): number =>
    steps.filter((step) => step.kind === kind).reduce((sum, { gain }) => sum + log(gain), 0);
  const kinds = ["activation", "linear", "norm", "between", "join"] as const;
  const kind = kinds.reduce((a, b) => (sign * total(b) > sign * total(a) ? b : a));
  const own = steps.filter((step) => step.kind === kind);
  const worst = own.reduce((a, b) => (sign * log(b.gain) > sign * log(a.gain) ? b : a), own[0]!);
  return {
    verdict: vanishing ? "vanishing" : "exploding",
    cause: `${causeOf(kind, own)}; together 10^${total(kind).toFixed(1)} of 10^${log(ratio).toFixed(1)}`,
    worst: worst.name,
    remedies: remediesFor(vanishing, kind, steps),
  };
}

function causeOf(kind: FlowStep["kind"], steps: readonly FlowStep[]): string {
  const share = (of: "far" | "zero"): number => steps.reduce((sum, { slopes }) => sum + (slopes?.[of] ?? 0), 0) / steps.length;
  if (kind === "activation")
    return `activations: slopes of ${steps[0]!.name.split(" ")[0]} shrink the gradient, by ${median(steps.map(({ gain }) => gain)).toPrecision(2)} in the median layer (|z| > 5 in ${(100 * share("far")).toFixed(0)} %, slope 0 in ${(100 * share("zero")).toFixed(0)} %)`;
  if (kind === "linear") {
    const expected = median(steps.map(({ weights }) => weights?.expected ?? Number.NaN));
    return `weights: their scale multiplies a random gradient by ${expected.toPrecision(2)} per layer, where 1 keeps its length`;
  }
  return `${kind === "between" ? "what lies between the layers" : `${kind}s`}: ${steps.map(({ name }) => name).join(", ")}`;
}

/** Initialiser, activation, normalisation, residual, rate: in this order. */
function remediesFor(vanishing: boolean, kind: FlowStep["kind"], steps: readonly FlowStep[]): string[] {
  const activations = steps.filter((step) => step.kind === "activation");
  const name = activations[0]?.name.split(" ")[0] ?? "linear";
  const squashes = ["sigmoid", "tanh", "softsign", "hardSigmoid", "logSigmoid"].includes(name);
  return [
    ...(kind === "linear" || !vanishing || squashes ? [initializerFor(name)] : []),
    ...(vanishing && squashes
      ? [`relu, gelu or silu in place of the ${name}: its slope is at most ${name === "sigmoid" ? "1/4" : "1"}`]
      : []),
    "a normalisation behind each linear layer (nn.BatchNorm, nn.LayerNorm)",
    ...(steps.length > 6 ? ["residual connections, so that a gradient has a way of gain 1"] : []),
    ...(vanishing ? [] : ["a smaller learning rate, and clipNorm in fit"]),
  ];
}

const GAINS: Readonly<Record<string, string>> = {
  relu: "nn.initializers.heNormal: square layers then multiply by √2 and relu by √½, together 1",
  sigmoid: 'nn.initializers.varianceScaling({ scale: 16, mode: "fanAvg" }): square layers then multiply by 4 and the slopes near 0 by ¼',
  tanh: "nn.initializers.glorotNormal: square layers then multiply by 1, and tanh by 1 near 0",
};

/** The initialiser that suits an activation, with its expected gain. */
export const initializerFor = (activation: string): string =>
  GAINS[activation] ??
  (/(relu|elu|silu|gelu|mish)/i.test(activation) ? GAINS.relu! : "nn.initializers.orthogonal: every layer then multiplies by exactly 1");
