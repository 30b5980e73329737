/**
 * @file The arena: allocation in a backend's memory. Each cell has a block; one more block is the scratch zone, in which each program lays out its
 * intermediate values.
 *
 * A memory never shrinks. When it is full, the zone is freed first (between runs its contents do not matter). Then the blocks of the least recently used cells
 * are evicted to typed arrays, which the garbage collector can free.
 */
import type { Memory } from "./backend.ts";
import { cheapestRoom, type Gap, Gaps } from "./gaps.ts";

/** Memories grow by whole pages. */
const PAGE = 65536;
/** The number of bytes that 32-bit addresses reach. */
const ADDRESSES = 2 ** 32;
const ALIGNMENT = 64;

/** A block whose elements can leave the arena. */
export interface Tenant extends Gap {
  /** The tick of the last run that used it; 0 if its contents do not matter. */
  readonly lastUse: number;
  /** False if its elements cannot be moved out at once. */
  readonly canLeave: boolean;
  /** Moves the elements out and releases the block. If it throws, nothing has changed. */
  evict(): void;
}

/** Called before the runtime allocates memory, in the arena or as a typed array. Tests make it throw. */
export const faults: { beforeTaking: ((bytes: number) => void) | undefined } = { beforeTaking: undefined };

/** Thrown if the arena has no room for a block. */
export class OutOfMemory extends RangeError {
  override readonly name: string = "RangeError";
}

const mib = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

/** The size of a block for `bytes`: whole cache lines, at least one. */
export function blockSize(bytes: number): number {
  return Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
}

/** Allocates blocks in one memory. Addresses and sizes are in bytes. */
export class Arena<M extends Memory = Memory> {
  readonly memory: M;
  /** The name of the backend, for messages. */
  readonly backend: string;
  /** Bytes of all blocks in use. */
  used = 0;
  /** The most bytes that the memory may grow to. Tests lower it. */
  most: number;
  readonly #gaps: Gaps;
  readonly #blocks: Map<number, number> = new Map();
  readonly #tenants: Map<number, Tenant> = new Map();
  #admitted = 0;
  #now = 0;
  #zone = { at: 0, bytes: 0 };
  /** No block has ever reached beyond this address. There the memory still holds its initial zeros, which take no physical page. */
  #reached = 0;

  constructor(memory: M, backend = "wasm") {
    this.memory = memory;
    this.backend = backend;
    this.most = memory.most;
    this.#gaps = new Gaps([{ at: memory.reserved, bytes: memory.size - memory.reserved }]);
  }

  /** Bytes that the memory has now. */
  get size(): number {
    return this.memory.size;
  }

  /** Starts a run: blocks that are used at this tick stay where they are until the next. */
  tick(): number {
    return ++this.#now;
  }

  /** Allocates a block of at least `bytes`, aligned to a cache line, and returns its address. @throws {OutOfMemory} if there is no room even with all idle blocks evicted. */
  allocate(bytes: number): number {
    faults.beforeTaking?.(bytes);
    const size = blockSize(bytes);
    const at = this.#gaps.take(size) ?? this.#takeGrown(size) ?? this.#takeVacated(size);
    if (at === undefined) throw new OutOfMemory(this.#refusal(size));
    this.#blocks.set(at, size);
    this.used += size;
    this.#reached = Math.max(this.#reached, at + size);
    return at;
  }

  /** The same, filled with zeros. */
  allocateZeros(bytes: number): number {
    const before = this.#reached;
    const at = this.allocate(bytes);
    const dirty = Math.min(bytes, before - at);
    if (dirty > 0) this.memory.fill("u8", at, dirty, 0);
    return at;
  }

  release(at: number): void {
    const bytes = this.#blocks.get(at);
    if (bytes === undefined) throw new Error("internal: a block is released that is not in use");
    this.#blocks.delete(at);
    this.used -= bytes;
    this.#gaps.give({ at, bytes });
  }

  /** Makes a block evictable; returns the number of the tenant. */
  admit(tenant: Tenant): number {
    this.#tenants.set(++this.#admitted, tenant);
    return this.#admitted;
  }

  /** Releases the block of tenant number `n`, if it is still there. */
  dismiss(n: number): void {
    const tenant = this.#tenants.get(n);
    if (!tenant) return;
    this.#tenants.delete(n);
    this.release(tenant.at);
  }

  /** Evicts every block that can leave, also those of the run in progress, and frees the zone, so that later allocations are contiguous. */
  evictAll(): void {
    this.#dropZone();
    for (const tenant of [...this.#tenants.values()]) if (tenant.canLeave) tenant.evict();
  }

  /** Returns the address of the scratch zone, of at least `bytes`. Its contents are lost. It is valid until the next allocation. */
  scratch(bytes: number): number {
    if (bytes > this.#zone.bytes) {
      // The old zone is freed first, so that the new one may take its place. If that fails, there is no zone until the next run.
      this.#dropZone();
      this.#zone = { at: this.allocate(bytes), bytes };
    }
    return this.#zone.at;
  }

  /** @throws {OutOfMemory} if a program's cells and scratch memory together exceed what the memory can ever hold. */
  checkCouldHold(cells: number, scratch: number): void {
    if (cells + scratch <= this.most - this.memory.reserved) return;
    throw new OutOfMemory(
      `out of memory: the program needs ${mib(scratch)} of scratch memory and ${mib(cells)} for its cells, and ${this.#ceiling()}; use a smaller batch or model, or compile(fn, { memory })`,
    );
  }

  #refusal(size: number): string {
    const pinned = [...this.#tenants.values()].reduce((sum, { bytes, lastUse }) => sum + (lastUse === this.#now ? bytes : 0), 0);
    return `out of memory: ${mib(size)} more are needed, ${mib(this.used)} are in use, of which ${mib(pinned)} are cells of the program that runs, and ${this.#end()}; use a smaller batch or model`;
  }

  #end(): string {
    if (this.size < this.most) return `the host refuses to grow the memory beyond ${mib(this.size)}`;
    return this.most === ADDRESSES ? "32-bit addresses end at 4096 MiB" : this.#ceiling();
  }

  #ceiling(): string {
    const limit =
      this.most === this.memory.most && this.most < ADDRESSES ? ", since the host reserved no more address space (see ulimit -v)" : "";
    return `the memory ends at ${mib(this.most)}${limit}`;
  }

  #dropZone(): void {
    if (this.#zone.bytes > 0) this.release(this.#zone.at);
    this.#zone = { at: 0, bytes: 0 };
  }

  /** Allocates by growing the memory, by at least a quarter, so that many small cells do not grow it many times. Undefined if it cannot grow. */
  #takeGrown(size: number): number | undefined {
    const least = size - this.#gaps.endingAt(this.size);
    return this.#grow(Math.max(least, this.size / 4)) || this.#grow(least) ? this.#gaps.take(size) : undefined;
  }

  #grow(bytes: number): boolean {
    const before = this.size;
    const whole = Math.ceil(bytes / PAGE) * PAGE;
    if (whole <= 0 || before + whole > this.most || !this.memory.grow(whole)) return false;
    this.#gaps.give({ at: before, bytes: this.size - before });
    return true;
  }

  /** Allocates from idle memory: the zone, then adjacent blocks, the least recently used first. Undefined if that is not enough. */
  #takeVacated(size: number): number | undefined {
    this.#dropZone();
    const at = this.#gaps.take(size) ?? this.#takeGrown(size);
    if (at !== undefined) return at;
    this.#grow(this.most - this.size);
    const idle = [...this.#tenants.values()].filter(({ lastUse, canLeave }) => canLeave && lastUse < this.#now);
    for (const tenant of cheapestRoom(size, idle, this.#gaps.all) ?? []) tenant.evict();
    return this.#gaps.take(size);
  }
}
