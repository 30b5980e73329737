/**
 * @file An executable: a loaded program with its cells, arguments and results. Running it copies arguments into the scratch zone, results out
 * of it, and leaves cells where they are: a cell that is read and written is updated in place.
 */
import { byteSize, type TypedArray } from "../base/dtype.ts";
import { sizeOf, type Type } from "../base/shape.ts";
import { data } from "../ops/leaves.ts";
import { record } from "../ops/tensor.ts";
import type { Storage } from "../tape/node.ts";
import type { Arena } from "./arena.ts";
import type { Loaded } from "./backend.ts";
import { type Cell, pendingCells } from "./cell.ts";

/** A cell's block in the arena, as the storage of the tensor that the cell holds. */
class ArenaStorage implements Storage {
  readonly #at: number;
  readonly #arena: Arena;
  readonly #type: Type;
  #copy: TypedArray | undefined;

  constructor(arena: Arena, type: Type, at: number) {
    this.#arena = arena;
    this.#type = type;
    this.#at = at;
  }

  /** A copy, since the block will be overwritten. */
  read(): TypedArray {
    this.#copy ??= this.#arena.view(this.#type.dtype, this.#at, sizeOf(this.#type.shape)).slice();
    return this.#copy;
  }
}

// Blocks of cells; those of cells that are gone are freed when new ones are needed.
const residents: Map<number, WeakRef<Cell>> = new Map();
const SWEEP_EVERY = 64;
let allocations = 0;

/** The storage that each cell's block is. A tensor the cell held before has another one, with a copy, at the same address. */
const settled: WeakMap<Cell, ArenaStorage> = new WeakMap();

/** The address of a cell's block, with the cell's current value in it. */
function residence(cell: Cell, arena: Arena): number {
  const held = (cell.current.source.params as { storage?: Storage } | undefined)?.storage;
  if (held !== undefined && held === settled.get(cell)) return cell.block;
  const elements = cell.current.dataSync();
  if (cell.block < 0) {
    if (++allocations % SWEEP_EVERY === 0) sweep(arena);
    cell.block = arena.allocate(elements.byteLength);
    residents.set(cell.block, new WeakRef(cell));
  }
  // The cell was set from outside, and someone may still hold the tensor that it had: that one keeps its elements.
  if (cell.exposed) settled.get(cell)?.read();
  arena.view(cell.dtype, cell.block, elements.length).set(elements);
  settleIn(cell, arena);
  return cell.block;
}

/** Frees the blocks of cells that nobody holds any more. */
function sweep(arena: Arena): void {
  for (const [at, ref] of residents) {
    if (ref.deref()) continue;
    arena.release(at);
    residents.delete(at);
  }
}

/** Makes the cell hold its block. */
function settleIn(cell: Cell, arena: Arena): void {
  const storage = new ArenaStorage(arena, cell, cell.block);
  settled.set(cell, storage);
  cell.current = record(data, [], { shape: cell.shape, dtype: cell.dtype, storage }, [])[0]!;
  cell.current.label = cell.label;
  cell.exposed = false;
  pendingCells.delete(cell);
}

/** Someone outside holds this cell's tensor: give that tensor a copy before the block is overwritten. */
function retire(cell: Cell, arena: Arena): void {
  if (!cell.exposed) return;
  cell.current.dataSync();
  settleIn(cell, arena);
}

/** Where a program's data lie in the scratch zone. */
export interface Layout {
  /** Bytes of the zone. */
  readonly scratch: number;
  /** Offsets of inputs and outputs; -1 for those that are cells. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Multiply-adds of its products in one run. */
  readonly work: number;
}

export interface Roles {
  /** For each input of the region: an argument, or a cell. */
  readonly inputs: readonly (Cell | "argument")[];
  /** For each output: a result, or a cell that takes it. */
  readonly outputs: readonly (Cell | "result")[];
}

export class Executable {
  readonly layout: Layout;
  readonly #arena: Arena;
  readonly #main: Loaded;
  readonly #cells: readonly Cell[];
  readonly #written: readonly Cell[];
  readonly #arguments: readonly { readonly type: Type; readonly offset: number }[];
  readonly #results: readonly { readonly type: Type; readonly offset: number }[];
  #table: number;

  constructor(
    layout: Layout,
    main: Loaded,
    arena: Arena,
    cells: readonly Cell[],
    roles: Roles,
    types: { inputs: readonly Type[]; outputs: readonly Type[] },
  ) {
    this.layout = layout;
    this.#main = main;
    this.#arena = arena;
    this.#cells = cells;
    this.#written = roles.outputs.filter((role) => role !== "result");
    this.#arguments = types.inputs.flatMap((type, i) => (roles.inputs[i] === "argument" ? [{ type, offset: layout.inputs[i]! }] : []));
    this.#results = types.outputs.flatMap((type, i) => (roles.outputs[i] === "result" ? [{ type, offset: layout.outputs[i]! }] : []));
    this.#table = arena.allocate(4 * (cells.length + 1));
  }

  /** Runs on the elements of the arguments; gives the elements of the results. */
  run(args: readonly TypedArray[]): TypedArray[] {
    const arena = this.#arena;
    const bases = this.#cells.map((cell) => residence(cell, arena));
    for (const cell of this.#written) retire(cell, arena);
    const zone = arena.scratch(this.layout.scratch);
    const table = arena.view("u32", this.#table, bases.length + 1);
    table[0] = zone;
    for (let i = 0; i < bases.length; i++) table[i + 1] = bases[i]!;
    this.#arguments.forEach(({ type, offset }, i) => {
      arena.view(type.dtype, zone + offset, sizeOf(type.shape)).set(args[i]!);
    });
    this.#main(this.#table);
    return this.#results.map(({ type, offset }) => arena.view(type.dtype, zone + offset, sizeOf(type.shape)).slice());
  }

  /** Bytes that a run copies into and out of the arena. */
  get traffic(): { in: number; out: number } {
    const bytes = (list: readonly { readonly type: Type }[]): number =>
      list.reduce((n, { type }) => n + sizeOf(type.shape) * byteSize(type.dtype), 0);
    return { in: bytes(this.#arguments), out: bytes(this.#results) };
  }

  dispose(): void {
    if (this.#table >= 0) this.#arena.release(this.#table);
    this.#table = -1;
  }
}
