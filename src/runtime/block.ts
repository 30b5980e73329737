/**
 * @file Blocks of the arena, and the elements that lie in them.
 *
 * The arena knows blocks and not cells: a block that nobody can reach any more is garbage although the arena lists it. Within a synchronous
 * loop neither finalizers run nor weak references are cleared, so nobody can tell. Evicting the block hands its elements to an object that only
 * the cell (and tensors that read the block) can reach, and from then on the collector can tell.
 */
import { allocate, byteSize, type Dtype, type TypedArray } from "../base/dtype.ts";
import { sizeOf, type Type } from "../base/shape.ts";
import { data } from "../ops/leaves.ts";
import { madeBy } from "../ops/made-by.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Storage } from "../tape/node.ts";
import { type Arena, faults, type Tenant } from "./arena.ts";

/** The elements of a computed tensor. */
export function storageOf(x: Tensor): Storage | undefined {
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
export class BlockStorage implements Storage {
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
