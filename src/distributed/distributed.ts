/**
 * @file Data parallel training: how a batch is divided among ranks, so that the bits of a run do not depend on their number. A batch is cut into virtual shards (8
 * of equal size); each rank computes some of them, and what is summed over the batch is added in one binary tree over the shards.
 *
 *     shards   0 1 2 3 4 5 6 7       4 ranks: two shards each        3 ranks: a third of the batch each, so other bits
 *     ranks    0   1   2   3         ((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7))
 */
import { type Checks, check, checkOptions, expectation, flag, listOf, naturalNumber, positiveInteger } from "../base/check.ts";
import { cores, environment } from "../base/host.ts";
import { wholeBatch } from "../function/shards.ts";
import { allGather, reduceScatter, sumsOver } from "../ops/collective.ts";
import { fromArray, full } from "../ops/create.ts";
import { elementsOf, Tensor } from "../ops/tensor.ts";
import { backendName, theBackend } from "../runtime/backends.ts";
import { Cell } from "../runtime/cell.ts";
import { registerGroup } from "../runtime/ranks.ts";
import { setThreads } from "../runtime/wasm/pool.ts";
import { Communicator, single } from "./communicator.ts";
import { mpi } from "./mpi.ts";
import { checkSlurm, isLaunched } from "./mpi-library.ts";
import { LostRank } from "./mpi-request.ts";
import { hostName } from "./presence.ts";
import { allowedProcessors, shareOf } from "./processors.ts";
import { type Share, spread } from "./spread.ts";

/** Options of {@link distribute}. */
export interface DistributedOptions {
  /** The ranks. Default: those of MPI if `mpirun` or `srun` has started this process, else this process alone. */
  readonly communicator?: Communicator;
  /** Virtual shards that a batch is cut into, a power of two: numbers of ranks that divide it give the same bits. Default 8. */
  readonly shards?: number;
  /** One shard for each rank, and sums in whatever order is quick: bits then depend on the number of ranks. Default false. */
  readonly fast?: boolean;
  /**
   * Gradients are sent in buckets of about so many bytes, each while the backward pass goes on to the next; 0: all at once, when it is done. Default: an eighth
   * of their bytes, from 1 MiB to 25 MiB. Ranks that cannot send on the side send all at once.
   */
  readonly bucketBytes?: number;
}

const powerOf2 = expectation(
  "a power of two, such as 8",
  (value) => positiveInteger.holds(value) && ((value as number) & ((value as number) - 1)) === 0,
);
const communicator = expectation("a communicator, as mpi(), threads() and single() give it", (value) => value instanceof Communicator);

const DISTRIBUTED_OPTIONS: Checks<DistributedOptions> = { communicator, shards: powerOf2, fast: flag, bucketBytes: naturalNumber };

/** The part of a batch that is this rank's. */
export interface Part {
  /** Examples of the batch, from here to before there. */
  readonly from: number;
  readonly to: number;
  /** Shards among them, of equal size. */
  readonly shards: number;
  /** Makes of a function of one shard that of all shards here: see {@link Distributed.spread}. */
  spread<A extends unknown[] = Tensor[], R = unknown>(fn: (...args: A) => R): (...args: A) => R;
}

/**
 * This process as one of several that train together.
 * @throws {Error} if the ranks do not run the same version, backend and instructions: their bits would drift apart.
 */
export async function distribute(options: DistributedOptions = {}): Promise<Distributed> {
  checkOptions("distribute", options, DISTRIBUTED_OPTIONS);
  const { fast = false, shards = 8, bucketBytes } = options;
  if (!options.communicator) checkSlurm();
  const ranks = options.communicator ?? (isLaunched() ? await mpi({ fast }) : single());
  if (ranks.kind === "mpi") shareCores(ranks);
  return new Distributed(ranks, shards, fast, bucketBytes);
}

/** Ranks of one machine divide the processors that several of them may run on, unless NABLA_THREADS says otherwise. */
function shareCores(ranks: Communicator): void {
  const said = ranks.texts(`${hostName()}\n${allowedProcessors()}`).map((text) => text.split("\n") as [host: string, processors: string]);
  const [host] = said[ranks.rank]!;
  const here = said.flatMap(([name, processors], rank) => (name === host ? [{ rank, processors }] : []));
  const own = here.findIndex(({ rank }) => rank === ranks.rank);
  const share = shareOf(here.map(({ processors }) => processors), own, cores()); // biome-ignore format: one thought
  if (here.length > 1 && environment("NABLA_THREADS") === undefined) setThreads(share);
}

/** What all ranks must have in common. */
function machine(): string {
  return [backendName(), ...theBackend().features()].join(", ");
}

/** One of several processes that train together, each on its part of every batch. */
export class Distributed {
  readonly communicator: Communicator;
  readonly shards: number;
  readonly fast: boolean;
  /** Names of the machines that the ranks run on. */
  readonly hosts: readonly string[];
  readonly #world: number;
  /** For numbers of shards below that of ranks: several ranks compute the same shard, and each is in one group. */
  readonly #fewer: Map<number, number> = new Map();
  readonly #firsts: Map<number, Cell> = new Map();

  /** @throws {Error} if the ranks do not run the same backend and instructions. */
  constructor(ranks: Communicator, shards = 8, fast = false, bucketBytes?: number) {
    check("Distributed: the communicator", ranks, communicator);
    check("Distributed: shards", shards, powerOf2);
    if (bucketBytes !== undefined) check("Distributed: bucketBytes", bucketBytes, naturalNumber);
    this.communicator = ranks;
    this.shards = shards;
    this.fast = fast;
    this.hosts = ranks.texts(hostName());
    this.checkSame(
      `runs ${machine()}`,
      "their bits would drift apart: choose the same backend on all ranks (NABLA_BACKEND, --backend), on machines with the same instructions",
    );
    this.#world = ranks.size === 1 ? 0 : registerGroup(ranks, bucketBytes);
    // All ranks take part in every division, so all are made now.
    if (this.#exact)
      for (let s = 2; s < ranks.size; s *= 2) this.#fewer.set(s, registerGroup(ranks.split(ranks.rank % (ranks.size / s)), bucketBytes));
  }

  /** The number of this rank, from 0. */
  get rank(): number {
    return this.communicator.rank;
  }

  /** How many ranks there are. */
  get size(): number {
    return this.communicator.size;
  }

  /** Whether this is the rank that writes files and speaks. */
  get first(): boolean {
    return this.rank === 0;
  }

  /** Whether bits do not depend on the number of ranks. */
  get #exact(): boolean {
    return !this.fast && this.shards % this.size === 0;
  }

  /** The examples of a batch of `n` that are this rank's. Where there are too few for all ranks, several compute the same. */
  part(n: number): Part {
    check("Distributed.part: n", n, positiveInteger);
    const { rank, size } = this;
    if (!this.#exact) {
      if (n < size) return partOf(0, n, { group: 0, shards: 1, first: this.#first(0), ratio: 1, repeated: size > 1 });
      const [from, to] = [Math.floor((rank * n) / size), Math.floor(((rank + 1) * n) / size)];
      return partOf(from, to, { group: this.#world, shards: 1, first: this.#first(rank), ratio: n / (to - from), repeated: false });
    }
    const all = commonDivisor(n, this.shards);
    const own = Math.max(1, all / size);
    const first = all >= size ? rank * own : Math.floor((rank * all) / size);
    const group = all >= size ? this.#world : all === 1 ? 0 : this.#fewer.get(all)!;
    const each = n / all;
    return partOf(first * each, (first + own) * each, { group, shards: own, first: this.#first(first), ratio: all, repeated: all < size });
  }

  /** @throws {RangeError} for a batch size that cannot be cut as promised. */
  checkBatchSize(n: number): void {
    check("Distributed: batchSize", n, positiveInteger);
    if (this.#exact ? commonDivisor(n, this.shards) >= this.size : n >= this.size) return;
    const remedy = this.#exact ? `choose a multiple of ${this.shards}, or give up equal bits (fast)` : "choose a larger one";
    throw new RangeError(`batch size ${n} cannot be divided among ${this.size} ranks; ${remedy}`);
  }

  #first(shard: number): Cell {
    let cell = this.#firsts.get(shard);
    if (!cell) {
      cell = new Cell(full([], shard, "i32"), "firstShard");
      this.#firsts.set(shard, cell);
    }
    return cell;
  }

  /**
   * `fn` on this rank's examples, shard by shard: what it adds up with `sum`, `mean` and `average` has the same bits for any number of ranks that divides
   * `shards`. All ranks have equally many examples, along axis 0 of the arguments; results must be the same for all shards.
   */
  spread<A extends unknown[] = Tensor[], R = unknown>(fn: (...args: A) => R): (...args: A) => R {
    return (...args) => {
      const rows = args.find((x): x is Tensor & A[number] => x instanceof Tensor)?.shape[0];
      if (rows === undefined) throw new TypeError("spread: want tensors with examples along axis 0 among the arguments");
      return this.part(rows * this.size).spread(fn)(...args);
    };
  }

  /**
   * Compares what all ranks say of themselves, each in some lines; all ranks call it.
   * @param remedy What to do where they differ.
   * @throws {Error} on all ranks if one says something else than rank 0: it names the rank, and the first line that differs.
   */
  checkSame(own: string, remedy: string): void {
    check("Distributed.checkSame: own", own, aText);
    check("Distributed.checkSame: remedy", remedy, aText);
    const said = this.communicator.texts(own).map((text) => text.split("\n"));
    const first = said[0]!;
    for (const [rank, lines] of said.entries()) {
      const at = Array.from({ length: Math.max(lines.length, first.length) }, (_, i) => i).find((i) => lines[i] !== first[i]);
      if (at === undefined) continue;
      const of = (r: number): string => `rank ${r} on ${this.hosts[r]} ${said[r]![at] ?? "has nothing more"}`;
      throw new Error(`distributed: ${of(rank)}, but ${of(0)}; ${remedy}`);
    }
  }

  /**
   * Gives the cells of all ranks the values of rank 0. All ranks call it, with cells of the same types in the same order.
   * @throws {Error} if a rank has other cells than rank 0.
   */
  shareCells(cells: Iterable<Cell>): void {
    const list = [...cells];
    for (const cell of list) check("Distributed.shareCells: cells", cell, aCell);
    // Not their paths, which a rank knows only once it has listed them.
    const own = list.map(({ label, dtype, shape }, i) => `has cell ${i}, ${label ?? "unnamed"}, of ${dtype}[${shape.join(", ")}]`);
    this.checkSame(own.join("\n"), "all ranks must have the same model and optimizer");
    for (const cell of list) {
      const { shape, dtype } = cell;
      const elements = this.communicator.broadcast(elementsOf(cell.value).slice());
      if (!this.first) cell.set(fromArray(elements, { shape, dtype }));
    }
  }

  /** Sums over all shards of the batch (within `spread` and `fit`), else over all ranks. */
  sums(values: readonly Tensor[]): Tensor[] {
    check("Distributed.sums: values", values, listOf(aTensor));
    if (values.length === 0) return [];
    return wholeBatch()?.sums(values) ?? sumsOver(this.#world, values);
  }

  /** {@link sums} of one value. */
  sum(x: Tensor): Tensor {
    check("Distributed.sum: x", x, aTensor);
    return this.sums([x])[0]!;
  }

  /** Means over the examples of the batch of means over the examples of a shard, or of a rank: gradients, in a loop of one's own. */
  average(grads: readonly Tensor[]): Tensor[] {
    check("Distributed.average: the gradients", grads, listOf(aTensor));
    return this.sums(grads.map((g) => this.scaled(g)));
  }

  /** Values of a shard or rank over the number of them, so that their sum over all is a mean. */
  scaled(x: Tensor): Tensor {
    check("Distributed.scaled: x", x, aTensor);
    return x.mul(1 / (wholeBatch()?.ratio ?? this.size));
  }

  /** Whether the batch at hand, within `spread` and `fit`, has fewer shards than there are ranks, so that several compute the same. */
  get repeats(): boolean {
    return wholeBatch()?.repeated ?? false;
  }

  /**
   * {@link sum} of a vector of `size` equal blocks, of which each rank keeps its own: block r on rank r.
   * @throws {RangeError} for a batch that has fewer shards than there are ranks ({@link repeats}).
   */
  reduceScatter(x: Tensor): Tensor {
    check("Distributed.reduceScatter: x", x, aTensor);
    const batch = wholeBatch();
    if (batch?.repeated)
      throw new RangeError(`reduceScatter: the batch has ${batch.ratio} shards, want one for each of ${this.size} ranks at least`);
    // Shards of this rank first, which group 0 is.
    const own = batch ? sumsOver(0, [x])[0]! : x;
    return own.bindAll(reduceScatter, [own], { group: this.#world, size: this.size })[0]!;
  }

  /** The vectors of all ranks, one after another. */
  allGather(x: Tensor): Tensor {
    check("Distributed.allGather: x", x, aTensor);
    return x.bindAll(allGather, [x], { group: this.#world, size: this.size })[0]!;
  }

  /** {@link average} of one value, such as a loss. */
  mean(x: Tensor): Tensor {
    check("Distributed.mean: x", x, aTensor);
    return this.average([x])[0]!;
  }

  /** An error of this rank, with what is needed to find it: the rank, its machine, the step. The other ranks end when this process does. */
  named(error: unknown, step: number): unknown {
    if (this.size === 1 || !(error instanceof Error)) return error;
    const lost = error instanceof LostRank ? ` (on ${this.hosts[error.rank]})` : "";
    error.message = `rank ${this.rank} on ${this.hosts[this.rank]}, step ${step}: ${error.message}${lost}`;
    return error;
  }

  toString(): string {
    const { kind } = this.communicator;
    const machines = new Set(this.hosts).size;
    const bits = this.#exact ? `${this.shards} shards` : "bits depend on the number of ranks";
    const ranks = this.size === 1 ? "1 rank" : `${this.size} ranks`;
    return `${ranks} on ${machines} ${machines === 1 ? "machine" : "machines"} (${kind}, ${bits})`;
  }
}

const aCell = expectation("a cell, such as a parameter", (value) => value instanceof Cell);

const partOf = (from: number, to: number, share: Share): Part => ({ from, to, shards: share.shards, spread: (fn) => spread(fn, share) });

const aText = expectation("a string", (value) => typeof value === "string");

const aTensor = expectation("a tensor", (value) => value instanceof Tensor);

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
