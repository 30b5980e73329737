/**
 * @file Messages that MPI has on their way, and how a rank waits for them: it gives its core to ranks that compute, and finds out when it waits in vain, since its partner is
 * gone, has ended its program, or sends something else than is expected.
 */
import { environment } from "../base/host.ts";
import { otherMessage } from "./communicator.ts";
import type { MessageRequest } from "./flights.ts";
import type { Mpi } from "./mpi-library.ts";
import type { Presence } from "./presence.ts";

/**
 * After so many seconds without a word a rank on another machine counts as lost. Ranks compile the same program at the same time, so they wait for each other for a few
 * seconds at most. Of a rank on the same machine we see whether it runs.
 */
const PATIENCE_S = 25;

/** A wait spins for so many polls of some 0.3 µs, then yields the core; after more it sleeps between polls. */
const SPIN = 300;
const YIELD = 20_000;
const SLEEP_US = 50;

/** A rank that waits asks so often, in milliseconds, what its partner is doing. */
const LOOK_MS = 500;

/** Messages that a rank sent before it ended arrive within so many milliseconds. */
const LATE_MS = 2000;

/** The tag of the last word of a rank whose program has ended. */
const FAREWELL = 2;

const patienceMs = (): number => 1000 * Number(environment("NABLA_MPI_PATIENCE") ?? PATIENCE_S);

/** @throws {Error} for a code that is no success. */
export function checked(library: Mpi, code: number, what: string): void {
  if (code !== 0) throw new Error(`mpi: ${what} failed: ${textOf(library, code)}`);
}

function textOf(library: Mpi, code: number): string {
  const bytes = new Uint8Array(1024);
  const length = new Int32Array(1);
  library.errorString(code, bytes, length);
  return new TextDecoder().decode(bytes.subarray(0, length[0]));
}

/** The error of a rank that waits in vain. */
export class LostRank extends Error {
  readonly rank: number;

  constructor(rank: number, what: string) {
    super(`rank ${rank} ${what}`);
    this.name = "LostRank";
    this.rank = rank;
  }
}

/** Room for requests: addresses in Open MPI, integers in MPICH. */
export const requestsFor = ({ handle }: Mpi, count: number): BigInt64Array | Int32Array =>
  handle === "int" ? new Int32Array(count) : new BigInt64Array(count);

/** Whom this rank may have to wait for, and what it knows of them. Numbers of ranks are those among all. */
export class Partners {
  readonly #library: Mpi;
  readonly #own: number;
  readonly #known = new Set<number>();
  /** When the last word of a rank was heard. */
  readonly #ended = new Map<number, number>();
  presence: Presence | undefined;

  constructor(library: Mpi, own: number) {
    this.#library = library;
    this.#own = own;
  }

  /** Messages are exchanged with these ranks. */
  add(ranks: readonly number[]): void {
    for (const rank of ranks) this.#known.add(rank);
  }

  /** What is wrong with one of these ranks, for which this one has waited so long. */
  trouble(ranks: readonly number[], waitedMs: number): LostRank | undefined {
    for (const rank of ranks) {
      const what = this.#troubleWith(rank, waitedMs);
      if (what !== undefined) return new LostRank(rank, what);
    }
    return undefined;
  }

  #troubleWith(rank: number, waitedMs: number): string | undefined {
    if (this.#hears(rank) && performance.now() - this.#ended.get(rank)! > LATE_MS)
      return `has ended its program while rank ${this.#own} waits for it; all ranks must take the same number of steps and call the same functions in the same order`;
    const state = this.presence?.of(rank) ?? "unknown";
    if (state === "gone") return "is gone: its process has ended";
    if (waitedMs < patienceMs() || state === "at work") return undefined;
    return `has not answered for ${patienceMs() / 1000} s; where one rank works alone for longer, set NABLA_MPI_PATIENCE to as many seconds as that takes`;
  }

  /** For how long this rank has waited for one that is at work, in a line, if that is worth a word. */
  note(ranks: readonly number[], waitedMs: number): string | undefined {
    const rank = ranks.find((r) => this.presence?.of(r) === "at work");
    if (rank === undefined || waitedMs < patienceMs()) return undefined;
    const seconds = Math.round(waitedMs / 1000);
    return `rank ${this.#own} has waited ${seconds} s for rank ${rank}, which is at work (process ${this.presence!.processOf(rank)})`;
  }

  /** Whether a rank has said its last word. */
  #hears(rank: number): boolean {
    if (this.#ended.has(rank)) return true;
    const { probe, irecv, world, byte, ignore } = this.#library;
    const flag = new Int32Array(1);
    checked(this.#library, probe(rank, FAREWELL, world, flag, ignore), "MPI_Iprobe");
    if (flag[0] === 0) return false;
    const request = requestsFor(this.#library, 1);
    checked(this.#library, irecv(new Uint8Array(1), 0, byte, rank, FAREWELL, world, request), "MPI_Irecv");
    while (!this.#complete(request)) this.#library.yield();
    this.#ended.set(rank, performance.now());
    return true;
  }

  #complete(requests: BigInt64Array | Int32Array): boolean {
    const flag = new Int32Array(1);
    checked(this.#library, this.#library.testAll(requests.length, requests, flag, this.#library.ignore), "MPI_Testall");
    return flag[0] !== 0;
  }

  /** Says the last word of this rank to all partners; returns when they have said theirs. */
  leave(): void {
    const library = this.#library;
    const { isend, byte, world } = library;
    const ranks = [...this.#known].filter((rank) => rank !== this.#own);
    const requests = requestsFor(library, ranks.length);
    const nothing = new Uint8Array(1);
    for (const [i, rank] of ranks.entries())
      checked(library, isend(nothing, 0, byte, rank, FAREWELL, world, requests.subarray(i, i + 1)), "MPI_Isend");
    const start = performance.now();
    let looked = start;
    for (let rest = ranks; rest.length > 0; library.sleep(SLEEP_US)) {
      rest = rest.filter((rank) => !this.#hears(rank));
      const now = performance.now();
      if (now - looked < LOOK_MS) continue;
      looked = now;
      rest = rest.filter((rank) => this.#troubleWith(rank, now - start) === undefined);
    }
    this.#complete(requests);
  }
}

/** What a request is about. */
export interface Exchanged {
  readonly requests: BigInt64Array | Int32Array;
  /** Requests of what is received come first, in this order. */
  readonly incoming: readonly Uint8Array[];
  readonly outgoing: readonly Uint8Array[];
  /** Ranks that it waits for; the one it receives from comes first. */
  readonly ranks: readonly number[];
}

/** Messages that the library has on their way. */
export class MpiRequest implements MessageRequest {
  readonly #library: Mpi;
  readonly #partners: Partners;
  /** Also what the messages are read from and written to: nobody may free it. */
  readonly #exchanged: Exchanged;
  readonly #flag = new Int32Array(1);
  readonly #statuses: Uint8Array;
  #isDone = false;

  constructor(library: Mpi, partners: Partners, exchanged: Exchanged) {
    this.#library = library;
    this.#partners = partners;
    this.#exchanged = exchanged;
    this.#statuses = new Uint8Array(library.status.bytes * exchanged.requests.length);
    partners.add(exchanged.ranks);
  }

  done(): boolean {
    if (this.#isDone) return true;
    const { testAll } = this.#library;
    const { requests } = this.#exchanged;
    const code = testAll(requests.length, requests, this.#flag, this.#statuses);
    if (code !== 0) throw this.#failure(code);
    if (this.#flag[0] === 0) return false;
    this.#isDone = true;
    for (const [i, piece] of this.#exchanged.incoming.entries()) this.#checkLength(i, piece);
    return true;
  }

  /** A message may be shorter than the room for it: the ranks do not do the same, and what is left in the room is none of the message. */
  #checkLength(i: number, { length }: Uint8Array): void {
    const count = new Int32Array(1);
    checked(this.#library, this.#library.count(this.#status(i), this.#library.byte, count), "MPI_Get_count");
    if (count[0] !== length) throw otherMessage(length, this.#exchanged.ranks[0]!, String(count[0]));
  }

  #status(i: number): Uint8Array {
    const { bytes } = this.#library.status;
    return this.#statuses.subarray(i * bytes, (i + 1) * bytes);
  }

  /** The error of a test that has failed: the code says of several requests only that one of them has. */
  #failure(code: number): Error {
    const { status } = this.#library;
    const codes = this.#exchanged.incoming.map((_, i) =>
      new DataView(this.#statuses.buffer).getInt32(i * status.bytes + status.error, true),
    );
    const texts = [...codes.filter((c) => c !== 0), code].map((c) => textOf(this.#library, c));
    const long = codes.findIndex((c) => c !== 0 && /truncat/i.test(textOf(this.#library, c)));
    if (long >= 0) return otherMessage(this.#exchanged.incoming[long]!.length, this.#exchanged.ranks[0]!, "more");
    return new Error(`mpi: MPI_Testall failed: ${texts[0]}`);
  }

  wait(): void {
    const library = this.#library;
    let start = 0;
    let looked = 0;
    let isSaid = false;
    for (let polls = 0; !this.done(); polls++) {
      if (polls < SPIN) continue;
      if (polls < YIELD) library.yield();
      else library.sleep(SLEEP_US);
      if (polls % 256 !== 0) continue;
      const now = performance.now();
      start ||= now;
      looked ||= now;
      if (now - looked < LOOK_MS) continue;
      looked = now;
      this.#look(now - start);
      const note: string | undefined = isSaid ? undefined : this.#partners.note(this.#exchanged.ranks, now - start);
      if (note !== undefined) console.error(note);
      isSaid ||= note !== undefined;
    }
  }

  /** @throws {LostRank} if nothing will come any more. */
  #look(waitedMs: number): void {
    const trouble = this.#partners.trouble(this.#exchanged.ranks, waitedMs);
    // What it sent before it ended may just have arrived.
    if (trouble && !this.done()) throw trouble;
  }
}
