/**
 * @file What machine code needs of the operating system, behind one small interface: memory that can be executed, calls of it, and addresses of buffers. Linux on x86-64, through
 * `koffi` (an optional package). Memory is written first and executed afterwards, never both at once.
 */
import { builtinModule } from "../../base/host.ts";
import { messageOf } from "../../base/message.ts";
import { type Functions, LIBRARY } from "../../codegen/x64/routines.ts";

/** A function of machine code on an offset in an arena. */
export type Entry = (offset: number) => void;

/** Machine code in memory. */
export interface Code {
  readonly address: bigint;
  /** The function that begins at an offset in the code. */
  entry(offset: number): Entry;
  /** The same of a function on an address. */
  entryOnAddress(offset: number): (address: bigint) => void;
  /** Gives the memory back: no function of it may be called again. */
  release(): void;
}

export interface System {
  /** The version of what makes the calls. */
  readonly version: string;
  /** The file of it, which other threads load too. */
  readonly file: string;
  /** The address of the first byte of a buffer that stays where it is. */
  addressOf(buffer: ArrayBufferLike): bigint;
  /**
   * Asks for large pages (2 MiB) wherever they fit in a range of addresses: of memory that is there already, and of what comes to lie there. A wish, which the system may not grant.
   */
  preferLargePages(address: bigint, bytes: number): void;
  /** Functions of C's library of mathematics; none if this system has another. */
  readonly functions: Functions;
  /** @throws {Error} if the system gives no memory that can be executed. */
  place(code: Uint8Array): Code;
}

type Native = (...args: unknown[]) => unknown;

/** What is used of koffi. */
interface Koffi {
  readonly version: string;
  load(name: string | null): { func(declaration: string): Native; symbol(name: string): unknown };
  proto(declaration: string): unknown;
  decode(address: bigint | number, type: unknown): Native;
  view(address: bigint | number, length: number): ArrayBuffer;
  address(of: unknown): bigint | number;
}

const READ_WRITE = 3;
const READ_EXECUTE = 5;
const PRIVATE_ANONYMOUS = 0x22;
const PAGE = 4096;
const LARGE_PAGES = 14; // MADV_HUGEPAGE

/** The system of this process, or why there is none. */
export function openSystem(): System | string {
  const strange = strangeHost();
  if (strange !== undefined) return strange;
  const loaded = loadKoffi();
  if (typeof loaded === "string") return loaded;
  try {
    return new Linux(loaded.koffi, loaded.file);
  } catch (error) {
    return `koffi found no mmap here (${messageOf(error)})`;
  }
}

type Require = ((id: string) => unknown) & { resolve(id: string): string };

function requireHere(): Require {
  const modules = builtinModule<{ createRequire(url: string): Require }>("node:module");
  if (!modules) throw new Error("this host has no modules of Node");
  return modules.createRequire(import.meta.url);
}

/** The file of koffi, for other threads and processes. @throws {Error} if it is not installed. */
export function koffiFile(): string {
  try {
    return requireHere().resolve("koffi");
  } catch {
    throw new Error("the optional package koffi is not installed: npm install koffi");
  }
}

function loadKoffi(): { readonly koffi: Koffi; readonly file: string } | string {
  try {
    const file = koffiFile();
    return { koffi: requireHere()(file) as Koffi, file };
  } catch (error) {
    const message = error instanceof Error ? error.message.split("\n")[0]! : String(error);
    return message.includes("koffi") ? message : `koffi does not load (${message})`;
  }
}

/** Why no machine code is made for this host, whatever its processor. */
export function strangeHost(): string | undefined {
  const { platform, arch } = (globalThis as { readonly process?: { readonly platform?: string; readonly arch?: string } }).process ?? {};
  if (platform === "linux" && arch === "x64") return undefined;
  return `machine code is made for Linux on x86-64, and this is ${platform ?? "a page"} on ${arch ?? "an unknown processor"}`;
}

/** The file of the library in glibc. */
const MATHEMATICS = "libm.so.6";

function mathematicsOf(koffi: Koffi): Functions {
  try {
    const library = koffi.load(MATHEMATICS);
    return new Map(Object.entries(LIBRARY).map(([op, name]) => [op, BigInt(koffi.address(library.symbol(name)))]));
  } catch {
    return new Map();
  }
}

let prototypes = 0;

class Linux implements System {
  readonly version: string;
  readonly file: string;
  readonly functions: Functions;
  readonly #koffi: Koffi;
  readonly #map: Native;
  readonly #protect: Native;
  readonly #unmap: Native;
  readonly #advise: Native;
  readonly #onOffset: unknown;
  readonly #onAddress: unknown;

  constructor(koffi: Koffi, file: string) {
    this.#koffi = koffi;
    this.file = file;
    this.version = koffi.version;
    this.functions = mathematicsOf(koffi);
    const system = koffi.load(null);
    this.#map = system.func("intptr_t mmap(intptr_t, size_t, int, int, int, intptr_t)");
    this.#protect = system.func("int mprotect(intptr_t, size_t, int)");
    this.#unmap = system.func("int munmap(intptr_t, size_t)");
    this.#advise = system.func("int madvise(intptr_t, size_t, int)");
    // A prototype has a name, which no other of the process may have.
    const n = prototypes++;
    this.#onOffset = koffi.proto(`void NablaEntry${n}(uint32_t)`);
    this.#onAddress = koffi.proto(`void NablaEntryOnAddress${n}(intptr_t)`);
  }

  addressOf(buffer: ArrayBufferLike): bigint {
    return BigInt(this.#koffi.address(new Uint8Array(buffer)));
  }

  preferLargePages(address: bigint, bytes: number): void {
    this.#advise(address, bytes, LARGE_PAGES);
  }

  place(bytes: Uint8Array): Code {
    const length = Math.max(PAGE, Math.ceil(bytes.length / PAGE) * PAGE);
    const address = BigInt(this.#map(0, length, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0) as number | bigint);
    if (address < 0n) throw new Error(`the system gives no memory for ${bytes.length} bytes of machine code`);
    new Uint8Array(this.#koffi.view(address, length)).set(bytes);
    if (this.#protect(address, length, READ_EXECUTE) !== 0) {
      this.#unmap(address, length);
      throw new Error("the system lets no memory of this process be executed that it has written itself");
    }
    return {
      address,
      entry: (offset) => this.#koffi.decode(address + BigInt(offset), this.#onOffset) as Entry,
      entryOnAddress: (offset) => this.#koffi.decode(address + BigInt(offset), this.#onAddress) as (address: bigint) => void,
      release: () => {
        this.#unmap(address, length);
      },
    };
  }
}
