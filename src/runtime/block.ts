/**
 * @file Blocks of the arena, and the elements stored in them.
 *
 * The arena references blocks and not cells. A block that no cell can reach is garbage, although the arena lists it; but within a synchronous loop neither
 * finalizers run nor weak references are cleared, so the arena cannot tell. Evicting the block moves its elements to an object that only the cell (and tensors
 * that read the block) can reach, so from then on the garbage collector can tell.
 */
import { allocate, byteSize, type Dtype, type TypedArray } from "../base/dtype.ts";
import { sizeOf, type Type } from "../base/shape.ts";
import { data } from "../ops/leaves.ts";
import { madeBy } from "../ops/made-by.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { Storage } from "../tape/node.ts";
import { type Arena, faults, type Tenant } from "./arena.ts";

/** The storage of a computed tensor; undefined for a pending one. */
export function storageOf(x: Tensor): Storage | undefined {
  return madeBy(x, data)?.params.storage;
}

/** The entry of a block in the arena. It references neither the `Block` nor the cell, so that it keeps neither alive. */
class Slot implements Tenant {
  at: number;
  lastUse = 0;
  isVacant = true;
  /** The elements after eviction. */
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

  /** The elements in a new array. */
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

// Releases blocks that nothing references any more. Finalizers never run within a synchronous loop.
const unreachable: FinalizationRegistry<{ readonly arena: Arena; readonly number: number }> = new FinalizationRegistry(
  ({ arena, number }) => {
    arena.dismiss(number);
  },
);

/** A cell's block in the arena. The cell references it, and so do the tensors whose elements are stored in it. */
export class Block {
  readonly arena: Arena;
  readonly #slot: Slot;
  /** The storage of the tensor whose elements are in the block; undefined while its contents do not matter. */
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

  /** True if the contents of the block do not matter. */
  get isVacant(): boolean {
    return this.#storage === undefined;
  }

  /** True if a tensor has read the elements: it holds a copy that is valid until the block is overwritten, or is waiting for one. */
  get isRead(): boolean {
    return this.#storage?.isRead === true;
  }

  /** True if the elements of `x` are stored in this block. */
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

  /** The elements, in an array that the caller must not write to, or, with `owned`, in a new array. */
  readSync(owned: boolean): TypedArray {
    return owned ? this.#slot.copy() : (this.#slot.elements ?? this.#slot.copy());
  }

  read(): Promise<TypedArray> {
    return this.#slot.read();
  }

  /** Overwrites the elements. */
  write(elements: TypedArray): void {
    this.arena.memory.write(this.at, elements);
  }

  /** Returns the storage of a new tensor whose elements are the current contents of the block. */
  occupy(): Storage {
    this.#slot.isVacant = false;
    this.#storage = this.arena.memory.readSync ? new ReadableStorage(this) : new BlockStorage(this);
    return this.#storage;
  }

  /**
   * Called when the cell no longer needs the elements. If their tensor is held elsewhere (`aliased`) or being read, it gets a copy and the result is true. If the
   * host cannot copy at once, the tensor keeps the block, the result is false, and the cell needs another block.
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

  /** Frees the block at once, unless a tensor still needs it. */
  release(aliased: boolean): void {
    if (!this.vacate(aliased)) return;
    this.#slot.release();
    unreachable.unregister(this);
  }
}

/** Elements in a block of a memory that the host cannot read synchronously. */
export class BlockStorage implements Storage {
  readonly backend: string;
  /** The block, as long as the elements are in it. */
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

  /** Makes the elements independent of the cell; returns false if they stay in the block. */
  detach(): boolean {
    return false;
  }
}

/** Elements in a block of a memory that can be read synchronously; valid until the block is overwritten. */
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
