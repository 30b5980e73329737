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

/** Beyond this cost, and beyond so many values, a chain is cut, so that no expression grows without bound. */
const LONGEST_CHAIN = 400;
/** Kernels back from the last one that take up a value of which they need nothing. Further back it would only wait longer for its reader. */
const NEAR = 32;

/** Loops, branches and host calls are steps of their own. */
const standsAlone = (lower: Lowering<unknown>): boolean => lower.kind === "control" || lower.kind === "host";

/** Renames and reshapes share the buffer of their operand. */
const isAlias = (instruction: Instruction): boolean => instruction.op.traits?.alias === true;

export function fuse(list: readonly Instruction[], inputs: readonly Tensor[], outputs: readonly Tensor[], target: Target): Fusion {
  return new Fuser(list, inputs, outputs, target).run();
}

class Fuser {
  readonly #target: Target;
  readonly #list: readonly Instruction[];
  readonly #inputs: ReadonlySet<Tensor>;
  readonly #outputs: ReadonlySet<Tensor>;
  readonly #readers: Map<Tensor, Instruction[]> = new Map();
  /** Values that a contraction reads, directly or through mere movement. */
  readonly #contracted: Set<Tensor> = new Set();
  readonly #cost: Map<Tensor, number> = new Map();
  /** Values one behind the other that are computed in the expression of a value; movement has no cost, but a place in it. */
  readonly #length: Map<Tensor, number> = new Map();
  /** The buffers that a value without one is made from. */
  readonly #sources: Map<Tensor, ReadonlySet<Tensor>> = new Map();
  /** The shard of a batch that a value belongs to, where there are shards. */
  readonly #shards: Map<Tensor, number> = new Map();
  /** Where in the list all that a value is computed from is there. */
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

  /** Values whose buffers others read or write row by row: inputs, outputs, operands and results of loops, of products of matrices, what is reshaped across its batch. */
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

  /** The buffers that an item reads, and whether only at the element that is being computed. */
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

  /** True for movement that is folded into who reads it. */
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

  /** What is computed from a shard belongs to it, and takes what all shards share from buffers: so it is computed alike, however many shards there are. */
  #noteShard(instruction: Instruction): void {
    const { operands, results, origin } = instruction;
    if (standsAlone(instruction.op.lower)) return;
    const from = operands.find((x) => this.#shards.has(x));
    const shard = from ? this.#shards.get(from) : origin?.shard;
    if (shard === undefined) return;
    for (const y of results) this.#shards.set(y, shard);
    for (const x of operands) this.#forceShared(x);
  }

  /** Gives what a shard takes from outside a buffer, if it is computed and not merely moved. */
  #forceShared(x: Tensor): void {
    if (this.#shards.has(x) || this.#bufferOf(x) || this.#buffersBehind(x).length === 0) return;
    if (this.#moves(x.source)) for (const y of x.source.operands) this.#forceShared(y);
    else this.#force(x);
  }

  /** An elementwise value can be computed where the last of its operands is made. */
  #noteReady(instruction: Instruction, at: number): void {
    const { operands, results } = instruction;
    const joins = instruction.op.lower.kind === "pointwise";
    const ready = !joins ? at : operands.reduce((latest, x) => Math.max(latest, this.#ready.get(x) ?? -1), -1);
    for (const y of results) this.#ready.set(y, ready);
  }

  /** The buffers that `x` is made from. */
  #buffersBehind(x: Tensor): Tensor[] {
    const buffer = this.#bufferOf(x);
    return buffer ? [buffer] : [...(this.#sources.get(x) ?? [])];
  }

  /** Those as large as `x`. */
  #wholeBuffers(x: Tensor): Tensor[] {
    return this.#buffersBehind(x).filter((source) => sizeOf(source.shape) >= sizeOf(x.shape));
  }

  /**
   * Gives buffers to operands of which this saves memory or room in the kernel. What has been added up so far is kept in place of its terms while the
   * next one is made: the kernel of the last term adds it to the sum. And no kernel reads more buffers than it can hold.
   */
  #settle({ operands, results }: Instruction): void {
    const at = this.#ready.get(results[0]!)!;
    // A place of its own takes a line of the cache at least.
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

  /** Whole buffers that nobody needs any more once `x`, which has one reader, has a buffer of its own. */
  #frees(x: Tensor): number {
    if (this.#readers.get(x)?.length !== 1 || this.#outputs.has(x)) return 0;
    const buffer = this.#bufferOf(x);
    if (buffer) return this.#inputs.has(buffer) || this.#outputs.has(buffer) ? 0 : 1;
    return x.source.operands.reduce((n, y) => n + (sizeOf(y.shape) >= sizeOf(x.shape) ? this.#frees(y) : 0), 0);
  }

  #worthBuffer(y: Tensor, cost: number, moves: boolean): boolean {
    const { again: cheap, shared, repeated } = this.#target.fusing;
    const readers = this.#readers.get(y) ?? [];
    const constant = y.source.operands.length === 0;
    if (y.source.op.traits?.copies || (this.#contracted.has(y) && !moves && !constant)) return true;
    // A reshape inside a contraction's index would cost divisions; its operand's buffer serves as it is.
    if (this.#contracted.has(y) && isAlias(y.source)) return true;
    const again = cost <= cheap && this.#wholeBuffers(y).length <= 1;
    if (readers.length + (this.#outputs.has(y) ? 1 : 0) > 1 && cost >= shared && !again) return true;
    if (cost >= LONGEST_CHAIN) return true;
    if (cost < repeated) return false;
    return readers.some((reader) => {
      const lower = reader.op.lower;
      if (lower.kind === "pointwise") return reader.results.some((r) => sizeOf(r.shape) > sizeOf(y.shape));
      // Plain reductions read each element once; windows and scatters read it many times.
      return lower.kind === "reduce" && sizeOf(reader.results[0]!.shape) * sizeOf(extentsOf(reader)) > sizeOf(y.shape);
    });
  }

  /** Gives a value a buffer, or the value it renames. */
  #force(value: Tensor): void {
    if (this.#inputs.has(value) || this.#roots.has(value)) return;
    if (isAlias(value.source)) {
      this.#force(value.source.operands[value.index]!);
      return;
    }
    this.#roots.add(value);
  }

  /** Puts the roots among the results of an instruction into a kernel. */
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

  /** The first kernel that can also compute `y`: all it needs is there or earlier, and what is there is needed at the same index. */
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

  /** Whether a kernel reads a whole buffer that `y` needs too. */
  #sharesOperand(group: Group, y: Tensor): boolean {
    const whole = [...this.#needsOf(y).keys()].filter((x) => sizeOf(x.shape) >= sizeOf(y.shape));
    return group.roots.some((root) => whole.some((x) => this.#needsOf(root).has(x)));
  }

  /** Where a buffer is written, inputs before everything; a barrier counts as writing what it passes on. */
  #position(x: Tensor): number {
    return this.#itemOf.get(x) ?? -1;
  }

  #buffersOf(group: Group, needs: ReadonlyMap<Tensor, boolean>): number {
    const touched = new Set<Tensor>([...needs.keys(), ...group.roots]);
    for (const root of group.roots) for (const x of this.#needsOf(root).keys()) touched.add(x);
    return touched.size;
  }

  /** The buffers an element of `y` is computed from, and whether each is read at the element's own index only. Asked once all roots are chosen. */
  #needsOf(y: Tensor): ReadonlyMap<Tensor, boolean> {
    const known = this.#needs.get(y);
    if (known) return known;
    const needs = this.#findNeeds(y);
    this.#needs.set(y, needs);
    return needs;
  }

  #findNeeds(y: Tensor): Map<Tensor, boolean> {
    const needs = new Map<Tensor, boolean>();
    const reduces = y.source.op.lower.kind === "reduce";
    const visit = (x: Tensor, same: boolean): void => {
      // A barrier has a place of its own in the order, whatever buffer it passes on.
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

  /** A value is stored if anything outside its own kernel reads it. */
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

/** True if a reshape leaves the images alone, or cuts their axis into slices of whole vectors. */
function keepsImages(from: Shape, to: Shape, { lanes }: Target): boolean {
  return from[0] === to[0] || (to.length > from.length && from[0] === to[0]! * to[1]! && to[1]! % lanes.f32 === 0);
}

/** True for ops that read their operands at other indices although the shapes agree (flip, a square transpose, gather). */
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
