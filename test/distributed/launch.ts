/** @file Starts ranks with Open MPI's mpirun or MPICH's, where they are installed. */
import { type ChildProcess, type SpawnSyncReturns, spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const isRoot = process.getuid?.() === 0;

export interface Launcher {
  readonly name: string;
  readonly mpirun: string;
  readonly flags: readonly string[];
  /** Why it is not used; undefined if it is. */
  readonly missing: string | undefined;
}

function launcher(name: string, mpirun: string, flags: readonly string[]): Launcher {
  const { error } = spawnSync(mpirun, ["--version"]);
  return { name, mpirun, flags, missing: error && `${mpirun} is not installed` };
}

export const launchers: readonly Launcher[] = [
  launcher("Open MPI", "mpirun.openmpi", ["--oversubscribe", ...(isRoot ? ["--allow-run-as-root"] : [])]),
  launcher("MPICH", "mpirun.mpich", []),
];

/** Says which tests are left out, and why. */
export const titleOf = ({ name, missing }: Launcher): string => (missing ? `${name} (skipped: ${missing})` : name);

/** Runs a script of Node on so many ranks, each with one thread. */
export function launch(
  { mpirun, flags }: Launcher,
  size: number,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): SpawnSyncReturns<string> {
  return spawnSync(mpirun, [...flags, "-n", String(size), process.execPath, ...args], {
    cwd: root,
    encoding: "utf8",
    timeout: 180_000,
    env: { ...process.env, NABLA_THREADS: "1", ...env },
  });
}

export const main: string = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export interface Ended {
  readonly status: number | null;
  readonly stderr: string;
}

/** `nabla train` with these arguments, which starts its ranks itself. */
export function start({ mpirun }: Launcher, args: readonly string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [main, "train", ...args], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, NABLA_MPIRUN: mpirun, NABLA_THREADS: "1" },
  });
  let stderr = "";
  child.stderr!.on("data", (bytes: Buffer) => {
    stderr += bytes.toString();
  });
  const ended = new Promise<Ended>((resolve) => {
    child.on("close", (status) => resolve({ status, stderr }));
  });
  return { child, ended };
}

/** Waits until a run has a checkpoint of this step or a later one. */
export async function untilStep(run: string, step: number): Promise<void> {
  const folder = join(run, "checkpoints");
  const reached = (): boolean =>
    existsSync(folder) && readdirSync(folder).some((name) => Number(/^step-(\d+)\.safetensors$/.exec(name)?.[1] ?? -1) >= step);
  for (const end = Date.now() + 90_000; !reached(); ) {
    if (Date.now() > end) throw new Error(`${run}: no checkpoint of step ${step} within 90 s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The process of a rank, among those that descend from a process. Its environment says which rank it is. */
export function rankOf(ancestor: number, rank: number): number {
  const parentOf = (pid: string): number => {
    try {
      return Number(/^\d+ \(.*\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1]);
    } catch {
      return -1;
    }
  };
  const isRank = (pid: string): boolean => {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
      return environment.includes(`OMPI_COMM_WORLD_RANK=${rank}`) || environment.includes(`PMI_RANK=${rank}`);
    } catch {
      return false;
    }
  };
  const descends = (pid: string): boolean => {
    for (let at = parentOf(pid); at > 1; at = parentOf(String(at))) if (at === ancestor) return true;
    return false;
  };
  const found = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isRank(name) && descends(name));
  if (found.length !== 1) throw new Error(`found ${found.length} processes of rank ${rank}, want one`);
  return Number(found[0]);
}
