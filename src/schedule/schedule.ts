/**
 * @file From a tape to a program: fuse values into kernels, order the steps, give every buffer a place. Loops and branches become steps whose
 * bodies are scheduled the same way, their slices addressed by stride.
 */

import { byteSize } from "../base/dtype.ts";
import type { Watch } from "../base/passes.ts";
import { sizeOf, type Type } from "../base/shape.ts";
import { tuple } from "../base/tuple.ts";
import { hashKernel } from "../kernel/hash.ts";
import type { HostCall, Kernel, Program } from "../kernel/kernel.ts";
import { type Target, WASM } from "../kernel/target.ts";
import type { Instruction, Lowering, Region } from "../ops/op.ts";
import type { Scan } from "../ops/scan.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { While } from "../ops/while.ts";
import { tapeOfRegion } from "../tape/tape.ts";
import { type Fusion, fuse, type Group } from "./fuse.ts";
import type { Rows } from "./groups.ts";
import { storedSize } from "./lanes.ts";
import { address, bound, bufferAt, type Draft, type Location, same, sliceOf } from "./locations.ts";
import { buildKernel } from "./loops.ts";
import { type Block, planMemory } from "./memory.ts";
import { sendEarly, writeLast } from "./order.ts";
import { Progress } from "./progress.ts";
import { orderForSums } from "./strands.ts";

/** Where an input of a region comes from or an output goes: the scratch zone, or entry `cell` of the binding table (entry 0 is the zone itself). */
export type Slot = { readonly kind: "scratch" } | { readonly kind: "cell"; readonly cell: number };

/** A scheduled program and the layout of its scratch memory, in bytes. */
export interface Schedule {
  readonly program: Program;
  /** Bytes of scratch memory. */
  readonly scratch: number;
  /** Offsets in the zone of the inputs and outputs that live there; -1 for the others. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

type HostRun = Extract<Lowering<unknown>, { kind: "host" }>["run"];

/** Bytes of a value that is stored row by row. */
const bytesOf = (type: Type): number => sizeOf(type.shape) * byteSize(type.dtype);

/**
 * Schedules a region for a target. `inputs` and `outputs` say where each of its inputs and outputs is stored; cells are numbered from 1. `watch` is called
 * with each kernel after each pass.
 */
export function schedule(
  region: Region,
  inputs: readonly Slot[],
  outputs: readonly Slot[],
  cells: number,
  target: Target = WASM,
  watch?: Watch<Kernel>,
): Schedule {
  return new Scheduler(cells, target, watch).run(region, inputs, outputs);
}

/** Drafts the steps of a region and of the regions inside, with locations instead of addresses. */
class Scheduler {
  readonly #kernels: Kernel[] = [];
  readonly #hosts: HostCall[] = [];
  readonly #kernelNumbers: Map<string, number> = new Map();
  readonly #blocks: Block[] = [];
  readonly #cells: number;
  /** The number of the step being drafted. Lifetimes of blocks are intervals of such numbers. */
  #time = 0;

  readonly #target: Target;
  readonly #watch: Watch<Kernel> | undefined;

  constructor(cells: number, target: Target, watch: Watch<Kernel> | undefined) {
    this.#target = target;
    this.#watch = watch;
    this.#cells = cells;
  }

  /** Schedules a whole program: drafts its steps, plans memory, and resolves the addresses. */
  run(region: Region, inputs: readonly Slot[], outputs: readonly Slot[]): Schedule {
    const places = new Map<Tensor, Location>();
    region.inputs.forEach((x, i) => {
      const slot = inputs[i]!;
      places.set(x, slot.kind === "cell" ? bound(slot.cell) : this.#newPlace(bytesOf(x)));
    });
    const targets = outputs.map((slot) => (slot.kind === "cell" ? bound(slot.cell) : undefined));
    this.#inputTarget = new Map(places);
    const { drafts, results } = this.#region(region, places, targets, 0);
    for (const place of results) this.#touch(place);
    const scratch = planMemory(this.#blocks);
    const at = (place: Location | undefined): number => (place?.block ? place.block.offset + place.offset : -1);
    return {
      program: { kernels: this.#kernels, hosts: this.#hosts, steps: drafts.map(address), bindings: this.#cells + 1 },
      scratch,
      inputs: region.inputs.map((x) => at(places.get(x))),
      outputs: results.map(at),
    };
  }

  /** Drafts the steps of a region whose inputs have locations. An output with a target is written there; others stay where they are computed. */
  #region(
    region: Region,
    places: Map<Tensor, Location>,
    targets: readonly (Location | undefined)[],
    depth: number,
  ): { drafts: Draft[]; results: Location[] } {
    const list = orderForSums(tapeOfRegion(region), region.outputs, this.#target);
    const fusion = fuse(list, region.inputs, region.outputs, this.#target);
    const placeOf = (x: Tensor): Location => {
      const buffer = fusion.bufferOf(x);
      const place = buffer && places.get(buffer);
      if (!place) throw new Error(`internal: ${x.source.op.name} has no place in memory`);
      return place;
    };
    const inputs = new Set(region.inputs);
    const inputsAt = this.#inputsAt(region);
    sendEarly(fusion);
    writeLast(fusion, overwrites(region, fusion, targets, inputsAt));
    const drafts: Draft[] = [];
    // An input that is also an output goes to its target first, if nothing reads that target: its own place may then be overwritten after its last reader.
    const occupied = new Set([...this.#inputTarget.values()].map(bufferAt));
    const passes = region.outputs.map((y, i) => {
      const [root, to] = [fusion.bufferOf(y), targets[i]];
      if (!to || !root || !inputs.has(root) || occupied.has(bufferAt(to))) return false;
      this.#copy(placeOf(y), to, bytesOf(y), drafts);
      return true;
    });
    const outputs = region.outputs.filter((_, i) => !passes[i]);
    const lastRead = readPositions(fusion, outputs);
    const direct = directTargets(region, targets, fusion, lastRead, inputsAt);
    const own = new Set<Tensor>();
    const progress = new Progress();
    fusion.items.forEach((item, position) => {
      this.#time++;
      if (item.kind === "control") drafts.push(...this.#control(item.instruction, places, placeOf, depth));
      else {
        const replaces = replacing(item, fusion, (x) => own.has(x) && lastRead.get(x) === position);
        drafts.push(this.#call(item, fusion, places, placeOf, (y) => direct.get(y) ?? places.get(replaces.get(y)!)));
        for (const y of item.stored) own.add(y);
      }
      for (const host of progress.after(item)) drafts.push({ kind: "host", host: this.#hosts.push(host) - 1, args: [] });
    });
    this.#time++;
    // Two phases, since one target may be the source of another: what a copy or a direct write would overwrite is saved first.
    const written = new Set(targets.flatMap((to) => (to ? [bufferAt(to)] : [])));
    const disturbed = (from: Location): boolean => written.has(bufferAt(from));
    const results = region.outputs.map((y, i) => {
      const place = placeOf(y);
      return targets[i] ?? (place.block && !disturbed(place) ? place : this.#save(place, bytesOf(y), drafts));
    });
    const staged = region.outputs.flatMap((y, i) => {
      const from = placeOf(y);
      const to = targets[i];
      if (!to || passes[i] || same(from, to)) return [];
      return [{ from: disturbed(from) ? this.#save(from, bytesOf(y), drafts) : from, to, bytes: bytesOf(y) }];
    });
    this.#time++;
    for (const { from, to, bytes } of staged) this.#copy(from, to, bytes, drafts);
    return { drafts, results };
  }

  #copy(from: Location, to: Location, bytes: number, drafts: Draft[]): void {
    this.#touch(from);
    this.#touch(to);
    if (bytes > 0) drafts.push({ kind: "copy", from, to, bytes });
  }

  /** A copy in scratch memory. */
  #save(from: Location, bytes: number, drafts: Draft[]): Location {
    const to = this.#newPlace(bytes);
    this.#copy(from, to, bytes, drafts);
    return to;
  }

  /** Returns the inputs of the region being drafted that are stored at a target. */
  #inputsAt(region: Region): (target: Location) => readonly Tensor[] {
    const found = new Map<Block | number, Tensor[]>();
    for (const x of region.inputs) {
      const place = this.#inputTarget.get(x);
      if (!place) continue;
      const others = found.get(bufferAt(place));
      if (others) others.push(x);
      else found.set(bufferAt(place), [x]);
    }
    return (target) => (found.get(bufferAt(target)) ?? []).filter((x) => same(this.#inputTarget.get(x)!, target));
  }

  /** Locations of the inputs of the region being drafted, to recognise targets that overwrite them. */
  #inputTarget: Map<Tensor, Location> = new Map();

  #call(
    item: Group | Rows,
    fusion: Fusion,
    places: Map<Tensor, Location>,
    placeOf: (x: Tensor) => Location,
    given: (y: Tensor) => Location | undefined,
  ): Draft {
    const { kernel, buffers } = buildKernel(item, fusion, this.#watch);
    const placeFor = (y: Tensor): Location => {
      const over = item.kind === "rows" ? item.inPlace.get(y) : undefined;
      const place =
        places.get(y) ??
        (over ? placeFor(over) : given(y)) ??
        this.#newPlace(storedSize(y.shape, fusion.lanesOf(y), this.#target) * byteSize(y.dtype));
      places.set(y, place);
      return place;
    };
    for (const y of item.stored) placeFor(y);
    const args = buffers.map((b) => placeOf(b.value));
    for (const place of args) this.#touch(place);
    return { kind: "call", kernel: this.#kernelNumber(kernel), args };
  }

  /** Equal kernels are compiled once. */
  #kernelNumber(kernel: Kernel): number {
    const key = hashKernel(kernel);
    let n = this.#kernelNumbers.get(key);
    if (n === undefined) {
      n = this.#kernels.push(kernel) - 1;
      this.#kernelNumbers.set(key, n);
    }
    return n;
  }

  /** Drafts the steps of an instruction that is not a kernel. */
  #control(instruction: Instruction, places: Map<Tensor, Location>, placeOf: (x: Tensor) => Location, depth: number): Draft[] {
    const { name } = instruction.op;
    if (name === "barrier") {
      for (const x of instruction.operands) this.#touch(placeOf(x));
      return [];
    }
    if (name === "scan") return this.#scan(instruction, places, placeOf, depth);
    if (name === "while") return this.#while(instruction, places, placeOf, depth);
    if (name === "cond") return this.#cond(instruction, places, placeOf, depth);
    const lower = instruction.op.lower;
    if (lower.kind === "host") return this.#host(instruction, lower.run, places, placeOf);
    throw new Error(`internal: no step for ${name}`);
  }

  /** Drafts the call of a host function. Its operands and results must be stored row by row. */
  #host(instruction: Instruction, run: HostRun, places: Map<Tensor, Location>, placeOf: (x: Tensor) => Location): Draft[] {
    const { operands, results, params } = instruction;
    for (const y of results) places.set(y, this.#newPlace(bytesOf(y)));
    const args = [...operands, ...results].map(placeOf);
    for (const place of args) this.#touch(place);
    const buffers = [...operands, ...results].map((v, i) => ({ dtype: v.dtype, length: sizeOf(v.shape), written: i >= operands.length }));
    const types = [...operands, ...results].map(({ shape, dtype }) => ({ shape, dtype }));
    const call: HostCall = {
      name: instruction.op.name,
      buffers,
      run(views) {
        const arrays = views.map((data, i) => ({ ...types[i]!, data }));
        run(arrays.slice(0, operands.length), arrays.slice(operands.length), params);
      },
    };
    return [{ kind: "host", host: this.#hosts.push(call) - 1, args }];
  }

  /** Carries are kept at the locations of the final results. The body reads them there, and an iteration ends by copying the new carries over them. */
  #scan(instruction: Instruction, places: Map<Tensor, Location>, placeOf: (x: Tensor) => Location, depth: number): Draft[] {
    const { consts, carry, length, reverse } = instruction.params as Scan;
    const body = instruction.regions[0]!;
    const began = this.#time;
    const drafts: Draft[] = [];
    const operands = instruction.operands.map(placeOf);
    const results = instruction.results.map((y) => this.#newPlace(bytesOf(y)));
    instruction.results.forEach((y, i) => {
      places.set(y, results[i]!);
    });
    for (let i = 0; i < carry; i++) {
      const bytes = bytesOf(instruction.results[i]!);
      this.#touch(operands[consts + i]!);
      if (bytes > 0) drafts.push({ kind: "copy", from: operands[consts + i]!, to: results[i]!, bytes });
    }
    const inner = new Map<Tensor, Location>();
    body.inputs.forEach((x, i) => {
      if (i < consts) inner.set(x, operands[i]!);
      else if (i < consts + carry) inner.set(x, results[i - consts]!);
      else inner.set(x, sliceOf(operands[i]!, bytesOf(x), depth));
    });
    const targets = body.outputs.map((y, i) => (i < carry ? results[i]! : sliceOf(results[i]!, bytesOf(y), depth)));
    const inside = this.#nested(body, inner, targets, depth + 1);
    this.#time++;
    // Everything that the loop reads lives until its end, and everything that it writes from its start: iterations repeat.
    for (const place of [...operands, ...results]) this.#touch(place, began);
    drafts.push({ kind: "loop", length, reverse, body: inside });
    return drafts;
  }

  /** As in a scan, the carry is kept at the locations of the results; test and body read it there. */
  #while(instruction: Instruction, places: Map<Tensor, Location>, placeOf: (x: Tensor) => Location, depth: number): Draft[] {
    const { consts } = instruction.params as While;
    const [test, body] = tuple(instruction.regions, 2);
    const began = this.#time;
    const operands = instruction.operands.map(placeOf);
    const results = instruction.results.map((y) => this.#newPlace(bytesOf(y)));
    const predicate = this.#newPlace(1);
    const drafts = results.flatMap((to, i): Draft[] => {
      places.set(instruction.results[i]!, to);
      const bytes = bytesOf(instruction.results[i]!);
      return bytes > 0 ? [{ kind: "copy", from: operands[consts + i]!, to, bytes }] : [];
    });
    const inside = (region: Region, targets: Location[]): Draft[] =>
      this.#nested(region, new Map(region.inputs.map((x, i) => [x, i < consts ? operands[i]! : results[i - consts]!])), targets, depth);
    const [tested, done] = [inside(test, [predicate]), inside(body, results)];
    this.#time++;
    for (const place of [...operands, ...results, predicate]) this.#touch(place, began);
    return [...drafts, { kind: "while", predicate, test: tested, body: done }];
  }

  /** Drafts a branch: both regions read the operands and write the results at the same locations. */
  #cond(instruction: Instruction, places: Map<Tensor, Location>, placeOf: (x: Tensor) => Location, depth: number): Draft[] {
    const began = this.#time;
    const predicate = placeOf(instruction.operands[0]!);
    const operands = instruction.operands.slice(1).map(placeOf);
    const results = instruction.results.map((y) => this.#newPlace(bytesOf(y)));
    instruction.results.forEach((y, i) => {
      places.set(y, results[i]!);
    });
    const branches = instruction.regions.map((region) =>
      this.#nested(region, new Map(region.inputs.map((x, i) => [x, operands[i]!])), results, depth),
    );
    for (const place of [predicate, ...operands, ...results]) this.#touch(place, began);
    return [{ kind: "branch", predicate, then: branches[0]!, otherwise: branches[1]! }];
  }

  #nested(region: Region, places: Map<Tensor, Location>, targets: readonly Location[], depth: number): Draft[] {
    const outer = this.#inputTarget;
    this.#inputTarget = new Map(places);
    const { drafts } = this.#region(region, places, targets, depth);
    this.#inputTarget = outer;
    return drafts;
  }

  #newPlace(bytes: number): Location {
    const block: Block = { bytes, start: this.#time, end: this.#time, offset: -1 };
    this.#blocks.push(block);
    return { block, binding: 0, offset: 0, strides: [] };
  }

  /** Extends the lifetime of a location to the current step, and back to `from`. */
  #touch(place: Location, from = this.#time): void {
    if (!place.block) return;
    place.block.start = Math.min(place.block.start, from);
    place.block.end = Math.max(place.block.end, this.#time);
  }
}

/** Maps the buffer of each output with a target to the inputs that are stored at that target now. */
function overwrites(
  region: Region,
  fusion: Fusion,
  targets: readonly (Location | undefined)[],
  inputsAt: (target: Location) => readonly Tensor[],
): Map<Tensor, readonly Tensor[]> {
  const found = new Map<Tensor, readonly Tensor[]>();
  region.outputs.forEach((y, i) => {
    const root = targets[i] && fusion.bufferOf(y);
    if (root) found.set(root, inputsAt(targets[i]!));
  });
  return found;
}

/**
 * Outputs that their kernel may write straight to their target, without a copy. If the target is also the location of an input (a cell that is read and
 * written), the old value must not be needed any more: all other readers run earlier, and the kernel itself reads it only at the element that it writes.
 */
function directTargets(
  region: Region,
  targets: readonly (Location | undefined)[],
  fusion: Fusion,
  lastRead: ReadonlyMap<Tensor, number>,
  inputsAt: (target: Location) => readonly Tensor[],
): Map<Tensor, Location> {
  const direct = new Map<Tensor, Location>();
  const inputs = new Set(region.inputs);
  const positions = positionsOf(fusion);
  region.outputs.forEach((y, i) => {
    const target = targets[i];
    const root = fusion.bufferOf(y);
    const position = root && positions.get(root);
    if (!target || position === undefined || inputs.has(root!) || direct.has(root!)) return;
    const item = fusion.items[position] as Group | Rows;
    // Partial sums may be kept in the buffer of the result, while the values after the sum still read the old contents.
    if (item.kind === "group" && item.reduction && item.roots[0] === root && item.roots.length > 1) return;
    const safe = inputsAt(target).every((x) => {
      const last = lastRead.get(x) ?? -1;
      return last < position || (last === position && fusion.mayOverwrite(item, root!, x));
    });
    if (safe) direct.set(root!, target);
  });
  return direct;
}

/** For each buffer, the position of the item that makes it. */
function positionsOf({ items }: Fusion): Map<Tensor, number> {
  const found = new Map<Tensor, number>();
  items.forEach((item, position) => {
    if (item.kind !== "control") for (const root of item.roots) if (!found.has(root)) found.set(root, position);
  });
  return found;
}

/** For each buffer, the position of the last item that reads it; outputs are read at the end. */
function readPositions(fusion: Fusion, outputs: readonly Tensor[]): Map<Tensor, number> {
  const found = new Map<Tensor, number>();
  fusion.items.forEach((item, position) => {
    for (const x of fusion.reads(item)) found.set(x, position);
  });
  for (const y of outputs) {
    const x = fusion.bufferOf(y);
    if (x) found.set(x, Number.POSITIVE_INFINITY);
  }
  return found;
}

/** For each value that a kernel stores: a buffer that nothing reads afterwards (`ends`) and that the kernel may overwrite, so that a sum needs one buffer. */
function replacing(item: Group | Rows, fusion: Fusion, ends: (x: Tensor) => boolean): Map<Tensor, Tensor> {
  const found = new Map<Tensor, Tensor>();
  const free = [...fusion.reads(item)].filter(ends);
  for (const y of item.stored) {
    if (free.length === 0) break;
    // Partial sums may be kept in the buffer of the result, while the values after the sum still read the old contents.
    if (item.kind === "rows" || (item.reduction && item.roots[0] === y)) continue;
    const at = free.findIndex((x) => sameStorage(x, y, fusion) && fusion.mayOverwrite(item, y, x));
    if (at >= 0) found.set(y, free.splice(at, 1)[0]!);
  }
  return found;
}

function sameStorage(x: Tensor, y: Tensor, { lanesOf }: Fusion): boolean {
  return x.dtype === y.dtype && lanesOf(x) === lanesOf(y) && sizeOf(x.shape) === sizeOf(y.shape);
}
