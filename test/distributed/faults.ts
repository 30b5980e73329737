/** @file Faults that tests cause on this machine: a host that is cut off, a disk that is full. */
import { spawn, spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { latestCheckpoint } from "../../src/train/checkpoints.ts";
import { folderStore } from "../../src/train/store.ts";
import { type Ended, type Launcher, main, start, untilStep } from "./launch.ts";
import { hosts, setLink } from "./netns.ts";

/** How a run ended, how long after the fault, and what it left. */
export interface Outcome extends Ended {
  readonly afterMs: number;
  /** Step of the newest checkpoint. */
  readonly step: number | undefined;
  /** Checkpoints that cannot be read. */
  readonly damaged: readonly string[];
}

/** What is left of a run. */
export async function checkpointsOf(out: string): Promise<Pick<Outcome, "step" | "damaged">> {
  const damaged: string[] = [];
  const found = await latestCheckpoint(folderStore(join(out, "checkpoints")), { onDamaged: ({ message }) => damaged.push(message) });
  return { step: found?.step, damaged };
}

/** Trains on two hosts, `agent` being what starts processes there, and cuts the second one off. */
export async function cutOff(openMpi: Launcher, agent: string, out: string, flags: readonly string[]): Promise<Outcome> {
  const mca = ["plm_rsh_agent", agent, "btl_tcp_if_include", "eth0", "oob_tcp_if_include", "eth0", "mpi_yield_when_idle", "1"];
  const keepalive = ["oob_tcp_keepalive_time", "3", "oob_tcp_keepalive_intvl", "1", "oob_tcp_keepalive_probes", "3"];
  const settings = [...mca, ...keepalive].flatMap((text, i, all) => (i % 2 === 0 ? ["--mca", text, all[i + 1]!] : []));
  const command = [openMpi.mpirun, ...openMpi.flags, ...settings, "-H", hosts.map((h) => `${h}:1`).join(","), "-n", "2"];
  const child = spawn(agent, [hosts[0]!, "exec", ...command, process.execPath, main, "train", ...flags, "--distributed", "--out", out], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (bytes: Buffer) => {
    stderr += bytes.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  await untilStep(out, 10);
  setLink("h2", false);
  const since = Date.now();
  try {
    const status = await ended;
    return { status, stderr, afterMs: Date.now() - since, ...(await checkpointsOf(out)) };
  } finally {
    setLink("h2", true);
  }
}

/** Lays a disk of a few megabytes over a folder; gives why that cannot be done here, or nothing. */
export function smallDisk(folder: string): string | undefined {
  mkdirSync(folder, { recursive: true });
  const { status, stderr, error } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], { encoding: "utf8" });
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}

/** Takes it away again. */
export const removeDisk = (folder: string): void => void spawnSync("umount", [folder]);

/** Trains into a folder of a small disk, which is filled on the way. */
export async function fillUp(launcher: Launcher, disk: string, out: string, args: readonly string[]): Promise<Outcome> {
  const { ended } = start(launcher, [...args, "--out", out]);
  await untilStep(out, 10);
  const filler = openSync(join(disk, "filler"), "w");
  const piece = new Uint8Array(65_536);
  const since = Date.now();
  const fill = (): void => {
    try {
      for (;;) writeSync(filler, piece);
    } catch {
      // It is full. A checkpoint that is removed makes room again.
    }
  };
  const timer = setInterval(fill, 20);
  fill();
  try {
    return { ...(await ended), afterMs: Date.now() - since, ...(await checkpointsOf(out)) };
  } finally {
    clearInterval(timer);
    closeSync(filler);
    rmSync(join(disk, "filler"));
  }
}
