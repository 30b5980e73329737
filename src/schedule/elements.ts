/**
 * @file Element expressions: what a kernel computes for one element of a value, with everything that has no buffer folded in. Because an
 * index may carry the lane of a vector, instantiating an element at a vector index is all there is to vectorization.
 */
import { computeDtype, type Dtype } from "../base/dtype.ts";
import { sameShape } from "../base/shape.ts";
import * as k from "../kernel/build.ts";
import { both, Index, keyOf, loadAt } from "../kernel/index-algebra.ts";
import type { Buffer, Expr } from "../kernel/kernel.ts";
import { extentsOf, reduceRule } from "../ops/lowering.ts";
import { reindex } from "../ops/movement.ts";
import type { Operand } from "../ops/op.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Fusion, Group } from "./groups.ts";
import { position, storedSize } from "./lanes.ts";

/** A buffer argument of a kernel: the value it holds, and whether the kernel writes it. */
export interface KernelBuffer extends Buffer {
  readonly value: Tensor;
}

/** A load from the buffer of a value, at a flat index. */
export interface Load {
  readonly value: Tensor;
  readonly index: Index;
}

/** What elements need to know of a fusion. */
type Buffers = Pick<Fusion, "bufferOf" | "lanesOf" | "target">;

/** One kernel's buffers, and the accesses seen while making its expressions. */
export class Elements {
  readonly buffers: KernelBuffer[] = [];
  /** All loads made since `begin` emptied the list. */
  loads: Load[] = [];
  /** For a vector that reaches beyond the end of its axis: the mask of the lanes that are inside. Undefined if all are. */
  live: Expr | undefined;
  /** Keys of the counters that step along axes in lanes. */
  readonly laned: Set<string> = new Set();
  readonly #fusion: Buffers;
  #group: Group;
  readonly #numbers: Map<Tensor, number> = new Map();
  // Expressions by value and index, so that a shared operand is expanded once.
  #made: Map<Tensor, Map<string, Expr>> = new Map();
  /** Values of this group that are already computed at the current element, by the key of that element's index. */
  #computed: Map<Tensor, { readonly key: string; readonly expr: Expr }> = new Map();

  constructor(fusion: Buffers, group: Group) {
    this.#fusion = fusion;
    this.#group = group;
  }

  /** Starts the next group of the kernel. */
  enter(group: Group): void {
    this.#group = group;
    this.begin();
  }

  /** Starts a new element: computed values and expressions are forgotten. */
  begin(): void {
    this.#computed = new Map();
    this.#made = new Map();
  }

  /** Records that `root` at index `at` has been computed as `expr`; later uses at this index take it. */
  compute(root: Tensor, at: readonly Index[], expr: Expr): void {
    this.#computed.set(root, { key: keyOf(at), expr });
  }

  /** The number of the buffer that holds `value`. For a value that the kernel writes, this is called with `written` before any read. */
  bufferFor(value: Tensor, written: boolean): number {
    let n = this.#numbers.get(value);
    if (n === undefined) {
      this.buffers.push({ value, dtype: value.dtype, length: this.#length(value), written });
      n = this.buffers.length - 1;
      this.#numbers.set(value, n);
    }
    return n;
  }

  #length(value: Tensor): number {
    return storedSize(value.shape, this.#fusion.lanesOf(value), this.#fusion.target);
  }

  /** The element of a root of this group at an index, expanded from its instruction. Reductions use `summand`. */
  root(value: Tensor, at: readonly Index[]): Expr {
    return this.#inline(value, at, null);
  }

  /** The element that the reduction of this group combines, at index `at` of the result and `r` of the sum. */
  summand(at: readonly Index[], r: readonly Index[]): Expr {
    const { operands, params } = this.#group.reduction!;
    return reduceRule(this.#group.reduction!).element(
      at,
      r,
      operands.map((x) => this.#operand(x)),
      params,
    );
  }

  /** Expands everything that this group computes at one index, to collect its loads. The first `inner` loads are those of the elements, or of the terms of a sum. */
  all(at: readonly Index[], r: readonly Index[]): { made: Expr[]; inner: number } {
    const { roots, reduction } = this.#group;
    this.loads = [];
    this.begin();
    const made: Expr[] = [];
    if (reduction) {
      made.push(this.summand(at, r));
      this.begin();
    }
    const terms = this.loads.length;
    for (const root of roots) {
      if (root.source !== reduction) made.push(this.root(root, at));
      this.compute(root, at, k.variable(computeDtype(root.dtype)));
    }
    return { made, inner: reduction ? terms : this.loads.length };
  }

  #operand(x: Tensor): Operand {
    return { shape: x.shape, dtype: x.dtype, at: (at, mask) => this.#at(x, at, mask ?? null) };
  }

  /** The element of a value at an index: the value computed before, a load from its buffer, or an expression of its operands. 0 where the mask is false. */
  #at(x: Tensor, at: readonly Index[], mask: Expr | null): Expr {
    if (mask && k.constantOf(mask) === 0) return k.constant(0, computeDtype(x.dtype));
    const key = `${keyOf(at)}|${mask?.id ?? ""}`;
    const known = this.#made.get(x)?.get(key);
    if (known) return known;
    const expr = this.#make(x, at, mask);
    const byIndex = this.#made.get(x) ?? new Map<string, Expr>();
    byIndex.set(key, expr);
    this.#made.set(x, byIndex);
    return expr;
  }

  /** Makes the expression that `#at` returns, without the cache. */
  #make(x: Tensor, at: readonly Index[], mask: Expr | null): Expr {
    const buffer = this.#fusion.bufferOf(x);
    // An alias of a value of this group stands for that value.
    const own = buffer && sameShape(buffer.shape, x.shape) ? buffer : x;
    const computed = this.#computed.get(own);
    if (computed?.key === keyOf(at)) return masked(computed.expr, mask, x.dtype);
    if (buffer && (!this.#group.roots.includes(buffer) || !this.#computed.has(buffer))) {
      const lanes = this.#fusion.lanesOf(buffer);
      // A row-major buffer is read the same under any shape; one with lanes needs the index in its own shape.
      const [own, shape] = lanes === undefined ? [at, x.shape] : [reindex(at, x.shape, buffer.shape), buffer.shape];
      const index = position(own, shape, lanes, this.#fusion.target);
      if (lanes !== undefined) for (const unit of own[lanes]!.units()) this.laned.add(unit.key);
      this.loads.push({ value: buffer, index });
      return loadAt(this.bufferFor(buffer, false), x.dtype, index, mask, this.live);
    }
    if (buffer) throw new Error(`internal: a kernel reads its own ${x.source.op.name} at another index`);
    return masked(this.#inline(x, at, mask), mask, x.dtype);
  }

  #inline(x: Tensor, at: readonly Index[], mask: Expr | null): Expr {
    const lower = x.source.op.lower;
    if (lower.kind !== "pointwise") throw new Error(`internal: ${x.source.op.name} has no buffer and no element`);
    const operands = x.source.operands.map(
      (y): Operand => ({ shape: y.shape, dtype: y.dtype, at: (index, own) => this.#at(y, index, both(mask, own ?? null)) }),
    );
    return lower.element(at, operands, x.source.params, x)[x.index]!;
  }
}

/** Expands a group once, with one counter per axis of its results and of its sum, to see its loads and stores. */
export class Probe {
  readonly group: Group;
  readonly counters: readonly { readonly counter: Expr; readonly extent: number }[];
  /** Indices along the axes of the results, and of the sum. */
  readonly at: readonly Index[];
  readonly summed: readonly Index[];
  readonly made: readonly Expr[];
  readonly loads: readonly Load[];
  /** The flat index at which results are stored. */
  readonly stores: Index;
  /** True if an operand has an axis in lanes. */
  readonly laned: boolean;

  constructor(group: Group, fusion: Buffers) {
    const { shape, reduction } = group;
    const elements = new Elements(fusion, group);
    this.group = group;
    this.counters = [...shape, ...(reduction ? extentsOf(reduction) : [])].map((extent) => ({ extent, counter: k.variable("i32") }));
    const indices = this.counters.map(({ counter, extent }) => Index.of(counter, 0, Math.max(0, extent - 1)));
    this.at = indices.slice(0, shape.length);
    this.summed = indices.slice(shape.length);
    this.made = elements.all(this.at, this.summed).made;
    this.loads = elements.loads;
    this.laned = elements.laned.size > 0;
    this.stores = position(this.at, shape, group.lanes, fusion.target);
  }
}

/** `x` where the mask holds, and 0 elsewhere. */
function masked(x: Expr, mask: Expr | null, dtype: Dtype): Expr {
  return mask ? k.select(mask, x, k.constant(0, computeDtype(dtype))) : x;
}
