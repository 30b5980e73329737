/**
 * @file The MPI library of this machine, called through the optional package koffi. There are two binary interfaces: in that of Open MPI handles are addresses
 * of the library's objects, in that of MPICH (also Intel MPI, MVAPICH, Cray) they are integers. Which one a library has shows in its symbols.
 */
import { environment } from "../base/host.ts";

/** A function of a library. */
// biome-ignore lint/suspicious/noExplicitAny: functions of C take what their declaration says, which the compiler does not see.
type Foreign = (...args: any[]) => any;

interface Library {
  symbol(name: string): unknown;
  func(name: string, result: string, args: readonly string[]): Foreign;
}

interface Koffi {
  load(path: string, options?: { readonly global?: boolean }): Library;
  config(options: { readonly async_stack_size: number }): unknown;
}

/** A communicator, a type or an operation of MPI, of which only the library knows more. */
export type Handle = unknown;

/** Names under which a library may lie, most specific first. */
const OPEN_MPI = ["libmpi.so.40", "libmpi.so.80", "libmpi.40.dylib"];
const MPICH = ["libmpich.so.12", "libmpi.so.12", "libmpi.12.dylib", "libmpi.dylib"];

/** Variables that a launcher sets, and the library that belongs to it. */
const LAUNCHERS: readonly (readonly [variable: string, libraries: readonly string[]])[] = [
  ["OMPI_COMM_WORLD_SIZE", [...OPEN_MPI, ...MPICH]],
  ["PMI_SIZE", [...MPICH, ...OPEN_MPI]],
  ["PMIX_RANK", [...OPEN_MPI, ...MPICH]],
];

/** How many processes the launcher says that it has started; undefined without a launcher that says so. */
export function launchedSize(): number | undefined {
  const text =
    environment("OMPI_COMM_WORLD_SIZE") ?? environment("PMI_SIZE") ?? environment("SLURM_STEP_NUM_TASKS") ?? environment("SLURM_NTASKS");
  return text === undefined ? undefined : Number(text);
}

/** How many of them run on this machine. */
export function launchedHere(): number | undefined {
  const text = environment("OMPI_COMM_WORLD_LOCAL_SIZE") ?? environment("MPI_LOCALNRANKS");
  return text === undefined ? undefined : Number(text);
}

/** Whether a launcher of MPI has started this process. */
export function isLaunched(): boolean {
  return LAUNCHERS.some(([variable]) => environment(variable) !== undefined);
}

/** @throws {Error} if Slurm has started several processes without a way for them to find each other: each would take itself for the only one. */
export function checkSlurm(): void {
  const tasks = Number(environment("SLURM_STEP_NUM_TASKS") ?? 1);
  if (tasks > 1 && !isLaunched())
    throw new Error(
      `mpi: srun has started ${tasks} processes without telling them how to find each other; start them with srun --mpi=pmix (Open MPI) or srun --mpi=pmi2 (MPICH), as far as srun --mpi=list has it`,
    );
}

/** Constants of the two binary interfaces. MPICH's are part of its ABI agreement (mpich.org/abi). */
interface Constants {
  readonly flavour: "Open MPI" | "MPICH";
  readonly handle: "void *" | "int";
  readonly world: Handle;
  readonly byte: Handle;
  readonly types: Readonly<Record<string, Handle>>;
  readonly sum: Handle;
  readonly returnErrors: Handle;
  readonly inPlace: bigint;
  /** Where no statuses are wanted. */
  readonly ignore: bigint | null;
  /** Bytes of a status, and where in it the code of the error stands. */
  readonly status: { readonly bytes: number; readonly error: number };
}

const tried = <T>(get: () => T): T | undefined => {
  try {
    return get();
  } catch {
    return undefined;
  }
};

function constantsOf(library: Library): Constants {
  const of = (name: string): Handle => tried(() => library.symbol(name));
  const world = of("ompi_mpi_comm_world");
  if (world)
    return {
      flavour: "Open MPI",
      handle: "void *",
      world,
      byte: of("ompi_mpi_byte"),
      types: { f32: of("ompi_mpi_float"), f64: of("ompi_mpi_double"), i32: of("ompi_mpi_int"), u32: of("ompi_mpi_unsigned") },
      sum: of("ompi_mpi_op_sum"),
      returnErrors: of("ompi_mpi_errors_return"),
      inPlace: 1n,
      ignore: null,
      status: { bytes: 24, error: 8 },
    };
  return {
    flavour: "MPICH",
    handle: "int",
    world: 0x44000000,
    byte: 0x4c00010d,
    types: { f32: 0x4c00040a, f64: 0x4c00080b, i32: 0x4c000405, u32: 0x4c000406 },
    sum: 0x58000003,
    returnErrors: 0x54000001,
    inPlace: -1n,
    ignore: 1n,
    status: { bytes: 20, error: 16 },
  };
}

/** What of MPI is used. Each function gives 0, or the code of an error. */
export interface Mpi extends Constants {
  readonly path: string;
  readonly initThread: Foreign;
  readonly finalize: Foreign;
  readonly abort: Foreign;
  readonly rank: Foreign;
  readonly size: Foreign;
  readonly isend: Foreign;
  readonly irecv: Foreign;
  readonly testAll: Foreign;
  readonly probe: Foreign;
  readonly count: Foreign;
  readonly allReduce: Foreign;
  readonly split: Foreign;
  readonly setErrorHandler: Foreign;
  readonly errorString: Foreign;
  /** Of the C library: gives the core to another process; sleeps so many microseconds; ends the process at once. */
  readonly yield: Foreign;
  readonly sleep: Foreign;
  readonly exit: Foreign;
  /** Whether processes may read each other's memory, which containers often forbid. */
  readonly readsOthers: boolean;
}

/** @throws {Error} where koffi or an MPI library is missing: it says what to install. */
export async function loadMpi(): Promise<Mpi> {
  const koffi = await loadKoffi();
  // The 128 KiB of its default overflow in MPICH.
  koffi.config({ async_stack_size: 1 << 20 });
  const { library, path } = openLibrary(koffi);
  const constants = constantsOf(library);
  const { handle: H } = constants;
  const f = (name: string, ...args: string[]): Foreign => library.func(`MPI_${name}`, "int", args);
  const c = koffi.load(process.platform === "darwin" ? "libSystem.dylib" : "libc.so.6");
  return {
    ...constants,
    path,
    initThread: f("Init_thread", "void *", "void *", "int", "void *"),
    finalize: f("Finalize"),
    abort: f("Abort", H, "int"),
    rank: f("Comm_rank", H, "void *"),
    size: f("Comm_size", H, "void *"),
    isend: f("Isend", "void *", "int", H, "int", "int", H, "void *"),
    irecv: f("Irecv", "void *", "int", H, "int", "int", H, "void *"),
    testAll: f("Testall", "int", "void *", "void *", "void *"),
    probe: f("Iprobe", "int", "int", H, "void *", "void *"),
    count: f("Get_count", "void *", H, "void *"),
    allReduce: f("Iallreduce", "void *", "void *", "int", H, H, H, "void *"),
    split: f("Comm_split", H, "int", "int", H === "int" ? "_Out_ int *" : "_Out_ void **"),
    setErrorHandler: f("Comm_set_errhandler", H, H),
    errorString: f("Error_string", "int", "void *", "void *"),
    yield: c.func("sched_yield", "int", []),
    sleep: c.func("usleep", "int", ["uint"]),
    exit: c.func("_exit", "void", ["int"]),
    readsOthers: readsOthers(c),
  };
}

/** A container's filter of system calls refuses even to read nothing of one's own memory. */
function readsOthers(c: Library): boolean {
  const read = tried(() => c.func("process_vm_readv", "long", ["int", "void *", "ulong", "void *", "ulong", "ulong"]));
  return !read || Number(read(process.pid, null, 0, null, 0, 0)) === 0;
}

async function loadKoffi(): Promise<Koffi> {
  const name = "koffi";
  try {
    const loaded = (await import(/* webpackIgnore: true */ /* @vite-ignore */ name)) as { default: Koffi };
    return loaded.default;
  } catch (error) {
    throw new Error(`mpi: needs the package koffi, which is not installed; npm install koffi (${(error as Error).message.split("\n")[0]})`);
  }
}

function openLibrary(koffi: Koffi): { library: Library; path: string } {
  const chosen = environment("NABLA_MPI_LIB");
  const launcher = LAUNCHERS.find(([variable]) => environment(variable) !== undefined);
  const paths = chosen ? [chosen] : (launcher?.[1] ?? [...OPEN_MPI, ...MPICH]);
  // Open MPI loads plugins that look for its symbols among the global ones.
  for (const path of paths) {
    const library = tried(() => koffi.load(path, { global: true }));
    if (library) return { library, path };
  }
  throw new Error(
    `mpi: found no MPI library (looked for ${paths.join(", ")}); install Open MPI (Debian: apt-get install openmpi-bin) or MPICH, or name the file in NABLA_MPI_LIB`,
  );
}
