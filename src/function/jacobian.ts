/**
 * @file Jacobians by columns (jacfwd) or rows (jacrev), Hessians, and products with the Hessian and the Gauss-Newton matrix that never form these. All are made of
 * derivatives along directions.
 */
import { checkOptions } from "../base/check.ts";
import { isFloat } from "../base/dtype.ts";
import { formatType } from "../base/shape.ts";
import { eye } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { derivedFrom, leavesOf, withLeaves } from "./capture.ts";
import { GRAD_OPTIONS, type GradOptions, grad, jvp, pullbackOf, pushforwardOf, vjp } from "./derivative.ts";
import { vmap } from "./vmap.ts";

/** A tree with the structure of R in which each tensor y is replaced by a tree with the structure of X, whose tensors have shape [...y.shape, ...x.shape]. */
export type Jacobian<R, X> = R extends Tensor ? X : { [K in keyof R]: Jacobian<R[K], X> };

/** All unit tensors with the type of x, stacked along a new axis 0: [x.size, ...x.shape]. */
function units(x: Tensor): Tensor {
  return eye(x.size, x.dtype).reshape([x.size, ...x.shape]);
}

/** Replaces each tensor of a tree by a tree. */
function nest(outer: unknown, inner: readonly unknown[]): unknown {
  let next = 0;
  const visit = (node: unknown): unknown => {
    const { leaves, structure } = leavesOf(node);
    if (structure === "*") return inner[next++];
    if (leaves.length === 0) return node;
    if (Array.isArray(node)) return node.map(visit);
    if (node instanceof Map) return new Map([...node].map(([key, child]) => [key, visit(child)]));
    return Object.fromEntries(Object.entries(Object(node)).map(([key, child]) => [key, visit(child)]));
  };
  return visit(outer);
}

function checkFloats(name: string, what: string, leaves: readonly Tensor[]): void {
  const other = leaves.find((x) => !isFloat(x.dtype));
  if (leaves.length > 0 && !other) return;
  const found = other ? `${formatType(other)}; leave it out or cast it with .cast("f32")` : "no tensor";
  throw new TypeError(`${name}: the ${what} must be float tensors, found ${found}`);
}

/** `fn` as a function of one argument. */
function alone<A extends unknown[], R>(fn: (...args: A) => R, args: A, at: number): (x: A[0]) => R {
  if (at >= args.length) throw new RangeError(`argument ${at} is to be differentiated, but ${args.length} were given`);
  return (x) => fn(...(args.with(at, x) as A));
}

/** The Jacobian of `fn` with respect to one argument, column by column (forward mode): for few inputs and many outputs. */
export function jacfwd<A extends unknown[] = Tensor[], R = unknown>(
  fn: (...args: A) => R,
  options: GradOptions = {},
): (...args: A) => Jacobian<R, A[0]> {
  checkOptions("jacfwd", options, GRAD_OPTIONS);
  const at = options.argument ?? 0;
  return derivedFrom(fn, "jacfwd", (...args) => {
    const x = args[at];
    const { value, pushforward } = pushforwardOf("jacfwd", alone(fn, args, at), options.unused ?? "warn")(x);
    const { leaves } = leavesOf(x);
    checkFloats("jacfwd", "differentiated argument", leaves);
    const outputs = leavesOf(value).leaves;
    checkFloats("jacfwd", "results", outputs);
    // columns[i][j]: output j along the units of leaf i, [...y.shape, n] by the batch at the end.
    const columns = leaves.map((leaf, i) => {
      const along = (d: Tensor): Tensor[] => {
        const tangents = leaves.map((other, k) => (k === i ? d : other.like(0)));
        return leavesOf(pushforward(withLeaves(x, tangents))).leaves;
      };
      return vmap(along)(units(leaf)).map((y) => y.moveAxis(0, y.rank - 1).reshape([...y.shape.slice(1), ...leaf.shape]));
    });
    const trees = outputs.map((_, j) =>
      withLeaves(
        x,
        columns.map((column) => column[j]!),
      ),
    );
    return nest(value, trees) as Jacobian<R, A[0]>;
  });
}

/** The Jacobian of `fn` with respect to one argument, row by row (reverse mode): for many inputs and few outputs. */
export function jacrev<A extends unknown[] = Tensor[], R = unknown>(
  fn: (...args: A) => R,
  options: GradOptions = {},
): (...args: A) => Jacobian<R, A[0]> {
  checkOptions("jacrev", options, GRAD_OPTIONS);
  const at = options.argument ?? 0;
  return derivedFrom(fn, "jacrev", (...args) => {
    const x = args[at];
    checkFloats("jacrev", "differentiated argument", leavesOf(x).leaves);
    const { value, pullback } = pullbackOf("jacrev", alone(fn, args, at), options)(x) as { value: R; pullback: (cotangent: R) => [A[0]] };
    const outputs = leavesOf(value).leaves;
    checkFloats("jacrev", "results", outputs);
    const trees = outputs.map((y, j) => {
      const along = (ct: Tensor): Tensor[] => {
        const cotangents = outputs.map((other, k) => (k === j ? ct : other.like(0)));
        return leavesOf(pullback(withLeaves(value, cotangents))[0]).leaves;
      };
      const rows = vmap(along)(units(y));
      return withLeaves(
        x,
        rows.map((row) => row.reshape([...y.shape, ...row.shape.slice(1)])),
      );
    });
    return nest(value, trees) as Jacobian<R, A[0]>;
  });
}

/** The second derivatives of a scalar function with respect to one argument: forward over reverse mode. */
export function hessian<A extends unknown[] = Tensor[]>(
  fn: (...args: A) => Tensor,
  options: GradOptions = {},
): (...args: A) => Jacobian<A[0], A[0]> {
  return derivedFrom(fn, "hessian", jacfwd(grad(fn, options), options));
}

/** The function (args, v) to H·v, the Hessian of a scalar function in one argument times a tangent of it: the cost of about two gradients. */
export function hvp<A extends unknown[] = Tensor[]>(
  fn: (...args: A) => Tensor,
  options: GradOptions = {},
): (args: A, tangent: A[0]) => A[0] {
  checkOptions("hvp", options, GRAD_OPTIONS);
  const at = options.argument ?? 0;
  return (args, tangent) => {
    const slope = (x: A[0]): A[0] => grad(fn, options)(...(args.with(at, x) as A));
    return jvp(slope)([args[at]], [tangent]).tangent;
  };
}

/**
 * The function (args, v) to Jᵀ·H·J·v, with J the Jacobian of `model` in one argument and H the Hessian of `loss` at its result (Schraudolph
 * 2002): the Gauss-Newton matrix, positive semidefinite wherever the loss is convex.
 */
export function gnvp<A extends unknown[] = Tensor[], Z = unknown>(
  model: (...args: A) => Z,
  loss: (z: Z) => Tensor,
  options: GradOptions = {},
): (args: A, tangent: A[0]) => A[0] {
  checkOptions("gnvp", options, GRAD_OPTIONS);
  const at = options.argument ?? 0;
  return (args, tangent) => {
    const f = alone(model, args, at);
    const { value: z, tangent: dz } = jvp(f)([args[at]], [tangent]);
    const curved = hvp(loss)([z], dz);
    return vjp(f, { unused: options.unused })(args[at]).pullback(curved)[0];
  };
}
