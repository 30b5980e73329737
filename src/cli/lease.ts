/**
 * @file Who may write into a folder: the process that holds its lease, a file `.lease-<n>` that a thread of that process renews every two seconds.
 *
 * Whether a holder lives is decided by facts that no other process can share (the kernel's boot, the namespace of process numbers, the number and the
 * start time of the process); where one of them differs or is not known (another host, another container, Windows), by watching whether the lease is renewed.
 * No clock is read: one that is set back or forward changes nothing. A number of a process alone says nothing, numbers are used again.
 *
 * To take a lease is to create the next number, which only one process can, and then to see nobody else there. A holder that was stopped for long
 * (a laptop that slept, SIGSTOP) finds its lease gone before its next write, and writes no more.
 *
 * `proper-lockfile` compares the time of a file with this machine's clock and renews on the main thread, which a training step keeps busy for minutes.
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { randomHex } from "../train/store.ts";

/** Milliseconds between renewals. */
const BEAT = 2000;

/** Looks at a lease, this many milliseconds apart, after which one that has not changed is dead: 20 s. They are counted, so a watcher that is stopped meanwhile does not count the pause. */
const LOOK = 250;
const LOOKS = 80;

/** Who holds a lease. What the platform does not tell is missing. */
export interface Holder {
  readonly token: string;
  readonly pid: number;
  readonly host: string;
  /** The boot of the kernel, the namespace of process numbers, and the start of the process in ticks since that boot (Linux). */
  readonly boot?: string;
  readonly namespace?: string;
  readonly started?: string;
}

/** A lease as it is found. */
interface Found {
  readonly path: string;
  readonly number: number;
  /** Its content and the time of its last change: every renewal changes one of them. */
  readonly text: string;
  readonly holder: Partial<Holder>;
}

const LEASE = /^\.lease-(\d+)$/;

/** Leases of this process. */
const mine = new Set<string>();

export interface LeaseOptions {
  /** Take the lease from whoever has it. */
  readonly takeOver?: boolean;
  /** Hears why this takes a while, before it does. */
  readonly onWait?: (message: string) => void;
  /** Looks until a lease that is not renewed counts as dead. For tests. */
  readonly looks?: number;
}

export class Lease {
  readonly #path: string;
  readonly #token: string;
  readonly #worker: Worker;

  constructor(path: string, token: string) {
    this.#path = path;
    this.#token = token;
    mine.add(token);
    this.#worker = new Worker(RENEW, { eval: true, execArgv: [], workerData: { path, BEAT } });
    this.#worker.on("error", () => {}); // no thread to be had: the lease is not renewed, and holds among the processes of this machine
    this.#worker.unref();
  }

  /** @throws {LeaseLost} if another process has taken it, or someone has removed it. */
  check(): void {
    if (holderIn(textOf(this.#path) ?? "").token !== this.#token) throw new LeaseLost(this.#path);
  }

  /** Gives it back; may be called at the exit of the process. */
  release(): void {
    if (!mine.delete(this.#token)) return;
    void this.#worker.terminate();
    if (holderIn(textOf(this.#path) ?? "").token === this.#token) rmSync(this.#path, { force: true });
  }
}

/** The error of a process that may not write any more. */
export class LeaseLost extends Error {
  constructor(path: string) {
    super(`${path} is gone: another process has taken the run over, or its folder was removed; this process writes nothing there any more`);
    this.name = "LeaseLost";
  }
}

/** What the renewing thread runs. Where the disk is full, the time of the file can still be changed. */
const RENEW = `
const fs = require("node:fs");
const { path, BEAT } = require("node:worker_threads").workerData;
const file = fs.openSync(path, "r+");
let beat = 0;
setInterval(() => {
  try {
    fs.writeSync(file, String(++beat).padStart(16, "0"), 0);
  } catch {
    try { fs.futimesSync(file, new Date(), new Date()); } catch {}
  }
}, BEAT);
`;

/** Takes the lease of a folder that exists. @throws {Error} if a living process has it. */
export async function takeLease(folder: string, options: LeaseOptions = {}): Promise<Lease> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const seen = leasesIn(folder);
    const living = options.takeOver ? undefined : await livingOf(seen, options);
    if (living) throw new Error(`${folder}: ${nameOf(living.holder)} is training there already (--take-over takes the run from it)`);
    const path = join(folder, `.lease-${1 + Math.max(0, ...seen.map(({ number }) => number))}`);
    const token = randomHex(8);
    if (!createWhole(path, `${"0".repeat(16)}\n${JSON.stringify(identity(token))}\n`)) continue;
    const known = new Set([`${path} ${token}`, ...seen.map(keyOf)]);
    if (leasesIn(folder).every((other) => known.has(keyOf(other)))) {
      for (const other of seen) rmSync(other.path, { force: true });
      return new Lease(path, token);
    }
    rmSync(path, { force: true });
    await delay(20 * (1 + attempt) * Math.random());
  }
  throw new Error(`${folder}: other processes keep taking its lease`);
}

const keyOf = ({ path, holder }: Found): string => `${path} ${holder.token}`;

/** The living holder of a folder's lease, if any. */
export async function holderOf(folder: string, looks?: number): Promise<Partial<Holder> | undefined> {
  return (await livingOf(leasesIn(folder), { looks }))?.holder;
}

/** Whether a folder has a lease, of a living process or not. */
export function hasLease(folder: string): boolean {
  return leasesIn(folder).length > 0;
}

/** `process 4711`, with its host if that is another. */
export function nameOf({ pid, host }: Partial<Holder>): string {
  return `process ${pid ?? "?"}${host === undefined || host === hostname() ? "" : ` on ${host}`}`;
}

async function livingOf(seen: readonly Found[], options: LeaseOptions): Promise<Found | undefined> {
  const sure = seen.find(({ holder }) => judge(holder) === "alive");
  if (sure) return sure;
  const unsure = seen.filter(({ holder }) => judge(holder) === "unknown");
  return unsure.length === 0 ? undefined : renewedOf(unsure, options);
}

/** The first of some leases that is renewed while we look. */
async function renewedOf(leases: readonly Found[], { looks = LOOKS, onWait }: LeaseOptions): Promise<Found | undefined> {
  onWait?.(`looking for up to ${(looks * LOOK) / 1000} s whether ${nameOf(leases[0].holder)} is still alive`);
  for (let look = 0; look < looks; look++) {
    await delay(LOOK);
    const renewed = leases.find(({ path, text }) => (textOf(path) ?? text) !== text);
    if (renewed) return renewed;
  }
  return undefined;
}

// ---- who is alive ---------------------------------------------------------------------------------------------------------------------

/** What is known of a holder without waiting. */
function judge({ token, pid, host, boot, namespace, started }: Partial<Holder>): "alive" | "dead" | "unknown" {
  const here = identity("");
  if (token !== undefined && mine.has(token)) return "alive";
  if (!isPid(pid) || boot === undefined || boot !== here.boot || namespace !== here.namespace || host !== here.host) return "unknown";
  if (!exists(pid)) return "dead";
  const now = startOf(pid);
  if (now === undefined || started === undefined) return "unknown";
  return now !== started ? "dead" : pid === process.pid ? "unknown" : "alive";
}

/** 0 and numbers below it mean groups of processes, not one. */
export function isPid(pid: unknown): pid is number {
  return Number.isSafeInteger(pid) && (pid as number) > 0;
}

/** Whether there is a process of this number, on this machine and in this container. */
export function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/** The start of a process; "ended" for one that has ended and waits for its parent (a zombie), undefined if it cannot be seen. See proc(5), /proc/pid/stat. */
function startOf(pid: number): string | undefined {
  const text = quietly(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields && (fields[0] === "Z" || fields[0] === "X" ? "ended" : fields[19]);
}

function identity(token: string): Holder {
  return {
    token,
    pid: process.pid,
    host: hostname(),
    boot: quietly(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
    namespace: quietly(() => readlinkSync("/proc/self/ns/pid")),
    started: startOf(process.pid),
  };
}

// ---- files ----------------------------------------------------------------------------------------------------------------------------

function leasesIn(folder: string): Found[] {
  return readdirSync(folder).flatMap((name) => {
    const number = LEASE.exec(name)?.[1];
    const path = join(folder, name);
    const text = number === undefined ? undefined : textOf(path);
    return text === undefined ? [] : [{ path, number: Number(number), text, holder: holderIn(text) }];
  });
}

/** Content and time of a lease; undefined if it is gone. It is opened, since a network file system answers about open files only from the server. */
function textOf(path: string): string | undefined {
  return quietly(() => {
    const file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    try {
      return `${readFileSync(file, "utf8")}\n${fstatSync(file).mtimeMs}`;
    } finally {
      closeSync(file);
    }
  });
}

/** Nothing is known of a holder whose lease is not whole. */
function holderIn(text: string): Partial<Holder> {
  const holder = quietly(() => JSON.parse(text.split("\n")[1]) as Partial<Holder> | null);
  return typeof holder === "object" && holder !== null ? holder : {};
}

/** Creates a file; gives whether it was not there. */
function createWhole(path: string, content: string): boolean {
  let file: number;
  try {
    file = openSync(path, "wx");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
  try {
    writeSync(file, content);
    return true;
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
}

function quietly<T>(fn: () => T): T | undefined {
  try {
    return fn();
  } catch {
    return undefined;
  }
}
