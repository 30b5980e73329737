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
import { allocate, byteSize, type Dtype, type TypedArray } from "../base/dtype.ts";
import { sizeOf, type Type } from "../base/shape.ts";
import { full } from "../ops/indexing.ts";
import { data } from "../ops/leaves.ts";
import { madeBy } from "../ops/made-by.ts";
import { record, type Tensor } from "../ops/tensor.ts";
import { readNow, type Storage } from "../tape/node.ts";
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
  return madeBy(x, data)?.params.storage;
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
  readonly #dtype: Dtype;
  readonly #size: number;

  constructor(arena: Arena, { shape, dtype }: Type, zeros: boolean) {
    this.#arena = arena;
    this.#dtype = dtype;
    this.#size = sizeOf(shape);
    this.bytes = this.#size * byteSize(dtype);
    this.at = zeros ? arena.allocateZeros(this.bytes) : arena.allocate(this.bytes);
    this.number = arena.admit(this);
  }

  get canLeave(): boolean {
    return this.isVacant || this.#arena.memory.readSync !== undefined;
  }

  fill(value: number): void {
    this.#arena.memory.fill(this.#dtype, this.at, this.#size, value);
  }

  /** The elements in an array of the caller's own. */
  copy(): TypedArray {
    const own = this.#take();
    if (this.elements) own.set(this.elements);
    else this.#arena.memory.readSync!(this.at, own);
    return own;
  }

  async read(): Promise<TypedArray> {
    const own = this.#take();
    await this.#arena.memory.read(this.at, own);
    return own;
  }

  #take(): TypedArray {
    faults.beforeTaking?.(this.bytes);
    return allocate(this.#dtype, this.#size);
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
  readonly arena: Arena;
  readonly #slot: Slot;
  /** Reads the elements that lie here; undefined while none of value do. */
  #storage: BlockStorage | undefined;

  constructor(arena: Arena, type: Type, { zeros = false }: { readonly zeros?: boolean } = {}) {
    this.arena = arena;
    this.#slot = new Slot(arena, type, zeros);
    unreachable.register(this, { arena, number: this.#slot.number }, this);
  }

  /** The address; -1 after eviction. */
  get at(): number {
    return this.#slot.at;
  }

  get bytes(): number {
    return this.#slot.bytes;
  }

  /** True while the block is in the arena. */
  get isLive(): boolean {
    return this.#slot.at >= 0;
  }

  /** True if no elements of value lie here. */
  get isVacant(): boolean {
    return this.#storage === undefined;
  }

  /** True if a tensor has read the elements, in a copy that is right until the block is overwritten, or in one that is on its way. */
  get isRead(): boolean {
    return this.#storage?.isRead === true;
  }

  /** True if the elements of `x` are those that lie here. */
  holds(x: Tensor): boolean {
    return this.#storage !== undefined && storageOf(x) === this.#storage;
  }

  /** Keeps the block where it is until the arena's next tick. */
  pin(tick: number): void {
    this.#slot.lastUse = tick;
  }

  fill(value: number): void {
    this.#slot.fill(value);
  }

  /** The elements in an array that nobody writes to; in one of the caller's own if it is to be `owned`. */
  readSync(owned: boolean): TypedArray {
    return owned ? this.#slot.copy() : (this.#slot.elements ?? this.#slot.copy());
  }

  read(): Promise<TypedArray> {
    return this.#slot.read();
  }

  /** Overwrites the elements with others. */
  write(elements: TypedArray): void {
    this.arena.memory.write(this.at, elements);
  }

  /** The storage of a new tensor whose elements are those that lie here now. */
  occupy(): Storage {
    this.#slot.isVacant = false;
    this.#storage = this.arena.memory.readSync ? new ReadableStorage(this) : new BlockStorage(this);
    return this.#storage;
  }

  /**
   * The elements are no longer of value to the cell. If someone else holds their tensor (it is `aliased`, or being read), that gets a copy; or the
   * block itself, where the host cannot copy at once: then false, and the cell needs another block.
   */
  vacate(aliased: boolean): boolean {
    const storage = this.#storage;
    const leaves = (aliased || storage?.isRead === true) && storage?.detach() === false;
    this.#storage = undefined;
    if (leaves) return false;
    this.#slot.isVacant = true;
    this.#slot.lastUse = 0;
    return true;
  }

  /** Gives the block back at once, unless someone else needs it. */
  release(aliased: boolean): void {
    if (!this.vacate(aliased)) return;
    this.#slot.release();
    unreachable.unregister(this);
  }
}

/** Elements that lie in a block, which the host cannot read at once. */
class BlockStorage implements Storage {
  readonly backend: string;
  /** The block, until the elements are elsewhere. */
  block: Block | undefined;
  #reads = false;

  constructor(block: Block) {
    this.block = block;
    this.backend = block.arena.backend;
  }

  get isRead(): boolean {
    return this.#reads;
  }

  read(): Promise<TypedArray> {
    this.#reads = true;
    return this.block!.read();
  }

  /** Makes the elements independent of the cell; false if they stay in the block. */
  detach(): boolean {
    return false;
  }
}

/** Elements that lie in a block, until the block is overwritten. */
class ReadableStorage extends BlockStorage {
  #elements: TypedArray | undefined;

  override get isRead(): boolean {
    return this.#elements !== undefined;
  }

  override async read(): Promise<TypedArray> {
    return this.readSync(true);
  }

  readSync(owned = false): TypedArray {
    if (owned) return this.#elements?.slice() ?? this.block!.readSync(true);
    this.#elements ??= this.block!.readSync(false);
    return this.#elements;
  }

  override detach(): boolean {
    this.readSync();
    this.block = undefined;
    return true;
  }
}

/** Elements that are nowhere. */
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

/** Puts elements at an address of an arena. */
export function put(storage: Storage, arena: Arena, at: number, what: string): void {
  const block = storage instanceof BlockStorage ? storage.block : undefined;
  if (block?.isLive && block.arena === arena) arena.memory.copy(block.at, at, block.bytes);
  else arena.memory.write(at, readNow(storage, what));
}

/** True if the cell's block is in the arena, with the cell's value in it if it is to be `read`. */
export function isPlaced({ block, current }: Cell, read: boolean, arena: Arena): boolean {
  return block?.isLive === true && block.arena === arena && (!read || block.holds(current));
}

/** Gives the cell a block in the arena, with its value in it if it is to be `read`. If this throws, the cell has its value as before. */
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

/**
 * Prepares the cell's block for being overwritten: who outside holds the cell's tensor gets a copy of the elements, or keeps the block, and the
 * cell a copy.
 */
export function donate(cell: Cell, tick: number): void {
  const block = cell.block!;
  if (!(cell.exposed || block.isRead) || !block.holds(cell.current)) return;
  if (!block.arena.memory.readSync) {
    cell.block = new Block(block.arena, cell);
    cell.block.pin(tick);
    block.arena.memory.copy(block.at, cell.block.at, block.bytes);
  }
  block.vacate(true);
  settle(cell);
}

/** A step has failed while it wrote the cell's block: reading the cell is an error from now on, setting it is not. */
export function lose(cell: Cell): void {
  if (!cell.block?.holds(cell.current)) return;
  cell.block.release(false);
  hold(cell, new NoStorage(`${cell} lost its value when a step failed while it was writing it; set it, or load a saved state`));
}
