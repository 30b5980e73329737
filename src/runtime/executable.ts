/**
 * @file An executable: a loaded program with its cells, arguments and results. Running it copies arguments into the scratch zone, results out
 * of it, and leaves cells where they are: a cell that is read and written is updated in place.
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

/** Where a program's data lie in the scratch zone. */
export interface Layout {
  /** Bytes of the zone. */
  readonly scratch: number;
  /** Offsets of inputs and outputs; -1 for those that are cells. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Multiply-adds of its products in one run. */
  readonly work: number;
  /** Positions of the cells that may have been written when a host function fails. */
  readonly atRisk: readonly number[];
}

export interface Roles {
  /** For each input of the region: an argument, or a cell. */
  readonly inputs: readonly (Cell | "argument")[];
  /** For each output: a result, or a cell that takes it. */
  readonly outputs: readonly (Cell | "result")[];
  /** Cells that are inputs of this program alone, and go with it. */
  readonly constants?: readonly Cell[];
}

/** The cells of a program, in the order of the table of bindings. */
export function cellsOf({ inputs, outputs }: Roles): Cell[] {
  return [...new Set([...inputs, ...outputs].filter((role) => typeof role !== "string"))];
}

export class Executable {
  readonly layout: Layout;
  readonly #arena: Arena;
  readonly #main: Runner;
  /** For each cell, true if the program reads it. */
  readonly #reads: readonly boolean[];
  /** Positions among the cells. */
  readonly #written: readonly number[];
  readonly #arguments: readonly Place[];
  readonly #results: readonly Place[];
  /** Offset in the zone of the table of base addresses, behind all that the program lays out there. */
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

  /** Those of `cells` that the program reads: they must have been computed when it runs. */
  readOf(cells: readonly Cell[]): Cell[] {
    return cells.filter((_, i) => this.#reads[i]);
  }

  /**
   * Runs on the arguments; gives the results. `cells` are as in `cellsOf(roles)`, or others of their types. If it throws, all cells have their values
   * as before; but if a kernel itself fails, those that the program writes may have lost them.
   */
  run(args: readonly Storage[], cells: readonly Cell[] = []): Storage[] {
    // Made before the program runs: once it has written cells, nothing may fail any more.
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

  /** Gives every cell a block, and the program a zone; gives the zone's address. */
  #place(cells: readonly Cell[]): number {
    this.#arena.checkCouldHold(this.#cellBytes, this.#zoneBytes);
    try {
      return this.#tryToPlace(cells);
    } catch (error) {
      if (!(error instanceof OutOfMemory)) throw error;
      // There is room, but in pieces: once everything is out, these cells and the zone come to lie side by side.
      this.#arena.evictAll();
      return this.#tryToPlace(cells);
    }
  }

  #tryToPlace(cells: readonly Cell[]): number {
    const arena = this.#arena;
    const tick = arena.tick();
    let away = false;
    // All that are there are pinned before any is brought in, which may evict others.
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

  /** Calls the program. What it has written when a host function fails is written back; after any other failure nobody knows what it has written. */
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

  /** Frees what only this program holds. It is never required, and the program is not to run afterwards. */
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
    const bytes = (list: readonly Place[]): number => list.reduce((n, { type, size }) => n + size * byteSize(type.dtype), 0);
    return { in: bytes(this.#arguments), out: bytes(this.#results) };
  }
}

/** Where an argument or a result lies in the zone. */
interface Place {
  readonly type: Type;
  readonly size: number;
  readonly offset: number;
}

function placeOf(type: Type, offset: number): Place {
  return { type, size: sizeOf(type.shape), offset };
}

/** Where a result goes: `take` gets it from an address once the program has run; `drop` gives its memory back if it has not. */
interface Result {
  take(from: number): Storage;
  drop(): void;
}

/** A typed array; or a block, where the host cannot read at once. */
function resultOf({ type, size }: Place, arena: Arena): Result {
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
