/**
 * @file The places where a cell's elements can be, and the moves between them.
 *
 *     pending ──► host ──► resident ⇄ evicted         disposed, lost: nowhere
 *                   ▲          │
 *                   └── set ───┘
 */
import type { TypedArray } from "../base/dtype.ts";
import { full } from "../ops/indexing.ts";
import { data } from "../ops/leaves.ts";
import { madeBy } from "../ops/made-by.ts";
import { record } from "../ops/tensor.ts";
import { readNow, type Storage } from "../tape/node.ts";
import type { Arena } from "./arena.ts";
import { Block, BlockStorage, storageOf } from "./block.ts";
import { type Cell, pendingCells } from "./cell.ts";

/**
 * - `pending`: the cell's tensor has not been computed yet. (A constant is computed where it is needed.)
 * - `host`: in a typed array.
 * - `resident`: in a block of the arena, where programs read and write them.
 * - `aliased`: in a block, and code outside may reference the tensor that reads the block; it gets a copy before the block is overwritten.
 * - `evicted`: in a typed array, because the arena was full; they return to a block when a program needs them.
 * - `lost`: a step failed while it wrote them. The cell can be set again.
 * - `disposed`: freed by the user.
 */
export type Residency = "pending" | "host" | "resident" | "aliased" | "evicted" | "lost" | "disposed";

/** Where a cell's elements are now. */
export function residencyOf(cell: Cell): Residency {
  if (cell.state === "disposed") return "disposed";
  if (!cell.current.isComputed) return "pending";
  const storage = storageOf(cell.current);
  if (storage instanceof NoStorage) return "lost";
  if (!(storage instanceof BlockStorage) || !cell.block?.holds(cell.current)) return "host";
  if (!cell.block.isLive) return "evicted";
  return cell.state === "aliased" ? "aliased" : "resident";
}

/** The storage of elements that were lost: reading it throws. */
class NoStorage implements Storage {
  readonly #message: string;

  constructor(message: string) {
    this.#message = message;
  }

  async read(): Promise<TypedArray> {
    return this.readSync();
  }

  readSync(): TypedArray {
    throw new Error(this.#message);
  }
}

/** Copies the elements of a storage to an address of an arena. */
export function put(storage: Storage, arena: Arena, at: number, what: string): void {
  const block = storage instanceof BlockStorage ? storage.block : undefined;
  if (block?.isLive && block.arena === arena) arena.memory.copy(block.at, at, block.bytes);
  else arena.memory.write(at, readNow(storage, what));
}

/** Returns true if the cell has a block in the arena, and, with `read`, if that holds the cell's value. */
export function isPlaced({ block, current }: Cell, read: boolean, arena: Arena): boolean {
  return block?.isLive === true && block.arena === arena && (!read || block.holds(current));
}

/** Gives the cell a block in the arena; with `read` the block gets the cell's value. If this throws, the cell keeps its value. */
export function place(cell: Cell, read: boolean, arena: Arena, tick: number): void {
  cell.checkNotDisposed();
  const constant = read ? madeBy(cell.current, full)?.params.value : undefined;
  if (read && constant === undefined && !cell.current.isComputed)
    throw new Error(`internal: a program reads ${cell}, which has not been computed`);
  const isThere = cell.block?.isLive && cell.block.arena === arena;
  const zeros = Object.is(constant, 0) && !isThere;
  const block = isThere ? cell.block! : new Block(arena, cell, { zeros });
  cell.block = block;
  block.pin(tick);
  if (!read) return;
  const storage = storageOf(cell.current);
  if (constant === undefined) put(storage!, arena, block.at, String(cell));
  else if (!zeros) block.fill(constant);
  settle(cell);
}

/** Makes the contents of the cell's block its value, after a program has written the block. */
export function settle(cell: Cell): void {
  hold(cell, cell.block!.occupy());
}

function hold(cell: Cell, storage: Storage): void {
  cell.current = record(data, [], { shape: cell.shape, dtype: cell.dtype, storage }, [])[0]!;
  cell.current.label = cell.label;
  cell.state = "owned";
  pendingCells.delete(cell);
}

/**
 * Prepares the cell's block for being overwritten. If code outside may hold the cell's tensor, the tensor gets a copy of the elements; where the host cannot copy
 * at once, the tensor keeps the block and the cell gets another one.
 */
export function donate(cell: Cell, tick: number): void {
  const block = cell.block!;
  if (!(cell.state === "aliased" || block.isRead) || !block.holds(cell.current)) return;
  if (!block.arena.memory.readSync) {
    cell.block = new Block(block.arena, cell);
    cell.block.pin(tick);
    block.arena.memory.copy(block.at, cell.block.at, block.bytes);
  }
  block.vacate(true);
  settle(cell);
}

/** Marks the elements as lost, after a step failed while it wrote the cell's block. Reading the cell then throws until it is set again. */
export function lose(cell: Cell): void {
  if (!cell.block?.holds(cell.current)) return;
  cell.block.release(false);
  hold(cell, new NoStorage(`${cell} lost its value when a step failed while it was writing it; set it, or load a saved state`));
}
