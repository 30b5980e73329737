/**
 * @file The arena: one WebAssembly memory for everything that programs touch. Cells and tables are allocated blocks; one block is the scratch
 * zone, in which each program lays out its intermediates. The memory is shared where the host allows it, so that threads can join in.
 */
import { type Dtype, type TypedArray, viewOf } from "../base/dtype.ts";
import { CONTROL } from "../codegen/wasm/threads.ts";

const PAGE = 65536;
const MOST_PAGES = 65536; // 4 GiB, all that 32-bit addresses reach
const ALIGNMENT = 64;

interface Gap {
  at: number;
  bytes: number;
}

export class Arena {
  readonly memory: WebAssembly.Memory;
  readonly shared: boolean;
  /** Bytes of all blocks in use. */
  used = 0;
  // The first bytes are the threads' (and nothing lies at address 0, so that a wrong zero address hits nothing).
  #gaps: Gap[] = [{ at: CONTROL.end, bytes: PAGE - CONTROL.end }];
  readonly #blocks: Map<number, number> = new Map();
  #scratch = { at: 0, bytes: 0 };
  /** No block has reached beyond this address: there the memory is as it was given, zeros that take no physical page yet. */
  #reached = 0;

  constructor() {
    const { memory, shared } = openMemory();
    this.memory = memory;
    this.shared = shared;
  }

  /** Bytes that the memory has now. */
  get size(): number {
    return this.memory.buffer.byteLength;
  }

  /** A block of at least `bytes`, aligned to a cache line. Throws with the size when 4 GiB do not suffice. */
  allocate(bytes: number): number {
    const size = Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
    let gap = this.#bestGap(size);
    if (!gap) {
      this.#grow(size);
      gap = this.#bestGap(size)!;
    }
    const at = gap.at;
    gap.at += size;
    gap.bytes -= size;
    if (gap.bytes === 0) this.#gaps.splice(this.#gaps.indexOf(gap), 1);
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
    this.#gaps.push({ at, bytes });
    this.#mergeGaps();
  }

  /** The scratch zone, of at least `bytes`. What an earlier program left in it is lost. */
  scratch(bytes: number): number {
    if (bytes > this.#scratch.bytes) {
      if (this.#scratch.bytes > 0) this.release(this.#scratch.at);
      this.#scratch = { at: this.allocate(bytes), bytes };
    }
    return this.#scratch.at;
  }

  /** A typed array over the memory. It must not be kept: growing an unshared memory detaches it. */
  view(dtype: Dtype, at: number, n: number): TypedArray {
    return viewOf(dtype, this.memory.buffer, at, n);
  }

  #bestGap(bytes: number): Gap | undefined {
    let best: Gap | undefined;
    for (const gap of this.#gaps) if (gap.bytes >= bytes && (!best || gap.bytes < best.bytes)) best = gap;
    return best;
  }

  #grow(bytes: number): void {
    const before = this.size;
    // By at least a quarter, so that many small cells do not grow it many times.
    const want = Math.ceil(Math.max(bytes, before / 4) / PAGE);
    const least = Math.ceil(bytes / PAGE);
    if (!this.#tryGrow(want) && !this.#tryGrow(least)) {
      const mib = (n: number): string => `${(n / 2 ** 20).toFixed(0)} MiB`;
      throw new RangeError(
        `out of memory: ${mib(bytes)} more are needed, ${mib(this.used)} are in use, and 32-bit WebAssembly ends at 4096 MiB; use a smaller batch or model`,
      );
    }
    this.#gaps.push({ at: before, bytes: this.size - before });
    this.#mergeGaps();
  }

  #tryGrow(pages: number): boolean {
    try {
      this.memory.grow(pages);
      return true;
    } catch {
      return false;
    }
  }

  #mergeGaps(): void {
    this.#gaps.sort((a, b) => a.at - b.at);
    const merged: Gap[] = [];
    for (const gap of this.#gaps) {
      const last = merged.at(-1);
      if (last && last.at + last.bytes === gap.at) last.bytes += gap.bytes;
      else merged.push(gap);
    }
    this.#gaps = merged;
  }
}

/** A shared memory if there can be one: always in Node, in a page only with cross-origin isolation. */
function openMemory(): { memory: WebAssembly.Memory; shared: boolean } {
  const isolated =
    typeof SharedArrayBuffer !== "undefined" && (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated !== false;
  const attempts: [shared: boolean, maximum: number][] = [
    ...(isolated
      ? ([
          [true, MOST_PAGES],
          [true, MOST_PAGES / 4],
        ] as [boolean, number][])
      : []),
    [false, MOST_PAGES],
    [false, MOST_PAGES / 4],
  ];
  for (const [shared, maximum] of attempts) {
    try {
      return { memory: new WebAssembly.Memory({ initial: 1, maximum, shared }), shared };
    } catch {
      // The host reserves address space for the maximum and may refuse; try with less.
    }
  }
  throw new Error("this host gives no WebAssembly memory");
}

let arena: Arena | undefined;

/** The one arena. */
export function theArena(): Arena {
  arena ??= new Arena();
  return arena;
}
