/**
 * @file Collective operations over ranks, built from one primitive, a message sent while another is received. Sums are added in one fixed binary tree over
 * the ranks, ((0 + 1) + (2 + 3)) + ..., so that their bits depend on nothing else; recursive halving is that tree (Thakur, Rabenseifner & Gropp 2005, §4.2).
 */
import { check, having } from "../base/check.ts";
import { allocate, type TypedArray } from "../base/dtype.ts";
import type { Collective, Flight } from "../ops/collective.ts";
import { addTo } from "../ops/shard-sums.ts";
import { Flights, type MessageRequest, type Steps } from "./flights.ts";

/** Elements that travel. */
export type Elements = TypedArray;

/** How ranks reach each other. */
export interface Transport {
  readonly kind: "single" | "threads" | "mpi";
  readonly rank: number;
  readonly size: number;
  /** Sends to one rank while it receives from another, or does one of the two; returns when both are done. */
  exchange(send: Elements | undefined, to: number, receive: Elements | undefined, from: number): void;
  /** Begins an exchange. Such messages are apart from those of `exchange`, and in an order of their own. Absent where nothing can be sent on the side. */
  start?(send: Elements | undefined, to: number, receive: Elements | undefined, from: number): MessageRequest;
  /** The ranks that give the same color, in the order of their keys. All ranks call it. */
  split(color: number, key: number): Transport;
  /** A sum over all ranks, in whatever order is quick. Absent where there is none. */
  allReduce?(x: Elements): void;
}

/** The error of a rank that gets another message than it expects: it must not take a part of it, or what was in its memory before, for a sum. */
export const otherMessage = (expected: number, from: number, sent: string): Error =>
  new Error(
    `expected ${expected} bytes from rank ${from}, which has sent ${sent}; all ranks must have the same model, and call the same functions in the same order`,
  );

/** Up to so many bytes a message is sent whole: two messages of half the size take longer. On one machine, Open MPI: 4 ranks, 64 KB halved 68 µs, whole 61 µs. */
const WHOLE = 65536;

/** Ranks that work together: collective operations that all of them call, in the same order. */
export class Communicator implements Collective {
  readonly #transport: Transport;
  readonly #fast: boolean;
  readonly #scratch = new Map<string, Elements>();
  readonly #flights: Flights | undefined;

  /** @param fast Let the transport add up in any order, if it can. */
  constructor(transport: Transport, fast = false) {
    check("Communicator: the transport", transport, having("a transport, such as those of mpi() and threads()", "exchange", "split"));
    this.#transport = transport;
    this.#fast = fast;
    this.#flights = transport.start && transport.size > 1 ? new Flights((...message) => transport.start!(...message)) : undefined;
  }

  get kind(): Transport["kind"] {
    return this.#transport.kind;
  }

  /** The number of this rank, from 0. */
  get rank(): number {
    return this.#transport.rank;
  }

  /** How many ranks there are. */
  get size(): number {
    return this.#transport.size;
  }

  /** Sums over all ranks, in place; the same bits on each. */
  allReduce<T extends Elements>(x: T): T {
    if (this.size === 1) return x;
    if (this.#fast && this.#transport.allReduce) this.#transport.allReduce(x);
    else this.#perform(this.#sum(x, "now"));
    return x;
  }

  /** Whether sums can be begun, and go on while this rank computes. */
  get overlaps(): boolean {
    return this.#flights !== undefined;
  }

  /** Begins what {@link allReduce} does. All ranks begin the same sums in the same order; `x` holds the sum once the flight has been waited for. */
  start(x: Elements): Flight {
    if (!this.#flights) throw new TypeError(`start: ranks of the kind ${this.kind} send nothing on the side; use allReduce`);
    return this.#flights.add(this.#sum(x, "on the side"));
  }

  /** Moves on the sums that were begun, without waiting. */
  progress(): void {
    this.#flights?.progress();
  }

  #perform(steps: Steps): void {
    for (const message of steps) this.#transport.exchange(...message);
  }

  /** The messages of a sum, `use` being what its scratch memory is for. */
  #sum(x: Elements, use: string): Steps {
    if (!isPowerOf2(this.size)) return this.#throughRoot(x, use);
    return x.byteLength <= WHOLE || x.length < this.size ? this.#doubling(x, use) : this.#halving(x, use);
  }

  /** Exchanges whole arrays with the partners at distances 1, 2, 4, ... */
  *#doubling(x: Elements, use: string): Steps {
    const other = this.#room(x, x.length, use);
    for (let d = 1; d < this.size; d *= 2) {
      yield [x, this.rank ^ d, other, this.rank ^ d];
      addTo(x, other);
    }
  }

  /** Sends the half that the partner keeps, adds up the other; in the end each rank has one part of the sum, and they are exchanged back. */
  *#halving(x: Elements, use: string): Steps {
    const other = this.#room(x, Math.ceil(x.length / 2), use);
    const kept: [number, number][] = [[0, x.length]];
    for (let d = 1; d < this.size; d *= 2) {
      const [low, high] = kept.at(-1)!;
      const middle = (low + high) >> 1;
      const [keep, give]: [number, number][] = this.rank & d ? [[middle, high], [low, middle]] : [[low, middle], [middle, high]]; // biome-ignore format: one thought
      const mine = x.subarray(...keep!);
      const theirs = other.subarray(0, mine.length);
      yield [x.subarray(...give!), this.rank ^ d, theirs, this.rank ^ d];
      addTo(mine, theirs);
      kept.push(keep!);
    }
    for (let d = this.size / 2; d >= 1; d /= 2) {
      const [low, high] = kept.pop()!;
      const [first, last] = kept.at(-1)!;
      const rest = x.subarray(...(low === first ? [high, last] : [first, low]));
      yield [x.subarray(low, high), this.rank ^ d, rest, this.rank ^ d];
    }
  }

  /** For numbers of ranks that are no power of two: a tree to rank 0, and back. */
  *#throughRoot(x: Elements, use: string): Steps {
    const other = this.#room(x, x.length, use);
    const { rank, size } = this;
    for (let d = 1; d < size; d *= 2) {
      if (rank % (2 * d) === d) {
        yield [x, rank - d, undefined, rank - d];
        break;
      }
      if (rank + d >= size) continue;
      yield [undefined, rank + d, other, rank + d];
      addTo(x, other);
    }
    yield* this.#fromRoot(x, 0);
  }

  /** Gives all ranks the elements of one, along a binomial tree. */
  broadcast<T extends Elements>(x: T, root = 0): T {
    const { size } = this;
    if (!(Number.isInteger(root) && root >= 0 && root < size))
      throw new RangeError(`broadcast: root must be a rank, from 0 to ${size - 1}, got ${root}`);
    this.#perform(this.#fromRoot(x, root));
    return x;
  }

  *#fromRoot(x: Elements, root: number): Steps {
    const { size } = this;
    const me = (this.rank - root + size) % size;
    const real = (rank: number): number => (rank + root) % size;
    let d = 1;
    while (d < size && me % (2 * d) === 0) d *= 2;
    if (me !== 0) yield [undefined, real(me - d), x, real(me - d)];
    for (d /= 2; d >= 1; d /= 2) if (me + d < size) yield [x, real(me + d), undefined, real(me + d)];
  }

  /** The parts of all ranks, one after another: `all` has `size` times as many elements as `part`. */
  allGather<T extends Elements>(part: T, all: T): T {
    const { rank, size } = this;
    checkBlocks("allGather", part, all, size);
    const block = (r: number): Elements => all.subarray(((r + size) % size) * part.length, (((r + size) % size) + 1) * part.length);
    block(rank).set(part);
    // Around the ring, each passes on what it has received last.
    for (let s = 1; s < size; s++)
      this.#transport.exchange(block(rank - s + 1), (rank + 1) % size, block(rank - s), (rank - 1 + size) % size);
    return all;
  }

  /** The parts of all ranks, one after another, on rank 0 alone: it gives `all`, the others nothing. */
  gather<T extends Elements>(part: T, all: T | undefined): void {
    const { rank, size } = this;
    if (rank > 0) {
      this.#transport.exchange(part, 0, undefined, 0);
      return;
    }
    if (!all) throw new TypeError("gather: want an array for the parts of all ranks on rank 0, got nothing");
    checkBlocks("gather", part, all, size);
    all.set(part);
    for (let r = 1; r < size; r++) this.#transport.exchange(undefined, r, all.subarray(r * part.length, (r + 1) * part.length), r);
  }

  /** Sums over all ranks, of which rank r keeps block r of `size` equal ones: the bits that `allReduce` has there. */
  reduceScatter<T extends Elements>(all: T, part: T): T {
    const { rank, size } = this;
    checkBlocks("reduceScatter", part, all, size);
    const n = part.length;
    const sums = all.slice() as T;
    if (!isPowerOf2(size)) {
      part.set(this.allReduce(sums).subarray(rank * n, (rank + 1) * n));
      return part;
    }
    const block = (from: Elements, b: number): Elements => from.subarray(b * n, (b + 1) * n);
    let mine = Array.from({ length: size }, (_, b) => b);
    for (let d = 1; d < size; d *= 2) {
      const give = mine.filter((b) => (b & d) !== (rank & d));
      mine = mine.filter((b) => (b & d) === (rank & d));
      const sent = allocate(dtypeOf(all), give.length * n);
      for (const [i, b] of give.entries()) block(sent, i).set(block(sums, b));
      const other = this.#room(all, sent.length, "now");
      this.#transport.exchange(sent, rank ^ d, other, rank ^ d);
      for (const [i, b] of mine.entries()) addTo(block(sums, b), block(other, i));
    }
    part.set(block(sums, rank));
    return part;
  }

  /** Returns when all ranks have called it. */
  barrier(): void {
    const { rank, size } = this;
    for (let d = 1; d < size; d *= 2)
      this.#transport.exchange(new Uint8Array(1), (rank + d) % size, new Uint8Array(1), (rank - d + size) % size);
  }

  /** Sub-groups: the ranks that give the same color, in the order of `key` (default: of their ranks). All ranks call it. */
  split(color: number, key: number = this.rank): Communicator {
    if (!(Number.isSafeInteger(color) && color >= 0)) throw new RangeError(`split: color must be an integer of at least 0, got ${color}`);
    return new Communicator(this.#transport.split(color, key), this.#fast);
  }

  /** The text of every rank. */
  texts(own: string): string[] {
    const bytes = new TextEncoder().encode(own);
    const lengths = this.allGather(Int32Array.of(bytes.length), new Int32Array(this.size));
    const most = Math.max(1, ...lengths);
    const padded = new Uint8Array(most);
    padded.set(bytes);
    const all = this.allGather(padded, new Uint8Array(most * this.size));
    return Array.from(lengths, (n, r) => new TextDecoder().decode(all.subarray(r * most, r * most + n)));
  }

  /** The bytes of rank 0, or nothing if it has none. */
  bytesOfFirst(own: Uint8Array | undefined): Uint8Array | undefined {
    const [length] = this.broadcast(Float64Array.of(own?.length ?? -1));
    if (length === -1) return undefined;
    return this.broadcast(this.rank === 0 ? own! : new Uint8Array(length!));
  }

  /** Room for `n` elements as those of `like`, used again for the same use. */
  #room(like: Elements, n: number, use: string): Elements {
    const dtype = dtypeOf(like);
    const key = `${dtype} ${use}`;
    let room = this.#scratch.get(key);
    if (!room || room.length < n) {
      room = allocate(dtype, n);
      this.#scratch.set(key, room);
    }
    return room.subarray(0, n);
  }
}

const isPowerOf2 = (n: number): boolean => (n & (n - 1)) === 0;

const NAMES = { Float32Array: "f32", Float64Array: "f64", Int32Array: "i32", Uint32Array: "u32", Uint8Array: "u8" } as const;

function dtypeOf(x: Elements): "f32" | "f64" | "i32" | "u32" | "u8" {
  return NAMES[Object.prototype.toString.call(x).slice(8, -1) as keyof typeof NAMES];
}

function checkBlocks(what: string, part: Elements, all: Elements, size: number): void {
  if (part.length * size !== all.length)
    throw new RangeError(`${what}: want ${size} blocks of ${part.length} elements, one for each rank, got ${all.length} elements`);
}

/** One process by itself. */
export function single(): Communicator {
  const transport: Transport = {
    kind: "single",
    rank: 0,
    size: 1,
    exchange() {
      throw new Error("internal: a single rank has nobody to talk to");
    },
    split: () => transport,
  };
  return new Communicator(transport);
}
