/**
 * @file Fusion: which values get a buffer, and which kernel computes them. Values that nobody needs in memory are computed where they are
 * used. A kernel is a group of values of one shape: either elements computed side by side, or one reduction with what follows it elementwise.
 *
 *     z = dot x W ──► b broadcast ──► add ──► tanh        one kernel: the loop of the dot, bias and tanh in its registers
 */
import { type Shape, sameShape, sizeOf } from "../base/shape.ts";
import { keyOf } from "../kernel/index-algebra.ts";
import type { Target } from "../kernel/target.ts";
import { contracts, counters, extentsOf, probe } from "../ops/lowering.ts";
import type { Instruction, Lowering } from "../ops/op.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Control, Fusion, Group, Item } from "./groups.ts";
import { chooseLanes, type Lanes } from "./lanes.ts";
import { joinRows } from "./rows.ts";
import { type Weight, weigh } from "./weights.ts";

export type { Control, Fusion, Group, Item } from "./groups.ts";

/** A chain of values without buffers is cut at this cost and at this many values, so that no expression grows without bound. */
const LONGEST_CHAIN = 400;
/** How many kernels back a value may be added to a kernel with which it shares no operand. Further back it would only wait longer for its reader. */
const NEAR = 32;

/** Loops, branches and host calls are steps of their own. */
const standsAlone = (lower: Lowering<unknown>): boolean => lower.kind === "control" || lower.kind === "host";

/** Renames and reshapes share the buffer of their operand. */
const isAlias = (instruction: Instruction): boolean => instruction.op.traits?.alias === true;

export function fuse(list: readonly Instruction[], inputs: readonly Tensor[], outputs: readonly Tensor[], target: Target): Fusion {
  return new Fuser(list, inputs, outputs, target).run();
}

/** Decides in three passes over the list: which values a contraction reads, which values get buffers, and which kernel computes each of them. */
class Fuser {
  readonly #target: Target;
  readonly #list: readonly Instruction[];
  readonly #inputs: ReadonlySet<Tensor>;
  readonly #outputs: ReadonlySet<Tensor>;
  readonly #readers: Map<Tensor, Instruction[]> = new Map();
  /** Values that a contraction reads, directly or through ops that only move elements. */
  readonly #contracted: Set<Tensor> = new Set();
  readonly #cost: Map<Tensor, number> = new Map();
  /** The length of the chain of values that are expanded in the expression of a value. Movement costs nothing but counts. */
  readonly #length: Map<Tensor, number> = new Map();
  /** For a value without a buffer: the buffers that its expression reads. */
  readonly #sources: Map<Tensor, ReadonlySet<Tensor>> = new Map();
  /** The shard of the batch that a value belongs to, if the batch is sharded. */
  readonly #shards: Map<Tensor, number> = new Map();
  /** The position in the list at which all operands of a value have been made. */
  readonly #ready: Map<Tensor, number> = new Map();
  readonly #roots: Set<Tensor> = new Set();
  readonly #items: (Group | Control)[] = [];
  readonly #itemOf: Map<Tensor, number> = new Map();
  readonly #weights: Map<Instruction, Weight> = new Map();
  readonly #needs: Map<Tensor, ReadonlyMap<Tensor, boolean>> = new Map();
  #lanes: ReadonlyMap<Tensor, number> = new Map();

  constructor(list: readonly Instruction[], inputs: readonly Tensor[], outputs: readonly Tensor[], target: Target) {
    this.#target = target;
    this.#list = list;
    this.#inputs = new Set(inputs);
    this.#outputs = new Set(outputs);
  }

  /** Runs all passes and returns the schedule of groups and steps. */
  run(): Fusion {
    for (const instruction of this.#list) for (const x of new Set(instruction.operands)) listOf(this.#readers, x).push(instruction);
    this.#findContracted();
    this.#list.forEach((instruction, at) => {
      this.#noteReady(instruction, at);
      this.#noteShard(instruction);
      this.#chooseRoots(instruction);
    });
    for (const y of this.#outputs) this.#force(y);
    this.#lanes = chooseLanes(this.#list, this.#inRows(), this.#target);
    for (const instruction of this.#list) this.#place(instruction);
    this.#findStored();
    const items = this.#items.filter((item) => item.kind === "control" || item.stored.size > 0);
    const bufferOf = (value: Tensor): Tensor | undefined => this.#bufferOf(value);
    const lanesOf = (buffer: Tensor): Lanes => this.#lanes.get(buffer);
    const target = this.#target;
    return {
      target,
      items: joinRows(items, {
        target,
        bufferOf,
        lanesOf,
        needsOf: (root) => this.#needsOf(root).keys(),
        shardOf: (root) => this.#shards.get(root),
        outputs: this.#outputs,
      }),
      bufferOf,
      lanesOf,
      reads: (item) => new Set(this.#reads(item).keys()),
      mayOverwrite: (item, y, x) => (item.kind === "rows" ? item.mayOverwrite(y, x) : (this.#reads(item).get(x) ?? true)),
    };
  }

  /**
   * Returns a test for values that must be stored row by row, because their readers or writers assume it: inputs, outputs, operands and results of loops and
   * matrix products, and operands of reshapes that split or merge the batch axis.
   */
  #inRows(): (x: Tensor) => boolean {
    const rows = new Set<Tensor>(this.#inputs);
    const add = (x: Tensor): void => {
      rows.add(x);
      const buffer = this.#bufferOf(x);
      if (buffer) rows.add(buffer);
    };
    for (const y of this.#outputs) add(y);
    for (const instruction of this.#list) {
      const { operands, results } = instruction;
      const { rows: inRows } = instruction.op.traits ?? {};
      if (standsAlone(instruction.op.lower) || inRows === "all") for (const x of [...operands, ...results]) add(x);
      else if (inRows) for (const i of inRows) add(operands[i]!);
      else if (isAlias(instruction) && !keepsImages(operands[0]!.shape, results[0]!.shape, this.#target)) add(operands[0]!);
    }
    return (x) => rows.has(x);
  }

  /** The buffers that an item reads, each with true if it is read only at the index of the element being computed. */
  #reads(item: Item): Map<Tensor, boolean> {
    const found = new Map<Tensor, boolean>();
    const note = (x: Tensor, same: boolean): void => {
      const buffer = this.#bufferOf(x);
      if (buffer) found.set(buffer, same && buffer === x && (found.get(buffer) ?? true));
    };
    if (item.kind === "control") for (const x of item.instruction.operands) note(x, false);
    else for (const root of item.roots) for (const [x, same] of this.#needsOf(root)) note(x, same);
    return found;
  }

  #bufferOf(value: Tensor): Tensor | undefined {
    if (this.#inputs.has(value) || this.#roots.has(value)) return value;
    return isAlias(value.source) ? this.#bufferOf(value.source.operands[value.index]!) : undefined;
  }

  #weigh(instruction: Instruction): Weight {
    let weight = this.#weights.get(instruction);
    if (!weight) {
      weight = weigh(instruction, this.#target);
      this.#weights.set(instruction, weight);
    }
    return weight;
  }

  #findContracted(): void {
    for (const instruction of [...this.#list].reverse()) {
      const passes = instruction.results.some((y) => this.#contracted.has(y)) && (isAlias(instruction) || this.#moves(instruction));
      if (contracts(instruction) || passes) for (const x of instruction.operands) this.#contracted.add(x);
    }
  }

  /** Returns true for an op that only moves elements and is folded into its readers. */
  #moves(instruction: Instruction): boolean {
    return !instruction.op.traits?.copies && this.#weigh(instruction).moves;
  }

  /** Decides for the results of one instruction whether they get a buffer, given the decisions for its operands. */
  #chooseRoots(instruction: Instruction): void {
    const lower = instruction.op.lower;
    if (standsAlone(lower) || lower.kind === "reduce") {
      if (!isAlias(instruction)) for (const y of instruction.results) this.#roots.add(y);
      if (standsAlone(lower)) for (const x of instruction.operands) this.#force(x);
      return;
    }
    this.#settle(instruction);
    const { cost: own, moves } = this.#weigh(instruction);
    const inlined = instruction.operands.reduce((sum, x) => sum + (this.#bufferOf(x) ? 0 : (this.#cost.get(x) ?? 0)), 0);
    const sources = new Set(instruction.operands.flatMap((x) => this.#buffersBehind(x)));
    const length = instruction.operands.reduce((n, x) => Math.max(n, this.#bufferOf(x) ? 0 : (this.#length.get(x) ?? 0)), 0) + 1;
    for (const y of instruction.results) {
      this.#cost.set(y, own + inlined);
      this.#length.set(y, length);
      this.#sources.set(y, sources);
      if (length >= LONGEST_CHAIN || this.#worthBuffer(y, own + inlined, moves || isAlias(instruction))) this.#force(y);
    }
  }

  /**
   * Notes the shard of the results. A value computed from a shard belongs to it and reads values that all shards share from buffers, so that its kernel is
   * the same for any number of shards.
   */
  #noteShard(instruction: Instruction): void {
    const { operands, results, origin } = instruction;
    if (standsAlone(instruction.op.lower)) return;
    const from = operands.find((x) => this.#shards.has(x));
    const shard = from ? this.#shards.get(from) : origin?.shard;
    if (shard === undefined) return;
    for (const y of results) this.#shards.set(y, shard);
    for (const x of operands) this.#forceShared(x);
  }

  /** Gives a buffer to a value that a shard takes from outside, unless the value is only moved. */
  #forceShared(x: Tensor): void {
    if (this.#shards.has(x) || this.#bufferOf(x) || this.#buffersBehind(x).length === 0) return;
    if (this.#moves(x.source)) for (const y of x.source.operands) this.#forceShared(y);
    else this.#force(x);
  }

  /** Notes where a value can first be computed: for an elementwise value where its last operand is made, for others at `at`. */
  #noteReady(instruction: Instruction, at: number): void {
    const { operands, results } = instruction;
    const joins = instruction.op.lower.kind === "pointwise";
    const ready = !joins ? at : operands.reduce((latest, x) => Math.max(latest, this.#ready.get(x) ?? -1), -1);
    for (const y of results) this.#ready.set(y, ready);
  }

  /** The buffers that the expression of `x` reads; its own buffer if it has one. */
  #buffersBehind(x: Tensor): Tensor[] {
    const buffer = this.#bufferOf(x);
    return buffer ? [buffer] : [...(this.#sources.get(x) ?? [])];
  }

  /** The buffers behind `x` that are at least as large as `x`. */
  #wholeBuffers(x: Tensor): Tensor[] {
    return this.#buffersBehind(x).filter((source) => sizeOf(source.shape) >= sizeOf(x.shape));
  }

  /**
   * Gives buffers to operands where this saves memory or keeps the kernel small. In a long sum the partial sum gets a buffer as soon as a term is made after
   * it, so that the earlier terms can be freed; the kernel of the next term adds to it. Operands also get buffers if the kernel would otherwise read more
   * buffers than the target allows.
   */
  #settle({ operands, results }: Instruction): void {
    const at = this.#ready.get(results[0]!)!;
    // Every buffer takes at least one cache line.
    const least = this.#target.caches.line;
    for (const x of operands)
      if (this.#bufferOf(x) === undefined && (this.#ready.get(x) ?? -1) < at && sizeOf(x.shape) >= least && this.#frees(x) >= 2)
        this.#force(x);
    let read = new Set(operands.flatMap((x) => this.#buffersBehind(x))).size;
    const byCount = operands.filter((x) => this.#bufferOf(x) === undefined && this.#buffersBehind(x).length > 1);
    byCount.sort((a, b) => this.#buffersBehind(b).length - this.#buffersBehind(a).length);
    for (const x of byCount) {
      if (read + results.length <= this.#target.buffers) break;
      read -= this.#buffersBehind(x).length - 1;
      this.#force(x);
    }
  }

  /** How many buffers of the size of `x` could be freed once `x`, which has one reader, has a buffer of its own. */
  #frees(x: Tensor): number {
    if (this.#readers.get(x)?.length !== 1 || this.#outputs.has(x)) return 0;
    const buffer = this.#bufferOf(x);
    if (buffer) return this.#inputs.has(buffer) || this.#outputs.has(buffer) ? 0 : 1;
    return x.source.operands.reduce((n, y) => n + (sizeOf(y.shape) >= sizeOf(x.shape) ? this.#frees(y) : 0), 0);
  }

  /**
   * Returns true if a value gets a buffer because of its readers. `cost` is that of computing an element with everything that has no buffer, in
   * additions.
   */
  #worthBuffer(y: Tensor, cost: number, moves: boolean): boolean {
    const { again: cheap, shared, repeated } = this.#target.fusing;
    const readers = this.#readers.get(y) ?? [];
    const constant = y.source.operands.length === 0;
    if (y.source.op.traits?.copies || (this.#contracted.has(y) && !moves && !constant)) return true;
    // A reshape inside the index of a contraction would cost divisions. As an alias it costs nothing.
    if (this.#contracted.has(y) && isAlias(y.source)) return true;
    const again = cost <= cheap && this.#wholeBuffers(y).length <= 1;
    if (readers.length + (this.#outputs.has(y) ? 1 : 0) > 1 && cost >= shared && !again) return true;
    if (cost >= LONGEST_CHAIN) return true;
    if (cost < repeated) return false;
    return readers.some((reader) => {
      const lower = reader.op.lower;
      if (lower.kind === "pointwise") return reader.results.some((r) => sizeOf(r.shape) > sizeOf(y.shape));
      // A plain reduction reads each element once; windows and scatters read it many times, and would compute it as often.
      return lower.kind === "reduce" && sizeOf(reader.results[0]!.shape) * sizeOf(extentsOf(reader)) > sizeOf(y.shape);
    });
  }

  /** Gives a buffer to a value; for an alias, to the value behind it. */
  #force(value: Tensor): void {
    if (this.#inputs.has(value) || this.#roots.has(value)) return;
    if (isAlias(value.source)) {
      this.#force(value.source.operands[value.index]!);
      return;
    }
    this.#roots.add(value);
  }

  /** Puts those results of an instruction that have buffers into a kernel. */
  #place(instruction: Instruction): void {
    const lower = instruction.op.lower;
    if (standsAlone(lower)) {
      this.#items.push({ kind: "control", instruction });
      for (const y of instruction.results) this.#itemOf.set(y, this.#items.length - 1);
      return;
    }
    for (const y of instruction.results) {
      if (!this.#roots.has(y)) continue;
      const reduction = lower.kind === "reduce" ? instruction : undefined;
      const position = reduction ? -1 : this.#groupFor(y);
      if (position >= 0) {
        (this.#items[position] as Group).roots.push(y);
        this.#itemOf.set(y, position);
        continue;
      }
      this.#items.push({ kind: "group", shape: y.shape, lanes: this.#lanes.get(y), reduction, roots: [y], stored: new Set() });
      this.#itemOf.set(y, this.#items.length - 1);
    }
  }

  /**
   * The position of the first group that can also compute `y`, or -1. Everything that `y` needs must be made in that group or before it, and what the group
   * itself makes must be needed at the same index only.
   */
  #groupFor(y: Tensor): number {
    const needs = this.#needsOf(y);
    let least = 0;
    for (const x of needs.keys()) least = Math.max(least, this.#position(x));
    const copies = this.#moves(y.source);
    const { copies: fewCopies, unrelated } = this.#target.fusing;
    const few = copies ? fewCopies : unrelated;
    const recent = Math.max(least, this.#items.length - NEAR);
    for (let p = least; p < this.#items.length; p = Math.max(p + 1, recent)) {
      const item = this.#items[p]!;
      if (item.kind === "control" || !sameShape(item.shape, y.shape) || item.lanes !== this.#lanes.get(y)) continue;
      if (this.#shards.get(item.roots[0]!) !== this.#shards.get(y)) continue;
      const here = [...needs].filter(([x]) => this.#position(x) === p);
      if (here.some(([x, same]) => !same || !item.roots.includes(x))) continue;
      if (here.length === 0 && (item.reduction || (sizeOf(y.shape) > few && (copies || !this.#sharesOperand(item, y))))) continue;
      if (this.#buffersOf(item, needs) > this.#target.buffers) continue;
      return p;
    }
    return -1;
  }

  /** Returns true if a kernel reads a buffer as large as `y` that `y` reads too. */
  #sharesOperand(group: Group, y: Tensor): boolean {
    const whole = [...this.#needsOf(y).keys()].filter((x) => sizeOf(x.shape) >= sizeOf(y.shape));
    return group.roots.some((root) => whole.some((x) => this.#needsOf(root).has(x)));
  }

  /** The position of the item that writes a buffer; -1 for inputs. A barrier counts as the writer of what it passes on. */
  #position(x: Tensor): number {
    return this.#itemOf.get(x) ?? -1;
  }

  #buffersOf(group: Group, needs: ReadonlyMap<Tensor, boolean>): number {
    const touched = new Set<Tensor>([...needs.keys(), ...group.roots]);
    for (const root of group.roots) for (const x of this.#needsOf(root).keys()) touched.add(x);
    return touched.size;
  }

  /** The buffers that an element of `y` is computed from, each with true if it is read at the element's own index only. To be called once all roots are chosen. */
  #needsOf(y: Tensor): ReadonlyMap<Tensor, boolean> {
    const known = this.#needs.get(y);
    if (known) return known;
    const needs = this.#findNeeds(y);
    this.#needs.set(y, needs);
    return needs;
  }

  /** Collects the buffers that an element of `y` reads; see `#needsOf`. */
  #findNeeds(y: Tensor): Map<Tensor, boolean> {
    const needs = new Map<Tensor, boolean>();
    const reduces = y.source.op.lower.kind === "reduce";
    const visit = (x: Tensor, same: boolean): void => {
      // A barrier keeps its position in the order, so a reader depends on the barrier itself and not on the buffer behind it.
      if (x.source.op.traits?.ordered) {
        needs.set(x, false);
        return;
      }
      if (this.#inputs.has(x) || this.#roots.has(x)) {
        needs.set(x, same && (needs.get(x) ?? true));
        return;
      }
      descend(x, same);
    };
    const descend = (x: Tensor, same: boolean): void => {
      const elementwise = x.source.operands.every((operand) => sameShape(operand.shape, x.shape)) && !movesIndices(x.source);
      for (const operand of x.source.operands) visit(operand, same && elementwise);
    };
    descend(y, !reduces);
    return needs;
  }

  /** Marks the values to be stored: those that something outside their own kernel reads. */
  #findStored(): void {
    const note = (x: Tensor, reader: number): void => {
      const buffer = this.#bufferOf(x);
      const at = buffer && this.#itemOf.get(buffer);
      if (buffer === undefined || at === undefined || at === reader) return;
      const item = this.#items[at]!;
      if (item.kind === "group") item.stored.add(buffer);
    };
    this.#items.forEach((item, position) => {
      if (item.kind === "control") for (const x of item.instruction.operands) note(x, position);
      else for (const root of item.roots) for (const x of this.#needsOf(root).keys()) note(x, position);
    });
    for (const y of this.#outputs) note(y, -1);
  }
}

function listOf<K, T>(lists: Map<K, T[]>, key: K): T[] {
  let list = lists.get(key);
  if (!list) {
    list = [];
    lists.set(key, list);
  }
  return list;
}

/** Returns true if a reshape keeps the batch axis, or splits it into slices of whole vectors. */
function keepsImages(from: Shape, to: Shape, { lanes }: Target): boolean {
  return from[0] === to[0] || (to.length > from.length && from[0] === to[0]! * to[1]! && to[1]! % lanes.f32 === 0);
}

/** Returns true for ops that read their operand at another index although the shapes agree (flip, the transpose of a square, gather). */
function movesIndices(instruction: Instruction): boolean {
  const lower = instruction.op.lower;
  if (lower.kind !== "pointwise") return true;
  if (lower.inPlace) return false;
  const at = counters(instruction.results[0]!.shape);
  const own = keyOf(at);
  let moved = false;
  probe(instruction, at, (_, index) => {
    moved ||= keyOf(index) !== own;
  });
  return moved;
}
