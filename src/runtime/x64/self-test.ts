/**
 * @file Whether machine code may be trusted on this machine. Before this process runs any, another process does: it runs a few kernels and compares their results with the
 * interpreter's. What it found is remembered in the cache folder, by processor and versions, since home folders are shared between machines.
 */
import { builtinModule, cacheFolderOf } from "../../base/host.ts";
import { messageOf } from "../../base/message.ts";
import type { Machine } from "../../codegen/x64/extension.ts";
import { compileProgram } from "../../codegen/x64/program.ts";
import { runKernel } from "../../kernel/interpret.ts";
import { checksFor } from "./check-kernels.ts";
import { koffiFile } from "./system.ts";

type Modules = {
  readonly "node:fs": typeof import("node:fs");
  readonly "node:os": typeof import("node:os");
  readonly "node:crypto": typeof import("node:crypto");
  readonly "node:child_process": typeof import("node:child_process");
};

function node<K extends keyof Modules>(id: K): Modules[K] {
  const found = builtinModule<Modules[K]>(id);
  if (!found) throw new Error(`this host has no ${id}`);
  return found;
}

/** Buffers of a kernel lie so far apart at least. */
const LINE = 64;

/**
 * What the other process runs: a text, so that no file must be found. It takes a job as JSON, and says which kernel has other results, or nothing. Memory is mapped as in `system.ts`;
 * the list of addresses lies behind the buffers.
 */
export const CHILD: string = `
"use strict";
const { koffi: file, code, cases } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const koffi = require(file);
const system = koffi.load(null);
const bytes = Buffer.from(code, "base64");
const map = system.func("intptr_t mmap(intptr_t, size_t, int, int, int, intptr_t)");
const at = BigInt(map(0, bytes.length, 3, 0x22, -1, 0));
if (at < 0n) throw new Error("the system gives no memory");
new Uint8Array(koffi.view(at, bytes.length)).set(bytes);
if (system.func("int mprotect(intptr_t, size_t, int)")(at, bytes.length, 5) !== 0) throw new Error("the system lets no such memory be executed");
const type = koffi.proto("void(intptr_t)");
for (const { name, entry, offsets, before, after } of cases) {
  const given = Buffer.from(before, "base64");
  const memory = new Uint8Array(new SharedArrayBuffer(given.length + 8 * offsets.length));
  memory.set(given);
  const base = BigInt(koffi.address(memory));
  new BigUint64Array(memory.buffer, given.length, offsets.length).set(offsets.map((offset) => base + BigInt(offset)));
  koffi.decode(at + BigInt(entry), type)(base + BigInt(given.length));
  const wrong = Buffer.from(after, "base64").findIndex((byte, i) => byte !== memory[i]);
  if (wrong >= 0) { process.stdout.write("kernel " + name + " gives other numbers than the interpreter (byte " + wrong + ")"); process.exit(1); }
}
process.stdout.write("passed");
`;

/** What the tests change. */
export interface SelfTestOptions {
  /** Where what was found is remembered. */
  readonly folder: string;
  /** The program that runs the text. */
  readonly program: string;
  readonly text: string;
  /** Milliseconds that it may take. */
  readonly timeout: number;
}

const MACHINE_FILE = "/proc/cpuinfo";
/** Bytes of that file in which the first processor is described. */
const FIRST_PROCESSOR = 16_384;

/** The model of the processor and its features, as the system tells them. */
export function processorText(): string {
  const fs = node("node:fs");
  const file = fs.openSync(MACHINE_FILE, "r");
  try {
    const bytes = new Uint8Array(FIRST_PROCESSOR);
    const text = new TextDecoder().decode(bytes.subarray(0, fs.readSync(file, bytes)));
    const lines = text.split("\n\n")[0]!.split("\n");
    return lines.filter((line) => /^(vendor_id|cpu family|model|model name|stepping|flags)\s*:/.test(line)).join("\n");
  } finally {
    fs.closeSync(file);
  }
}

/** The version in the manifest of the package that a file belongs to. */
function versionAbove(file: string): string {
  const { readFileSync } = node("node:fs");
  for (let folder = new URL(".", file); ; folder = new URL("..", folder)) {
    try {
      return (JSON.parse(readFileSync(new URL("package.json", folder), "utf8")) as { version: string }).version;
    } catch {
      if (folder.pathname === "/") throw new Error(`no package.json above ${file}`);
    }
  }
}

/** Whatever the outcome may depend on. */
function keyOf(machine: Machine, koffi: string): string {
  const versions = [`nabla ${versionAbove(import.meta.url)}`, `koffi ${versionAbove(`file://${koffi}`)}`, `node ${process.versions.node}`];
  return [processorText(), machine.target.name, ...versions].join("\n");
}

function jobFor(machine: Machine, koffi: string): string {
  const checks = checksFor(machine.target);
  const program = { kernels: checks.map(({ kernel }) => kernel), steps: [], bindings: 0 };
  const { bytes, kernels } = compileProgram(program, { machine, arena: 0n, counters: 0n, reports: 0n });
  const cases = checks.map(({ kernel, data }, i) => {
    const sizes = data.map(({ byteLength }) => Math.ceil(byteLength / LINE + 1) * LINE);
    const offsets = sizes.map((_, n) => sizes.slice(0, n).reduce((sum, size) => sum + size, 0));
    const picture = (buffers: typeof data): string => {
      const whole = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
      for (const [n, { buffer, byteOffset, byteLength }] of buffers.entries())
        whole.set(new Uint8Array(buffer, byteOffset, byteLength), offsets[n]);
      return Buffer.from(whole).toString("base64");
    };
    const copies = data.map((x) => x.slice());
    runKernel(kernel, copies);
    return { name: kernel.name, entry: kernels[i], offsets, before: picture(data), after: picture(copies) };
  });
  return JSON.stringify({ koffi, code: Buffer.from(bytes).toString("base64"), cases });
}

/** Runs the kernels in another process; why they fail, or nothing. */
function runApart(job: string, { program, text, timeout }: SelfTestOptions): string | undefined {
  const { stdout, stderr, signal, error, status } = node("node:child_process").spawnSync(program, ["-e", text], {
    input: job,
    encoding: "utf8",
    timeout,
    killSignal: "SIGKILL",
    env: { ...process.env, NODE_OPTIONS: "", ELECTRON_RUN_AS_NODE: "1" },
  });
  if (stdout === "passed" && status === 0) return undefined;
  if ((error as { readonly code?: string } | undefined)?.code === "ETIMEDOUT") return `it did not end within ${timeout / 1000} s`;
  if (error) return `it could not be started (${error.message})`;
  if (signal) return `it crashed (${signal})`;
  return stdout || stderr.split("\n").find((line) => /error/i.test(line)) || `it ended with ${status}`;
}

interface Finding {
  readonly key: string;
  /** Empty if all is well. */
  readonly reason: string;
}

/** What was found before; undefined if nothing was, or the file is damaged. */
function recall(file: string, key: string): Finding | undefined {
  try {
    const found = JSON.parse(node("node:fs").readFileSync(file, "utf8")) as Partial<Finding>;
    return found.key === key && typeof found.reason === "string" ? { key, reason: found.reason } : undefined;
  } catch {
    return undefined;
  }
}

/** Writes a file whole or not at all. */
function remember(folder: string, file: string, finding: Finding): void {
  const fs = node("node:fs");
  fs.mkdirSync(folder, { recursive: true });
  const part = `${file}.${process.pid}`;
  fs.writeFileSync(part, JSON.stringify(finding));
  fs.renameSync(part, file);
}

/** Why machine code is not trusted here; undefined if it is. Runs the self-test unless one has been run on such a machine. */
export function selfTest(machine: Machine, options: Partial<SelfTestOptions> = {}): string | undefined {
  try {
    const koffi = koffiFile();
    const folder = options.folder ?? cacheFolderOf(process, node("node:os").homedir);
    const key = keyOf(machine, koffi);
    const file = `${folder}/machine-code-${node("node:crypto").createHash("sha256").update(key).digest("hex").slice(0, 16)}.json`;
    let found = recall(file, key);
    if (!found) {
      // Where nothing can be remembered, every process would have to run it.
      remember(folder, file, { key: "", reason: "" });
      const all = { folder, program: process.execPath, text: CHILD, timeout: 20_000, ...options };
      found = { key, reason: runApart(jobFor(machine, koffi), all) ?? "" };
      remember(folder, file, found);
    }
    return found.reason === "" ? undefined : `its self-test failed: ${found.reason}; to run it again, remove ${file}`;
  } catch (error) {
    const remedy =
      (error as { readonly path?: string }).path === undefined ? "" : "; NABLA_CACHE may name another folder that can be written";
    return `its self-test cannot be run: ${messageOf(error)}${remedy}`;
  }
}
