/**
 * @file Gradient checking (AD-5) for any function and any model: derivatives against central differences in f64, forward mode against reverse
 * mode by an inner product, and second order. Usable in a user's own tests; the report names the worst entry.
 */
import { aNumber, type Checks, checkOptions, flag } from "../base/check.ts";
import { isFloat } from "../base/dtype.ts";
import { capture, leavesOf, withLeaves } from "../function/capture.ts";
import { compile } from "../function/compile.ts";
import { grad, jvp, vjp } from "../function/derivative.ts";
import { withCells } from "../function/substitute.ts";
import { keyOf, normal, uniform } from "../math/random.ts";
import { fromArray } from "../ops/create.ts";
import { elementsOf, type Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";

export interface CheckOptions {
  /** Step of the central differences; where they disagree, smaller ones are tried. Default 1e-5. */
  readonly step?: number;
  /** Largest relative error that passes; see {@link Finding.error}. Default 1e-5. */
  readonly tolerance?: number;
  /** Entries tried one by one; of larger inputs this many are drawn at random. Default 200. */
  readonly entries?: number;
  /** Check the derivative of the gradient too. Default true. */
  readonly secondOrder?: boolean;
  /** Seed of the random directions. Default 0. */
  readonly seed?: number;
}

const CHECK_OPTIONS: Checks<CheckOptions> = { step: aNumber, tolerance: aNumber, entries: aNumber, secondOrder: flag, seed: aNumber };

/** One comparison. */
export interface Finding {
  readonly check: "reverse mode" | "forward against reverse" | "second order";
  /** Which entry: `w1[3]`, or a direction. */
  readonly where: string;
  readonly expected: number;
  readonly found: number;
  /**
   * |found - expected|, less what the differences cannot resolve, as a share of |expected| + 1 % of the usual size of an entry of the gradient (of a
   * direction: + 1 % of the gradient's length over √n).
   */
  readonly error: number;
  /** The function has a kink here, such as relu at 0, and `found` lies between the slopes on its two sides: no error. */
  readonly kink?: true;
}

/** What a gradient check found. */
export interface CheckReport {
  readonly passed: boolean;
  readonly count: number;
  /** How many of the comparisons met a kink; their error is 0. */
  readonly kinks: number;
  /** The comparison with the largest error. */
  readonly worst: Finding;
  readonly findings: readonly Finding[];
  toString(): string;
}

/** Checks all derivatives of `fn` (any trees in, any tree out) at `inputs`, its array of arguments. Floats are converted to f64. */
export function checkGradients<A extends unknown[]>(fn: (...args: A) => unknown, inputs: A, options: CheckOptions = {}): CheckReport {
  checkOptions("checkGradients", options, CHECK_OPTIONS);
  const { leaves, paths } = leavesOf(inputs);
  const at = leaves.filter((x) => isFloat(x.dtype)).map((x) => x.cast("f64"));
  const names = paths.filter((_, i) => isFloat(leaves[i]!.dtype));
  if (at.length === 0) throw new TypeError("checkGradients: no float tensor among the inputs; there is nothing to differentiate");
  const onFloats = (values: readonly Tensor[]): Tensor[] => {
    const rest = [...values];
    return leavesOf(
      fn(
        ...withLeaves(
          inputs,
          leaves.map((x) => (isFloat(x.dtype) ? rest.shift()! : x)),
        ),
      ),
    ).leaves;
  };
  return check(onFloats, at, names, options);
}

/**
 * Checks the derivatives of a loss with respect to the parameters of a model: every cell in `parameters`, in f64. `loss` is a function that
 * reads them, such as `() => crossEntropy(model.forward(x), y)`; it must be deterministic (no dropout).
 */
export function checkModel(parameters: readonly Cell[], loss: () => Tensor, options: CheckOptions = {}): CheckReport {
  checkOptions("checkModel", options, CHECK_OPTIONS);
  const used = [...capture("checkModel", loss).reads.keys()].filter((cell) => parameters.includes(cell) && isFloat(cell.dtype));
  if (used.length === 0) throw new TypeError("checkModel: the loss reads none of the parameters");
  const onCells = (values: readonly Tensor[]): Tensor[] => [withCells(new Map(used.map((cell, i) => [cell, values[i]!])), loss)];
  return check(
    onCells,
    used.map((cell) => cell.value.cast("f64")),
    used.map((cell, i) => cell.label ?? `parameter ${i}`),
    options,
  );
}

type OnFloats = (values: readonly Tensor[]) => Tensor[];

function check(fn: OnFloats, at: readonly Tensor[], names: readonly string[], options: CheckOptions): CheckReport {
  const { step = 1e-5, tolerance = 1e-5, entries = 200, secondOrder = true, seed = 0 } = options;
  let drawn = 0;
  const draw = (like: Tensor): Tensor => normal(keyOf(seed + ++drawn), like.shape, { dtype: "f64" });
  // A random projection makes the function scalar; its gradient touches every output.
  const weights = fn(at)
    .filter((y) => isFloat(y.dtype))
    .map(draw);
  const scalar = (values: readonly Tensor[]): Tensor =>
    fn(values)
      .filter((y) => isFloat(y.dtype))
      .map((y, i) => y.mul(weights[i]!).sum())
      .reduce((a, b) => a.add(b));
  const run = compile((...x: Tensor[]) => scalar(x));
  const gradient = grad((x: readonly Tensor[]) => scalar(x), QUIET)(at).map((g) => elementsOf(g) as Float64Array);
  const size = Math.sqrt(
    gradient.reduce((sum, g) => sum + g.reduce((a, x) => a + x * x, 0), 0) / gradient.reduce((n, g) => n + g.length, 0),
  );
  const judge = { run, at, step, tolerance, floor: 0.01 * size };
  const directions = Array.from({ length: DIRECTIONS }, () => unit(at.map((x) => elementsOf(draw(x)) as Float64Array)));
  const findings = [
    ...entryByEntry(judge, gradient, names, entries, seed),
    ...directions.map((v) => alongDirection(judge, gradient, v)),
    ...withForwardMode(() => [forwardAgainstReverse(fn, at, at.map(draw), weights, judge.floor)]),
    ...(secondOrder ? withForwardMode(() => secondDerivative(scalar, at, at.map(draw), at.map(draw), step)) : []),
  ];
  return report(findings, tolerance);
}

/** Directions over all entries at once, along which no wrong entry can hide between those that were drawn. */
const DIRECTIONS = 3;

/** Findings of a check that needs forward mode: none where a function knows only its backward rule. */
function withForwardMode(findings: () => Finding[]): Finding[] {
  try {
    return findings();
  } catch (error) {
    if (error instanceof TypeError && error.message.startsWith("customVjp: this function knows only its backward rule")) return [];
    throw error;
  }
}

/** Vectors divided by the length of all of them together. */
function unit(v: readonly Float64Array[]): Float64Array[] {
  const length = Math.sqrt(v.reduce((sum, x) => sum + x.reduce((a, e) => a + e * e, 0), 0));
  return v.map((x) => x.map((e) => e / length));
}

interface Judge {
  /** The function, as a number. */
  readonly run: (...x: Tensor[]) => Tensor;
  readonly at: readonly Tensor[];
  readonly step: number;
  readonly tolerance: number;
  /** Errors are measured against |expected| and this. */
  readonly floor: number;
}

const SMALLER = [1, 0.1, 0.01];
/** Rounding of a value, in units of its size: that of a sum of many terms. */
const ROUNDING = 64 * 2 ** -52;

// Where the function does not depend on an argument, zero is what differences give, too.
const QUIET = { unused: "ignore" } as const;

/** Compares a slope of `f` at 0 with central differences, from the given step to a hundredth of it: kinks nearby are left behind on the way. */
function compare(f: (t: number) => number, where: string, found: number, { step, tolerance, floor }: Judge): Finding {
  const middle = f(0);
  let best: Finding | undefined;
  for (const h of SMALLER.map((share) => share * step)) {
    const [above, below] = [f(h), f(-h)];
    const expected = (above - below) / (2 * h);
    const noise = (ROUNDING * (Math.abs(above) + Math.abs(below))) / (2 * h);
    const now = finding("reverse mode", where, expected, found, floor, noise);
    if (!best || now.error < best.error) best = now;
    if (best.error <= tolerance) return best;
    const sides = [(above - middle) / h, (middle - below) / h] as const;
    const slack = tolerance * (Math.abs(expected) + floor) + 4 * noise;
    const [low, high] = [Math.min(...sides), Math.max(...sides)];
    // Slopes that stay apart however small the step: a kink. A wrong derivative of a smooth function lies outside of both.
    if (h === step * SMALLER.at(-1)! && high - low > 10 * slack && found >= low - slack && found <= high + slack)
      return { ...now, error: 0, kink: true };
  }
  return best!;
}

function finding(check: Finding["check"], where: string, expected: number, found: number, floor: number, noise = 0): Finding {
  const error = Math.max(0, Math.abs(found - expected) - noise) / (Math.abs(expected) + floor + Number.MIN_VALUE);
  return { check, where, expected, found, error: Number.isNaN(error) ? Number.POSITIVE_INFINITY : error };
}

/** The function's value where every input has moved by t times a direction. */
function along({ run, at }: Judge, v: readonly (Float64Array | undefined)[]): (t: number) => number {
  const elements = at.map((x) => elementsOf(x));
  return (t) =>
    run(
      ...at.map((x, i) =>
        v[i]
          ? fromArray(
              Float64Array.from(elements[i]!, (e, k) => e + t * v[i]![k]!),
              x,
            )
          : x,
      ),
    ).itemSync();
}

/** ∂f/∂xᵢ ≈ (f(x + h eᵢ) - f(x - h eᵢ)) / 2h, for one entry at random of each of `most` stretches. */
function entryByEntry(judge: Judge, gradient: readonly Float64Array[], names: readonly string[], most: number, seed: number): Finding[] {
  const total = gradient.reduce((n, g) => n + g.length, 0);
  const count = Math.min(most, total);
  const draws = elementsOf(uniform(keyOf(seed + 12345), [count]));
  const starts = [0];
  for (const g of gradient) starts.push(starts.at(-1)! + g.length);
  return Array.from({ length: count }, (_, k) => {
    const [from, to] = [Math.floor((k * total) / count), Math.floor(((k + 1) * total) / count)];
    const position = Math.min(to - 1, from + Math.floor(draws[k]! * (to - from)));
    const which = starts.findLastIndex((start) => start <= position && start < total);
    const i = position - starts[which]!;
    const v = judge.at.map((x, j) => (j === which ? Float64Array.from({ length: x.size }, (_, e) => (e === i ? 1 : 0)) : undefined));
    return compare(along(judge, v), `${names[which] || "input"}[${i}]`, gradient[which]![i]!, judge);
  });
}

/** ⟨∇f, v⟩ against the difference along v, a direction over all entries. */
function alongDirection(judge: Judge, gradient: readonly Float64Array[], v: readonly Float64Array[]): Finding {
  const found = gradient.reduce((sum, g, i) => sum + g.reduce((a, x, k) => a + x * v[i]![k]!, 0), 0);
  return compare(along(judge, v), "a random direction over all entries", found, judge);
}

/** Of |w| |v|: what is smaller in ⟨w, J v⟩ may be rounding of terms that cancel, as in x - mean x over an axis of one element. */
const CANCELLED = 1e-10;

/** ⟨w, J v⟩ = ⟨Jᵀ w, v⟩ */
function forwardAgainstReverse(fn: OnFloats, at: readonly Tensor[], v: readonly Tensor[], w: readonly Tensor[], floor: number): Finding {
  const inner = (a: readonly Tensor[], b: readonly Tensor[]): number => a.reduce((sum, x, i) => sum + x.mul(b[i]!).sum().itemSync(), 0);
  const onlyFloats = (x: readonly Tensor[]): Tensor[] => fn(x).filter((y) => isFloat(y.dtype));
  const { tangent } = jvp(onlyFloats)([at], [v]);
  const [cx] = vjp(onlyFloats, QUIET)(at).pullback([...w]);
  const rounding = CANCELLED * Math.sqrt(inner(w, w) * inner(v, v));
  return finding("forward against reverse", "a random direction", inner(w, tangent), inner(cx, v), floor + rounding);
}

/** d/dh ⟨∇f(x + h v), u⟩ against forward over reverse. */
function secondDerivative(
  f: (x: readonly Tensor[]) => Tensor,
  at: readonly Tensor[],
  v: readonly Tensor[],
  u: readonly Tensor[],
  h: number,
): Finding[] {
  const gradient = grad((x: readonly Tensor[]) => f(x), QUIET);
  const along = (x: readonly Tensor[]): Tensor =>
    gradient(x)
      .map((g, i) => g.mul(u[i]!).sum())
      .reduce((a, b) => a.add(b));
  const moved = (by: number): number => along(at.map((x, i) => x.add(v[i]!.mul(by)))).itemSync();
  const { tangent } = jvp(along)([at], [v]);
  return [finding("second order", "a random direction", (moved(h) - moved(-h)) / (2 * h), tangent.itemSync(), 1)];
}

function report(findings: readonly Finding[], tolerance: number): CheckReport {
  const worst = findings.reduce((a, b) => (b.error > a.error ? b : a));
  const passed = worst.error <= tolerance;
  const kinks = findings.filter((f) => f.kink).length;
  const verdict = passed ? "gradients agree" : "gradients disagree";
  const text = `${verdict}: ${findings.length} comparisons, the worst is ${worst.check} at ${worst.where}: expected ${worst.expected}, found ${worst.found} (error ${worst.error.toExponential(1)}, allowed ${tolerance})`;
  return { passed, count: findings.length, kinks, worst, findings, toString: () => text };
}
