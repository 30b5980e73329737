/**
 * @file Interval bounds: for boxes of inputs, boxes that hold every possible output (Moore 1966; for linear maps in centre and radius form,
 * Rump 1999). A transform outside the core: one walk over a list, with a table of its own. Rounding of the bounds themselves is not accounted for.
 */
import { capture, leavesOf, withLeaves } from "../function/capture.ts";
import { checkpoint } from "../ops/control.ts";
import type { Instruction, Region } from "../ops/op.ts";
import { placeholderOf, rebind } from "../ops/region.ts";
import { registry } from "../ops/registry.ts";
import type { Tensor } from "../ops/tensor.ts";
import { tapeOf } from "../tape/tape.ts";

/** Lower and upper bounds, element by element. */
export interface Interval {
  readonly low: Tensor;
  readonly high: Tensor;
}

/** The box of an op's result from those of its operands. */
export type IntervalRule = (x: readonly Interval[], instruction: Instruction) => Interval;

const redo = (instruction: Instruction, operands: readonly Tensor[]): Tensor => rebind(instruction, operands)[0]!;
const ends = (x: readonly Interval[], end: "low" | "high"): Tensor[] => x.map((a) => a[end]);
/** Both ends by the op itself: it never decreases. */
const increasing: IntervalRule = (x, i) => ({ low: redo(i, ends(x, "low")), high: redo(i, ends(x, "high")) });
const decreasing: IntervalRule = (x, i) => ({ low: redo(i, ends(x, "high")), high: redo(i, ends(x, "low")) });

/** The least and the greatest of some candidates. */
const hull = (list: readonly Tensor[]): Interval => ({
  low: list.reduce((a, b) => a.minimum(b)),
  high: list.reduce((a, b) => a.maximum(b)),
});
const corners = (x: Interval, y: Interval, f: (a: Tensor, b: Tensor) => Tensor): Interval =>
  hull([f(x.low, y.low), f(x.low, y.high), f(x.high, y.low), f(x.high, y.high)]);

/** Bilinear maps: centre c = f(cx, cy), radius r = |f|(|cx|, ry) + |f|(rx, |cy|) + |f|(rx, ry), for maps with coefficients 0 and 1. */
const bilinear: IntervalRule = ([x, y], i) => {
  const [cx, rx] = [x!.low.add(x!.high).mul(0.5), x!.high.sub(x!.low).mul(0.5)];
  const [cy, ry] = [y!.low.add(y!.high).mul(0.5), y!.high.sub(y!.low).mul(0.5)];
  const centre = redo(i, [cx, cy]);
  const radius = redo(i, [cx.abs(), ry]).add(redo(i, [rx, cy.abs().add(ry)]));
  return { low: centre.sub(radius), high: centre.add(radius) };
};

/** An extremum of sine lies inside when a multiple of 2π, shifted, does. */
const wave =
  (phase: number): IntervalRule =>
  ([x], i) => {
    const [a, b] = [redo(i, [x!.low]), redo(i, [x!.high])];
    const turns = (t: Tensor, peak: number): Tensor => t.sub(peak).mul(1 / (2 * Math.PI));
    const reaches = (peak: number): Tensor => turns(x!.high, peak).floor().ge(turns(x!.low, peak).ceil());
    return { low: reaches(phase + Math.PI).where(-1, a.minimum(b)), high: reaches(phase).where(1, a.maximum(b)) };
  };

const spansZero = ({ low, high }: Interval): Tensor => low.le(0).and(high.ge(0));
const reciprocal = (x: Interval): Interval => ({
  low: spansZero(x).where(Number.NEGATIVE_INFINITY, x.high.recip()),
  high: spansZero(x).where(Number.POSITIVE_INFINITY, x.low.recip()),
});

const monotone = (which: "rising" | "falling", rule: IntervalRule): Record<string, IntervalRule> =>
  Object.fromEntries(registry.filter((op) => op.traits?.monotone === which).map(({ name }) => [name, rule]));

const rulesOf = (): Record<string, IntervalRule> => ({
  ...monotone("rising", increasing),
  ...monotone("falling", decreasing),
  sub: ([x, y]) => ({ low: x!.low.sub(y!.high), high: x!.high.sub(y!.low) }),
  mul: ([x, y], i) => (i.operands[0] === i.operands[1] ? square(x!) : corners(x!, y!, (a, b) => a.mul(b))),
  recip: ([x]) => reciprocal(x!),
  div: ([x, y]) => corners(x!, reciprocal(y!), (a, b) => a.mul(b)),
  ratio: ([x, y]) => corners(x!, reciprocal(y!), (a, b) => a.mul(b)),
  abs: ([x]) => ({ low: spansZero(x!).where(0, x!.low.abs().minimum(x!.high.abs())), high: x!.low.abs().maximum(x!.high.abs()) }),
  sin: wave(Math.PI / 2),
  cos: wave(0),
  dot: bilinear,
  conv: bilinear,
  convInput: bilinear,
  convWeight: bilinear,
});

/** One rule per op, by name; what is missing is refused. A rule for an op of one's own is added as a property. */
export const intervalRules: Record<string, IntervalRule> = /* @__PURE__ */ rulesOf();

function square(x: Interval): Interval {
  const [a, b] = [x.low.mul(x.low), x.high.mul(x.high)];
  return { low: spansZero(x).where(0, a.minimum(b)), high: a.maximum(b) };
}

/** Bounds of all that `outputs` depend on, from bounds of some values. A checkpoint's are those of its block. */
function boundsAlong(outputs: readonly Tensor[], given: ReadonlyMap<Tensor, Interval>): (x: Tensor) => Interval {
  const bounds = new Map(given);
  const boundsOf = (x: Tensor): Interval => bounds.get(x) ?? { low: x as Tensor, high: x as Tensor };
  for (const instruction of tapeOf(outputs, new Set(given.keys()))) {
    const { op, operands, results, regions } = instruction;
    if (!operands.some((x) => bounds.has(x))) continue;
    const own = operands.map(boundsOf);
    if (op === checkpoint) {
      const [block] = regions as [Region];
      const inside = boundsAlong(block.outputs, new Map(block.inputs.map((x, i) => [x, own[i]!])));
      for (const [i, y] of block.outputs.entries()) bounds.set(results[i]!, inside(y));
      continue;
    }
    const rule = intervalRules[op.name];
    if (!rule) throw new TypeError(`intervals: no rule for ${op.name}; add one to intervalRules`);
    bounds.set(results[0]!, rule(own, instruction));
  }
  return boundsOf;
}

/** The function from boxes to boxes: every float tensor of `low` and `high` (one structure) bounds the argument in its place. */
export function intervals<A extends unknown[], R>(fn: (...args: A) => R): (low: A, high: A) => { low: R; high: R } {
  return (low, high) => {
    const [lows, highs] = [leavesOf(low).leaves, leavesOf(high).leaves];
    const inputs = lows.map((x) => placeholderOf(x, x.label));
    const { result, outputs } = capture("intervals", () => fn(...withLeaves(low, inputs)));
    const bounds = new Map<Tensor, Interval>(inputs.map((x, i) => [x, { low: lows[i]!, high: highs[i]! }]));
    const boundsOf = boundsAlong(outputs, bounds);
    const pick = (end: "low" | "high"): R =>
      withLeaves(
        result,
        outputs.map((y) => boundsOf(y)[end]),
      );
    return { low: pick("low"), high: pick("high") };
  };
}
