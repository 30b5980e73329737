/**
 * @file `nabla train --ranks N [--restarts K]`: starts mpirun with the same command on every rank, waits, and where a rank has failed starts again from the last
 * checkpoint. Two failures without a checkpoint between them halve the number of ranks: a machine may be gone.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What the supervisor is told. */
export interface LaunchFlags {
  readonly ranks?: number;
  readonly restarts?: number;
  readonly hostfile?: string;
  readonly out?: string;
  readonly resume?: string;
}

/** Flags of the supervisor's own, with a value each. */
const OWN = ["--ranks", "--restarts", "--hostfile"];

/** Seconds between two looks of Open MPI's daemons at a silent connection, and looks before it counts as cut. */
const KEEPALIVE = { OMPI_MCA_oob_tcp_keepalive_time: "5", OMPI_MCA_oob_tcp_keepalive_intvl: "2", OMPI_MCA_oob_tcp_keepalive_probes: "3" };

/** Starts the ranks, as often as is allowed; gives the exit code of the last start. */
export async function supervise(flags: LaunchFlags, argv: readonly string[]): Promise<number> {
  const { restarts = 0, out, resume, hostfile } = flags;
  const folder = resume ?? out;
  if (restarts > 0 && folder === undefined)
    throw new Error("--restarts goes on with a run, so it must know its folder: give --out DIR or --resume DIR");
  let ranks = flags.ranks ?? 1;
  const command = withoutOwn(argv);
  for (let start = 0, before: number | undefined; ; start++) {
    const ended = await runOnce(ranks, hostfile, start === 0 ? command : goingOn(command, folder!));
    if (ended.code === 0 || ended.interrupted) return ended.code;
    const step = folder === undefined ? undefined : lastStep(folder);
    const saved = savedText(step);
    const what = ended.reason ?? `mpirun ended with exit code ${ended.code}`;
    if (start >= restarts) {
      console.error(`nabla: ${what}; ${saved}`);
      return ended.code;
    }
    if (start > 0 && step === before) ranks = Math.max(1, ranks >> 1);
    before = step;
    console.error(`nabla: ${what}; ${saved}; restart ${start + 1} of ${restarts} on ${ranks} ${ranks === 1 ? "rank" : "ranks"}`);
  }
}

const savedText = (step: number | undefined): string => (step === undefined ? "no checkpoint yet" : `last checkpoint: step ${step}`);

/** The command line without what is for the supervisor. */
function withoutOwn(argv: readonly string[]): string[] {
  const rest = argv.flatMap((text, i) => {
    const own = OWN.some((flag) => text === flag || text.startsWith(`${flag}=`)) || OWN.includes(argv[i - 1] ?? "");
    return own ? [] : [text];
  });
  return rest.includes("--distributed") ? rest : [...rest, "--distributed"];
}

/** The command that goes on with a run, or starts it again if it has written nothing. */
function goingOn(command: readonly string[], folder: string): readonly string[] {
  if (command.includes("--resume") || !existsSync(join(folder, "run.json"))) return command;
  return ["train", "--resume", folder, "--distributed", ...["--fast", "--shard-optimizer"].filter((flag) => command.includes(flag))];
}

/** The step of the newest checkpoint of a run. */
function lastStep(folder: string): number | undefined {
  const path = join(folder, "checkpoints");
  if (!existsSync(path)) return undefined;
  const steps = readdirSync(path).map((name) => Number(/^step-(\d+)\.safetensors$/.exec(name)?.[1] ?? Number.NaN));
  const found = steps.filter(Number.isFinite);
  return found.length > 0 ? Math.max(...found) : undefined;
}

interface Ended {
  readonly code: number;
  readonly interrupted: boolean;
  /** What went wrong, as far as it was said. */
  readonly reason?: string | undefined;
}

/** One start of mpirun. What it says goes on to the terminal. */
async function runOnce(ranks: number, hostfile: string | undefined, command: readonly string[]): Promise<Ended> {
  const { mpirun, flags } = launcher();
  const main = fileURLToPath(new URL("./main.js", import.meta.url));
  const hosts = hostfile === undefined ? [] : ["--hostfile", hostfile];
  const child = spawn(mpirun, [...flags, "-n", String(ranks), ...hosts, process.execPath, main, ...command], {
    stdio: ["ignore", "inherit", "pipe"],
    env: { ...KEEPALIVE, ...process.env },
  });
  let said = "";
  let interrupted = false;
  child.stderr.on("data", (bytes: Buffer) => {
    process.stderr.write(bytes);
    said = (said + bytes.toString()).slice(-20_000);
  });
  const pass = (signal: NodeJS.Signals): void => {
    interrupted = true;
    child.kill(signal);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, pass);
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (status, signal) => resolve(status ?? (signal ? 1 : 0)));
    });
    return { code, interrupted, reason: reasonIn(said) };
  } finally {
    for (const signal of signals) process.off(signal, pass);
  }
}

/** What a rank said of its end, or else what mpirun says of it. A rank that was ended from outside says nothing: then what mpirun says, and which rank missed it. */
export function reasonIn(said: string): string | undefined {
  const own = /^error: (rank \d+ .*)$/m.exec(said)?.[1];
  const missed = own === undefined ? null : /^(rank \d+ on .*, step \d+): rank (\d+) is gone/.exec(own);
  const openMpi = /process rank (\d+) with PID (\d+) on node (\S+) exited on signal (\d+)/.exec(said.replaceAll(/\s+/g, " "));
  const bySignal = openMpi && `rank ${openMpi[1]} on ${openMpi[3]} was ended by signal ${openMpi[4]}`;
  if (own !== undefined) return missed && openMpi?.[1] === missed[2] ? `${bySignal}; ${missed[1]} missed it` : own;
  if (bySignal) return bySignal;
  const hydra = /PID (\d+) RUNNING AT (\S+)[\s\S]*?EXIT CODE: (\d+)/.exec(said);
  if (hydra) return `the rank with process number ${hydra[1]} on ${hydra[2]} ended with exit code ${hydra[3]}`;
  const cut = /Remote daemon: .* on node (\S+)/.exec(said);
  if (cut) return `the connection to ${cut[1]} is lost`;
  return /^error: (.*)$/m.exec(said)?.[1];
}

/** mpirun, and how it is told to start more ranks than there are cores. @throws {Error} if there is none. */
function launcher(): { mpirun: string; flags: readonly string[] } {
  const mpirun = process.env.NABLA_MPIRUN ?? "mpirun";
  const { error, stdout } = spawnSync(mpirun, ["--version"], { encoding: "utf8" });
  if (error)
    throw new Error(
      `--ranks: cannot start ${mpirun} (${error.message}); install Open MPI or MPICH (Debian: apt-get install openmpi-bin), or name the program in NABLA_MPIRUN`,
    );
  const root = process.getuid?.() === 0;
  return { mpirun, flags: /Open MPI|OpenRTE/.test(stdout) ? ["--oversubscribe", ...(root ? ["--allow-run-as-root"] : [])] : [] };
}
