/**
 * @file The definition of a primitive operation: all its rules in one object. A new op is one paragraph in a family file; transforms, fusion and tests use its rules.
 *
 * The derivative is one of three: `linear` (with a transpose), `jvp`, or `none`. There is no default: the type demands one. Ops that own regions may have both a jvp
 * and a transpose, since whether they are linear depends on their regions.
 */

import type { TypedArray } from "../base/dtype.ts";
import type { Shape, Type } from "../base/shape.ts";
import { type Tuple, tuple } from "../base/tuple.ts";
import type { Index } from "../kernel/index-algebra.ts";
import type { Expr } from "../kernel/kernel.ts";
import type * as tape from "../tape/node.ts";
import type { Tensor } from "./tensor.ts";

/** `N` values, so that a rule with the wrong arity is a type error. -1 stands for any number. */
export type { Tuple } from "../base/tuple.ts";

/** An instruction on tensors, by an op with its rules. */
export type Instruction = tape.InstructionOf<Tensor, Op>;

/** A closed sub-list of tensors. */
export type Region = tape.RegionOf<Tensor>;

/** A tangent or cotangent; undefined is a symbolic zero. */
export type Maybe = Tensor | undefined;

/** What a rule gets to know of its instruction besides the operands. */
export interface Site<P = unknown> {
  readonly params: P;
  readonly regions: readonly Region[];
  /** Types of the results. */
  readonly types: readonly Type[];
  readonly walks: Walks;
}

/** The transforms, for the rules of ops that own regions. */
export interface Walks {
  /** Results and tangents of `region` at `x` along `dx`. */
  jvp(region: Region, x: readonly Tensor[], dx: readonly Maybe[]): { y: Tensor[]; dy: Maybe[] };
  /** Cotangents of those inputs of `region` that are marked linear, for cotangents of its outputs. */
  transpose(region: Region, x: readonly Tensor[], linear: readonly boolean[], ct: readonly Maybe[]): Maybe[];
  /** Results of `region` on a batch of n; unmapped results are expanded if `expand` says so (default: all are). */
  batch(
    region: Region,
    x: readonly Tensor[],
    mapped: readonly boolean[],
    n: number,
    expand?: readonly boolean[],
  ): { y: Tensor[]; mapped: boolean[] };
}

/** Derivative rules in the general form for several results. `defineOp` and `elementwise` take simpler forms for one result. */
export type Derivative<P> =
  | {
      readonly kind: "linear";
      /** Operands in which the op is linear. */
      readonly in: readonly number[] | "all";
      /** `jointly`: f(x + dx, y + dy) = f(x, y) + f(dx, dy). `separately`: linear in each operand while the others are fixed (a product). */
      readonly how: "jointly" | "separately";
      transpose(ct: readonly Maybe[], x: readonly Tensor[], site: Site<P>, linear: readonly boolean[]): Maybe[];
    }
  | {
      readonly kind: "jvp";
      /** Returns the tangents, and the results again. The rule may replace the results so that nothing is computed twice. */
      jvp(dx: readonly Maybe[], x: readonly Tensor[], y: readonly Tensor[], site: Site<P>): { y: readonly Tensor[]; dy: readonly Maybe[] };
      /** For ops with regions, when all tangents enter linearly. */
      transpose?(ct: readonly Maybe[], x: readonly Tensor[], site: Site<P>, linear: readonly boolean[]): Maybe[];
    }
  | { readonly kind: "none" };

/** An operand as the fuser hands it to a lowering rule: its element at an index, or 0 where the mask is false. */
export interface Operand extends Type {
  at(index: readonly Index[], mask?: Expr | null): Expr;
}

/** Elements of an operand or result in memory, row-major. */
export interface HostArray extends Type {
  readonly data: TypedArray;
}

/** A range of terms low <= r < high along an axis of a sum; both bounds fall as the index along `axis` of the result grows. */
export interface Reach {
  readonly axis: number;
  low(at: Index): Index;
  high(at: Index): Index;
}

/** How an op is lowered to kernels or steps. */
export type Lowering<P> =
  /** One element of each result as an expression of elements of the operands. `inPlace`: only of those at the same index. */
  | {
      readonly kind: "pointwise";
      readonly inPlace?: true;
      element(at: readonly Index[], x: readonly Operand[], params: P, type: Type): Expr[];
    }
  /** result[at] = combine over r of element(at, r). */
  | {
      readonly kind: "reduce";
      readonly combine: "add" | "mul" | "min" | "max";
      extents(x: readonly Shape[], params: P): number[];
      element(at: readonly Index[], r: readonly Index[], x: readonly Operand[], params: P): Expr;
      /** For each axis of the sum, the range of terms that may differ from 0; undefined for all. */
      reach?(x: readonly Shape[], params: P): readonly (Reach | undefined)[];
    }
  /** Replaced by other primitives before optimization. */
  | { readonly kind: "expand"; expand(x: readonly Tensor[], site: Site<P>): Tensor[] }
  /** A function on typed arrays, for work that is not written as a loop nest: decompositions, sorts. It computes in f64 for any dtype. */
  | { readonly kind: "host"; run(x: readonly HostArray[], y: readonly HostArray[], params: P): void }
  /** Loops, branches, leaves: the scheduler handles each itself. */
  | { readonly kind: "control" };

/** Operand types, with the range to draw elements from, and parameters with which the tests try an op. */
export interface Sample<P = unknown> {
  readonly operands: readonly (Type & { readonly domain?: readonly [number, number] })[];
  readonly params: P;
  /** Makes the regions, for ops that have some. */
  readonly regions?: () => readonly Region[];
}

/** A primitive: its type rule, derivative, batching and lowering. */
// biome-ignore lint/suspicious/noExplicitAny: parameters of an op are private to it; lists of ops forget their type.
export interface Op<N extends number = number, P = any> extends tape.OpFace {
  readonly doc: string;
  readonly arity: N;
  type(operands: readonly Type[], params: P, regions: readonly Region[]): Type[];
  readonly derivative: Derivative<P>;
  /** Batching rule: operands marked `mapped` have a batch of n on axis 0, and so must all results, except results of regions that do not depend on the batch. */
  batch(x: readonly Tensor[], mapped: readonly boolean[], site: Site<P>, n: number): Tensor[];
  readonly lower: Lowering<P>;
  /** What limits its speed. It decides what is worth recomputing. */
  readonly cost: "memory" | "compute";
  /** Samples for tests. */
  readonly samples: readonly Sample<P>[];
}

/** Gives all operands a batch of n on axis 0. Operands that are not mapped are broadcast, which fusion makes free. */
export function expandAll(x: readonly Tensor[], mapped: readonly boolean[], n: number): Tensor[] {
  return x.map((operand, i) => (mapped[i] ? operand : operand.expandFront(n)));
}

/** The definition of an op with one result; see {@link defineOp}. */
export interface OpDefinition<N extends number, P> {
  readonly doc: string;
  readonly arity: N;
  type(operands: Tuple<Type, N>, params: P): Type;
  readonly derivative: "none" | "jointly" | "separately";
  /** Operands in which the op is linear; default all. */
  readonly linearIn?: readonly number[];
  transpose?(ct: Tensor, x: Tuple<Tensor, N>, params: P, linear: readonly boolean[]): Maybe[];
  batch(x: Tuple<Tensor, N>, mapped: readonly boolean[], params: P, n: number): Tensor;
  readonly lower: Lowering<P>;
  readonly cost?: "memory" | "compute";
  readonly mergeable?: boolean;
  readonly traits?: tape.Traits;
  readonly samples?: readonly Sample<P>[];
}

const names = new Set<string>();

/** Reserves the name of an op, by which compiled programs and rules of further transforms are found. @throws {Error} if it is taken. @throws {TypeError} if it is not a word. */
export function ownName(name: string): string {
  if (typeof name !== "string" || !/^[A-Za-z_]\w*$/.test(name))
    throw new TypeError(`op: want a name of letters and digits, got ${typeof name === "string" ? JSON.stringify(name) : typeof name}`);
  if (names.has(name))
    throw new Error(`op: the name ${name} is taken; programs are told apart by the names of their ops, so give it another`);
  names.add(name);
  return name;
}

/** Defines an op with one result that is linear in some operands or has no derivative. */
// Marked, here and at the other makers of ops, so that bundlers leave out an op that nobody uses.
/* @__NO_SIDE_EFFECTS__ */
export function defineOp<N extends number, P>(name: string, def: OpDefinition<N, P>): Op<N, P> {
  return {
    name: ownName(name),
    doc: def.doc,
    arity: def.arity,
    mergeable: def.mergeable ?? true,
    ...(def.traits && { traits: def.traits }),
    type: (operands, params) => [def.type(tuple(operands, def.arity), params)],
    derivative: linearOrNone(name, def),
    batch: (x, mapped, { params }, n) => [def.batch(tuple(x, def.arity), mapped, params, n)],
    lower: def.lower,
    cost: def.cost ?? "memory",
    samples: def.samples ?? [],
  };
}

/** The derivative rule of a definition with one result. */
function linearOrNone<N extends number, P>(name: string, def: OpDefinition<N, P>): Derivative<P> {
  if (def.derivative === "none") return { kind: "none" };
  if (!def.transpose) throw new Error(`internal: ${name} is said to be linear but has no transpose`);
  const transpose = def.transpose.bind(def);
  return {
    kind: "linear",
    in: def.linearIn ?? "all",
    how: def.derivative,
    transpose: ([ct], x, { params }, linear) => (ct ? transpose(ct, tuple(x, def.arity), params, linear) : x.map(() => undefined)),
  };
}
