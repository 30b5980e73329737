/**
 * @file An optimizer whose state is divided among ranks: ZeRO, stage 1 (Rajbhandari, Rasley, Ruwase & He 2020, §5.1). Each rank has the moments of its block of
 * the parameters; gradients are reduced and scattered, the updated parameters gathered again, which together send what an all-reduce sends.
 */
import { check, expectation, fn, having, listOf } from "../base/check.ts";
import { byteSize } from "../base/dtype.ts";
import { sizeOf } from "../base/shape.ts";
import type { Distributed } from "../distributed/distributed.ts";
import { zeros } from "../ops/create.ts";
import { elementsOf, Tensor } from "../ops/tensor.ts";
import { Cell } from "../runtime/cell.ts";
import { checkParameters, type Optimizer } from "./optimizer.ts";
import type { StateSource } from "./state.ts";

const ranksOf = having("ranks, as await distribute() of nabla/distributed gives them", "part", "reduceScatter");
const gradients = listOf(expectation("a tensor", (value) => value instanceof Tensor));

/** State of {@link ShardedOptimizer} as one process would have it: by name, with the elements of a parameter each. */
export type WholeState = Map<string, { readonly shape: readonly number[]; readonly data: Float32Array | Int32Array }>;

/**
 * Trains f32 parameters with an optimizer that works element by element (Adam, AdamW, SGD), of which every rank keeps the state of one block: the bits are those of
 * the optimizer alone. `make` makes it for the block, a vector.
 *
 *     new ShardedOptimizer(model.parameters(), (block) => new Adam(block, { lr: 1e-3 }), distributed)
 */
export class ShardedOptimizer {
  readonly parameters: readonly Cell[];
  /** The optimizer of this rank's block; its learning rate is that of the whole. */
  readonly inner: Optimizer;
  readonly #ranks: Distributed;
  readonly #block: Cell;
  /** Elements of all parameters, and of a block: the last ones are padding. */
  readonly #count: number;
  readonly #each: number;

  /** @throws {TypeError} if there is nothing to train, or a parameter is not f32. */
  constructor(parameters: Iterable<Cell>, make: (block: readonly Cell[]) => Optimizer, ranks: Distributed) {
    check("ShardedOptimizer: make", make, fn);
    check("ShardedOptimizer: the ranks", ranks, ranksOf);
    check(
      "ShardedOptimizer: parameters",
      parameters,
      expectation("a list of cells", (value) => Symbol.iterator in Object(value)),
    );
    this.parameters = [...parameters];
    checkParameters("ShardedOptimizer", this.parameters);
    const other = this.parameters.find(({ dtype }) => dtype !== "f32");
    if (other) throw new TypeError(`ShardedOptimizer: wants parameters of f32, got ${other}; train it with an optimizer of its own`);
    this.#ranks = ranks;
    this.#count = this.parameters.reduce((n, { shape }) => n + sizeOf(shape), 0);
    this.#each = Math.ceil(this.#count / ranks.size);
    this.#block = new Cell(zeros([this.#each]), "block");
    this.inner = make([this.#block]);
  }

  get lr(): number {
    return this.inner.lr;
  }

  set lr(lr: number) {
    this.inner.lr = lr;
  }

  /** Moves the parameters along gradients of this shard's or rank's examples, which are averaged on the way: `average` is part of it. */
  step(grads: readonly Tensor[]): void {
    check("ShardedOptimizer.step: the gradients", grads, gradients);
    if (grads.length !== this.parameters.length)
      throw new RangeError(`step: want ${this.parameters.length} gradients, one for each parameter, got ${grads.length}`);
    const gradient = this.#ranks.reduceScatter(this.#flat(grads));
    const from = this.#ranks.rank * this.#each;
    this.#block.set(this.#flat(this.parameters.map((parameter) => parameter.value)).narrow(0, from, this.#each));
    this.inner.step([gradient]);
    const all = this.#ranks.allGather(this.#block.value);
    let at = 0;
    for (const parameter of this.parameters) {
      const n = sizeOf(parameter.shape);
      parameter.set(all.narrow(0, at, n).reshape(parameter.shape));
      at += n;
    }
  }

  /** Values of all parameters as one vector, filled up with zeros to whole blocks. */
  #flat(values: readonly Tensor[]): Tensor {
    const padding = this.#each * this.#ranks.size - this.#count;
    const [first, ...rest] = values.map((x) => x.reshape([x.size]));
    return first.concat(padding > 0 ? [...rest, zeros([padding])] : rest);
  }

  /** Bytes of state that this rank keeps, and that it would keep undivided. */
  get memory(): { readonly here: number; readonly undivided: number } {
    const bytes = (per: (n: number) => number): number =>
      [...this.inner.stateDict().values()].reduce((sum, { shape, dtype }) => sum + per(sizeOf(shape)) * byteSize(dtype), 0);
    return { here: bytes((n) => n), undivided: bytes((n) => (n === this.#each ? this.#count : n)) };
  }

  /** The state of all ranks by the names that the optimizer alone gives it (`m.0`, `m.1`, ...), for a checkpoint. All ranks call it; it says nothing of their number. */
  gather(): WholeState {
    const whole: WholeState = new Map();
    for (const [name, cell] of this.inner.stateDict()) {
      const own = elementsOf(cell.value).slice() as Float32Array;
      const stem = this.#stemOf(name, cell);
      if (stem === undefined) {
        whole.set(name, { shape: cell.shape, data: own });
        continue;
      }
      const all = this.#ranks.communicator.allGather(own, new Float32Array(own.length * this.#ranks.size));
      let at = 0;
      for (const [i, { shape }] of this.parameters.entries()) {
        whole.set(`${stem}.${i}`, { shape, data: all.slice(at, at + sizeOf(shape)) });
        at += sizeOf(shape);
      }
    }
    return whole;
  }

  /** Takes a state as `gather` gives it, or the `stateDict` of the optimizer alone, whatever the number of ranks. @throws {Error} if names or sizes differ. */
  load(whole: ReadonlyMap<string, StateSource>): void {
    check(
      "ShardedOptimizer.load: the state",
      whole,
      expectation("a map, as gather() gives it", (value) => value instanceof Map),
    );
    const own = new Map<string, StateSource>();
    for (const [name, cell] of this.inner.stateDict()) {
      const stem = this.#stemOf(name, cell);
      const sources = stem === undefined ? [name] : this.parameters.map((_, i) => `${stem}.${i}`);
      const missing = sources.find((source) => !whole.has(source));
      if (missing !== undefined)
        throw new Error(`ShardedOptimizer.load: the state has no ${missing}; want that of the same optimizer and parameters`);
      own.set(
        name,
        stem === undefined ? whole.get(name)! : { shape: [this.#each], data: this.#blockOf(sources.map((source) => whole.get(source)!)) },
      );
    }
    this.inner.loadStateDict(own);
  }

  #blockOf(sources: readonly StateSource[]): Float32Array {
    const all = new Float32Array(this.#each * this.#ranks.size);
    let at = 0;
    for (const source of sources) {
      const data = source instanceof Cell ? elementsOf(source.value) : (source.data as ArrayLike<number>);
      all.set(data, at);
      at += data.length;
    }
    const from = this.#ranks.rank * this.#each;
    return all.slice(from, from + this.#each);
  }

  /** `m` of `m.0`, the state of the block; undefined for what all parameters share. */
  #stemOf(name: string, { shape }: Cell): string | undefined {
    return shape.length === 1 && name.endsWith(".0") ? name.slice(0, -2) : undefined;
  }

  toString(): string {
    const { here, undivided } = this.memory;
    return `${this.inner.constructor.name}, state divided among ${this.#ranks.size} ranks: ${here.toLocaleString("en")} bytes here of ${undivided.toLocaleString("en")}`;
  }
}
