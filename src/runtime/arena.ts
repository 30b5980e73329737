/**
 * @file The arena: one WebAssembly memory for everything that programs touch. Cells are blocks; one more block is the scratch zone, in which
 * each program lays out its intermediates. The memory is shared where the host allows it, so that threads can join in.
 *
 * A WebAssembly memory ends at 4 GiB and never shrinks. When it is full, the zone is given back (between runs nothing in it counts), and then
 * the blocks of cells that were not used for the longest time are evicted to typed arrays, which the collector can see.
 */
import { type Dtype, type TypedArray, viewOf } from "../base/dtype.ts";
import { CONTROL } from "../codegen/wasm/threads.ts";
import { cheapestRoom, type Gap, Gaps } from "./gaps.ts";

const PAGE = 65536;
const MOST_PAGES = 65536; // 4 GiB, all that 32-bit addresses reach
const ALIGNMENT = 64;

/** A block whose elements can leave the arena. */
export interface Tenant extends Gap {
  /** The tick of the last run that used it; 0 if nothing of value lies in it. */
  readonly lastUse: number;
  /** Moves the elements out and releases the block. If it throws, nothing has changed. */
  evict(): void;
}

/** What the runtime asks before it takes memory, in the arena or for a typed array. Tests make it throw. */
export const faults: { beforeTaking: ((bytes: number) => void) | undefined } = { beforeTaking: undefined };

/** The arena has no room for a block. */
export class OutOfMemory extends RangeError {
  override readonly name: string = "RangeError";
}

const mib = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

/** Bytes that a block of `bytes` takes: whole cache lines, at least one. */
export function blockSize(bytes: number): number {
  return Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
}

export class Arena {
  readonly memory: WebAssembly.Memory;
  readonly shared: boolean;
  /** Bytes of all blocks in use. */
  used = 0;
  /** Bytes that the memory may grow to. Tests lower it. */
  most: number;
  /** Bytes of address space that the host gave. */
  readonly #reserved: number;
  // The first bytes are the threads' (and nothing lies at address 0, so that a wrong zero address hits nothing).
  readonly #gaps: Gaps = new Gaps([{ at: CONTROL.end, bytes: PAGE - CONTROL.end }]);
  readonly #blocks: Map<number, number> = new Map();
  readonly #tenants: Map<number, Tenant> = new Map();
  #admitted = 0;
  #now = 0;
  #zone = { at: 0, bytes: 0 };
  /** No block has reached beyond this address: there the memory is as it was given, zeros that take no physical page yet. */
  #reached = 0;

  constructor() {
    const { memory, shared, maximum } = openMemory();
    this.memory = memory;
    this.shared = shared;
    this.#reserved = this.most = maximum * PAGE;
  }

  /** Bytes that the memory has now. */
  get size(): number {
    return this.memory.buffer.byteLength;
  }

  /** Starts a run: blocks that are used at this tick stay where they are until the next. */
  tick(): number {
    return ++this.#now;
  }

  /** A block of at least `bytes`, aligned to a cache line. @throws {OutOfMemory} if there is no room, even with all idle blocks evicted. */
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
    if (dirty > 0) this.view("u8", at, dirty).fill(0);
    return at;
  }

  release(at: number): void {
    const bytes = this.#blocks.get(at);
    if (bytes === undefined) throw new Error("internal: a block is released that is not in use");
    this.#blocks.delete(at);
    this.used -= bytes;
    this.#gaps.give({ at, bytes });
  }

  /** Makes a block evictable; gives the tenant's number. */
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

  /** Evicts every block that can be, also those of the run in progress, and gives the zone back: what is allocated next lies without gaps. */
  evictAll(): void {
    this.#dropZone();
    for (const tenant of [...this.#tenants.values()]) tenant.evict();
  }

  /** The scratch zone, of at least `bytes`. What an earlier program left in it is lost. It stays until the next allocation. */
  scratch(bytes: number): number {
    if (bytes > this.#zone.bytes) {
      // Given back first: the new zone may take its place. If there is no room for the new one, there is none until the next run.
      this.#dropZone();
      this.#zone = { at: this.allocate(bytes), bytes };
    }
    return this.#zone.at;
  }

  /** A typed array over the memory. It must not be kept: growing an unshared memory detaches it. */
  view(dtype: Dtype, at: number, n: number): TypedArray {
    return viewOf(dtype, this.memory.buffer, at, n);
  }

  /** @throws {OutOfMemory} if a program's cells and scratch memory together exceed all that there can be. */
  checkCouldHold(cells: number, scratch: number): void {
    if (cells + scratch <= this.most - CONTROL.end) return;
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
    return this.most === MOST_PAGES * PAGE ? "32-bit WebAssembly ends at 4096 MiB" : this.#ceiling();
  }

  #ceiling(): string {
    const limit =
      this.most === this.#reserved && this.most < MOST_PAGES * PAGE
        ? ", since the host reserved no more address space (see ulimit -v)"
        : "";
    return `the memory ends at ${mib(this.most)}${limit}`;
  }

  #dropZone(): void {
    if (this.#zone.bytes > 0) this.release(this.#zone.at);
    this.#zone = { at: 0, bytes: 0 };
  }

  /** From memory that is grown behind the last block: by at least a quarter, so that many small cells do not grow it many times. */
  #takeGrown(size: number): number | undefined {
    const least = size - this.#gaps.endingAt(this.size);
    return this.#grow(Math.max(least, this.size / 4)) || this.#grow(least) ? this.#gaps.take(size) : undefined;
  }

  #grow(bytes: number): boolean {
    const before = this.size;
    const pages = Math.ceil(bytes / PAGE);
    if (pages <= 0 || before + pages * PAGE > this.most) return false;
    try {
      this.memory.grow(pages);
    } catch {
      return false;
    }
    this.#gaps.give({ at: before, bytes: pages * PAGE });
    return true;
  }

  /** From what is idle: the zone, then blocks next to one another, those first that were not used for the longest time. */
  #takeVacated(size: number): number | undefined {
    this.#dropZone();
    const at = this.#gaps.take(size) ?? this.#takeGrown(size);
    if (at !== undefined) return at;
    this.#grow(this.most - this.size);
    const idle = [...this.#tenants.values()].filter(({ lastUse }) => lastUse < this.#now);
    for (const tenant of cheapestRoom(size, idle, this.#gaps.all) ?? []) tenant.evict();
    return this.#gaps.take(size);
  }
}

/** Pages that a memory may grow to, from most to least: hosts reserve address space for them, and may refuse. */
const MAXIMA = [MOST_PAGES, MOST_PAGES / 4, MOST_PAGES / 16, MOST_PAGES / 64];

/** A shared memory if there can be one: always in Node, in a page only with cross-origin isolation. @throws {Error} if the host gives none. */
function openMemory(): { memory: WebAssembly.Memory; shared: boolean; maximum: number } {
  if (typeof WebAssembly === "undefined") throw new Error("this host has no WebAssembly (Node without --jitless, and browsers, have it)");
  const isolated =
    typeof SharedArrayBuffer !== "undefined" && (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated !== false;
  const kinds = isolated ? [true, false] : [false];
  // Room counts for more than threads where there is little of it.
  const attempts = [MAXIMA.slice(0, 2), MAXIMA.slice(2)].flatMap((maxima) =>
    kinds.flatMap((shared) => maxima.map((maximum) => ({ shared, maximum }))),
  );
  for (const { shared, maximum } of attempts) {
    try {
      return { memory: new WebAssembly.Memory({ initial: 1, maximum, shared }), shared, maximum };
    } catch {
      // The next one asks for less.
    }
  }
  throw new Error(
    `the host refused to reserve address space for a WebAssembly memory: ${MAXIMA.map((pages) => mib(pages * PAGE)).join(", ")} were tried, and with each come about 8 GiB that guard it. The cause is most often a limit on address space: see ulimit -v, and raise it to 16 GiB (ulimit -v 16777216) or lift it (ulimit -v unlimited); or start Node as node --disable-wasm-trap-handler, which needs no guards`,
  );
}

let arena: Arena | undefined;

/** The one arena. */
export function theArena(): Arena {
  arena ??= new Arena();
  return arena;
}
