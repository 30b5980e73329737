/**
 * @file Derivatives of functions: grad, valueAndGrad, backward, jvp, vjp. Every differentiated leaf or cell is a fresh placeholder while the
 * function runs: a seed that is nobody else's, so that nested derivatives cannot take one another's perturbations for their own, and that has
 * no elements, so that nothing can be computed (and its history forgotten) before it is differentiated. The derivative done, values take
 * the places of the seeds.
 */
import { type Checks, checkOptions, naturalNumber } from "../base/check.ts";
import { isFloat } from "../base/dtype.ts";
import { formatType } from "../base/shape.ts";
import { hole, substitute } from "../ops/region.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Cell } from "../runtime/cell.ts";
import type { Value } from "../tape/node.ts";
import { forward } from "../transform/forward.ts";
import { bindSeeds, type Linearized, linearize as linearizeValues } from "../transform/reverse.ts";
import { walks } from "../transform/walks.ts";
import { type Capture, capture, commit, derivedFrom, leavesOf, together, withLeaves } from "./capture.ts";

export interface GradOptions {
  /** Which argument to differentiate. Default 0. */
  readonly argument?: number;
}

export const GRAD_OPTIONS: Checks<GradOptions> = { argument: naturalNumber };

/** Each differentiated leaf under its seed. */
type Seeds = ReadonlyMap<Tensor, Tensor>;

/** A fresh seed for a leaf. */
function seedOf(x: Tensor, name?: string): Tensor {
  return hole(x, x.label ?? name);
}

function seedLeaves(tree: unknown): Map<Tensor, Tensor> {
  const { leaves, paths } = leavesOf(tree);
  return new Map(leaves.map((x, i) => [seedOf(x, paths[i]), x]));
}

/** The pullback of a captured function, with the primal of its results and of its writes in step. */
function linearizeCapture(captured: Capture<unknown>, seeds: Seeds): { y: Tensor[]; lin: Linearized } {
  const written = [...captured.writes.values()];
  const lin = linearizeValues([...captured.outputs, ...written], seeds);
  const y = lin.y.slice(0, captured.outputs.length);
  [...captured.writes.keys()].forEach((cell, i) => {
    captured.writes.set(cell, lin.y[y.length + i]!);
  });
  return { y, lin };
}

function checkScalar(name: string, outputs: readonly Tensor[]): Tensor {
  const [y, ...rest] = outputs;
  if (!y || rest.length > 0) throw new TypeError(`${name}: the function must return one scalar tensor, got ${outputs.length} tensors`);
  if (y.size !== 1 || !isFloat(y.dtype)) {
    throw new TypeError(
      `${name}: the function must return a float scalar, got ${formatType(y)}; reduce it, for example with .sum() or .mean()`,
    );
  }
  return y;
}

/** Value and gradient of a captured scalar function with respect to its seeds. */
function reverse(name: string, captured: Capture<unknown>, seeds: Seeds): { value: Tensor; grads: Tensor[] } {
  checkScalar(name, captured.outputs);
  const { y, lin } = linearizeCapture(captured, seeds);
  const value = y[0]!;
  const cx = lin.pull([value.like(1)]);
  const grads = [...seeds.keys()].map((x, i) => cx[i] ?? x.like(0));
  commit(captured.writes);
  together([value, ...grads, ...captured.writes.values()]);
  return { value, grads };
}

/**
 * The function that gives the value of `fn` and its gradient with respect to one argument, which may be any tree of tensors; the gradient
 * has the same type. `fn` must return a float scalar.
 */
export function valueAndGrad<A extends unknown[]>(
  fn: (...args: A) => Tensor,
  options: GradOptions = {},
): (...args: A) => { value: Tensor; grad: A[0] } {
  checkOptions("grad", options, GRAD_OPTIONS);
  const at = options.argument ?? 0;
  return derivedFrom(fn, "valueAndGrad", (...args) => {
    if (at >= args.length) throw new RangeError(`grad: argument ${at} is to be differentiated, but ${args.length} were given`);
    const seeds = seedLeaves(args[at]);
    if (![...seeds.keys()].some((x) => isFloat(x.dtype)))
      throw new TypeError(`grad: argument ${at} holds no float tensor to differentiate; check the argument, or cast it with .cast("f32")`);
    const seeded = args.with(at, withLeaves(args[at], [...seeds.keys()])) as A;
    const { value, grads } = reverse(
      "grad",
      capture("grad", () => fn(...seeded)),
      seeds,
    );
    return { value, grad: withLeaves(args[at], grads) };
  });
}

/** The gradient alone; see {@link valueAndGrad}. */
export function grad<A extends unknown[]>(fn: (...args: A) => Tensor, options: GradOptions = {}): (...args: A) => A[0] {
  const both = valueAndGrad(fn, options);
  return derivedFrom(fn, "grad", (...args) => both(...args).grad);
}

/** Runs `fn` and differentiates its scalar result with respect to cells. What `fn` writes to cells takes effect. */
export function backward(fn: () => Tensor, parameters: readonly Cell[]): { value: Tensor; grads: Tensor[] } {
  const seeds = new Map<Tensor, Tensor>();
  const used: Cell[] = [];
  const wanted = new Set(parameters);
  const seedCell = (cell: Cell, outside: () => Tensor): Tensor => {
    const x = outside();
    const seed = seedOf(x, cell.label);
    seeds.set(seed, x);
    used.push(cell);
    return seed;
  };
  const captured = capture("backward", fn, { read: (cell, outside) => (wanted.has(cell) ? seedCell(cell, outside) : outside()) });
  const { value, grads } = reverse("backward", captured, seeds);
  const byCell = new Map(used.map((cell, i) => [cell, grads[i]!]));
  // A parameter that fn never read has gradient zero.
  return { value, grads: parameters.map((cell) => byCell.get(cell) ?? value.constantOf(cell, 0)) };
}

/** Tangents for leaves: given ones must match in number and type. */
function matchTangents(name: string, leaves: readonly Tensor[], tangents: readonly Tensor[]): void {
  if (leaves.length !== tangents.length)
    throw new TypeError(`${name}: ${leaves.length} tensors need as many tangents, got ${tangents.length}`);
  leaves.forEach((x, i) => {
    if (isFloat(x.dtype) && formatType(x) !== formatType(tangents[i]!)) {
      throw new TypeError(
        `${name}: tensor ${i} is ${formatType(x)}, its tangent or cotangent is ${formatType(tangents[i]!)}; they must have one type`,
      );
    }
  });
}

/** The function (args, tangents) to value and tangent of `fn`: forward mode. `tangents` has the structure of `args`. */
export function jvp<A extends unknown[], R>(fn: (...args: A) => R): (args: A, tangents: A) => { value: R; tangent: R } {
  return (args, tangents) => {
    const seeds = seedLeaves(args);
    const directions = leavesOf(tangents).leaves;
    matchTangents("jvp", [...seeds.keys()], directions);
    const captured = capture("jvp", () => fn(...withLeaves(args, [...seeds.keys()])));
    const live = new Map<Value, Tensor>([...seeds.keys()].flatMap((x, i) => (isFloat(x.dtype) ? [[x, directions[i]!] as const] : [])));
    const n = captured.outputs.length;
    const { y, dy } = forward([...captured.outputs, ...captured.writes.values()], live, walks);
    const bound = bindSeeds([...y, ...y.slice(0, n).map((v, i) => dy[i] ?? v.like(0))], seeds);
    [...captured.writes.keys()].forEach((cell, i) => {
      captured.writes.set(cell, bound[n + i]!);
    });
    commit(captured.writes);
    const values = bound.slice(0, n);
    const dys = bound.slice(y.length);
    together([...values, ...dys, ...captured.writes.values()]);
    return { value: withLeaves(captured.result, values), tangent: withLeaves(captured.result, dys) };
  };
}

/** The function that gives the value of `fn` and its pullback: cotangents of the result to cotangents of the arguments. */
export function vjp<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => { value: R; pullback: (cotangent: R) => A } {
  return (...args) => {
    const seeds = seedLeaves(args);
    const captured = capture("vjp", () => fn(...withLeaves(args, [...seeds.keys()])));
    const { y, lin } = linearizeCapture(captured, seeds);
    commit(captured.writes);
    together([...y, ...captured.writes.values()]);
    const pullback = (cotangent: R): A => {
      const cts = leavesOf(cotangent).leaves;
      matchTangents("pullback", y, cts);
      const cx = lin.pull(cts);
      const grads = [...seeds.keys()].map((x, i) => cx[i] ?? x.like(0));
      together(grads);
      return withLeaves(args, grads);
    };
    return { value: withLeaves(captured.result, y), pullback };
  };
}

/**
 * The function that gives the value of `fn` and its derivative at the arguments as a linear function: tangents of the arguments to tangents
 * of the result. The value is computed once, however many tangents follow.
 */
export function linearize<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => { value: R; pushforward: (...tangents: A) => R } {
  return (...args) => {
    const seeds = seedLeaves(args);
    const captured = capture("linearize", () => fn(...withLeaves(args, [...seeds.keys()])));
    const { y, lin } = linearizeCapture(captured, seeds);
    commit(captured.writes);
    together([...y, ...captured.writes.values()]);
    const known = lin.dy.slice(0, y.length);
    const pushforward = (...tangents: A): R => {
      const directions = leavesOf(tangents).leaves;
      matchTangents("pushforward", [...seeds.keys()], directions);
      const dy = substitute(
        known.map((d, i) => d ?? y[i]!.like(0)),
        new Map(lin.holes.map((x, i) => [x, directions[i]!])),
      );
      // A tangent that is an argument as it came gets a name of its own.
      const own = dy.map((d) => (directions.includes(d) ? d.identity() : d));
      together(own);
      return withLeaves(captured.result, own);
    };
    return { value: withLeaves(captured.result, y), pushforward };
  };
}

/** A tree whose tensors are constants to every derivative. */
export function stopGradient<T>(tree: T): T {
  return withLeaves(
    tree,
    leavesOf(tree).leaves.map((x) => x.stopGradient()),
  );
}
