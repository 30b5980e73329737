/**
 * @file Ranks as processes of MPI: `mpirun -n 4 node train.js`, or Slurm's `srun`. Messages are polled, so that a rank that waits gives its core to others,
 * and one whose partner is gone ends with an error.
 */
import { cores, environment } from "../base/host.ts";
import { Communicator, type Elements, type Transport } from "./communicator.ts";
import type { MessageRequest } from "./flights.ts";
import { type Handle, launchedHere, launchedSize, loadMpi, type Mpi } from "./mpi-library.ts";

/** After so many seconds without a word from the partner it counts as lost. Ranks compile the same program at the same time, so they wait for each other for a few seconds at most. */
const PATIENCE_S = 25;

/** A wait spins for so many polls of some 0.3 µs, then yields the core; after more it sleeps between polls. */
const SPIN = 300;
const YIELD = 20_000;
const SLEEP_US = 50;

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

let opened: { readonly library: Mpi; readonly world: MpiTransport } | undefined;

/**
 * The communicator of all processes that the launcher has started. The process then leaves MPI when it ends.
 * @throws {Error} if there is no MPI library, no koffi, or the library is not the launcher's.
 */
export async function mpi({ fast = false }: MpiOptions = {}): Promise<Communicator> {
  opened ??= await open();
  return new Communicator(opened.world, fast);
}

/** Ends all ranks at once: the last resort of one that cannot go on. Without MPI it does nothing. */
export function abortMpi(code = 1): void {
  if (!opened) return;
  const { library } = opened;
  library.abort(library.world, code);
  library.exit(code);
}

async function open(): Promise<{ library: Mpi; world: MpiTransport }> {
  // More ranks than cores: without it Open MPI spins through the time of those that compute.
  if ((launchedHere() ?? 1) >= cores()) process.env.OMPI_MCA_mpi_yield_when_idle ??= "1";
  for (const [name, value] of Object.entries(UCX)) process.env[name] ??= value;
  const library = await loadMpi();
  checked(library, library.initThread(null, null, 0, new Int32Array(1)), "MPI_Init_thread");
  const world = new MpiTransport(library, library.world);
  checkLauncher(library, world.size);
  leaveAtExit(library);
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
function leaveAtExit(library: Mpi): void {
  // What ends the process would be said after the last chance to say it.
  process.on("uncaughtExceptionMonitor", (error) => console.error(`error: ${error.message}\n${error.stack ?? ""}`));
  process.on("exit", (code) => {
    if (code === 0) library.finalize();
    else library.abort(library.world, code);
    library.exit(code);
  });
}

function checked(library: Mpi, code: number, what: string): void {
  if (code === 0) return;
  const bytes = new Uint8Array(1024);
  const length = new Int32Array(1);
  library.errorString(code, bytes, length);
  throw new Error(`mpi: ${what} failed: ${new TextDecoder().decode(bytes.subarray(0, length[0]))}`);
}

const patienceMs = (): number => 1000 * Number(environment("NABLA_MPI_PATIENCE") ?? PATIENCE_S);

class MpiTransport implements Transport {
  readonly kind = "mpi";
  readonly rank: number;
  readonly size: number;
  readonly #library: Mpi;
  readonly #handle: Handle;
  /** Numbers of the ranks among all, for messages. */
  readonly #members: ArrayLike<number> | undefined;

  constructor(library: Mpi, handle: Handle, members?: ArrayLike<number>) {
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
  }

  exchange(send: Elements | undefined, to: number, receive: Elements | undefined, from: number): void {
    this.#begin(0, send, to, receive, from).wait();
  }

  start(send: Elements | undefined, to: number, receive: Elements | undefined, from: number): MessageRequest {
    return this.#begin(1, send, to, receive, from);
  }

  /** Messages under a tag: in order among those of the same tag alone. */
  #begin(tag: number, send: Elements | undefined, to: number, receive: Elements | undefined, from: number): MpiRequest {
    const library = this.#library;
    const { isend, irecv, byte } = library;
    const [incoming, outgoing] = [piecesOf(receive), piecesOf(send)];
    const count = incoming.length + outgoing.length;
    // Addresses in Open MPI, integers in MPICH.
    const requests = library.handle === "int" ? new Int32Array(count) : new BigInt64Array(count);
    let n = 0;
    for (const piece of incoming)
      checked(library, irecv(piece, piece.length, byte, from, tag, this.#handle, requests.subarray(n, ++n)), "MPI_Irecv");
    for (const piece of outgoing)
      checked(library, isend(piece, piece.length, byte, to, tag, this.#handle, requests.subarray(n, ++n)), "MPI_Isend");
    const partner = receive ? from : to;
    return new MpiRequest(library, requests, this.#members?.[partner] ?? partner, [incoming, outgoing]);
  }

  allReduce(x: Elements): void {
    const { types, sum, inPlace } = this.#library;
    const name = ({ Float32Array: "f32", Float64Array: "f64", Int32Array: "i32", Uint32Array: "u32" } as Record<string, string>)[
      Object.prototype.toString.call(x).slice(8, -1)
    ];
    if (name === undefined) throw new TypeError("allReduce: adds up f32, f64, i32 and u32");
    checked(this.#library, this.#library.allReduce(inPlace, x, x.length, types[name], sum, this.#handle), "MPI_Allreduce");
  }

  split(color: number, key: number): Transport {
    const out: [Handle] = [null];
    checked(this.#library, this.#library.split(this.#handle, color, key, out), "MPI_Comm_split");
    const own = new Communicator(new MpiTransport(this.#library, out[0]));
    const self = this.#members?.[this.rank] ?? this.rank;
    return new MpiTransport(this.#library, out[0], own.allGather(Int32Array.of(self), new Int32Array(own.size)));
  }
}

/** The bytes of a message, cut into as many as one message of MPI takes. A message of no bytes is still one. */
function piecesOf(x: Elements | undefined): Uint8Array[] {
  if (!x) return [];
  const count = Math.max(1, Math.ceil(x.byteLength / LARGEST));
  return Array.from({ length: count }, (_, i) => {
    const at = i * LARGEST;
    return new Uint8Array(x.buffer, x.byteOffset + at, Math.min(LARGEST, x.byteLength - at));
  });
}

/** Messages that the library has on their way. */
class MpiRequest implements MessageRequest {
  readonly #library: Mpi;
  readonly #requests: BigInt64Array | Int32Array;
  readonly #partner: number;
  readonly #flag = new Int32Array(1);
  /** What the messages are read from and written to: nobody may free it. */
  protected readonly busy: unknown;

  constructor(library: Mpi, requests: BigInt64Array | Int32Array, partner: number, busy: unknown) {
    this.#library = library;
    this.#requests = requests;
    this.#partner = partner;
    this.busy = busy;
  }

  done(): boolean {
    const library = this.#library;
    checked(library, library.testAll(this.#requests.length, this.#requests, this.#flag, library.ignore), "MPI_Testall");
    return this.#flag[0] !== 0;
  }

  wait(): void {
    const library = this.#library;
    let start = 0;
    for (let polls = 0; !this.done(); polls++) {
      if (polls < SPIN) continue;
      if (polls < YIELD) library.yield();
      else library.sleep(SLEEP_US);
      if (polls % 256 !== 0) continue;
      start ||= performance.now();
      if (performance.now() - start > patienceMs()) throw new LostRank(this.#partner, patienceMs() / 1000);
    }
  }
}

/** The error of a rank that waits in vain. */
export class LostRank extends Error {
  readonly rank: number;

  constructor(rank: number, seconds: number) {
    super(`rank ${rank} has not answered for ${seconds} s`);
    this.name = "LostRank";
    this.rank = rank;
  }
}
