/**
 * @file Mini-batches, in order or shuffled. The order is a function of (seed, epoch) alone, so that a resumed run sees the batches that it
 * would have seen, however many threads fetch them.
 *
 *     batches(split, options)      of what lies in memory: a plain generator
 *     new Loader(source, options)  of anything: read ahead, by threads if the source is named by its module
 */
import { type Checks, check, checkFields, checkOptions, flag, fn, having, naturalNumber, numbers, positiveInteger } from "../base/check.ts";
import { asInputs, asTargets } from "../base/elements.ts";
import { fold, type Key, permutation } from "../base/random.ts";
import { type Batch, collate } from "./batch.ts";
import { checkSplit } from "./check.ts";
import type { Example, ExampleStream, Examples, Split } from "./dataset.ts";
import { type ModuleSource, openModule, startWorkers, type Workers } from "./prefetch.ts";
import type { Sampler } from "./sampler.ts";
import { shardOrder } from "./shard-order.ts";
import { alongAt, aSeed, gatherRows, keyOf } from "./split.ts";
import { shuffledStream, streamBatches } from "./stream.ts";

export type { Batch } from "./batch.ts";

/** Options of {@link batches}. */
export interface BatchOptions {
  readonly batchSize: number;
  /** Default false: the order of the split. */
  readonly shuffle?: boolean;
  /** What draws the examples of an epoch, such as `balancedSampler(split)`, in place of `shuffle`. */
  readonly sampler?: Sampler;
  /** Seed of the order, a number or a key (default 0). Every epoch folds in its own number. */
  readonly seed?: number | Key;
  readonly epoch?: number;
  /** Leave out a last batch with fewer examples (default false). */
  readonly dropLast?: boolean;
  /** What is taken of each batch, from here to before there: the part of one process of several. Default: all of it. */
  readonly part?: (count: number) => { readonly from: number; readonly to: number };
}

/** How many batches `batches` will yield. */
export function batchCount(split: { readonly count: number }, options: BatchOptions): number {
  checkFields("batchCount: the split", split, { count: naturalNumber });
  checkBatchOptions("batchCount", options);
  const { batchSize, dropLast = false, sampler } = options;
  const count = sampler?.count ?? split.count;
  return dropLast ? Math.floor(count / batchSize) : Math.ceil(count / batchSize);
}

/** The examples of a split in batches. */
export function batches(split: Split, options: BatchOptions): Generator<Batch, void, undefined> {
  // Checked here and not in the generator, whose body runs only at the first `next`.
  checkSplit("batches: the split", split);
  checkBatchOptions("batches", options);
  return generate(split, options);
}

function* generate(split: Split, options: BatchOptions): Generator<Batch, void, undefined> {
  for (const indices of indicesOf(split, options)) yield batchOf(split, indices);
}

/** The positions of each batch of an epoch. */
export function batchIndices(count: number, options: BatchOptions): Int32Array[] {
  check("batchIndices: count", count, naturalNumber);
  checkBatchOptions("batchIndices", options);
  const order = orderOf(count, options);
  const n = batchCount({ count }, options);
  return Array.from({ length: n }, (_, b) => {
    const batch = order.slice(b * options.batchSize, (b + 1) * options.batchSize);
    const { from, to } = options.part?.(batch.length) ?? { from: 0, to: batch.length };
    return batch.slice(from, to);
  });
}

/** The positions of each batch of an epoch of a split, whose examples may lie in shards. */
function indicesOf(split: { readonly count: number; readonly shards?: Int32Array }, options: BatchOptions): Int32Array[] {
  const { shards, count } = split;
  if (!shards || !options.shuffle) return batchIndices(count, options);
  const sampler: Sampler = { count, indices: (key) => shardOrder(shards, options.batchSize, key) };
  return batchIndices(count, { ...options, shuffle: false, sampler });
}

function orderOf(count: number, options: BatchOptions): Int32Array {
  const { sampler, shuffle } = options;
  if (!sampler) return shuffle ? permutation(count, orderKey(options)) : Int32Array.from({ length: count }, (_, i) => i);
  const order = sampler.indices(orderKey(options));
  const wrong = order.find((i) => !(i >= 0 && i < count));
  if (wrong !== undefined)
    throw new RangeError(`sampler: gives example ${wrong}, there are ${count}, from 0; make the sampler from this split`);
  return order;
}

/** The same of any split, also of one whose examples stay on disk. @param from Batches to pass over, without reading them. */
export async function* fetchBatches(split: Split, options: BatchOptions, from = 0): AsyncGenerator<Batch, void, undefined> {
  checkSplit("batches: the split", split);
  checkBatchOptions("batches", options);
  const epoch = options.shuffle || options.sampler ? (options.epoch ?? 0) : undefined;
  const all = indicesOf(split, options);
  yield* readAhead(all.length, split.read ? 1 : 0, (b) => fetchBatch(split, all[b], epoch), from);
}

/** Batches in their order, with some more on their way. */
async function* readAhead(
  count: number,
  ahead: number,
  fetchOne: (b: number) => Promise<Batch>,
  from = 0,
): AsyncGenerator<Batch, void, undefined> {
  const coming: Promise<Batch>[] = [];
  for (let b = from; b < count; b++) {
    while (coming.length <= ahead && b + coming.length < count) {
      const batch = fetchOne(b + coming.length);
      batch.catch(() => {}); // reported when its turn comes, or never, if nobody waits for it any more
      coming.push(batch);
    }
    yield await coming.shift()!;
  }
}

/** The inputs of some examples, one after another, wherever they are. */
export async function inputsAt(split: Pick<Split, "inputs" | "count" | "read">, indices: Int32Array): Promise<Float32Array | Int32Array> {
  checkFields("inputsAt: the split", split, { count: naturalNumber });
  check("inputsAt: indices", indices, numbers);
  return split.read ? split.read(indices) : asInputs(gatherRows(split.inputs, indices, split.inputs.length / split.count), "inputs");
}

function batchOf(
  split: Split,
  indices: Int32Array,
  inputs: Float32Array | Int32Array = gatherRows(split.inputs, indices, split.inputs.length / split.count),
): Batch {
  return {
    inputs: asInputs(inputs, "inputs"),
    targets: asTargets(gatherRows(split.targets, indices, split.targets.length / split.count), "targets"),
    count: indices.length,
    indices,
    ...alongAt(split, indices),
  };
}

function orderKey({ seed = 0, epoch = 0 }: Pick<BatchOptions, "seed" | "epoch">): Key {
  return fold(keyOf(seed), epoch);
}

const BATCH_OPTIONS: Checks<BatchOptions> = {
  batchSize: positiveInteger,
  shuffle: flag,
  seed: aSeed,
  epoch: naturalNumber,
  dropLast: flag,
  sampler: having("a sampler, such as balancedSampler(split)", "indices"),
  part: fn,
};

function checkBatchOptions(what: string, options: BatchOptions): void {
  checkOptions(what, options, BATCH_OPTIONS, "batchSize");
  checkSampler(what, options);
}

/** @throws {TypeError} for two orders at once. */
function checkSampler(what: string, { sampler, shuffle }: Pick<BatchOptions, "sampler" | "shuffle">): void {
  if (sampler && shuffle) throw new TypeError(`${what}: a sampler draws the examples in an order of its own; leave out shuffle`);
}

// ---- any source ---------------------------------------------------------------------------------------------------------------------

/** How far an epoch has come. */
export interface LoadProgress {
  readonly epoch: number;
  /** Batches handed out, of `batches` (absent for a stream, whose end nobody knows). */
  readonly batch: number;
  readonly batches?: number;
  readonly examples: number;
}

export interface LoaderOptions extends Omit<BatchOptions, "epoch"> {
  /** Threads that fetch examples (default 0: this one). More than 0 wants a source from {@link fromModule}: functions cannot cross threads. */
  readonly workers?: number;
  /** Batches fetched before they are asked for. Default: two for each thread. */
  readonly prefetch?: number;
  /** Of streams: examples from which the next is drawn when shuffling. Default 1024. */
  readonly shuffleBuffer?: number;
  /** Called when a batch is handed out. */
  readonly onProgress?: (progress: LoadProgress) => void;
}

/** What batches are made from. */
export type Source = Split | Examples | ExampleStream | ModuleSource;

/**
 * Batches of any source. `for await (const batch of loader)` is one epoch, and the next such loop the next; `loader.epoch(n)` is a given one.
 * `close` ends its threads.
 */
export class Loader implements AsyncIterable<Batch> {
  readonly #source: Source;
  readonly #options: LoaderOptions;
  #workers: Workers | undefined;
  #opened: Promise<Split | Examples | ExampleStream> | undefined;
  #epoch = 0;

  /** @throws {RangeError} for options that cannot be. */
  constructor(source: Source, options: LoaderOptions) {
    checkOptions("Loader", options, LOADER_OPTIONS, "batchSize");
    checkSampler("Loader", options);
    checkSource(source);
    if (options.sampler && typeof source === "function")
      throw new TypeError("Loader: a sampler wants a source with a count; of a stream examples come as they come");
    const { workers = 0 } = options;
    if (workers > 0 && !isModule(source))
      throw new TypeError(
        "Loader: workers want a source named by its module, fromModule(url, options): functions and arrays cannot cross threads",
      );
    this.#source = source;
    this.#options = options;
  }

  [Symbol.asyncIterator](): AsyncGenerator<Batch, void, undefined> {
    return this.epoch(this.#epoch++);
  }

  /** The batches of epoch `epoch`, an integer from 0. */
  async *epoch(epoch: number): AsyncGenerator<Batch, void, undefined> {
    check("Loader: epoch", epoch, naturalNumber);
    const source = await this.#open();
    const { batchSize, shuffle, seed, dropLast, sampler } = this.#options;
    const options = { batchSize, shuffle, seed, dropLast, sampler, epoch };
    const count = "count" in source ? source.count : undefined;
    const batches = count === undefined ? undefined : batchCount({ count }, options);
    let [batch, examples] = [0, 0];
    for await (const next of typeof source === "function"
      ? this.#stream(source, epoch)
      : this.#fetch(source, indicesOf(source, options), epoch)) {
      examples += next.count;
      this.#options.onProgress?.({ epoch, batch: ++batch, ...(batches !== undefined && { batches }), examples });
      yield next;
    }
  }

  /** The number of examples; undefined for a stream. */
  async count(): Promise<number | undefined> {
    const source = await this.#open();
    return "count" in source ? source.count : undefined;
  }

  #open(): Promise<Split | Examples | ExampleStream> {
    const source = this.#source;
    this.#opened ??= isModule(source) ? this.#openModule(source) : Promise.resolve(source);
    return this.#opened;
  }

  async #openModule(source: ModuleSource): Promise<Split | Examples | ExampleStream> {
    const { workers = 0 } = this.#options;
    if (workers === 0) return openModule(source);
    this.#workers = await startWorkers(source, workers);
    return this.#workers;
  }

  #stream(stream: ExampleStream, epoch: number): AsyncGenerator<Batch, void, undefined> {
    const { shuffle, seed, shuffleBuffer = 1024 } = this.#options;
    return streamBatches(shuffle ? shuffledStream(stream, shuffleBuffer, orderKey({ seed, epoch })) : stream, this.#options);
  }

  #fetch(source: Split | Examples, all: readonly Int32Array[], epoch: number): AsyncGenerator<Batch, void, undefined> {
    const { workers = 0, prefetch = 2 * Math.max(1, workers) } = this.#options;
    return readAhead(all.length, prefetch, (b) => (this.#workers ? this.#workers.fetch(all[b], epoch) : fetchBatch(source, all[b], epoch)));
  }

  /** Ends the threads; a loader without any needs no closing. */
  async close(): Promise<void> {
    await this.#workers?.close();
    this.#workers = undefined;
    this.#opened = undefined;
  }
}

const { epoch: _, ...OF_AN_EPOCH } = BATCH_OPTIONS;
const LOADER_OPTIONS: Checks<LoaderOptions> = {
  ...OF_AN_EPOCH,
  workers: naturalNumber,
  prefetch: naturalNumber,
  shuffleBuffer: positiveInteger,
  onProgress: fn,
};

/** @throws {TypeError} for what no batches can be made from. */
function checkSource(source: unknown): void {
  if (typeof source === "function") return;
  const fields = (source ?? {}) as Partial<Examples & ModuleSource>;
  if (fields.module !== undefined) return;
  if (fields.example === undefined) checkSplit("Loader: the source", source);
  else checkFields("Loader: the source", source, { count: naturalNumber, example: fn });
}

const isModule = (source: Source): source is ModuleSource => "module" in source;

async function fetchBatch(source: Split | Examples, indices: Int32Array, epoch: number | undefined): Promise<Batch> {
  if (!("example" in source)) return source.read ? batchOf(source, indices, await source.read(indices, epoch)) : batchOf(source, indices);
  const examples: Example[] = [];
  for (const index of indices) examples.push(await source.example(index, epoch));
  return collate(examples, indices);
}
