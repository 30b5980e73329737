/**
 * @file Where a cell's elements are, and how they move.
 *
 *     pending ──► host ──► resident ⇄ evicted         disposed, lost: nowhere
 *                   ▲          │
 *                   └── set ───┘
 *
 * The arena knows blocks and not cells: a block that nobody can reach any more is garbage although the arena lists it. Within a synchronous
 * loop neither finalizers run nor weak references are cleared, so nobody can tell. Evicting the block hands its elements to an object that only
 * the cell (and tensors that read the block) can reach, and from then on the collector can tell.
 */
import { byteSize, type TypedArray } from "../base/dtype.ts";
import { sizeOf, type Type } from "../base/shape.ts";
import { full } from "../ops/indexing.ts";
import { data } from "../ops/leaves.ts";
import { elementsOf, record, type Tensor } from "../ops/tensor.ts";
import type { Storage } from "../tape/node.ts";
import { type Arena, faults, type Tenant } from "./arena.ts";
import { type Cell, pendingCells } from "./cell.ts";

/**
 * - `pending`: the cell's tensor is a recipe, which has not been computed. (A constant is computed where it is needed.)
 * - `host`: in a typed array.
 * - `resident`: in a block of the arena, in which programs read and write them.
 * - `aliased`: the same, and someone outside may hold the tensor that reads the block; it gets a copy before the block is overwritten.
 * - `evicted`: in a typed array, since the arena was full; they come back when a program needs them.
 * - `lost`: a step failed while it wrote them. The cell can be set anew.
 * - `disposed`: given up for good.
 */
export type Residency = "pending" | "host" | "resident" | "aliased" | "evicted" | "lost" | "disposed";

/** Where a cell's elements are now. */
export function residencyOf(cell: Cell): Residency {
  if (cell.isDisposed) return "disposed";
  if (!cell.current.isComputed) return "pending";
  const storage = storageOf(cell.current);
  if (storage instanceof NoStorage) return "lost";
  if (!(storage instanceof BlockStorage) || !cell.block?.holds(cell.current)) return "host";
  if (!cell.block.isLive) return "evicted";
  return cell.exposed ? "aliased" : "resident";
}

function storageOf(x: Tensor): Storage | undefined {
  return (x.source.params as { storage?: Storage } | undefined)?.storage;
}

/** What the arena knows of a block. It leads to neither the block's object nor the cell. */
class Slot implements Tenant {
  at: number;
  lastUse = 0;
  isVacant = true;
  /** Where the elements are after eviction. */
  elements: TypedArray | undefined;
  readonly bytes: number;
  readonly number: number;
  readonly #arena: Arena;
  readonly #type: Type;

  constructor(arena: Arena, type: Type, zeros: boolean) {
    this.#arena = arena;
    this.#type = { shape: type.shape, dtype: type.dtype };
    this.bytes = sizeOf(type.shape) * byteSize(type.dtype);
    this.at = zeros ? arena.allocateZeros(this.bytes) : arena.allocate(this.bytes);
    this.number = arena.admit(this);
  }

  /** The elements in the arena. Not to be kept. */
  get view(): TypedArray {
    return this.#arena.view(this.#type.dtype, this.at, sizeOf(this.#type.shape));
  }

  /** The elements in an array of the caller's own. */
  copy(): TypedArray {
    faults.beforeTaking?.(this.bytes);
    return (this.elements ?? this.view).slice();
  }

  evict(): void {
    if (!this.isVacant) this.elements = this.copy();
    this.release();
  }

  release(): void {
    if (this.at < 0) return;
    this.#arena.dismiss(this.number);
    this.at = -1;
  }
}

// Blocks that nobody can reach any more; called when the collector has found out, never within a synchronous loop.
const unreachable: FinalizationRegistry<{ readonly arena: Arena; readonly number: number }> = new FinalizationRegistry(
  ({ arena, number }) => {
    arena.dismiss(number);
  },
);

/** A cell's block in the arena. The cell holds it, and so do the tensors whose elements lie in it. */
export class Block {
  readonly #slot: Slot;
  /** Reads the elements that lie here; undefined while none of value do. */
  #storage: BlockStorage | undefined;

  constructor(arena: Arena, type: Type, { zeros = false }: { readonly zeros?: boolean } = {}) {
    this.#slot = new Slot(arena, type, zeros);
    unreachable.register(this, { arena, number: this.#slot.number }, this);
  }

  /** The address; -1 after eviction. */
  get at(): number {
    return this.#slot.at;
  }

  /** True while the block is in the arena. */
  get isLive(): boolean {
    return this.#slot.at >= 0;
  }

  /** True if no elements of value lie here. */
  get isVacant(): boolean {
    return this.#storage === undefined;
  }

  /** True if the tensor that reads the block has an array of the elements, which is right until the block is overwritten. */
  get isCopied(): boolean {
    return this.#storage?.isCopied === true;
  }

  /** The elements in the arena. Not to be kept. */
  get view(): TypedArray {
    return this.#slot.view;
  }

  /** True if the elements of `x` are those that lie here. */
  holds(x: Tensor): boolean {
    return this.#storage !== undefined && storageOf(x) === this.#storage;
  }

  /** Keeps the block where it is until the arena's next tick. */
  pin(tick: number): void {
    this.#slot.lastUse = tick;
  }

  /** The elements in an array that nobody writes to. */
  read(): TypedArray {
    return this.#slot.elements ?? this.#slot.copy();
  }

  /** The elements in an array of the caller's own. */
  copy(): TypedArray {
    return this.#slot.copy();
  }

  /** The storage of a new tensor whose elements are those that lie here now. */
  occupy(): Storage {
    this.#slot.isVacant = false;
    this.#storage = new BlockStorage(this);
    return this.#storage;
  }

  /** The elements are no longer of value here; who holds their tensor gets a copy if `aliased`. */
  vacate(aliased: boolean): void {
    if (aliased) this.#storage?.detach();
    this.#storage = undefined;
    this.#slot.isVacant = true;
    this.#slot.lastUse = 0;
  }

  /** Gives the block back at once. */
  release(aliased: boolean): void {
    this.vacate(aliased);
    this.#slot.release();
    unreachable.unregister(this);
  }
}

/** Elements that lie in a cell's block, until the block is overwritten. */
class BlockStorage implements Storage {
  #block: Block | undefined;
  #elements: TypedArray | undefined;

  constructor(block: Block) {
    this.#block = block;
  }

  get isCopied(): boolean {
    return this.#elements !== undefined;
  }

  read(): TypedArray {
    this.#elements ??= this.#block!.read();
    return this.#elements;
  }

  copy(): TypedArray {
    return this.#elements?.slice() ?? this.#block!.copy();
  }

  /** Makes the elements independent of the block. */
  detach(): void {
    this.read();
    this.#block = undefined;
  }
}

/** Elements that are nowhere. */
class NoStorage implements Storage {
  readonly #message: string;

  constructor(message: string) {
    this.#message = message;
  }

  read(): TypedArray {
    throw new Error(this.#message);
  }

  copy(): TypedArray {
    return this.read();
  }
}

/** True if the cell's block is in the arena, with the cell's value in it if it is to be `read`. */
export function isPlaced({ block, current }: Cell, read: boolean): boolean {
  return block?.isLive === true && (!read || block.holds(current));
}

/** Gives the cell a block in the arena, with its value in it if it is to be `read`. If this throws, the cell has its value as before. */
export function place(cell: Cell, read: boolean, arena: Arena, tick: number): void {
  cell.checkNotDisposed();
  const { op, params } = cell.current.source;
  const constant = read && op === full ? (params as { value: number }).value : undefined;
  if (read && constant === undefined && !cell.current.isComputed)
    throw new Error(`internal: a program reads ${cell}, which has not been computed`);
  const zeros = Object.is(constant, 0) && !cell.block?.isLive;
  if (!cell.block?.isLive) cell.block = new Block(arena, cell, { zeros });
  cell.block.pin(tick);
  if (!read) return;
  if (constant === undefined) cell.block.view.set(elementsOf(cell.current));
  else if (!zeros) cell.block.view.fill(constant);
  settle(cell);
}

/** Makes what lies in the cell's block the cell's value. */
export function settle(cell: Cell): void {
  hold(cell, cell.block!.occupy());
}

function hold(cell: Cell, storage: Storage): void {
  cell.current = record(data, [], { shape: cell.shape, dtype: cell.dtype, storage }, [])[0]!;
  cell.current.label = cell.label;
  cell.exposed = false;
  cell.fresh = false;
  pendingCells.delete(cell);
}

/** Prepares the cell's block for being overwritten: who outside holds the cell's tensor gets a copy of the elements. */
export function donate(cell: Cell): void {
  const block = cell.block!;
  if (!(cell.exposed || block.isCopied) || !block.holds(cell.current)) return;
  block.vacate(true);
  settle(cell);
}

/** A step has failed while it wrote the cell's block: reading the cell is an error from now on, setting it is not. */
export function lose(cell: Cell): void {
  if (!cell.block?.holds(cell.current)) return;
  cell.block.release(false);
  hold(cell, new NoStorage(`${cell} lost its value when a step failed while it was writing it; set it, or load a saved state`));
}
