/**
 * @file Derivatives of functions: grad, valueAndGrad, backward, jvp, vjp. Every differentiated leaf or cell is a fresh placeholder (its seed) while the function
 * runs. Each derivative has its own seeds, so nested derivatives cannot confuse their perturbations. Seeds have no elements, so nothing can be computed, and its
 * history dropped, before it is differentiated. Afterwards the values are substituted for the seeds.
 */
import { fn as aFunction, type Checks, checkOptions, flag, naturalNumber } from "../base/check.ts";
import { describe } from "../base/describe.ts";
import { isFloat } from "../base/dtype.ts";
import { formatType } from "../base/shape.ts";
import { Call } from "../ops/call.ts";
import { isTensor } from "../ops/create.ts";
import { substitute } from "../ops/region.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Cell } from "../runtime/cell.ts";
import { frozenAmong } from "../runtime/frozen.ts";
import { forward } from "../transform/forward.ts";
import { bindSeeds, type Linearized, linearize as linearizeValues } from "../transform/reverse.ts";
import { walks } from "../transform/walks.ts";
import { type AnyFunction, type Capture, capture, commit, derivedFrom, leavesOf, together, withLeaves } from "./capture.ts";
import { argumentName } from "./signature.ts";
import { type Forms, judge, noteDerived, reachedFrom, UNUSED, type Unused, warnFlat } from "./unused.ts";

/** Options of {@link backward}. */
export interface BackwardOptions {
  /**
   * What to do about a parameter that the result does not depend on: "error", "warn" (once, with the names), or "ignore" (a zero gradient, silently). If the result
   * depends on none of the parameters, "warn" is an error too. Default "warn".
   */
  readonly unused?: Unused;
}

/** Options of {@link grad} and {@link valueAndGrad}. */
export interface GradOptions extends BackwardOptions {
  /** Which argument to differentiate. Default 0. */
  readonly argument?: number;
}

/**
 * For functions that return `[result, aux]`. `aux` is any tree of tensors, numbers and texts; it is computed in the same program and returned, but not
 * differentiated.
 */
export interface WithAux {
  readonly hasAux: true;
}

/** The function returns its result alone. */
export interface WithoutAux {
  readonly hasAux?: false;
}

interface Aux {
  readonly hasAux?: boolean;
}

export const GRAD_OPTIONS: Checks<GradOptions> = { argument: naturalNumber, unused: UNUSED };
const WITH_AUX = { hasAux: flag };
const BACKWARD_OPTIONS: Checks<BackwardOptions> = { unused: UNUSED };
const BACKWARD: Checks<BackwardOptions & Aux> = { ...BACKWARD_OPTIONS, ...WITH_AUX };

/** The differentiated leaf of each seed. */
type Seeds = ReadonlyMap<Tensor, Tensor>;

/** Makes a seed for each leaf of a tree, as a placeholder of the call. */
function seedLeaves(call: Call, tree: unknown): Map<Tensor, Tensor> {
  const { leaves, paths } = leavesOf(tree);
  return new Map(leaves.map((x, i) => [call.placeholderOf(x, x.label ?? paths[i]), x]));
}

/** @throws {TypeError} unless `fn` is a function. Users of PyTorch tend to pass the loss itself; the error says so. */
function checkFunction(name: string, fn: unknown, forms: Forms): void {
  if (aFunction.holds(fn)) return;
  throw new TypeError(
    `${name}: want a function to differentiate, got ${isTensor(fn) ? `${fn}` : describe(fn)}\n  wrong:  ${forms.wrong}\n  right:  ${forms.right}`,
  );
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

/** Splits the result of a captured function into the part that is differentiated and the aux part. */
function parted(name: string, { result, outputs }: Capture<unknown>, hasAux: boolean): { main: unknown; outputs: Tensor[]; aux: unknown } {
  if (!hasAux) return { main: result, outputs, aux: undefined };
  if (!Array.isArray(result) || result.length !== 2)
    throw new TypeError(`${name}: with { hasAux: true } the function must return [result, aux], got ${describe(result)}`);
  const [main, aux]: readonly unknown[] = result;
  return { main, outputs: leavesOf(main).leaves, aux };
}

/** Throws unless the differentiated result is one float scalar. */
function checkScalar(name: string, { main, outputs }: { main: unknown; outputs: readonly Tensor[] }): void {
  const [y, ...rest] = outputs;
  if (!y || rest.length > 0 || !isTensor(main)) {
    const pair =
      Array.isArray(main) && isTensor(main[0]) ? "; to get more than the value out, return [value, aux] and say { hasAux: true }" : "";
    throw new TypeError(
      `${name}: the function must return one scalar tensor, got ${outputs.length === 1 ? describe(main) : `${outputs.length} tensors`}${pair}`,
    );
  }
  if (y.size !== 1 || !isFloat(y.dtype)) {
    throw new TypeError(
      `${name}: the function must return a float scalar, got ${formatType(y)}; reduce it, for example with .sum() or .mean()`,
    );
  }
}

/** The result of a reverse pass. */
interface Reversed {
  readonly value: Tensor;
  /** In the order of the seeds; undefined is zero. */
  readonly cx: (Tensor | undefined)[];
  readonly aux: unknown;
}

/** Value and gradient of a captured scalar function with respect to its seeds. Its writes are not committed yet. */
function reverse(name: string, captured: Capture<unknown>, seeds: Seeds, hasAux: boolean): Reversed {
  const parts = parted(name, captured, hasAux);
  checkScalar(name, parts);
  const { y, lin } = linearizeCapture(captured, seeds);
  const value = y[0]!;
  return { value, cx: lin.pull([value.like(1)]), aux: withLeaves(parts.aux, y.slice(1)) };
}

/** Finishes a derivative before its results are returned to the caller. */
function release(results: readonly Tensor[], aux: unknown, captured: Capture<unknown>, at: readonly Tensor[]): void {
  commit(captured.writes);
  noteDerived(results, at);
  together([...results, ...leavesOf(aux).leaves, ...captured.writes.values()]);
}

/** Reports arguments that the result does not depend on. `cx` are their gradients, if known. */
function judgeLeaves(
  name: string,
  outputs: readonly Tensor[],
  seeds: Seeds,
  cx: readonly unknown[],
  of: { fn: AnyFunction; path: (i: number) => string; unused: Unused },
): void {
  const floats = [...seeds.keys()].map((seed, i) => ({ seed, i })).filter(({ seed }) => isFloat(seed.dtype));
  if (of.unused === "ignore" || floats.every(({ i }) => cx[i] !== undefined)) return;
  const { read } = reachedFrom(outputs, new Set(seeds.keys()));
  const wanted = floats.map(({ seed, i }) => ({ name: argumentName(of.path(i), of.fn), reached: cx[i] !== undefined || read.has(seed) }));
  judge(name, `the result of ${of.fn.name || "the function"}`, wanted, of.unused, formsOf(name));
}

const formsOf = (name: string): Forms => ({
  wrong: `const z = f(x); ${name}(() => z)(x)`,
  right: `${name}((x) => f(x))(x)`,
});

/**
 * Returns a function that computes the value of `fn` and its gradient with respect to one argument. The argument may be any tree of tensors; the gradient has the
 * same structure, shapes and dtypes. `fn` must return a float scalar, or `[scalar, aux]` with `hasAux`.
 * @throws {Error} when the value does not depend on the argument; see {@link BackwardOptions}.
 */
export function valueAndGrad<A extends unknown[] = Tensor[], X = unknown>(
  fn: (...args: A) => readonly [Tensor, X],
  options: GradOptions & WithAux,
): (...args: A) => { value: Tensor; grad: A[0]; aux: X };
export function valueAndGrad<A extends unknown[] = Tensor[]>(
  fn: (...args: A) => Tensor,
  options?: GradOptions & WithoutAux,
): (...args: A) => { value: Tensor; grad: A[0] };
export function valueAndGrad(fn: AnyFunction, options: GradOptions & Aux = {}): AnyFunction {
  return derivedFrom(fn, "valueAndGrad", gradientOf("valueAndGrad", fn, options));
}

/** Makes the function behind `grad` and `valueAndGrad`. */
function gradientOf(
  name: string,
  fn: AnyFunction,
  options: GradOptions & Aux,
): (...args: unknown[]) => { value: Tensor; grad: unknown; aux?: unknown } {
  checkOptions(name, options, { ...GRAD_OPTIONS, ...WITH_AUX });
  checkFunction(name, fn, formsOf(name));
  const { argument: at = 0, hasAux = false, unused = "warn" } = options;
  return (...args) => {
    if (at >= args.length) throw new RangeError(`${name}: argument ${at} is to be differentiated, but ${args.length} were given`);
    const call = new Call(name, fn);
    const seeds = seedLeaves(call, args[at]);
    if (![...seeds.keys()].some((x) => isFloat(x.dtype)))
      throw new TypeError(
        `${name}: argument ${at} holds no float tensor to differentiate; check the argument, or cast it with .cast("f32")`,
      );
    const seeded = args.with(at, withLeaves(args[at], [...seeds.keys()]));
    const captured = capture(call, () => fn(...seeded));
    const { value, cx, aux } = reverse(name, captured, seeds, hasAux);
    const path = (i: number): string => [at, leavesOf(args[at]).paths[i]].filter((part) => part !== "").join(".");
    judgeLeaves(name, captured.outputs.slice(0, 1), seeds, cx, { fn, path, unused });
    const grads = [...seeds.keys()].map((x, i) => cx[i] ?? x.like(0));
    release([value, ...grads], aux, captured, [...seeds.values()]);
    return { value, grad: withLeaves(args[at], grads), ...(hasAux && { aux }) };
  };
}

/** Returns a function that computes the gradient alone, or `{ grad, aux }` with `hasAux`; see {@link valueAndGrad}. */
export function grad<A extends unknown[] = Tensor[], X = unknown>(
  fn: (...args: A) => readonly [Tensor, X],
  options: GradOptions & WithAux,
): (...args: A) => { grad: A[0]; aux: X };
export function grad<A extends unknown[] = Tensor[]>(fn: (...args: A) => Tensor, options?: GradOptions & WithoutAux): (...args: A) => A[0];
export function grad(fn: AnyFunction, options: GradOptions & Aux = {}): AnyFunction {
  const both = gradientOf("grad", fn, options);
  return derivedFrom(fn, "grad", (...args) => {
    const { grad: found, aux } = both(...args);
    return options.hasAux ? { grad: found, aux } : found;
  });
}

const BACKWARD_FORMS: Forms = {
  wrong: "const loss = lossOf(model.forward(x), y); backward(() => loss, model.parameters())",
  right: "backward(() => lossOf(model.forward(x), y), model.parameters())",
};

/** @throws {TypeError} unless every parameter is a cell. */
function checkCells(parameters: unknown): void {
  const remedy =
    "pass cells: model.parameters(), or [new nn.Parameter(tensor(...))]; by plain tensors differentiate with grad((x) => ...)(x)";
  if (!Array.isArray(parameters)) throw new TypeError(`backward: want a list of parameters, got ${describe(parameters)}; ${remedy}`);
  const at = parameters.findIndex((each) => !(each instanceof Cell));
  if (at < 0) return;
  const found: unknown = parameters[at];
  throw new TypeError(`backward: parameters[${at}] must be a cell, got ${isTensor(found) ? `${found}` : describe(found)}; ${remedy}`);
}

const isIn = (set: ReadonlySet<Tensor>, x: Tensor | undefined): boolean => x !== undefined && set.has(x);

/** Reports parameters that the loss does not depend on, and a loss whose derivative is zero everywhere. */
function judgeCells(
  loss: Tensor,
  parameters: readonly Cell[],
  seeds: ReadonlyMap<Cell, Tensor>,
  cx: ReadonlyMap<Cell, unknown>,
  unused: Unused,
): void {
  const floats = parameters.filter((cell) => isFloat(cell.dtype));
  if (unused === "ignore" || floats.every((cell) => cx.get(cell) !== undefined)) return;
  const { read, derived } = seeds.size > 0 ? reachedFrom([loss], new Set(seeds.values())) : { read: new Set<Tensor>(), derived: false };
  const names = floats.map((cell) => cell.path ?? cell.label ?? `parameters[${parameters.indexOf(cell)}] ${formatType(cell)}`);
  const wanted = floats.map((cell, i) => ({ name: names[i]!, reached: cx.get(cell) !== undefined || isIn(read, seeds.get(cell)) }));
  judge("backward", "the loss", wanted, unused, BACKWARD_FORMS);
  if (!derived && !floats.some((cell) => cx.get(cell) !== undefined)) warnFlat("backward", names);
}

/**
 * Runs `fn`, which returns a float scalar (with `hasAux`, `[scalar, aux]`), and differentiates it with respect to cells; gradients are in their order. What
 * `fn` writes to cells takes effect.
 * @throws {Error} when the value depends on none of the cells; see {@link BackwardOptions}.
 */
export function backward<X>(
  fn: () => readonly [Tensor, X],
  parameters: readonly Cell[],
  options: BackwardOptions & WithAux,
): { value: Tensor; grads: Tensor[]; aux: X };
export function backward(
  fn: () => Tensor,
  parameters: readonly Cell[],
  options?: BackwardOptions & WithoutAux,
): { value: Tensor; grads: Tensor[] };
export function backward(
  fn: () => unknown,
  parameters: readonly Cell[],
  options: BackwardOptions & Aux = {},
): { value: Tensor; grads: Tensor[]; aux?: unknown } {
  checkOptions("backward", options, BACKWARD);
  checkFunction("backward", fn, BACKWARD_FORMS);
  checkCells(parameters);
  const { hasAux = false, unused = "warn" } = options;
  const call = new Call("backward", fn);
  const seeds = new Map<Tensor, Tensor>();
  const seedOf = new Map<Cell, Tensor>();
  const frozen = frozenAmong(parameters);
  const training = parameters.filter((cell) => !frozen.has(cell));
  const wanted = new Set(training);
  const seedCell = (cell: Cell, outside: () => Tensor): Tensor => {
    const x = outside();
    const seed = call.placeholderOf(x, x.label ?? cell.label);
    seeds.set(seed, x);
    seedOf.set(cell, seed);
    return seed;
  };
  const captured = capture(call, fn, { read: (cell, outside) => (wanted.has(cell) ? seedCell(cell, outside) : outside()) });
  const { value, cx, aux } = reverse("backward", captured, seeds, hasAux);
  const byCell = new Map([...seedOf.keys()].map((cell, i) => [cell, cx[i]]));
  judgeCells(captured.outputs[0]!, training, seedOf, byCell, unused);
  // A parameter that fn never read, or that is frozen, has a zero gradient.
  const grads = parameters.map((cell) => byCell.get(cell) ?? value.constantOf(cell, 0));
  release([value, ...grads], aux, captured, [...seeds.values()]);
  return { value, grads, ...(hasAux && { aux }) };
}

/** Matches given tangents with leaves; throws if their number or a type differs. */
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

/** Forward mode: returns the function (args, tangents) → value and tangent of `fn`. `tangents` has the structure of `args`. */
export function jvp<A extends unknown[] = Tensor[], R = unknown>(
  fn: (...args: A) => R,
): (args: A, tangents: A) => { value: R; tangent: R } {
  return (args, tangents) => {
    const call = new Call("jvp", fn);
    const seeds = seedLeaves(call, args);
    const directions = leavesOf(tangents).leaves;
    matchTangents("jvp", [...seeds.keys()], directions);
    const captured = capture(call, () => fn(...withLeaves(args, [...seeds.keys()])));
    const live = new Map<Tensor, Tensor>([...seeds.keys()].flatMap((x, i) => (isFloat(x.dtype) ? [[x, directions[i]!] as const] : [])));
    const n = captured.outputs.length;
    const { y, dy } = forward([...captured.outputs, ...captured.writes.values()], live, walks);
    const bound = bindSeeds([...y, ...y.slice(0, n).map((v, i) => dy[i] ?? v.like(0))], seeds);
    [...captured.writes.keys()].forEach((cell, i) => {
      captured.writes.set(cell, bound[n + i]!);
    });
    commit(captured.writes);
    const values = bound.slice(0, n);
    const dys = bound.slice(y.length);
    noteDerived([...values, ...dys], [...seeds.values(), ...directions]);
    together([...values, ...dys, ...captured.writes.values()]);
    return { value: withLeaves(captured.result, values), tangent: withLeaves(captured.result, dys) };
  };
}

/**
 * Returns a function that computes the value of `fn` and its pullback, which maps cotangents of the result to cotangents of the arguments. With `hasAux`, `fn`
 * returns `[result, aux]`, and the pullback takes a cotangent of the result alone.
 * @throws {Error} when the result does not depend on the arguments; see {@link BackwardOptions}.
 */
export function vjp<A extends unknown[] = Tensor[], R = unknown, X = unknown>(
  fn: (...args: A) => readonly [R, X],
  options: BackwardOptions & WithAux,
): (...args: A) => { value: R; pullback: (cotangent: R) => A; aux: X };
export function vjp<A extends unknown[] = Tensor[], R = unknown>(
  fn: (...args: A) => R,
  options?: BackwardOptions & WithoutAux,
): (...args: A) => { value: R; pullback: (cotangent: R) => A };
export function vjp(fn: AnyFunction, options: BackwardOptions & Aux = {}): AnyFunction {
  checkOptions("vjp", options, BACKWARD);
  checkFunction("vjp", fn, formsOf("vjp"));
  return pullbackOf("vjp", fn, options);
}

/** For the library: {@link vjp} under another name. */
export function pullbackOf(name: string, fn: AnyFunction, options: BackwardOptions & Aux): AnyFunction {
  const { hasAux = false, unused = "warn" } = options;
  return (...args: unknown[]) => {
    const call = new Call(name, fn);
    const seeds = seedLeaves(call, args);
    const captured = capture(call, () => fn(...withLeaves(args, [...seeds.keys()])));
    const parts = parted(name, captured, hasAux);
    const { y, lin } = linearizeCapture(captured, seeds);
    const n = parts.outputs.length;
    judgeLeaves(name, parts.outputs, seeds, [], { fn, path: (i) => leavesOf(args).paths[i]!, unused });
    const values = y.slice(0, n);
    const aux = withLeaves(parts.aux, y.slice(n));
    release(values, aux, captured, [...seeds.values()]);
    const pullback = (cotangent: unknown): unknown => {
      const cts = leavesOf(cotangent).leaves;
      matchTangents("pullback", values, cts);
      const cx = lin.pull([...cts, ...lin.dy.slice(n).map(() => undefined)]);
      const grads = [...seeds.keys()].map((x, i) => cx[i] ?? x.like(0));
      noteDerived(grads, [...seeds.values(), ...cts]);
      together(grads);
      return withLeaves(args, grads);
    };
    return { value: withLeaves(parts.main, values), pullback, ...(hasAux && { aux }) };
  };
}

/**
 * Returns a function that computes the value of `fn` and its derivative at the arguments as a linear function from tangents of the arguments to tangents of the
 * result. The value is computed once for any number of tangents.
 */
export function linearize<A extends unknown[] = Tensor[], R = unknown>(
  fn: (...args: A) => R,
): (...args: A) => { value: R; pushforward: (...tangents: A) => R } {
  return pushforwardOf("linearize", fn, "ignore");
}

/** For the library: {@link linearize} under another name, with a report of unused arguments. */
export function pushforwardOf<A extends unknown[] = Tensor[], R = unknown>(
  name: string,
  fn: (...args: A) => R,
  unused: Unused,
): (...args: A) => { value: R; pushforward: (...tangents: A) => R } {
  return (...args) => {
    const call = new Call(name, fn);
    const seeds = seedLeaves(call, args);
    const captured = capture(call, () => fn(...withLeaves(args, [...seeds.keys()])));
    const { y, lin } = linearizeCapture(captured, seeds);
    judgeLeaves(name, captured.outputs, seeds, [], { fn, path: (i) => leavesOf(args).paths[i]!, unused });
    release(y, undefined, captured, [...seeds.values()]);
    const known = lin.dy.slice(0, y.length);
    const pushforward = (...tangents: A): R => {
      const directions = leavesOf(tangents).leaves;
      matchTangents("pushforward", [...seeds.keys()], directions);
      const dy = substitute(
        known.map((d, i) => d ?? y[i]!.like(0)),
        new Map(lin.placeholders.map((x, i) => [x, directions[i]!])),
      );
      // A tangent that is an unchanged argument gets a fresh name.
      const own = dy.map((d) => (directions.includes(d) ? d.identity() : d));
      noteDerived(own, [...seeds.values(), ...directions]);
      together(own);
      return withLeaves(captured.result, own);
    };
    return { value: withLeaves(captured.result, y), pushforward };
  };
}

/** Returns a tree with the same values whose tensors are constants to every derivative. */
export function stopGradient<T>(tree: T): T {
  return withLeaves(
    tree,
    leavesOf(tree).leaves.map((x) => x.stopGradient()),
  );
}
