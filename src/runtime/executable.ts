/**
 * @file An executable: a loaded program with its cells, arguments and results. A run copies arguments into the scratch zone and results out of it. Cells stay in
 * their blocks: a cell that is read and written is updated in place.
 */
import { allocate, byteSize } from "../base/dtype.ts";
import { sizeOf, type Type } from "../base/shape.ts";
import { isHarmless } from "../kernel/interpret.ts";
import { HostStorage, type Storage } from "../tape/node.ts";
import { type Arena, blockSize, faults, OutOfMemory } from "./arena.ts";
import type { Runner } from "./backends.ts";
import { Block } from "./block.ts";
import type { Cell } from "./cell.ts";
import { donate, isPlaced, lose, place, put, settle } from "./residency.ts";

/** The layout of a program's data in the scratch zone. */
export interface Layout {
  /** Size of the zone in bytes. */
  readonly scratch: number;
  /** Byte offsets of inputs and outputs in the zone; -1 for cells. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Multiply-adds of its products in one run. */
  readonly work: number;
  /** Positions of cells that the program may have written when a host function fails. */
  readonly atRisk: readonly number[];
}

/** The roles of the inputs and outputs of a region. */
export interface Roles {
  /** For each input of the region: the cell that it reads, or "argument". */
  readonly inputs: readonly (Cell | "argument")[];
  /** For each output: the cell that it is written to, or "result". */
  readonly outputs: readonly (Cell | "result")[];
  /** Cells that hold constants of this program and are freed with it. */
  readonly constants?: readonly Cell[];
}

/** The cells of a program, in the order of the table of bindings. */
export function cellsOf({ inputs, outputs }: Roles): Cell[] {
  return [...new Set([...inputs, ...outputs].filter((role) => typeof role !== "string"))];
}

/** A loaded program with its cells. It may run any number of times. */
export class Executable {
  readonly layout: Layout;
  readonly #arena: Arena;
  readonly #main: Runner;
  /** For each cell, true if the program reads it. */
  readonly #reads: readonly boolean[];
  /** Positions of the written cells. */
  readonly #written: readonly number[];
  readonly #arguments: readonly ZoneEntry[];
  readonly #results: readonly ZoneEntry[];
  /** Offset of the table of base addresses in the zone, behind all other data. */
  readonly #table: number;
  readonly #bases: Uint32Array;
  readonly #zoneBytes: number;
  readonly #cellBytes: number;
  readonly #constants: readonly Cell[];

  constructor(
    layout: Layout,
    main: Runner,
    arena: Arena,
    cells: readonly Cell[],
    roles: Roles,
    types: { inputs: readonly Type[]; outputs: readonly Type[] },
  ) {
    this.layout = layout;
    this.#main = main;
    this.#arena = arena;
    this.#reads = cells.map((cell) => roles.inputs.includes(cell));
    this.#written = cells.flatMap((cell, i) => (roles.outputs.includes(cell) ? [i] : []));
    this.#arguments = types.inputs.flatMap((type, i) => (roles.inputs[i] === "argument" ? [placeOf(type, layout.inputs[i]!)] : []));
    this.#results = types.outputs.flatMap((type, i) => (roles.outputs[i] === "result" ? [placeOf(type, layout.outputs[i]!)] : []));
    this.#table = blockSize(layout.scratch);
    this.#bases = new Uint32Array(cells.length + 1);
    this.#zoneBytes = this.#table + 4 * (cells.length + 1);
    this.#cellBytes = cells.reduce((sum, { shape, dtype }) => sum + blockSize(sizeOf(shape) * byteSize(dtype)), 0);
    this.#constants = roles.constants ?? [];
  }

  /** The cells among `cells` that the program reads. They must be computed before it runs. */
  readOf(cells: readonly Cell[]): Cell[] {
    return cells.filter((_, i) => this.#reads[i]);
  }

  /**
   * Runs on the arguments and returns the results. `cells` are those of `cellsOf(roles)`, or others of the same types. If it throws, all cells keep their values;
   * only if a kernel itself fails, the cells that the program writes may have lost them.
   */
  run(args: readonly Storage[], cells: readonly Cell[] = []): Storage[] {
    // Allocated before the program runs: once it has written cells, nothing may fail any more.
    const results = this.#results.map((place) => resultOf(place, this.#arena));
    try {
      const zone = this.#place(cells);
      this.#bind(zone, args, cells);
      this.#perform(zone + this.#table, cells);
      for (const i of this.#written) if (!isPlaced(cells[i]!, true, this.#arena)) settle(cells[i]!);
      return results.map(({ take }, i) => take(zone + this.#results[i]!.offset));
    } catch (error) {
      for (const { drop } of results) drop();
      for (const { block } of cells) if (block?.isVacant) block.release(false);
      throw error;
    }
  }

  /** Gives every cell a block and the program a zone; returns the address of the zone. */
  #place(cells: readonly Cell[]): number {
    this.#arena.checkCouldHold(this.#cellBytes, this.#zoneBytes);
    try {
      return this.#tryToPlace(cells);
    } catch (error) {
      if (!(error instanceof OutOfMemory)) throw error;
      // There is room, but it is fragmented. Once everything is evicted, these cells and the zone are allocated contiguously.
      this.#arena.evictAll();
      return this.#tryToPlace(cells);
    }
  }

  /** Like `#place`; throws OutOfMemory if a block or the zone does not fit. */
  #tryToPlace(cells: readonly Cell[]): number {
    const arena = this.#arena;
    const tick = arena.tick();
    let away = false;
    // Cells that have a block are pinned before others get one, which may evict.
    for (let i = 0; i < cells.length; i++) {
      const cell = cells[i]!;
      if (isPlaced(cell, this.#reads[i]!, arena)) cell.block!.pin(tick);
      else away = true;
    }
    if (away) {
      cells.forEach((cell, i) => {
        if (!isPlaced(cell, this.#reads[i]!, arena)) place(cell, this.#reads[i]!, arena, tick);
      });
    }
    for (const i of this.#written) donate(cells[i]!, tick);
    return arena.scratch(this.#zoneBytes);
  }

  /** Writes the table of base addresses and the arguments. */
  #bind(zone: number, args: readonly Storage[], cells: readonly Cell[]): void {
    const bases = this.#bases;
    bases[0] = zone;
    for (let i = 0; i < cells.length; i++) bases[i + 1] = cells[i]!.block!.at;
    this.#arena.memory.write(zone + this.#table, bases);
    this.#arguments.forEach(({ offset }, i) => {
      put(args[i]!, this.#arena, zone + offset, "an argument");
    });
  }

  /** Calls the program. If a host function fails, cells that were written by then are restored; after any other failure they count as lost. */
  #perform(table: number, cells: readonly Cell[]): void {
    const saved = this.layout.atRisk.map((i) => ({ block: cells[i]!.block!, elements: cells[i]!.block!.readSync(true) }));
    try {
      this.#main(table, this.#bases);
    } catch (error) {
      for (const { block, elements } of saved) block.write(elements);
      const rest = isHarmless(error) ? [] : this.#written.filter((i) => !this.layout.atRisk.includes(i));
      for (const i of rest) lose(cells[i]!);
      throw error;
    }
  }

  /** Frees what only this program references. It is never required; the program must not run afterwards. */
  dispose(): void {
    for (const cell of this.#constants) cell.dispose();
    this.#main.forget?.();
  }

  /** Bytes of the program's code. */
  get codeBytes(): number {
    return this.#main.codeBytes ?? 0;
  }

  /** Bytes that a run copies into and out of the arena. */
  get traffic(): { in: number; out: number } {
    const bytes = (list: readonly ZoneEntry[]): number => list.reduce((n, { type, size }) => n + size * byteSize(type.dtype), 0);
    return { in: bytes(this.#arguments), out: bytes(this.#results) };
  }
}

/** The location of an argument or a result in the zone. */
interface ZoneEntry {
  readonly type: Type;
  readonly size: number;
  readonly offset: number;
}

function placeOf(type: Type, offset: number): ZoneEntry {
  return { type, size: sizeOf(type.shape), offset };
}

/** The destination of a result: `take` gets it from an address after the run; `drop` frees its memory if the run failed. */
interface Result {
  take(from: number): Storage;
  drop(): void;
}

/** Makes the destination of a result: a typed array, or a block if the host cannot read the memory synchronously. */
function resultOf({ type, size }: ZoneEntry, arena: Arena): Result {
  const { memory } = arena;
  const bytes = size * byteSize(type.dtype);
  if (memory.readSync) {
    faults.beforeTaking?.(bytes);
    const elements = allocate(type.dtype, size);
    const take = (from: number): Storage => {
      memory.readSync!(from, elements);
      return new HostStorage(elements);
    };
    return { take, drop: () => {} };
  }
  const block = new Block(arena, type);
  const storage = block.occupy();
  const take = (from: number): Storage => {
    memory.copy(from, block.at, bytes);
    return storage;
  };
  return { take, drop: () => block.release(false) };
}
