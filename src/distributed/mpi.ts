/**
 * @file Ranks as processes of MPI: `mpirun -n 4 node train.js`, or Slurm's `srun`. Messages are polled, so that a rank that waits gives its core to others,
 * and one whose partner is gone ends with an error.
 */
import { cores } from "../base/host.ts";
import { Communicator, type Elements, type Transport } from "./communicator.ts";
import type { MessageRequest } from "./flights.ts";
import { type Handle, launchedHere, launchedSize, loadMpi, type Mpi } from "./mpi-library.ts";
import { checked, MpiRequest, Partners, requestsFor } from "./mpi-request.ts";
import { hostName, ownProcess, Presence } from "./presence.ts";

/** Tags of messages: of exchanges, and of those on the side. */
const [EXCHANGE, ASIDE] = [0, 1] as const;

/**
 * UCX, under MPICH, takes the signal by which V8 learns of accesses outside of a WebAssembly memory, and patches the allocator of a process that has long been running:
 * of 40 starts of 3 ranks 2 crashed in V8's own heap, with this none.
 */
const UCX = {
  UCX_ERROR_SIGNALS: "",
  UCX_MEM_EVENTS: "n",
  UCX_MEM_MMAP_HOOK_MODE: "none",
  UCX_MEM_MALLOC_HOOKS: "n",
  UCX_MEM_MALLOC_RELOC: "n",
} as const;

/** Bytes in one message: counts are 32-bit integers. */
const LARGEST = 2 ** 30;

/** Options of {@link mpi}. */
export interface MpiOptions {
  /** Let MPI add up in any order (MPI_Allreduce): quicker on some networks, but bits may differ from run to run. Default false. */
  readonly fast?: boolean;
}

interface Opened {
  readonly library: Mpi;
  readonly world: MpiTransport;
}

let opening: Promise<Opened> | undefined;
let opened: Opened | undefined;

/**
 * The communicator of all processes that the launcher has started. The process then leaves MPI when it ends.
 * @throws {Error} if there is no MPI library, no koffi, or the library is not the launcher's.
 */
export async function mpi({ fast = false }: MpiOptions = {}): Promise<Communicator> {
  opening ??= open();
  opened = await opening;
  return new Communicator(opened.world, fast);
}

/** Ends all ranks at once: the last resort of one that cannot go on. Without MPI it does nothing. */
export function abortMpi(code = 1): void {
  if (!opened) return;
  const { library } = opened;
  library.abort(library.world, code);
  library.exit(code);
}

async function open(): Promise<Opened> {
  // More ranks than cores: without it Open MPI spins through the time of those that compute.
  if ((launchedHere() ?? 1) >= cores()) process.env.OMPI_MCA_mpi_yield_when_idle ??= "1";
  for (const [name, value] of Object.entries(UCX)) process.env[name] ??= value;
  const library = await loadMpi();
  // Open MPI reads the memory of other ranks without asking whether it may, and complains of each message.
  if (!library.readsOthers) process.env.OMPI_MCA_btl_vader_single_copy_mechanism ??= "none";
  checked(library, library.initThread(null, null, 0, new Int32Array(1)), "MPI_Init_thread");
  const world = new MpiTransport(library, library.world);
  checkLauncher(library, world.size);
  world.meet(await ownProcess());
  leaveAtExit(library, world);
  return { library, world };
}

/** A library of another kind than the launcher sees each process alone. */
function checkLauncher({ path, flavour, exit }: Mpi, size: number): void {
  const said = launchedSize();
  if (said === undefined || said === size) return;
  // Neither MPI_Finalize nor MPI_Abort: the launcher waits for another library's.
  process.on("exit", (code) => exit(code));
  throw new Error(
    `mpi: the launcher has started ${said} processes, but the library ${path} (${flavour}) sees ${size}: they are of different kinds; start with the mpirun of that library, or name the launcher's library in NABLA_MPI_LIB`,
  );
}

/** MPI_Finalize unloads Open MPI's plugins, and a thread of Node's pool that has run code of theirs crashes when it is joined. So the process leaves by _exit. */
function leaveAtExit(library: Mpi, world: MpiTransport): void {
  // What ends the process would be said after the last chance to say it.
  process.on("uncaughtExceptionMonitor", (error) => {
    const { message, stack = "" } = error as Error;
    const where = /^rank \d+ on /.test(message) ? "" : `rank ${world.rank} on ${hostName()}: `;
    console.error(`error: ${where}${message}\n${stack}`);
  });
  process.on("exit", (code) => {
    if (code === 0) {
      world.leave();
      library.finalize();
    } else library.abort(library.world, code);
    library.exit(code);
  });
}

class MpiTransport implements Transport {
  readonly kind = "mpi";
  readonly rank: number;
  readonly size: number;
  readonly #library: Mpi;
  readonly #handle: Handle;
  /** Numbers of the ranks among all, for messages. */
  readonly #members: ArrayLike<number> | undefined;
  readonly #partners: Partners;

  constructor(library: Mpi, handle: Handle, { members, partners }: { members?: ArrayLike<number>; partners?: Partners } = {}) {
    this.#library = library;
    this.#members = members;
    this.#handle = handle;
    const number = (fn: Mpi["rank"]): number => {
      const out = new Int32Array(1);
      checked(library, fn(handle, out), "MPI_Comm_rank");
      return out[0]!;
    };
    checked(library, library.setErrorHandler(handle, library.returnErrors), "MPI_Comm_set_errhandler");
    this.rank = number(library.rank);
    this.size = number(library.size);
    this.#partners = partners ?? new Partners(library, this.rank);
  }

  /** Tells all ranks which process this is. All ranks call it. */
  meet(own: string): void {
    this.#partners.presence = new Presence(new Communicator(this).texts(own), this.rank);
  }

  /** The last word to those that this rank has exchanged messages with: they would wait for it in vain. Returns when they have said theirs. */
  leave(): void {
    this.#partners.leave();
  }

  exchange(send: Elements | undefined, to: number, receive: Elements | undefined, from: number): void {
    this.#begin(EXCHANGE, send, to, receive, from).wait();
  }

  start(send: Elements | undefined, to: number, receive: Elements | undefined, from: number): MessageRequest {
    return this.#begin(ASIDE, send, to, receive, from);
  }

  #inWorld(rank: number): number {
    return this.#members?.[rank] ?? rank;
  }

  /** Messages under a tag: in order among those of the same tag alone. */
  #begin(tag: number, send: Elements | undefined, to: number, receive: Elements | undefined, from: number): MpiRequest {
    const library = this.#library;
    const { isend, irecv, byte } = library;
    const [incoming, outgoing] = [piecesOf(receive), piecesOf(send)];
    const requests = requestsFor(library, incoming.length + outgoing.length);
    let n = 0;
    for (const piece of incoming)
      checked(library, irecv(piece, piece.length, byte, from, tag, this.#handle, requests.subarray(n, ++n)), "MPI_Irecv");
    for (const piece of outgoing)
      checked(library, isend(piece, piece.length, byte, to, tag, this.#handle, requests.subarray(n, ++n)), "MPI_Isend");
    const ranks = [...new Set([...(receive ? [from] : []), ...(send ? [to] : [])])].map((rank) => this.#inWorld(rank));
    return new MpiRequest(library, this.#partners, { requests, incoming, outgoing, ranks });
  }

  allReduce(x: Elements): void {
    const { types, sum, inPlace } = this.#library;
    const name = ({ Float32Array: "f32", Float64Array: "f64", Int32Array: "i32", Uint32Array: "u32" } as Record<string, string>)[
      Object.prototype.toString.call(x).slice(8, -1)
    ];
    if (name === undefined) throw new TypeError("allReduce: adds up f32, f64, i32 and u32");
    const requests = requestsFor(this.#library, 1);
    checked(this.#library, this.#library.allReduce(inPlace, x, x.length, types[name], sum, this.#handle, requests), "MPI_Iallreduce");
    // MPI knows who exchanges what with whom; that the neighbours hear of each other's end is enough, since one that ends with an error ends all.
    const ranks = [this.rank + 1, this.rank + this.size - 1].map((rank) => this.#inWorld(rank % this.size));
    new MpiRequest(this.#library, this.#partners, { requests, incoming: [], outgoing: [bytesOf(x)], ranks }).wait();
  }

  split(color: number, key: number): Transport {
    const out: [Handle] = [null];
    checked(this.#library, this.#library.split(this.#handle, color, key, out), "MPI_Comm_split");
    const own = new Communicator(new MpiTransport(this.#library, out[0], { partners: this.#partners }));
    const self = this.#inWorld(this.rank);
    const members = own.allGather(Int32Array.of(self), new Int32Array(own.size));
    return new MpiTransport(this.#library, out[0], { members, partners: this.#partners });
  }
}

/** The bytes of a message, cut into as many as one message of MPI takes. A message of no bytes is still one. */
function piecesOf(x: Elements | undefined): Uint8Array[] {
  if (!x) return [];
  const count = Math.max(1, Math.ceil(x.byteLength / LARGEST));
  return Array.from({ length: count }, (_, i) => bytesOf(x).subarray(i * LARGEST, (i + 1) * LARGEST));
}

const bytesOf = (x: Elements): Uint8Array => new Uint8Array(x.buffer, x.byteOffset, x.byteLength);
