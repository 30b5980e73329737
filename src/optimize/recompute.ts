/**
 * @file Recomputation (Chen et al. 2016): values that would be stored long for a late reader are computed again instead. Cheap ones, which cost only memory
 * traffic, are always computed again; expensive ones follow a binomial plan (Griewank & Walther 2000).
 *
 *     live bytes     ╱╲        early | late: the cut is where most bytes are live. Values made early and read late are the candidates.
 *                  ╱    ╲      Expensive ones form the chain v1 … vn; at most `slots` of them are stored at a time.
 *                ╱   |    ╲
 *
 * The operand of a clone passes a barrier together with a value that is made just before the late reader (the token). So the clone is computed no sooner
 * than that, and is never merged with the original.
 */
import { byteSize } from "../base/dtype.ts";
import { planBinomial, stepsOf } from "../base/reversal.ts";
import { sizeOf } from "../base/shape.ts";
import { barrier } from "../ops/control.ts";
import type { Instruction, Region } from "../ops/op.ts";
import { rebind } from "../ops/region.ts";
import type { Tensor } from "../ops/tensor.ts";
import { tapeOfRegion } from "../tape/tape.ts";

/** A position in a list, and the values that cross it. */
export interface Cut {
  readonly early: readonly Instruction[];
  readonly late: readonly Instruction[];
  /** Crossing values whose recomputation needs a product or a loop, in the order of the list. */
  readonly expensive: readonly Tensor[];
  /** Crossing values that can be made from the expensive ones and inputs by passes over memory alone. */
  readonly cheap: readonly Tensor[];
}

/** A plan with more clones than this many times the length of the list is given up. */
const MOST_CLONES = 6;

const isExpensive = (instruction: Instruction): boolean => instruction.op.cost === "compute";

/** Cuts a region where the most bytes are live; undefined if no value crosses. */
export function cutAtPeak(region: Region): Cut | undefined {
  const list = shortLived(region);
  // After the last product come updates of parameters; what is live there are results.
  const tail = list.findLastIndex(isExpensive);
  const made = new Map<Tensor, number>();
  const lastRead = new Map<Tensor, number>();
  list.forEach(({ operands, results }, i) => {
    for (const y of results) made.set(y, i);
    if (i <= tail) for (const x of operands) if (made.has(x)) lastRead.set(x, i);
  });
  const change = new Float64Array(list.length + 1);
  const outputs = new Set(region.outputs);
  for (const [x, read] of lastRead) {
    if (outputs.has(x)) continue;
    change[made.get(x)!]! += bytesOf(x);
    change[read]! -= bytesOf(x);
  }
  let [at, live, most] = [-1, 0, 0];
  change.forEach((bytes, i) => {
    live += bytes;
    if (live > most) [at, most] = [i, live];
  });
  if (at < 0) return undefined;
  const [early, late] = [list.slice(0, at + 1), list.slice(at + 1)];
  const crosses = (x: Tensor): boolean => (lastRead.get(x) ?? -1) > at && x.source.operands.length > 0 && !outputs.has(x);
  return { early, late, ...sortByPrice(early, crosses, new Set([...region.inputs, ...region.outputs])) };
}

/** Reorders the list as fusion will: every reduction as early as possible, every other pass over memory just before its first reader. */
function shortLived(region: Region): Instruction[] {
  const list = tapeOfRegion(region);
  const waiting = new Set(list);
  const readers = new Map<Tensor, Instruction[]>();
  for (const instruction of list) for (const x of instruction.operands) readers.set(x, [...(readers.get(x) ?? []), instruction]);
  const ordered: Instruction[] = [];
  const ready = (instruction: Instruction): boolean => instruction.operands.every((x) => !waiting.has(x.source));
  const emit = (instruction: Instruction): void => {
    const needed = new Set<Instruction>();
    const todo = [instruction];
    for (let next = todo.pop(); next; next = todo.pop()) {
      if (!waiting.has(next) || needed.has(next)) continue;
      needed.add(next);
      todo.push(...next.operands.map((x) => x.source));
    }
    for (const next of [...needed].sort((a, b) => a.serial - b.serial)) {
      waiting.delete(next);
      ordered.push(next);
      const readBy = next.results.flatMap((y) => readers.get(y) ?? []);
      for (const reader of readBy) if (waiting.has(reader) && !needed.has(reader) && shrinks(reader) && ready(reader)) emit(reader);
    }
  };
  for (const instruction of list) if (isExpensive(instruction)) emit(instruction);
  for (const instruction of list) emit(instruction);
  return ordered;
}

const shrinks = (instruction: Instruction): boolean => !isExpensive(instruction) && instruction.op.lower.kind === "reduce";

const bytesOf = (x: Tensor): number => sizeOf(x.shape) * byteSize(x.dtype);

/** Splits the values that cross a cut into expensive and cheap ones. */
function sortByPrice(
  early: readonly Instruction[],
  crosses: (x: Tensor) => boolean,
  free: ReadonlySet<Tensor>,
): { expensive: Tensor[]; cheap: Tensor[] } {
  const [expensive, cheap]: [Tensor[], Tensor[]] = [[], []];
  const near = new Set<Tensor>(free);
  for (const instruction of early) {
    const passes = !isExpensive(instruction) && instruction.operands.every((x) => near.has(x));
    for (const y of instruction.results) {
      const waits = crosses(y);
      if (waits) (passes ? cheap : expensive).push(y);
      if (waits || passes) near.add(y);
    }
  }
  return { expensive, cheap };
}

/**
 * Rewrites the region so that at most `slots` expensive values of the cut are stored at a time, and no cheap ones; undefined if that takes too much work.
 * With more slots than expensive values nothing is computed again; only the order after the cut improves.
 */
export function recompute(region: Region, cut: Cut, slots: number): Region | undefined {
  return new Recomputer(region, cut, slots).run();
}

/** Rewrites the late part of a region to read clones. */
class Recomputer {
  readonly #region: Region;
  readonly #cut: Cut;
  readonly #slots: number;
  readonly #number: Map<Tensor, number>;
  readonly #early: Set<Tensor>;
  /** The clone that late instructions read in place of a value. */
  readonly #image: Map<Tensor, Tensor> = new Map();
  /** Numbers of the expensive values that are stored, ascending; they count from 1, and 0 stands for the inputs. */
  #stored: number[] = [0];
  /** The value that was made just before the instruction being rewritten. */
  #token: Tensor | undefined;
  #clones = 0;

  constructor(region: Region, cut: Cut, slots: number) {
    this.#region = region;
    this.#cut = cut;
    this.#slots = slots;
    this.#number = new Map(cut.expensive.map((x, i) => [x, i + 1]));
    this.#early = new Set(cut.early.flatMap((i) => (i.operands.length > 0 ? i.results : [])));
  }

  /** Returns the rewritten region; undefined if it has too many clones. */
  run(): Region | undefined {
    const { early, late, expensive, cheap } = this.#cut;
    for (const y of this.#region.outputs) this.#image.set(y, y);
    if (this.#slots > expensive.length) for (const x of cheap) this.#image.set(x, x);
    for (const at of this.#store(expensive.length + 1)) this.#image.set(expensive[at - 1]!, expensive[at - 1]!);
    this.#token = early.findLast(isExpensive)?.results[0];
    const most = MOST_CLONES * (early.length + late.length);
    for (const instruction of late) {
      const operands = instruction.operands.map((x) => this.#read(x));
      const results = rebind(instruction, operands);
      instruction.results.forEach((y, i) => {
        this.#image.set(y, results[i]!);
      });
      if (isExpensive(instruction)) this.#token = results[0]!;
      if (this.#clones > most) return undefined;
    }
    return { inputs: this.#region.inputs, outputs: this.#region.outputs.map((y) => this.#image.get(y) ?? y) };
  }

  /** Chooses what to store on the way from the last stored value to the one before number `to`, which is read next; returns their numbers. */
  #store(to: number): number[] {
    this.#stored = this.#stored.filter((n) => n < to);
    let at = this.#stored.at(-1)!;
    const chosen: number[] = [];
    // The plan counts its start as a slot; here that is the last stored value. Its end is read at once and needs no slot.
    const free = this.#slots - (this.#stored.length - 1);
    for (const part of planBinomial(to - at, Math.max(0, free) + 1)) {
      at += stepsOf(part);
      if (at < to) chosen.push(at);
    }
    this.#stored.push(...chosen);
    return chosen;
  }

  /** What a late instruction reads for `x`. */
  #read(x: Tensor): Tensor {
    const known = this.#image.get(x);
    if (known || !this.#early.has(x)) return known ?? x;
    const number = this.#number.get(x);
    const stored = new Set(number === undefined ? [] : this.#store(number + 1).map((n) => this.#cut.expensive[n - 1]!));
    const fresh = this.#again(x);
    for (const [y, clone] of fresh) if (y === x || stored.has(y)) this.#image.set(y, clone);
    return fresh.get(x)!;
  }

  /** Clones of all that `x` needs, from what is stored. */
  #again(x: Tensor): Map<Tensor, Tensor> {
    const needed = new Set<Instruction>();
    const todo = [x];
    for (let y = todo.pop(); y; y = todo.pop()) {
      if (this.#image.has(y) || !this.#early.has(y) || needed.has(y.source)) continue;
      needed.add(y.source);
      todo.push(...y.source.operands);
    }
    const fresh = new Map<Tensor, Tensor>();
    for (const instruction of [...needed].sort((a, b) => a.serial - b.serial)) {
      const results = this.#clone(instruction, fresh);
      instruction.results.forEach((y, i) => {
        fresh.set(y, results[i]!);
      });
    }
    return fresh;
  }

  /** Records an instruction again on clones. */
  #clone(instruction: Instruction, fresh: ReadonlyMap<Tensor, Tensor>): readonly Tensor[] {
    this.#clones++;
    const operands = instruction.operands.map((x) => fresh.get(x) ?? this.#image.get(x) ?? x);
    if (instruction.op === barrier) return operands;
    // The first clones wait for the token, and with them everything that depends on them. Clones that only move inputs need not wait.
    const first = !instruction.operands.some((x) => fresh.has(x));
    if (first && (isExpensive(instruction) || instruction.operands.some((x) => this.#early.has(x)))) {
      const at = Math.max(
        0,
        instruction.operands.findIndex((x) => this.#early.has(x)),
      );
      const held = operands[at]!;
      operands[at] = held.bindAll(barrier, this.#token ? [held, this.#token] : [held], { pass: 1 })[0]!;
    }
    return rebind(instruction, operands);
  }
}
