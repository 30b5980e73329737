/**
 * @file Ranks as processes of MPI: `mpirun -n 4 node train.js`, or Slurm's `srun`. Messages are polled, so that a rank that waits gives its core to others,
 * and one whose partner is gone ends with an error.
 */
import { cores, environment } from "../base/host.ts";
import { Communicator, type Elements, type Transport } from "./communicator.ts";
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
  /** Two requests: addresses in Open MPI, integers in MPICH. */
  readonly #requests: BigInt64Array | Int32Array;
  readonly #flag = new Int32Array(1);
  /** What a message that is on its way is read from or written to: nobody may free it. */
  protected busy: readonly unknown[] = [];

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
    this.#requests = library.handle === "int" ? new Int32Array(2) : new BigInt64Array(2);
  }

  exchange(send: Elements | undefined, to: number, receive: Elements | undefined, from: number): void {
    const bytes = Math.max(send?.byteLength ?? 0, receive?.byteLength ?? 0);
    for (let at = 0; at === 0 || at < bytes; at += LARGEST) this.#exchange(pieceOf(send, at), to, pieceOf(receive, at), from);
  }

  #exchange(send: Uint8Array | undefined, to: number, receive: Uint8Array | undefined, from: number): void {
    const { isend, irecv, byte } = this.#library;
    let n = 0;
    const request = (): BigInt64Array | Int32Array => this.#requests.subarray(n, ++n);
    if (receive) checked(this.#library, irecv(receive, receive.length, byte, from, 0, this.#handle, request()), "MPI_Irecv");
    if (send) checked(this.#library, isend(send, send.length, byte, to, 0, this.#handle, request()), "MPI_Isend");
    this.busy = [send, receive];
    this.#wait(n, receive ? from : to);
    this.busy = [];
  }

  #wait(n: number, partner: number): void {
    const library = this.#library;
    const flag = this.#flag;
    let start = 0;
    for (let polls = 0; ; polls++) {
      checked(library, library.testAll(n, this.#requests, flag, library.ignore), "MPI_Testall");
      if (flag[0] !== 0) return;
      if (polls < SPIN) continue;
      if (polls < YIELD) library.yield();
      else library.sleep(SLEEP_US);
      if (polls % 256 !== 0) continue;
      start ||= performance.now();
      if (performance.now() - start > patienceMs()) throw new LostRank(this.#members?.[partner] ?? partner, patienceMs() / 1000);
    }
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

/** Bytes of a message from `at` on, as many as one message takes. */
function pieceOf(x: Elements | undefined, at: number): Uint8Array | undefined {
  return x && new Uint8Array(x.buffer, x.byteOffset + Math.min(at, x.byteLength), Math.max(0, Math.min(LARGEST, x.byteLength - at)));
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
