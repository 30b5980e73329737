/**
 * @file The memory of the WebAssembly backend and of the interpreter: one WebAssembly memory, shared if the host allows it, so that threads can use it. It can
 * grow to 4 GiB and never shrinks.
 */
import { type Dtype, type TypedArray, viewOf } from "../../base/dtype.ts";
import { CONTROL } from "../../codegen/wasm/threads.ts";
import type { Memory } from "../backend.ts";

declare global {
  // Declarations for programs that are compiled without the DOM library; with it they add nothing.
  namespace WebAssembly {
    interface Memory {}
    interface Module {}
  }
}

const PAGE = 65536;
const MOST_PAGES = 65536; // 4 GiB, all that 32-bit addresses reach

/**
 * Up to so many elements are moved one by one: two views of memory take longer to make (0.3 µs) than so many elements to move. A step of the network of XOR with its loss took 2.1 µs with views
 * alone, of which they were half.
 */
const FEW = 32;

const mib = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

/** One WebAssembly memory. */
export class LinearMemory implements Memory {
  readonly raw: WebAssembly.Memory;
  readonly shared: boolean;
  readonly most: number;
  // The first bytes belong to the threads. Nothing is ever stored at address 0, so that a wrong address of 0 damages nothing.
  readonly reserved: number = CONTROL.end;
  /** The whole memory as an array of each type that was asked for. */
  readonly #whole: Map<unknown, TypedArray> = new Map();

  /** @throws {Error} if the host gives no memory. */
  constructor() {
    const { memory, shared, maximum } = openMemory();
    this.raw = memory;
    this.shared = shared;
    this.most = maximum * PAGE;
  }

  get buffer(): ArrayBufferLike {
    return this.raw.buffer;
  }

  get size(): number {
    return this.raw.buffer.byteLength;
  }

  /** A typed array over the memory. Do not keep it: growing an unshared memory detaches it. */
  view(dtype: Dtype, at: number, n: number): TypedArray {
    return viewOf(dtype, this.raw.buffer, at, n);
  }

  grow(bytes: number): boolean {
    try {
      this.raw.grow(Math.ceil(bytes / PAGE));
      return true;
    } catch {
      return false;
    }
  }

  write(at: number, elements: TypedArray): void {
    const n = elements.length;
    if (n > FEW) this.#bytes(at, elements.byteLength).set(bytesOf(elements));
    else move(elements, 0, this.#likewise(elements, at), at / elements.BYTES_PER_ELEMENT, n);
  }

  fill(dtype: Dtype, at: number, n: number, value: number): void {
    this.view(dtype, at, n).fill(value);
  }

  copy(from: number, to: number, bytes: number): void {
    this.#bytes(to, bytes).set(this.#bytes(from, bytes));
  }

  readSync(at: number, into: TypedArray): void {
    const n = into.length;
    if (n > FEW) bytesOf(into).set(this.#bytes(at, into.byteLength));
    else move(this.#likewise(into, at), at / into.BYTES_PER_ELEMENT, into, 0, n);
  }

  async read(at: number, into: TypedArray): Promise<void> {
    this.readSync(at, into);
  }

  #bytes(at: number, n: number): Uint8Array {
    return new Uint8Array(this.raw.buffer, at, n);
  }

  /** The memory as an array of the type of another, made anew once the memory has grown beyond the end of what is moved. @throws {RangeError} if it ends before. */
  #likewise(elements: TypedArray, at: number): TypedArray {
    const end = at + elements.byteLength;
    const Type = elements.constructor as new (buffer: ArrayBufferLike) => TypedArray;
    let all = this.#whole.get(Type);
    if (all === undefined || all.byteLength < end) {
      all = new Type(this.raw.buffer);
      if (all.byteLength < end) throw new RangeError(`internal: byte ${end} of a memory of ${all.byteLength}`);
      this.#whole.set(Type, all);
    }
    return all;
  }
}

function move(from: TypedArray, i: number, to: TypedArray, j: number, n: number): void {
  for (let k = 0; k < n; k++) to[j + k] = from[i + k]!;
}

function bytesOf({ buffer, byteOffset, byteLength }: TypedArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

const MOST_PLAIN_PAGES = MOST_PAGES / 4;

/** A memory for the interpreter on hosts without WebAssembly, with the interface that is used here. Growing copies it. */
class Pages {
  buffer: ArrayBuffer = new ArrayBuffer(PAGE);

  /** @throws {RangeError} for more pages than the maximum. */
  grow(pages: number): number {
    const before = this.buffer.byteLength / PAGE;
    if (before + pages > MOST_PLAIN_PAGES) throw new RangeError(`a memory of ${before + pages} pages`);
    const grown = new Uint8Array((before + pages) * PAGE);
    grown.set(new Uint8Array(this.buffer));
    this.buffer = grown.buffer;
    return before;
  }
}

/** The maxima to try, in pages, from most to least: hosts reserve address space for the maximum and may refuse. */
const MAXIMA = [MOST_PAGES, MOST_PAGES / 4, MOST_PAGES / 16, MOST_PAGES / 64];

/** A shared memory if there can be one: always in Node, in a page only with cross-origin isolation. @throws {Error} if the host gives none. */
function openMemory(): { memory: WebAssembly.Memory; shared: boolean; maximum: number } {
  if (typeof WebAssembly === "undefined")
    return { memory: new Pages() as unknown as WebAssembly.Memory, shared: false, maximum: MOST_PLAIN_PAGES };
  const isolated =
    typeof SharedArrayBuffer !== "undefined" && (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated !== false;
  const kinds = isolated ? [true, false] : [false];
  // A large unshared memory is preferred to a small shared one.
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

let memory: LinearMemory | undefined;

/** The one memory. */
export function linearMemory(): LinearMemory {
  memory ??= new LinearMemory();
  return memory;
}
