/**
 * @file Ranks as threads of one process (workers of a page, or of Node), which exchange messages through shared memory.
 *
 *     const memory = threadsMemory(4);                       the main thread makes it and hands it to four workers
 *     const communicator = threads(memory, rank);            in each of them
 */
import { check, positiveInteger } from "../base/check.ts";
import { Communicator, type Elements, otherMessage, type Transport } from "./communicator.ts";
import type { MessageRequest } from "./flights.ts";

/** Bytes of a message that lie in a mailbox at once. With 4 KB, 1 MB between two threads took 1.9 ms, with 64 KB 0.6 ms, with 1 MB 0.6 ms. */
const MAILBOX = 65536;

/** After so long without a word from the partner it counts as lost. */
const PATIENCE_MS = 60_000;

/** Bytes of a mailbox before those of the message: how many of it are in there, plus 1, and how long it is (modulo 2^32). */
const HEADER = 8;

const mailboxSize = HEADER + MAILBOX;

/** The memory that `size` threads share: two mailboxes for each ordered pair, for messages that are waited for and for those on the side. */
export function threadsMemory(size: number): SharedArrayBuffer {
  check("threadsMemory: size", size, positiveInteger);
  return new SharedArrayBuffer(2 * size * size * mailboxSize);
}

/** The communicator of thread `rank`, from 0. Every thread that shares the memory makes one. It blocks, so it is not for the main thread of a page. */
export function threads(memory: SharedArrayBuffer, rank: number): Communicator {
  if (!(memory instanceof SharedArrayBuffer))
    throw new TypeError("threads: want the SharedArrayBuffer that threadsMemory(size) gives, the same for all threads");
  const size = membersOf(memory);
  if (!(Number.isInteger(rank) && rank >= 0 && rank < size))
    throw new RangeError(`threads: rank must be an integer from 0 to ${size - 1}, got ${rank}`);
  const all = Array.from({ length: size }, (_, r) => r);
  return new Communicator(new Threads(memory, all, rank));
}

const membersOf = (memory: SharedArrayBuffer): number => Math.round(Math.sqrt(memory.byteLength / (2 * mailboxSize)));

class Threads implements Transport {
  readonly kind = "threads";
  readonly rank: number;
  readonly size: number;
  readonly #memory: SharedArrayBuffer;
  /** Threads of the group. */
  readonly #members: readonly number[];
  readonly #self: number;
  readonly #all: number;

  constructor(memory: SharedArrayBuffer, members: readonly number[], self: number) {
    this.#memory = memory;
    this.#members = members;
    this.#self = self;
    this.#all = membersOf(memory);
    this.rank = members.indexOf(self);
    this.size = members.length;
  }

  exchange(send: Elements | undefined, to: number, receive: Elements | undefined, from: number): void {
    this.#begin(0, send, to, receive, from).wait();
  }

  start(send: Elements | undefined, to: number, receive: Elements | undefined, from: number): MessageRequest {
    return this.#begin(1, send, to, receive, from);
  }

  #begin(side: 0 | 1, send: Elements | undefined, to: number, receive: Elements | undefined, from: number): Exchange {
    const box = (sender: number, receiver: number): number => (side * this.#all + sender) * this.#all + receiver;
    const out = send && new Flow(this.#memory, box(this.#self, this.#members[to]!), send);
    const into = receive && new Flow(this.#memory, box(this.#members[from]!, this.#self), receive, from);
    return new Exchange(out, into, to, from);
  }

  split(color: number, key: number): Transport {
    const own = new Communicator(this).allGather(Float64Array.of(color, key, this.#self), new Float64Array(3 * this.size));
    const rows = Array.from({ length: this.size }, (_, i) => [own[3 * i]!, own[3 * i + 1]!, own[3 * i + 2]!] as const);
    const members = rows.filter(([c]) => c === color).sort((a, b) => a[1] - b[1]);
    return new Threads(this.#memory, members.map(([, , member]) => member), this.#self); // biome-ignore format: one thought
  }
}

/** A message to one thread and one from another, on their way. */
class Exchange implements MessageRequest {
  readonly #out: Flow | undefined;
  readonly #into: Flow | undefined;
  readonly #to: number;
  readonly #from: number;

  constructor(out: Flow | undefined, into: Flow | undefined, to: number, from: number) {
    this.#out = out;
    this.#into = into;
    this.#to = to;
    this.#from = from;
  }

  done(): boolean {
    let moves = true;
    while (moves) moves = [this.#out?.give(), this.#into?.take()].includes(true);
    return (this.#out?.done ?? true) && (this.#into?.done ?? true);
  }

  wait(): void {
    let last = performance.now();
    for (let before = this.#moved; !this.done(); before = this.#moved) {
      if (this.#moved !== before) last = performance.now();
      const missing = this.#into?.done === false;
      if (performance.now() - last > PATIENCE_MS)
        throw new Error(
          `rank ${missing ? this.#from : this.#to} has not answered for ${PATIENCE_MS / 1000} s: its thread has ended or stands still`,
        );
      if (missing) this.#into!.wait("full");
      else this.#out!.wait("empty");
    }
  }

  /** Bytes that have moved. */
  get #moved(): number {
    return (this.#out?.moved ?? 0) + (this.#into?.moved ?? 0);
  }
}

/** A message on its way through a mailbox, piece by piece. */
class Flow {
  readonly #count: Int32Array;
  readonly #room: Uint8Array;
  readonly #bytes: Uint8Array;
  #at = 0;
  readonly #from: number | undefined;
  /** A message of no bytes is still one. */
  #pieces = 0;

  /** @param from Which rank sends it, for messages to this one. */
  constructor(memory: SharedArrayBuffer, mailbox: number, elements: Elements, from?: number) {
    this.#from = from;
    this.#count = new Int32Array(memory, mailbox * mailboxSize, 2);
    this.#room = new Uint8Array(memory, mailbox * mailboxSize + HEADER, MAILBOX);
    this.#bytes = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
  }

  /** Bytes that have gone through the mailbox. */
  get moved(): number {
    return this.#at;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length && this.#pieces > 0;
  }

  /** Puts the next piece into the mailbox, if that is empty. */
  give(): boolean {
    if (this.done || Atomics.load(this.#count, 0) !== 0) return false;
    const piece = this.#bytes.subarray(this.#at, this.#at + MAILBOX);
    this.#room.set(piece);
    this.#count[1] = this.#bytes.length;
    this.#move(piece.length, piece.length + 1);
    return true;
  }

  /** Takes a piece out of it. */
  take(): boolean {
    const n = Atomics.load(this.#count, 0) - 1;
    if (this.done || n < 0) return false;
    const sent = this.#count[1]! >>> 0;
    if (sent !== this.#bytes.length % 2 ** 32) throw otherMessage(this.#bytes.length, this.#from!, String(sent));
    this.#bytes.set(this.#room.subarray(0, n), this.#at);
    this.#move(n, 0);
    return true;
  }

  #move(bytes: number, count: number): void {
    this.#at += bytes;
    this.#pieces++;
    Atomics.store(this.#count, 0, count);
    Atomics.notify(this.#count, 0);
  }

  /** Waits a little for the partner to fill the mailbox, or to empty it. */
  wait(until: "full" | "empty"): void {
    const now = Atomics.load(this.#count, 0);
    if ((now === 0) === (until === "full")) Atomics.wait(this.#count, 0, now, 0.2);
  }
}
