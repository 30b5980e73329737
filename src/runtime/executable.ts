/**
 * @file An executable: a loaded program with its cells, arguments and results. Running it copies arguments into the scratch zone, results out
 * of it, and leaves cells where they are: a cell that is read and written is updated in place.
 */
import { byteSize, type TypedArray } from "../base/dtype.ts";
import { sizeOf, type Type } from "../base/shape.ts";
import { evaluate } from "../ops/evaluator.ts";
import { full } from "../ops/indexing.ts";
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
  if (isAtHome(cell)) return cell.block;
  const n = sizeOf(cell.shape);
  const { op, params } = cell.current.source;
  if (op === full) {
    const { value } = params as { value: number };
    if (cell.block < 0 && Object.is(value, 0)) house(cell, arena, arena.allocateZeros(n * byteSize(cell.dtype)));
    else arena.view(cell.dtype, blockOf(cell, arena), n).fill(value);
  } else {
    const elements = cell.current.dataSync();
    arena.view(cell.dtype, blockOf(cell, arena), n).set(elements);
  }
  settleIn(cell, arena);
  return cell.block;
}

/** Computes what cells wait for, all in one program. */
function realize(cells: readonly Cell[]): void {
  const waiting = cells.filter(({ current }) => !current.isComputed && current.source.op !== full);
  // Fresh ones are computed in place whenever anything is.
  if (waiting.length > 0) evaluate(waiting.flatMap(({ fresh, current }) => (fresh ? [] : [current])));
}

/** Whether the cell's current value is what lies in its block. */
function isAtHome(cell: Cell): boolean {
  const held = (cell.current.source.params as { storage?: Storage } | undefined)?.storage;
  return held !== undefined && held === settled.get(cell);
}

/** The address of a cell's block, whatever lies in it. */
function blockOf(cell: Cell, arena: Arena): number {
  if (cell.block < 0) house(cell, arena, arena.allocate(sizeOf(cell.shape) * byteSize(cell.dtype)));
  return cell.block;
}

function house(cell: Cell, arena: Arena, block: number): void {
  if (++allocations % SWEEP_EVERY === 0) sweep(arena);
  cell.block = block;
  residents.set(block, new WeakRef(cell));
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
  cell.fresh = false;
  pendingCells.delete(cell);
}

/** Someone outside holds this cell's tensor: give that tensor a copy before the block is overwritten. */
function retire(cell: Cell, arena: Arena): void {
  if (!cell.exposed || !isAtHome(cell)) return;
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

/** The cells of a program, in the order of the table of bindings. */
export function cellsOf({ inputs, outputs }: Roles): Cell[] {
  return [...new Set([...inputs, ...outputs].filter((role) => typeof role !== "string"))];
}

export class Executable {
  readonly layout: Layout;
  readonly #arena: Arena;
  readonly #main: Loaded;
  /** Positions among the cells. */
  readonly #read: ReadonlySet<number>;
  readonly #written: readonly number[];
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
    const positions = (list: readonly (Cell | "argument" | "result")[]): number[] =>
      list.flatMap((role) => (typeof role === "string" ? [] : [cells.indexOf(role)]));
    this.#read = new Set(positions(roles.inputs));
    this.#written = positions(roles.outputs);
    this.#arguments = types.inputs.flatMap((type, i) => (roles.inputs[i] === "argument" ? [{ type, offset: layout.inputs[i]! }] : []));
    this.#results = types.outputs.flatMap((type, i) => (roles.outputs[i] === "result" ? [{ type, offset: layout.outputs[i]! }] : []));
    this.#table = arena.allocate(4 * (cells.length + 1));
  }

  /** Runs on the elements of the arguments; gives the elements of the results. `cells` are as in `cellsOf(roles)`, or others of their types. */
  run(args: readonly TypedArray[], cells: readonly Cell[] = []): TypedArray[] {
    const arena = this.#arena;
    realize(cells.filter((_, i) => this.#read.has(i)));
    const bases = cells.map((cell, i) => (this.#read.has(i) ? residence(cell, arena) : blockOf(cell, arena)));
    for (const i of this.#written) retire(cells[i]!, arena);
    const zone = arena.scratch(this.layout.scratch);
    const table = arena.view("u32", this.#table, bases.length + 1);
    table[0] = zone;
    for (let i = 0; i < bases.length; i++) table[i + 1] = bases[i]!;
    this.#arguments.forEach(({ type, offset }, i) => {
      arena.view(type.dtype, zone + offset, sizeOf(type.shape)).set(args[i]!);
    });
    this.#main(this.#table);
    for (const i of this.#written) if (!isAtHome(cells[i]!)) settleIn(cells[i]!, arena);
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
