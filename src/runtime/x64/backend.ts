/**
 * @file Machine code for x86-64 as a backend, on Linux in Node: over the memory of the WebAssembly backend, so that cells stay where they are when one takes the place of the
 * other. Kernels that call functions which only JavaScript has are run by it, between stretches of machine code.
 */

import { environment } from "../../base/host.ts";
import { messageOf } from "../../base/message.ts";
import { watched } from "../../base/passes.ts";
import type { Machine } from "../../codegen/x64/extension.ts";
import { type Compiled, type CompileOptions, compileProgram, MOST_DEPTH, type Part, REPORTS } from "../../codegen/x64/program.ts";
import { AVX2_MACHINE, AVX512_MACHINE } from "../../codegen/x64/target.ts";
import { callHost } from "../../kernel/interpret.ts";
import type { Address, Program } from "../../kernel/kernel.ts";
import type { Backend, Loaded, Loading } from "../backend.ts";
import { interpretedKernels } from "../interpreter.ts";
import { dividing, LONG_RUN } from "../wasm/backend.ts";
import { type LinearMemory, linearMemory } from "../wasm/memory.ts";
import { poolOf } from "../wasm/pool.ts";
import { askProcessor, type Level, levelOfFlags } from "./processor.ts";
import { processorText, selfTest } from "./self-test.ts";
import { type Code, openSystem, type System, strangeHost } from "./system.ts";
import { Team } from "./team.ts";

/** Machines by what their processors can do. */
const MACHINES: Readonly<Record<Level, Machine>> = { avx512: AVX512_MACHINE, avx2: AVX2_MACHINE };

/** What this process can run machine code with. */
interface Host {
  readonly system: System;
  readonly level: Level;
  readonly machine: Machine;
}

let found: Host | string | undefined;

/** This process's means, or why it has none. */
function theHost(): Host | string {
  found ??= findHost();
  return found;
}

/** No machine code runs in this process before another one has shown that it may. */
function findHost(): Host | string {
  const strange = strangeHost();
  if (strange !== undefined) return strange;
  try {
    const level = hidden(levelOfFlags(processorText()));
    if (!level) return "machine code is made for processors with AVX2 and FMA, which this one lacks";
    const machine = MACHINES[level];
    const distrust = selfTest(machine);
    if (distrust !== undefined) return distrust;
    const system = openSystem();
    if (typeof system === "string") return system;
    const { level: own } = askProcessor(system);
    if (!own || hidden(own) !== level)
      return `the system says that this processor has ${level}, and the processor says ${own ?? "that it has not"}`;
    return { system, level, machine };
  } catch (error) {
    return messageOf(error);
  }
}

/** What the environment leaves of what the processor can do. */
function hidden(level: Level | undefined): Level | undefined {
  const named = environment("NABLA_CPU") ?? "";
  if (named !== "" && named !== "avx2" && named !== "avx512") throw new RangeError(`NABLA_CPU: expected avx512 or avx2, got "${named}"`);
  return level === "avx512" && named === "avx2" ? "avx2" : level;
}

function hostOrThrow(): Host {
  const host = theHost();
  if (typeof host === "string") throw new Error(host);
  return host;
}

/** The iterations of loops of steps. */
const counters: Int32Array = new Int32Array(
  typeof SharedArrayBuffer === "undefined" ? new ArrayBuffer(4 * MOST_DEPTH) : new SharedArrayBuffer(4 * MOST_DEPTH),
);

let team: Team | undefined;

/** The threads of this process. */
function theTeam(system: System, memory: LinearMemory): Team {
  team ??= new Team(system, poolOf(memory));
  return team;
}

/** Where accesses outside of their buffers leave their numbers. */
const reports: Int32Array = new Int32Array(
  typeof SharedArrayBuffer === "undefined" ? new ArrayBuffer(4 * REPORTS) : new SharedArrayBuffer(4 * REPORTS),
);

/** @throws {Error} if an access was outside of its buffer. Its value is 0 then, and nothing was stored. */
function raiseFaults({ faults }: Compiled): void {
  const number = faults.length > 1 ? reports.find((n) => n !== 0) : undefined;
  if (number === undefined) return;
  reports.fill(0);
  throw new Error(`internal: ${faults[number]}`);
}

let checkAll = false;

/** Checks every access of what is compiled from now on, proved or not: for tests. */
export function checkEveryAccess(on: boolean): void {
  checkAll = on;
}

interface Placed {
  readonly leastWork: number;
  readonly checkAll: boolean;
  readonly compiled: Compiled;
  readonly code: Code;
}

/** Code of programs, for as long as there are the programs. */
const placed: WeakMap<Program, Placed> = new WeakMap();
const gone: FinalizationRegistry<Code> = new FinalizationRegistry((code) => code.release());

let advised: LinearMemory | undefined;

/**
 * The arena on large pages, before anything lies in it. With pages of 4 KiB every row of a matrix product's result is on a page of its own, and in a virtual machine each translation of
 * an address goes through the tables of both systems.
 */
function arenaOnLargePages(): LinearMemory {
  const memory = linearMemory();
  if (advised === memory || !memory.shared) return memory;
  const host = theHost();
  if (typeof host !== "string") {
    advised = memory;
    host.system.preferLargePages(host.system.addressOf(memory.buffer), memory.most);
  }
  return memory;
}

const addresses = (system: System, memory: LinearMemory): Pick<CompileOptions, "arena" | "counters" | "reports" | "functions"> => ({
  arena: system.addressOf(memory.buffer),
  counters: system.addressOf(counters.buffer),
  reports: system.addressOf(reports.buffer),
  functions: system.functions,
});

function placeProgram(program: Program, memory: LinearMemory, watch?: Loading["watch"]): Placed {
  const { leastWork } = dividing;
  const known = placed.get(program);
  if (known?.leastWork === leastWork && known.checkAll === checkAll) return known;
  const { system, machine } = hostOrThrow();
  const team = { address: theTeam(system, memory).address, leastWork };
  const options = { machine, ...addresses(system, memory), team, checkAll, watch };
  let compiled: Compiled | undefined;
  watched<Uint8Array, Uint8Array<ArrayBuffer>>(
    "code",
    () => {
      compiled = compileProgram(program, options);
      return compiled.bytes;
    },
    watch,
  );
  const made = { leastWork, checkAll, compiled: compiled!, code: system.place(compiled!.bytes) };
  placed.set(program, made);
  gone.register(program, made.code);
  return made;
}

type Run = (bindings: number) => void;

/** The parts of a program one after another, as functions on the offset of the table of bindings. */
class Driver {
  readonly #program: Program;
  readonly #memory: LinearMemory;
  readonly #code: Code;
  readonly #kernels: readonly ((...addresses: number[]) => void)[];

  constructor(program: Program, memory: LinearMemory, code: Code) {
    this.#program = program;
    this.#memory = memory;
    this.#code = code;
    this.#kernels = interpretedKernels(program, memory);
  }

  list(parts: readonly Part[]): Run {
    const runs = parts.map((part) => this.#part(part));
    if (runs.length === 1) return runs[0]!;
    return (bindings) => {
      for (const run of runs) run(bindings);
    };
  }

  #part(part: Part): Run {
    switch (part.kind) {
      case "code":
        return this.#code.entry(part.entry);
      case "kernel": {
        const kernel = this.#kernels[part.kernel]!;
        return (bindings) => kernel(...part.args.map((a) => this.#resolve(a, bindings)));
      }
      case "host": {
        const host = this.#program.hosts![part.host]!;
        return (bindings) =>
          callHost(
            host,
            part.args.map((a) => this.#resolve(a, bindings)),
            this.#memory.buffer,
          );
      }
      case "loop":
        return this.#loop(part, this.list(part.body));
      case "while": {
        const [test, body] = [this.list(part.test), this.list(part.body)];
        return (bindings) => {
          for (test(bindings); this.#holds(part.predicate, bindings); test(bindings)) body(bindings);
        };
      }
      case "branch": {
        const [then, otherwise] = [this.list(part.then), this.list(part.otherwise)];
        return (bindings) => (this.#holds(part.predicate, bindings) ? then : otherwise)(bindings);
      }
    }
  }

  #loop({ depth, length, reverse }: Part & { kind: "loop" }, body: Run): Run {
    return (bindings) => {
      for (let n = 0; n < length; n++) {
        counters[depth] = reverse ? length - 1 - n : n;
        body(bindings);
      }
    };
  }

  #resolve({ binding, offset, strides }: Address, bindings: number): number {
    const base = new Uint32Array(this.#memory.buffer, bindings, this.#program.bindings)[binding]!;
    return (strides ?? []).reduce((sum, stride, depth) => sum + stride * counters[depth]!, base + offset);
  }

  #holds(at: Address, bindings: number): boolean {
    return new Uint8Array(this.#memory.buffer, this.#resolve(at, bindings), 1)[0] !== 0;
  }
}

function load(program: Program, memory: LinearMemory, { work, watch }: Loading): Loaded {
  const { compiled, code } = placeProgram(program, memory, watch);
  const alone = new Driver(program, memory, code).list(compiled.parts);
  const run = compiled.divided ? theTeam(hostOrThrow().system, memory).share(alone, work > LONG_RUN) : alone;
  // The program keeps its code.
  const loaded: Loaded = (bindings) => {
    run(bindings);
    raiseFaults(compiled);
    void program;
  };
  loaded.codeBytes = compiled.bytes.length;
  return loaded;
}

function listing(program: Program, memory: LinearMemory): readonly (string | undefined)[] {
  const { system, machine } = hostOrThrow();
  const texts = new Map<number, string>();
  const { spills } = compileProgram(program, { machine, ...addresses(system, memory), listing: texts });
  return program.kernels.map((_, i) => {
    const text = texts.get(i);
    return text === undefined ? undefined : `${spills[i]} values on the stack\n${text}`;
  });
}

/** Most buffers of a kernel that is called by itself. */
const MOST_BUFFERS = 1024;

function kernels(program: Program, memory: LinearMemory): ((...addresses: number[]) => void)[] {
  const { system } = hostOrThrow();
  const { compiled, code } = placeProgram(program, memory);
  const arena = system.addressOf(memory.buffer);
  const list = new BigUint64Array(new SharedArrayBuffer(8 * MOST_BUFFERS));
  const at = system.addressOf(list.buffer);
  const interpreted = interpretedKernels(program, memory);
  return compiled.kernels.map((entry, i) => {
    if (entry === undefined) return interpreted[i]!;
    const call = code.entryOnAddress(entry);
    return (...addresses) => {
      for (const [n, address] of addresses.entries()) list[n] = arena + BigInt(address);
      call(at);
      raiseFaults(compiled);
    };
  });
}

export const x64: Backend<LinearMemory> = {
  name: "x64",
  get target() {
    return hostOrThrow().machine.target;
  },
  obstacle: () => {
    const host = theHost();
    if (typeof host === "string") return host;
    return linearMemory().shared ? undefined : "machine code needs a memory that never moves, which is a shared one";
  },
  memory: arenaOnLargePages,
  load,
  kernels,
  listing,
  features: () => {
    const host = theHost();
    return typeof host === "string" ? [] : [host.level === "avx512" ? "AVX-512" : "AVX2", `koffi ${host.system.version}`];
  },
};
