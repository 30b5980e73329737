/**
 * @file Propagates means and variances through a function: for independent random inputs, the moments of its outputs, where every intermediate value is assumed
 * to be independent and Gaussian (assumed density filtering; Hernández-Lobato & Adams 2015, section 3.2). It is a transform outside the core: one walk over a list
 * with its own table of rules.
 */
import type { Instruction } from "../ops/op.ts";
import { placeholderOf, rebind } from "../ops/region.ts";
import { erfc } from "../ops/special.ts";
import type { Tensor } from "../ops/tensor.ts";
import { tapeOf } from "../tape/tape.ts";
import { capture, leavesOf, withLeaves } from "./capture.ts";

/** Mean and variance, element by element. */
export interface Moments {
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/** The moments of an op's result from those of its operands; a constant has variance 0. */
export type MomentRule = (x: readonly Moments[], instruction: Instruction) => Moments;

const redo = (instruction: Instruction, operands: readonly Tensor[]): Tensor => rebind(instruction, operands)[0]!;

/** A map that is linear in all operands together, with coefficients 1 or -1: variances add. */
const additive: MomentRule = ([x, y], i) => ({ mean: redo(i, [x!.mean, y!.mean]), variance: x!.variance.add(y!.variance) });

/** A map that moves, copies or adds elements. */
const moved: MomentRule = (x, i) => ({
  mean: redo(
    i,
    x.map(({ mean }) => mean),
  ),
  variance: redo(
    i,
    x.map(({ variance }) => variance),
  ),
});

/** Products of two independent factors, and sums of such. */
const bilinear: MomentRule = ([x, y], i) => {
  const second = y!.mean.square().add(y!.variance);
  return { mean: redo(i, [x!.mean, y!.mean]), variance: redo(i, [x!.variance, second]).add(redo(i, [x!.mean.square(), y!.variance])) };
};

/** x² of a Gaussian: E = m² + v, Var = 2v² + 4m²v. */
const squared = ({ mean, variance }: Moments): Moments => ({
  mean: mean.square().add(variance),
  variance: variance.mul(2).add(mean.square().mul(4)).mul(variance),
});

const LEAST_VARIANCE = 1e-100;

/**
 * max(0, x) of a Gaussian with α = m/√v: mean mΦ(α) + √v φ(α), second moment (m² + v)Φ(α) + m√v φ(α). Far below 0 (α < -30) both vanish to rounding.
 * A variance of 0 is that of a constant.
 */
function rectified({ mean, variance }: Moments): Moments {
  const sure = variance.le(0);
  const v = sure.where(1, variance);
  const sd = v.sqrt();
  const alpha = mean.div(sd);
  const cumulative = alpha.mul(-Math.SQRT1_2).unary(erfc).mul(0.5);
  const density = alpha
    .square()
    .mul(-0.5)
    .exp()
    .mul(1 / Math.sqrt(2 * Math.PI));
  const m = mean.mul(cumulative).add(sd.mul(density));
  const second = mean.square().add(v).mul(cumulative).add(mean.mul(sd).mul(density));
  return {
    mean: sure.where(mean.relu(), m),
    variance: sure.where(0, second.sub(m.square()).maximum(mean.dtype === "f64" ? LEAST_VARIANCE : 1e-30)),
  };
}

const rulesOf = (): Record<string, MomentRule> => ({
  add: additive,
  sub: additive,
  neg: ([x]) => ({ mean: x!.mean.neg(), variance: x!.variance }),
  sum: moved,
  mul: ([x, y], i) => (i.operands[0] === i.operands[1] ? squared(x!) : bilinear([x!, y!], i)),
  square: ([x]) => squared(x!),
  div: ([x, y], i) => {
    constant(y!, i);
    return { mean: redo(i, [x!.mean, y!.mean]), variance: x!.variance.div(y!.mean.square()) };
  },
  dot: bilinear,
  conv: bilinear,
  relu: ([x]) => rectified(x!),
  select: ([condition, x, y], i) => ({
    mean: redo(i, [condition!.mean, x!.mean, y!.mean]),
    variance: redo(i, [condition!.mean, x!.variance, y!.variance]),
  }),
});

/** Moments of values without a given distribution, which count as constants. */
const certain = new WeakSet<Moments>();

function constant(x: Moments, { op }: Instruction): void {
  if (!certain.has(x)) throw new TypeError(`moments: ${op.name} by a random value has no rule; its divisor must be a constant`);
}

/**
 * One rule per op, by name; ops that move elements and are not here move the moments likewise. Any other op is refused. Add a rule for your own op as a property.
 */
export const momentRules: Record<string, MomentRule> = /* @__PURE__ */ rulesOf();

/** Computes the moments of everything that `outputs` depend on, from the given moments of some values. */
function momentsAlong(outputs: readonly Tensor[], given: ReadonlyMap<Tensor, Moments>): (x: Tensor) => Moments {
  const found = new Map(given);
  const momentsOf = (value: Tensor): Moments => {
    const known = found.get(value);
    if (known) return known;
    const x = value;
    const made = { mean: x, variance: x.mul(0) };
    certain.add(made);
    return made;
  };
  for (const instruction of tapeOf(outputs, new Set(given.keys()))) {
    const { op, operands, results } = instruction;
    if (!operands.some((x) => found.has(x))) continue;
    const rule = momentRules[op.name] ?? (op.traits?.moves === "all" || op.traits?.moves === "some" ? moved : undefined);
    if (!rule) throw new TypeError(`moments: no rule for ${op.name}; add one to momentRules`);
    found.set(results[0]!, rule(operands.map(momentsOf), instruction));
  }
  return momentsOf;
}

/**
 * Returns a function from random inputs to random outputs. Every float tensor of `mean` and `variance` (trees with the structure of the arguments) describes the
 * argument at its position, whose elements are independent Gaussians. The result is the mean and variance of every output. There are rules for sums, products,
 * matrix products, convolutions, ReLU and ops that move elements.
 * @throws {TypeError} for an op without a rule.
 */
export function moments<A extends unknown[], R>(fn: (...args: A) => R): (mean: A, variance: A) => { mean: R; variance: R } {
  return (mean, variance) => {
    const [means, variances] = [leavesOf(mean).leaves, leavesOf(variance).leaves];
    const inputs = means.map((x) => placeholderOf(x, x.label));
    const { result, outputs } = capture("moments", () => fn(...withLeaves(mean, inputs)));
    const given = new Map<Tensor, Moments>(inputs.map((x, i) => [x, { mean: means[i]!, variance: variances[i]! }]));
    const momentsOf = momentsAlong(outputs, given);
    const pick = (part: keyof Moments): R =>
      withLeaves(
        result,
        outputs.map((y) => momentsOf(y)[part]),
      );
    return { mean: pick("mean"), variance: pick("variance") };
  };
}
