/**
 * @file Functions whose argument functions become regions: scan, cond, checkpoint, customJvp, customVjp. Outside values and cells that the
 * functions use become operands; cells that they write become carries or results.
 */

import { fn as aFunction, aNumber, anything, type Checks, check, checkOptions, flag, listOf, shown } from "../base/check.ts";
import { planBinomial, planBPTT, type Reversal, stepsOf } from "../base/reversal.ts";
import { formatShape, type Type } from "../base/shape.ts";
import { tuple } from "../base/tuple.ts";
import { Call } from "../ops/call.ts";
import { checkTensors } from "../ops/check.ts";
import * as controlOps from "../ops/control.ts";
import { concatenate, fromArray } from "../ops/create.ts";
import type { Region } from "../ops/op.ts";
import { closeRegion, placeholderOf } from "../ops/region.ts";
import { Tensor, type TensorLike } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import { scan as scanOp } from "../runtime/loops.ts";
import { nextSerial } from "../tape/node.ts";
import { type AnyFunction, type Capture, capture, commit, leavesOf, together, withLeaves } from "./capture.ts";

/** A captured function as a region, with its free values. */
export interface Recorded<T> extends Capture<T> {
  readonly placeholders: Tensor[];
  readonly since: number;
}

/** Records `fn` on placeholders for the tensors of `args`. */
export function recordOn<A extends unknown[], R>(kind: string, fn: (...args: A) => R, args: A, read?: (cell: Cell) => Tensor): Recorded<R> {
  check(`${kind}: fn`, fn, aFunction);
  const since = nextSerial();
  const { leaves, paths } = leavesOf(args);
  const call = new Call(kind, fn);
  const placeholders = leaves.map((x, i) => call.placeholderOf(x, x.label ?? (paths[i]!.replace(/^\d+\.?/, "") || undefined)));
  const captured = capture(call, () => fn(...withLeaves(args, placeholders)), read ? { read } : {});
  return { ...captured, placeholders, since };
}

const asTensor = (x: TensorLike): Tensor => {
  if (x instanceof Tensor) return x;
  return typeof x === "number" ? fromArray(Float32Array.of(x), { shape: [], dtype: "f32" }) : x.value;
};

// ---- checkpoint ---------------------------------------------------------------------------------------------------------------------

/** Returns a function with the same results whose intermediate values are computed again in the backward pass instead of being kept. */
export function checkpoint<A extends unknown[] = Tensor[], R = unknown>(fn: (...args: A) => R): (...args: A) => R;
export function checkpoint<F extends AnyFunction>(fn: F): F;
export function checkpoint(fn: AnyFunction): AnyFunction {
  return (...args) => {
    const { leaves } = leavesOf(args);
    const { result, outputs, writes, placeholders, since } = recordOn("checkpoint", fn, args);
    const { region, free } = closeRegion(placeholders, [...outputs, ...writes.values()], since);
    const operands = [...leaves, ...free];
    if (operands.length === 0) return result;
    const results = operands[0]!.bindAll(controlOps.checkpoint, operands, undefined, [region]);
    return finish(result, outputs.length, results, writes);
  };
}

/**
 * How much of a loop is kept for its backward pass: a number of states that may be stored at once, with a plan that repeats the fewest steps; or `"sqrt"`, which
 * stores about √n of n states and the inner values of √n steps, and runs each step once more. A `"sqrt"` program is a loop of loops and stays short; the others
 * grow with the number of segments.
 */
export type Checkpoints = number | "sqrt" | Checkpointing;

/** Checks a choice of checkpoints; throws if it is not valid. */
export function checkCheckpoints(name: string, choice: Checkpoints): void {
  if (choice === "sqrt") return;
  const { slots, internal = 1, segment = 1 }: Checkpointing = typeof choice === "number" ? { slots: choice } : (choice ?? {});
  const plan = 'a checkpoint is a number of slots, "sqrt" or { slots, internal, segment }';
  if (!(Number.isInteger(slots) && slots >= 1))
    throw new RangeError(`${name}: want 1 or more slots, got ${shown(slots ?? choice)}; ${plan}`);
  if (!(Number.isInteger(segment) && segment >= 1))
    throw new RangeError(`${name}: want segments of 1 or more steps, got ${shown(segment)}; ${plan}`);
  if (!(internal > 0)) throw new RangeError(`${name}: want positive sizes, got internal ${shown(internal)}; ${plan}`);
}

/** A plan of checkpoints in detail. */
export interface Checkpointing {
  /** The most states of the chain that are stored at once, including the first. */
  readonly slots: number;
  /**
   * The memory of the inner values of one step, as a multiple of that of a state. With it, steps may be kept in full instead of states (Gruslys et al. 2016);
   * without it only states are stored (Griewank & Walther 2000).
   */
  readonly internal?: number;
  /** How many steps the plan treats as one segment. The program grows with the number of segments. Default: such that there are at most 64. */
  readonly segment?: number;
}

/** The default limit of segments. More segments give better plans and longer programs. */
const MOST_SEGMENTS = 64;

/** Plans the reversal of `length` steps: a plan over segments, and the number of steps of a segment. */
function planChain(length: number, options: Checkpoints): { plan: Reversal; segment: number } {
  if (options === "sqrt") {
    const segment = rootOf(length);
    const n = Math.ceil(length / segment);
    return { plan: Array.from({ length: n }, (_, i) => (i < n - 1 ? [1] : 1)), segment };
  }
  checkCheckpoints("checkpoint", options);
  const {
    slots,
    internal,
    segment = Math.max(1, Math.ceil(length / MOST_SEGMENTS)),
  }: Checkpointing = typeof options === "number" ? { slots: options } : options;
  const n = Math.ceil(length / segment);
  const plan = internal === undefined ? planBinomial(n, slots) : planBPTT(n, slots - 1, { state: 1, internal: internal * segment });
  return { plan, segment };
}

/** About √length: with segments of this many steps there are about as many segments. */
const rootOf = (length: number): number => Math.max(1, Math.ceil(Math.sqrt(length)));

/** Runs `leaf` along a plan, with a checkpoint around everything that runs again. Returns the last state and the other results of the leaves. */
function follow<S, Y>(
  plan: Reversal,
  start: number,
  state: S,
  leaf: (start: number, steps: number, state: S) => readonly [S, Y],
): [S, Y[]] {
  const ys: Y[] = [];
  let [at, now] = [start, state];
  for (const part of plan) {
    if (typeof part === "number") {
      const [next, y] = leaf(at, part, now);
      now = next;
      ys.push(y);
    } else {
      const [next, inner] = checkpoint((from: S) => follow(part, at, from, leaf))(now);
      now = next;
      ys.push(...inner);
    }
    at += stepsOf(part);
  }
  return [now, ys];
}

/**
 * Applies all `steps` to `x` one after another. At most `slots` of the states in between are stored, and the fewest possible steps run again in the backward pass:
 * each at most r times if the chain has at most C(slots + r, slots) steps.
 */
export function checkpointChain<S>(steps: readonly ((x: S) => S)[], x: S, slots: Checkpoints): S {
  check("checkpointChain: steps", steps, listOf(aFunction));
  const { plan, segment } = planChain(steps.length, slots);
  const run = (start: number, n: number, state: S): [S, null] => [
    steps.slice(start * segment, (start + n) * segment).reduce((s, step) => step(s), state),
    null,
  ];
  return follow(plan, 0, x, run)[0];
}

/** Distributes the results of an instruction: first those of the function, then the new values of cells. */
export function finish<R>(result: R, outputs: number, results: readonly Tensor[], writes: ReadonlyMap<Cell, Tensor>): R {
  const cells = [...writes.keys()];
  commit(new Map(cells.map((cell, i) => [cell, results[outputs + i]!])));
  together(results);
  return withLeaves(result, results.slice(0, outputs));
}

// ---- custom rules -------------------------------------------------------------------------------------------------------------------

/** Records a function with custom rules: returns its region, its operands, and a function that assembles its results. */
function customRegion<A extends unknown[], R>(
  kind: string,
  fn: (...args: A) => R,
  args: A,
): { region: Region; operands: Tensor[]; result: R; n: number } {
  const { leaves } = leavesOf(args);
  const { result, outputs, writes, placeholders, since } = recordOn(kind, fn, args);
  if (writes.size > 0)
    throw new TypeError(`${kind}: the function sets ${[...writes.keys()].join(", ")}; return the value and set the cell outside`);
  const { region, free } = closeRegion(placeholders, outputs, since);
  return { region, operands: [...leaves, ...free], result, n: leaves.length };
}

/**
 * Gives `fn` a custom derivative. `rule(args, tangents)` returns the value and its tangent, which must be linear in the tangents. Tensors that `fn` uses from
 * outside are constants to the rule; differentiating with respect to them is an error.
 */
export function customJvp<A extends unknown[] = Tensor[], R = unknown>(
  fn: (...args: A) => R,
  rule: (args: A, tangents: A) => { value: R; tangent: R },
): (...args: A) => R {
  return (...args) => {
    const { region, operands, result, n } = customRegion("customJvp", fn, args);
    const onLeaves = (x: readonly Tensor[], dx: readonly Tensor[]): { y: Tensor[]; dy: Tensor[] } => {
      const { value, tangent } = rule(withLeaves(args, x.slice(0, n)), withLeaves(args, dx.slice(0, n)));
      return { y: leavesOf(value).leaves, dy: leavesOf(tangent).leaves };
    };
    const results = operands[0]!.bindAll(controlOps.customJvp, operands, { rule: onLeaves, inputs: n }, [region]);
    return withLeaves(result, results);
  };
}

// The empty tuple among the bounds makes `[dx, dy]` a pair and not a list.
export interface CustomVjpRules<A extends unknown[] | [], R, S> {
  /** Returns the value, and the residuals that the backward rule needs. */
  readonly forward: (...args: A) => { value: R; residuals: S };
  /** Returns the cotangents of the arguments, from the residuals and the cotangent of the result. */
  readonly backward: (residuals: S, cotangent: R) => A;
}

/** Gives `fn` a custom derivative for reverse mode. It cannot be differentiated in forward mode (jvp, jacfwd). */
export function customVjp<A extends unknown[] | [], R, S>(fn: (...args: A) => R, rules: CustomVjpRules<A, R, S>): (...args: A) => R {
  return (...args) => {
    const { region, operands, result, n } = customRegion("customVjp", fn, args);
    let remembered: S;
    const results = operands[0]!.bindAll(
      controlOps.customVjp,
      operands,
      {
        inputs: n,
        forward: (x: readonly Tensor[]) => {
          const { value, residuals } = rules.forward(...withLeaves(args, x.slice(0, n)));
          remembered = residuals;
          return { y: leavesOf(value).leaves, residuals: leavesOf(residuals).leaves };
        },
        backward: (residuals: readonly Tensor[], ct: readonly Tensor[]) =>
          leavesOf(rules.backward(withLeaves(remembered, residuals), withLeaves(result, ct))).leaves,
      },
      [region],
    );
    return withLeaves(result, results);
  };
}

// ---- cond ---------------------------------------------------------------------------------------------------------------------------

/** Returns `yes(...args)` if the bool scalar `predicate` is true, otherwise `no(...args)`. Only the chosen one runs. Both must return the same types. */
export function cond<A extends unknown[], R>(predicate: Tensor, yes: (...args: A) => R, no: (...args: A) => R, ...args: A): R {
  checkTensors("cond", { predicate });
  const { leaves } = leavesOf(args);
  const [a, b] = [recordOn("cond", yes, args), recordOn("cond", no, args)];
  const branches = [a, b];
  if (leavesOf(a.result).structure !== leavesOf(b.result).structure) {
    throw new TypeError("cond: both branches must return the same structure; one returned other keys, lengths or constants than the other");
  }
  const cells = [...new Set(branches.flatMap((branch) => [...branch.writes.keys()]))];
  const closed = branches.map(({ outputs, writes, placeholders, since }) =>
    closeRegion(placeholders, [...outputs, ...cells.map((cell) => writes.get(cell) ?? cell.value)], since),
  );
  // Both branches take the outside values of both; each ignores those of the other.
  const [{ free: fa, region: ra }, { free: fb, region: rb }] = tuple(closed, 2);
  const n = leaves.length;
  const spare = (list: readonly Tensor[]): Tensor[] => list.map((x) => placeholderOf(x));
  const regions: Region[] = [
    { inputs: [...ra.inputs, ...spare(fb)], outputs: ra.outputs },
    { inputs: [...rb.inputs.slice(0, n), ...spare(fa), ...rb.inputs.slice(n)], outputs: rb.outputs },
  ];
  const results = predicate.bindAll(controlOps.cond, [predicate, ...leaves, ...fa, ...fb], undefined, regions);
  return finish(a.result, a.outputs.length, results, new Map(cells.map((cell) => [cell, cell.value])));
}

// ---- scan ---------------------------------------------------------------------------------------------------------------------------

export interface ScanOptions {
  /** Number of steps; needed when nothing is stacked in `xs`. */
  readonly length?: number;
  /** Run from the last slice to the first. Default false. */
  readonly reverse?: boolean;
  /** Store only some states for the backward pass, and run the steps between them again. Default: keep everything that the steps compute. */
  readonly checkpoint?: Checkpoints;
}

const SCAN_OPTIONS: Checks<ScanOptions> = { length: aNumber, reverse: flag, checkpoint: anything };

/**
 * A loop: `fn(carry, x)` returns `[carry, y]` for each slice x of `xs` (trees, looped over axis 0). Returns the last carry and the stacked y.
 * A cell that `fn` sets is carried from step to step.
 */
export function scan<C, X, Y>(fn: (carry: C, x: X) => readonly [C, Y], init: C, xs: X, options: ScanOptions = {}): [C, Y] {
  checkOptions("scan", options, SCAN_OPTIONS);
  const start = numbersToTensors(init);
  const carry = leavesOf(start).leaves;
  const stacked = leavesOf(xs).leaves;
  const length = loopLength(stacked, options.length);
  if (options.checkpoint !== undefined && length > 0) {
    const { reverse = false, checkpoint } = options;
    const stretch = (now: C, part: X, steps: number): [C, Y] => scan(fn, now, part, { length: steps, reverse });
    return scanStretches(stretch, start, xs, { length, reverse, checkpoint });
  }
  const slices = withLeaves(
    xs,
    stacked.map((t) => placeholderOf(sliceOf(t), t.label)),
  );
  const cellPlaceholders = new Map<Cell, Tensor>();
  const outside = new Map<Cell, Tensor>();
  const read = (cell: Cell): Tensor => {
    const inner = placeholderOf(cell, cell.label);
    cellPlaceholders.set(cell, inner);
    return inner;
  };
  const { result, writes, placeholders, since } = recordOn("scan", fn, [start, slices] as [C, X], read);
  if (!Array.isArray(result) || result.length !== 2) throw new TypeError("scan: the function must return [carry, y]");
  for (const cell of new Set([...cellPlaceholders.keys(), ...writes.keys()])) outside.set(cell, cell.value);
  const written = [...writes.keys()];
  const readOnly = [...cellPlaceholders.keys()].filter((cell) => !writes.has(cell));
  const next = leavesOf(result[0]).leaves;
  checkCarry(start, result[0], carry, next);
  const ys = leavesOf(result[1]).leaves;

  const innerOf = (cell: Cell): Tensor => cellPlaceholders.get(cell) ?? placeholderOf(cell, cell.label);
  const constPlaceholders = readOnly.map(innerOf);
  const carryPlaceholders = [...placeholders.slice(0, carry.length), ...written.map(innerOf)];
  const xPlaceholders = placeholders.slice(carry.length);
  const outputs = [...next, ...written.map((cell) => writes.get(cell)!), ...ys];
  const { region, free } = closeRegion([...constPlaceholders, ...carryPlaceholders, ...xPlaceholders], outputs, since);
  const bound = region.inputs.slice(constPlaceholders.length + carryPlaceholders.length + xPlaceholders.length);
  const body: Region = { inputs: [...bound, ...constPlaceholders, ...carryPlaceholders, ...xPlaceholders], outputs: region.outputs };
  const operands = [...free, ...readOnly.map((c) => outside.get(c)!), ...carry, ...written.map((c) => outside.get(c)!), ...stacked];
  const params = { consts: free.length + readOnly.length, carry: carryPlaceholders.length, length, reverse: options.reverse ?? false };
  const any = operands[0] ?? outputs[0];
  if (!any) throw new TypeError("scan: nothing is carried, stacked or returned");
  const results = any.bindAll(scanOp, operands, params, [body]);
  commit(new Map(written.map((cell, i) => [cell, results[carry.length + i]!])));
  together(results);
  return [withLeaves(result[0], results.slice(0, carry.length)), withLeaves(result[1], results.slice(carryPlaceholders.length))];
}

/** How a loop is divided into stretches. */
interface Stretches {
  readonly length: number;
  readonly reverse: boolean;
  readonly checkpoint: Checkpoints;
}

/**
 * A loop whose steps run in stretches, most of which run again in the backward pass. `stretch` takes a state and the slices of some steps; it returns the state
 * after them and their stacked results.
 */
export function scanStretches<C, X, Y>(stretch: (carry: C, xs: X, steps: number) => [C, Y], init: C, xs: X, options: Stretches): [C, Y] {
  const { checkpoint: choice, length, reverse } = options;
  const stacked = leavesOf(xs).leaves;
  const part = (start: number, steps: number): X => {
    const first = reverse ? length - start - steps : start;
    return withLeaves(
      xs,
      stacked.map((t) => (steps === length ? t : t.narrow(0, first, steps))),
    );
  };
  if (choice === "sqrt") return rootStretches(stretch, init, part, { length, reverse });
  const { plan, segment } = planChain(length, choice);
  const [carry, parts] = follow(plan, 0, init, (start, segments, now: C) => {
    const steps = Math.min(length, (start + segments) * segment) - start * segment;
    return stretch(now, part(start * segment, steps), steps);
  });
  return [carry, joined(reverse ? parts.reverse() : parts)];
}

/** A loop over stretches of about √n steps that run again, followed by the last steps, which are kept. */
function rootStretches<C, X, Y>(
  stretch: (carry: C, xs: X, steps: number) => [C, Y],
  init: C,
  part: (start: number, steps: number) => X,
  { length, reverse }: { readonly length: number; readonly reverse: boolean },
): [C, Y] {
  const steps = rootOf(length);
  // The last steps, up to twice as many, do not run again.
  const count = Math.max(Math.min(1, length - steps), Math.floor((length - 1) / steps) - 1);
  if (count === 0) return stretch(init, part(0, length), length);
  const fold = <T>(tree: T, shape: (t: Tensor) => readonly number[]): T =>
    withLeaves(
      tree,
      leavesOf(tree).leaves.map((t) => t.reshape(shape(t))),
    );
  const folded = fold(part(0, count * steps), ({ shape }) => [count, steps, ...shape.slice(1)]);
  const again = checkpoint((now: C, slices: X): readonly [C, Y] => stretch(now, slices, steps));
  const [middle, most] = scan((now: C, slices: X) => again(now, slices), init, folded, { length: count, reverse });
  const [carry, rest] = stretch(middle, part(count * steps, length - count * steps), length - count * steps);
  const parts = [fold(most, ({ shape }) => [count * steps, ...shape.slice(2)]), rest];
  return [carry, joined(reverse ? parts.reverse() : parts)];
}

/** Concatenates trees of the same structure along axis 0. */
function joined<Y>(parts: readonly Y[]): Y {
  const all = parts.map((y) => leavesOf(y).leaves);
  return withLeaves(
    parts[0]!,
    all[0]!.map((_, i) => concatenate(all.map((y) => y[i]!))),
  );
}

const sliceOf = ({ shape, dtype }: Type): Type => ({ shape: shape.slice(1), dtype });

/** Converts numbers at the top level of a carry to f32 scalars. */
export function numbersToTensors<C>(carry: C): C {
  if (typeof carry === "number") return asTensor(carry) as C;
  if (Array.isArray(carry)) return carry.map((x) => (typeof x === "number" ? asTensor(x) : x)) as C;
  return carry;
}

/** The number of steps of a loop, from its stacked inputs or as given; throws if they disagree. */
function loopLength(stacked: readonly Tensor[], given: number | undefined): number {
  const [first] = stacked;
  const length = given ?? first?.shape[0];
  if (length === undefined || !Number.isInteger(length) || length < 0)
    throw new TypeError("scan: nothing stacked to loop over; give the number of steps as { length }");
  for (const t of stacked) {
    if (t.shape[0] !== length)
      throw new RangeError(`scan: want ${length} slices along axis 0, got ${formatShape(t.shape)}; all of xs must agree`);
  }
  return length;
}

function checkCarry(start: unknown, end: unknown, before: readonly Tensor[], after: readonly Tensor[]): void {
  if (before.length !== after.length || leavesOf(start).structure !== leavesOf(end).structure) {
    throw new TypeError(
      `scan: the carry enters with ${before.length} tensors and leaves with ${after.length}, or in another structure; return it as it came`,
    );
  }
}
