/**
 * @file Taylor mode: the Taylor coefficients of a function along a curve, to any order, in one walk (Griewank & Walther 2008, ch. 13; Bettencourt
 * et al. 2019, "Taylor-mode automatic differentiation for higher-order derivatives in JAX"). A transform outside the core with a table of its own:
 * linear ops map coefficients one by one, products convolve them, and other functions follow from their differential equations.
 */
import { capture, leavesOf, withLeaves } from "../function/capture.ts";
import { cast } from "../ops/elementwise.ts";
import type { Instruction, Op } from "../ops/op.ts";
import { placeholderOf, rebind } from "../ops/region.ts";
import { registry } from "../ops/registry.ts";
import type { Tensor } from "../ops/tensor.ts";
import { tapeOf } from "../tape/tape.ts";

/** Coefficients c₀, c₁, ... of x(t) = Σ cₖ tᵏ. */
export type Series = readonly Tensor[];
/** The series of an op's result from those of its operands. */
export type TaylorRule = (x: readonly Series[], instruction: Instruction) => Series;

const redo = (instruction: Instruction, operands: readonly Tensor[]): Tensor => rebind(instruction, operands)[0]!;

/** The coefficient of a product: Σⱼ f(aⱼ, bₖ₋ⱼ). */
const convolve = (a: Series, b: Series, k: number, f: (x: Tensor, y: Tensor) => Tensor, from = 0): Tensor => {
  let sum = f(a[from]!, b[k - from]!);
  for (let j = from + 1; j <= k; j++) sum = sum.add(f(a[j]!, b[k - j]!));
  return sum;
};
const times = (x: Tensor, y: Tensor): Tensor => x.mul(y);

/** Solves y′ = g · x′ for y, where g is known to order k - 1 when yₖ is wanted: k yₖ = Σ_{j=1..k} j xⱼ gₖ₋ⱼ. */
function integrate(x: Series, y0: Tensor, g: (y: Series) => Series): Series {
  const y = [y0];
  for (let k = 1; k < x.length; k++) {
    const slope = g(y);
    let sum = x[1]!.mul(slope[k - 1]!);
    for (let j = 2; j <= k; j++) sum = sum.add(x[j]!.mul(j).mul(slope[k - j]!));
    y.push(sum.mul(1 / k));
  }
  return y;
}

const product = (a: Series, b: Series): Series => Array.from({ length: Math.min(a.length, b.length) }, (_, k) => convolve(a, b, k, times));
/** y with y · b = a. */
function quotient(a: Series, b: Series): Series {
  const y: Tensor[] = [];
  for (let k = 0; k < a.length; k++) {
    const rest = k === 0 ? a[0]! : a[k]!.sub(y.map((yj, j) => yj.mul(b[k - j]!)).reduce((s, t) => s.add(t)));
    y.push(rest.div(b[0]!));
  }
  return y;
}
const constantSeries = (x: Tensor, n: number): Series => [x, ...Array.from({ length: n - 1 }, () => x.like(0))];
/** 1 - y² and y - y², from as many coefficients as there are. */
const oneMinusSquare = (y: Series): Series => product(y, y).map((c, k) => (k === 0 ? c.like(1).sub(c) : c.neg()));
const logistic = (y: Series): Series => product(y, y).map((c, k) => y[k]!.sub(c));

/** Sine and cosine depend on each other. */
function sineAndCosine(x: Series): { sin: Series; cos: Series } {
  const [sin, cos] = [[x[0]!.sin()], [x[0]!.cos()]];
  for (let k = 1; k < x.length; k++) {
    const sum = (g: Series): Tensor =>
      Array.from({ length: k }, (_, i) => x[i + 1]!.mul(i + 1).mul(g[k - 1 - i]!))
        .reduce((s, t) => s.add(t))
        .mul(1 / k);
    const [s, c] = [sum(cos), sum(sin).neg()];
    sin.push(s);
    cos.push(c);
  }
  return { sin, cos };
}

/** The op on coefficients of one order, of those operands in which it is linear; the others (indices, conditions) stay as they are. */
const linear =
  (derivative: Op["derivative"]): TaylorRule =>
  (x, i) => {
    const linearIn = derivative.kind === "linear" && derivative.in !== "all" ? derivative.in : x.map((_, j) => j);
    const [of = 0] = linearIn;
    return x[of]!.map((_, k) =>
      redo(
        i,
        x.map((s, j) => s[linearIn.includes(j) ? k : 0]!),
      ),
    );
  };
const bilinear: TaylorRule = ([a, b], i) => a!.map((_, k) => convolve(a!, b!, k, (x, y) => redo(i, [x, y])));

const rulesOf = (): Record<string, TaylorRule> => ({
  ...Object.fromEntries(
    registry.flatMap(({ name, derivative }) =>
      derivative.kind === "linear" ? [[name, derivative.how === "jointly" || derivative.in !== "all" ? linear(derivative) : bilinear]] : [],
    ),
  ),
  cast: linear(cast.derivative),
  div: ([a, b]) => quotient(a!, b!),
  ratio: ([a, b]) => quotient(a!, b!),
  recip: ([b]) => quotient(constantSeries(b![0]!.like(1), b!.length), b!),
  exp: ([x]) => integrate(x!, x![0]!.exp(), (y) => y),
  decay: ([x]) => integrate(x!, x![0]!.exp(), (y) => y),
  log: ([x]) => integrate(x!, x![0]!.log(), (y) => quotient(constantSeries(y[0]!.like(1), y.length), x!.slice(0, y.length))),
  tanh: ([x]) => integrate(x!, x![0]!.tanh(), oneMinusSquare),
  sigmoid: ([x]) => integrate(x!, x![0]!.sigmoid(), logistic),
  sqrt: ([x]) => integrate(x!, x![0]!.sqrt(), (y) => quotient(constantSeries(y[0]!.like(0.5), y.length), y)),
  sin: ([x]) => sineAndCosine(x!).sin,
  cos: ([x]) => sineAndCosine(x!).cos,
});

/** One rule per op, by name; what is missing is refused. A rule for an op of one's own is added as a property. */
export const taylorRules: Record<string, TaylorRule> = /* @__PURE__ */ rulesOf();

/** Coefficients of fn(x(t)) for x(t) = x + v t: the k-th is the k-th directional derivative along v divided by k!. */
export function taylor<A extends unknown[], R>(fn: (...args: A) => R, order: number): (at: A, along: A) => R[] {
  return (at, along) => {
    const [points, directions] = [leavesOf(at).leaves, leavesOf(along).leaves];
    const inputs = points.map((x) => placeholderOf(x, x.label));
    const { result, outputs } = capture("taylor", () => fn(...withLeaves(at, inputs)));
    const series = new Map<Tensor, Series>(inputs.map((x, i) => [x, constantSeries(points[i]!, order + 1).with(1, directions[i]!)]));
    const seriesOf = (x: Tensor): Series => series.get(x) ?? constantSeries(x as Tensor, order + 1);
    for (const instruction of tapeOf(outputs, new Set(inputs))) {
      if (!instruction.operands.some((x) => series.has(x))) continue;
      const rule = taylorRules[(instruction.op as Op).name];
      if (!rule) throw new TypeError(`taylor: no rule for ${instruction.op.name}; add one to taylorRules`);
      series.set(instruction.results[0]!, rule(instruction.operands.map(seriesOf), instruction));
    }
    return Array.from({ length: order + 1 }, (_, k) =>
      withLeaves(
        result,
        outputs.map((y) => seriesOf(y)[k]!),
      ),
    );
  };
}
