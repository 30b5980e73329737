/**
 * @file An optimizer whose state is divided among ranks: ZeRO, stage 1 (Rajbhandari, Rasley, Ruwase & He 2020, §5.1). Each rank has the moments of its block of
 * the parameters; gradients are reduced and scattered, the updated parameters gathered again, which together send what an all-reduce sends.
 */
import { check, expectation, flag, having, listOf } from "../base/check.ts";
import { byteSize } from "../base/dtype.ts";
import { sizeOf } from "../base/shape.ts";
import type { Distributed } from "../distributed/distributed.ts";
import { fromArray, zeros } from "../ops/create.ts";
import { elementsOf, Tensor } from "../ops/tensor.ts";
import { Cell } from "../runtime/cell.ts";
import { frozenAmong } from "../runtime/frozen.ts";
import { Adam } from "./adam.ts";
import { AdamW } from "./adamw.ts";
import { Optimizer, type OptimizerOptions, type ParameterGroup, type UpdateRule } from "./optimizer.ts";
import { SGD } from "./sgd.ts";
import type { StateSource } from "./state.ts";

const ranksOf = having("ranks, as await distribute() of nabla/distributed gives them", "part", "reduceScatter");
const gradients = listOf(expectation("a tensor", (value) => value instanceof Tensor));

/** Rules that work element by element, so that a block of the elements is updated as it would be among all. */
const ELEMENTWISE: readonly unknown[] = [Adam, AdamW, SGD];

type Rule = new (groups: readonly ParameterGroup<OptimizerOptions>[], options: OptimizerOptions) => Optimizer;

/** The parameters of a group as one vector, cut into a block for each rank: the last ones may be padding. */
interface Flat {
  readonly parameters: readonly Cell[];
  /** Number of the first parameter among those of all groups. */
  readonly first: number;
  /** Elements of the parameters, and of a block. */
  readonly count: number;
  readonly each: number;
  /** The block of this rank. */
  readonly block: Cell;
}

/**
 * An optimizer (Adam, AdamW or SGD, of f32 parameters) of which every rank keeps the state of one block of each group: to the bits of the optimizer alone. It takes
 * the place of the given one, whose state it takes over.
 *
 *     const optimizer = new ShardedOptimizer(new Adam(model.parameters()), distributed);
 *     await fit(model, data, { optimizer, distributed, epochs: 10 });
 */
export class ShardedOptimizer extends Optimizer {
  /** The ranks that have a block each. */
  readonly ranks: Distributed;
  /** The optimizer of this rank's blocks. */
  readonly inner: Optimizer;
  readonly #flats: readonly Flat[];

  /** @throws {TypeError} for another optimizer, parameters that are not f32, or an optimizer with state of parameters that were frozen. */
  constructor(optimizer: Optimizer, ranks: Distributed) {
    check("ShardedOptimizer: the optimizer", optimizer, having("an optimizer, as in new Adam(model.parameters())", "step", "stateDict"));
    check("ShardedOptimizer: the ranks", ranks, ranksOf);
    const name = optimizer.constructor.name;
    if (!ELEMENTWISE.includes(optimizer.constructor))
      throw new TypeError(`ShardedOptimizer: divides the state of Adam, AdamW and SGD, which work element by element, got ${name}`);
    const other = optimizer.parameters.find(({ dtype }) => dtype !== "f32");
    if (other) throw new TypeError(`ShardedOptimizer: wants parameters of f32, got ${other}; train it with an optimizer of its own`);
    const groups = optimizer.groups.map(({ parameters, options, lr }) => ({ ...options, lr, parameters }));
    super(groups, {}, optimizer.groups[0]!.options);
    this.ranks = ranks;
    this.#flats = optimizer.groups.map(({ parameters, first }) => {
      const count = parameters.reduce((n, { shape }) => n + sizeOf(shape), 0);
      const each = Math.ceil(count / ranks.size);
      return { parameters, first, count, each, block: new Cell(zeros([each]), "block") };
    });
    const blocks = groups.map((group, g) => ({ ...group, parameters: [this.#flats[g]!.block] }));
    this.inner = new (optimizer.constructor as Rule)(blocks, { ...optimizer.groups[0]!.options });
    // One learning rate for both.
    for (const [g, group] of this.groups.entries()) Object.assign(group, { rate: this.inner.groups[g]!.rate });
    this.load(optimizer.stateDict());
    optimizer.dispose();
  }

  override get momentum(): number {
    return this.inner.momentum;
  }

  override set momentum(momentum: number) {
    this.inner.momentum = momentum;
  }

  /** Moves the parameters along whole gradients, the same on all ranks, each rank its block. */
  override step(grads: readonly Tensor[]): void {
    this.#check(grads);
    this.#update(grads, (whole, { each }) => whole.narrow(0, this.ranks.rank * each, each));
  }

  /**
   * Moves the parameters along gradients of this shard's or rank's examples, which are added up on the way, or averaged (`mean`, the default). It sends less than
   * `step(distributed.average(grads))`: each rank receives the gradient of its blocks alone.
   */
  stepLocal(grads: readonly Tensor[], options: { readonly mean?: boolean } = {}): void {
    this.#check(grads);
    check("ShardedOptimizer.stepLocal: mean", options.mean ?? true, flag);
    const { mean = true } = options;
    const { ranks } = this;
    if (ranks.repeats) this.step(mean ? ranks.average(grads) : ranks.sums(grads));
    else this.#update(grads, (local) => ranks.reduceScatter(mean ? ranks.scaled(local) : local));
  }

  #check(grads: readonly Tensor[]): void {
    check("ShardedOptimizer: the gradients", grads, gradients);
    if (grads.length !== this.parameters.length)
      throw new RangeError(`step: want ${this.parameters.length} gradients, one for each parameter, got ${grads.length}`);
    const [frozen] = frozenAmong(this.parameters);
    if (frozen)
      throw new TypeError(`ShardedOptimizer: ${frozen} is frozen, but a block is updated whole; give the optimizer only what trains`);
  }

  #update(grads: readonly Tensor[], ownPart: (flat: Tensor, of: Flat) => Tensor): void {
    const own = this.#flats.map((flat) => {
      const { parameters, first, each, block } = flat;
      const values = this.#vector(flat, parameters.map((parameter) => parameter.value)); // biome-ignore format: one thought
      block.set(values.narrow(0, this.ranks.rank * each, each));
      return ownPart(this.#vector(flat, grads.slice(first, first + parameters.length)), flat);
    });
    this.inner.step(own);
    for (const { parameters, block } of this.#flats) {
      const all = this.ranks.allGather(block.value);
      let at = 0;
      for (const parameter of parameters) {
        const n = sizeOf(parameter.shape);
        parameter.set(all.narrow(0, at, n).reshape(parameter.shape));
        at += n;
      }
    }
  }

  /** Values of a group's parameters as one vector, filled up with zeros to whole blocks. */
  #vector({ count, each }: Flat, values: readonly Tensor[]): Tensor {
    const padding = each * this.ranks.size - count;
    const [first, ...rest] = values.map((x) => x.reshape([x.size]));
    return first!.concat(padding > 0 ? [...rest, zeros([padding])] : rest);
  }

  /** Bytes of state that this rank keeps, and that it would keep undivided. */
  get memory(): { readonly here: number; readonly undivided: number } {
    let [here, undivided] = [0, 0];
    for (const [name, cell] of this.inner.stateDict()) {
      here += sizeOf(cell.shape) * byteSize(cell.dtype);
      undivided += (this.#placeOf(name, cell)?.flat.count ?? sizeOf(cell.shape)) * byteSize(cell.dtype);
    }
    return { here, undivided };
  }

  /** The cells of this rank: state of its blocks. For a checkpoint there is `gather`. */
  override stateDict(): Map<string, Cell> {
    return this.inner.stateDict();
  }

  /** Cells for the state of all ranks, by the names that the optimizer alone gives it (`m.0`, `m.1`, ...), of zeros: {@link load} takes them. */
  blank(): Map<string, Cell> {
    return this.#whole((cell, flat) => (flat ? new Float32Array(flat.count) : elementsOf(cell.value).slice()));
  }

  /** The state of all ranks on rank 0, for a checkpoint, which says nothing of their number; nothing on the others. All ranks call it. */
  gather(): Map<string, Cell> | undefined {
    const { communicator, size, first } = this.ranks;
    const whole = this.#whole((cell, flat) => {
      const own = elementsOf(cell.value).slice();
      if (!flat) return own;
      const all = first ? new Float32Array(flat.each * size) : undefined;
      communicator.gather(own as Float32Array, all);
      return all ?? new Float32Array(flat.count);
    });
    return first ? whole : undefined;
  }

  #whole(elementsFor: (cell: Cell, flat: Flat | undefined) => ArrayLike<number>): Map<string, Cell> {
    const whole = new Map<string, Cell>();
    for (const [name, cell] of this.inner.stateDict()) {
      const place = this.#placeOf(name, cell);
      const elements = elementsFor(cell, place?.flat) as Float32Array;
      if (!place) {
        whole.set(name, new Cell(fromArray(elements, cell), name));
        continue;
      }
      let at = 0;
      for (const [k, { shape }] of place.flat.parameters.entries()) {
        const n = sizeOf(shape);
        const data = elements.slice(at, at + n);
        whole.set(`${place.stem}.${place.flat.first + k}`, new Cell(fromArray(data, { shape, dtype: "f32" }), place.stem));
        at += n;
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
    let used = 0;
    for (const [name, cell] of this.inner.stateDict()) {
      const place = this.#placeOf(name, cell);
      const names = place ? place.flat.parameters.map((_, k) => `${place.stem}.${place.flat.first + k}`) : [name];
      const missing = names.find((source) => !whole.has(source));
      if (missing !== undefined)
        throw new Error(`ShardedOptimizer.load: the state has no ${missing}; want that of the same optimizer and parameters`);
      used += names.length;
      own.set(name, place ? this.#blockOf(place.flat, names.map((source) => whole.get(source)!)) : whole.get(name)!); // biome-ignore format: one thought
    }
    if (used !== whole.size)
      throw new Error(
        `ShardedOptimizer.load: the state has ${whole.size} entries, want ${used}; want that of the same optimizer and parameters, none of them frozen for a time`,
      );
    this.inner.loadStateDict(own);
  }

  #blockOf({ count, each }: Flat, sources: readonly StateSource[]): StateSource {
    const all = new Float32Array(each * this.ranks.size);
    let at = 0;
    for (const source of sources) {
      const data = source instanceof Cell ? elementsOf(source.value) : (source.data as ArrayLike<number>);
      if (at + data.length > count) throw new Error(`ShardedOptimizer.load: the state is of larger parameters than these`);
      all.set(data, at);
      at += data.length;
    }
    if (at !== count) throw new Error(`ShardedOptimizer.load: the state has ${at} elements where the parameters have ${count}`);
    const from = this.ranks.rank * each;
    return { shape: [each], data: all.slice(from, from + each) };
  }

  /** Of the state of a block (`m.1`: of group 1) the stem of its name and the group; nothing for what all elements share. */
  #placeOf(name: string, { shape }: Cell): { readonly stem: string; readonly flat: Flat } | undefined {
    const dot = name.lastIndexOf(".");
    return shape.length === 1 ? { stem: name.slice(0, dot), flat: this.#flats[Number(name.slice(dot + 1))]! } : undefined;
  }

  override addParameterGroup(): never {
    throw new TypeError("ShardedOptimizer: its blocks are cut; add the group to the optimizer before its state is divided");
  }

  protected override rule(): UpdateRule {
    throw new Error("internal: the rule is that of the blocks' optimizer");
  }

  override dispose(): void {
    this.inner.dispose();
    for (const { block } of this.#flats) block.dispose();
  }

  override toString(): string {
    const { here, undivided } = this.memory;
    const bytes = (n: number): string => n.toLocaleString("en");
    return `${this.inner.constructor.name}, state divided among ${this.ranks.size} ranks: ${bytes(here)} bytes here of ${bytes(undivided)}`;
  }
}
