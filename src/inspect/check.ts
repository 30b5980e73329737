/**
 * @file Gradient checking (AD-5) for any function and any model: derivatives against central differences in f64, forward mode against reverse
 * mode by an inner product, and second order. Usable in a user's own tests; the report names the worst entry.
 */
import { isFloat } from "../base/dtype.ts";
import { capture, leavesOf, withLeaves } from "../function/capture.ts";
import { compile } from "../function/compile.ts";
import { grad, jvp, vjp } from "../function/derivative.ts";
import { withCells } from "../function/substitute.ts";
import { keyOf, normal } from "../math/random.ts";
import { fromArray } from "../ops/create.ts";
import { elementsOf, type Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";

export interface CheckOptions {
  /** Step of the central differences. Default 1e-5. */
  readonly step?: number;
  /** Largest |found - expected| / (1 + |expected|) that passes. Default 1e-5. */
  readonly tolerance?: number;
  /** Entries tried one by one; of larger inputs this many are drawn. Default 200. */
  readonly entries?: number;
  /** Check the derivative of the gradient too. Default true. */
  readonly secondOrder?: boolean;
  /** Seed of the random directions. Default 0. */
  readonly seed?: number;
}

/** One comparison. */
export interface Finding {
  readonly check: "reverse mode" | "forward against reverse" | "second order";
  /** Which entry: `w1[3]`, or a direction. */
  readonly where: string;
  readonly expected: number;
  readonly found: number;
  /** |found - expected| / (1 + |expected|) */
  readonly error: number;
}

/** What a gradient check found. */
export interface CheckReport {
  readonly passed: boolean;
  readonly count: number;
  /** The comparison with the largest error. */
  readonly worst: Finding;
  readonly findings: readonly Finding[];
  toString(): string;
}

/** Checks all derivatives of `fn` (any trees in, any tree out) at `inputs`, its array of arguments. Floats are converted to f64. */
export function checkGradients<A extends unknown[]>(fn: (...args: A) => unknown, inputs: A, options: CheckOptions = {}): CheckReport {
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
  const findings = [
    ...entryByEntry(scalar, at, names, step, entries),
    forwardAgainstReverse(fn, at, at.map(draw), weights),
    ...(secondOrder ? secondDerivative(scalar, at, at.map(draw), at.map(draw), step) : []),
  ];
  return report(findings, tolerance);
}

function finding(check: Finding["check"], where: string, expected: number, found: number): Finding {
  const error = Math.abs(found - expected) / (1 + Math.abs(expected));
  return { check, where, expected, found, error: Number.isNaN(error) ? Number.POSITIVE_INFINITY : error };
}

/** ∂f/∂xᵢ ≈ (f(x + h eᵢ) - f(x - h eᵢ)) / 2h */
function entryByEntry(
  f: (x: readonly Tensor[]) => Tensor,
  at: readonly Tensor[],
  names: readonly string[],
  h: number,
  most: number,
): Finding[] {
  const gradient = grad((x: readonly Tensor[]) => f(x))(at);
  const total = at.reduce((n, x) => n + x.size, 0);
  const stride = Math.max(1, Math.floor(total / most));
  const found: Finding[] = [];
  const run = compile((...x: Tensor[]) => f(x));
  let position = 0;
  at.forEach((x, which) => {
    const elements = elementsOf(x);
    const slope = elementsOf(gradient[which]!);
    elements.forEach((value, i) => {
      if (position++ % stride !== 0) return;
      const moved = (by: number): number => {
        const copy = Float64Array.from(elements);
        copy[i] = value + by;
        return run(...at.with(which, fromArray(copy, x))).itemSync();
      };
      found.push(finding("reverse mode", `${names[which] || "input"}[${i}]`, (moved(h) - moved(-h)) / (2 * h), slope[i]!));
    });
  });
  return found;
}

/** ⟨w, J v⟩ = ⟨Jᵀ w, v⟩ */
function forwardAgainstReverse(fn: OnFloats, at: readonly Tensor[], v: readonly Tensor[], w: readonly Tensor[]): Finding {
  const inner = (a: readonly Tensor[], b: readonly Tensor[]): number => a.reduce((sum, x, i) => sum + x.mul(b[i]!).sum().itemSync(), 0);
  const onlyFloats = (x: readonly Tensor[]): Tensor[] => fn(x).filter((y) => isFloat(y.dtype));
  const { tangent } = jvp(onlyFloats)([at], [v]);
  const [cx] = vjp(onlyFloats)(at).pullback([...w]);
  return finding("forward against reverse", "a random direction", inner(w, tangent), inner(cx, v));
}

/** d/dh ⟨∇f(x + h v), u⟩ against forward over reverse. */
function secondDerivative(
  f: (x: readonly Tensor[]) => Tensor,
  at: readonly Tensor[],
  v: readonly Tensor[],
  u: readonly Tensor[],
  h: number,
): Finding[] {
  const gradient = grad((x: readonly Tensor[]) => f(x));
  const along = (x: readonly Tensor[]): Tensor =>
    gradient(x)
      .map((g, i) => g.mul(u[i]!).sum())
      .reduce((a, b) => a.add(b));
  const moved = (by: number): number => along(at.map((x, i) => x.add(v[i]!.mul(by)))).itemSync();
  const { tangent } = jvp(along)([at], [v]);
  return [finding("second order", "a random direction", (moved(h) - moved(-h)) / (2 * h), tangent.itemSync())];
}

function report(findings: readonly Finding[], tolerance: number): CheckReport {
  const worst = findings.reduce((a, b) => (b.error > a.error ? b : a));
  const passed = worst.error <= tolerance;
  const verdict = passed ? "gradients agree" : "gradients disagree";
  const text = `${verdict}: ${findings.length} comparisons, the worst is ${worst.check} at ${worst.where}: expected ${worst.expected}, found ${worst.found} (error ${worst.error.toExponential(1)}, allowed ${tolerance})`;
  return { passed, count: findings.length, worst, findings, toString: () => text };
}
