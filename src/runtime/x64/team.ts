/**
 * @file The threads that help with machine code: `worker_threads`, in which the code of `codegen/x64/team.ts` runs. Memory with code belongs to the process, so that they need no more than
 * an address. They are started when a program runs for the second time, sleep between steps, and do not keep the process alive. How many there may be says the pool of the WebAssembly
 * backend, so that `setThreads` holds for both.
 */
import { builtinModule } from "../../base/host.ts";
import { messageOf } from "../../base/message.ts";
import { compileTeam, TEAM } from "../../codegen/x64/team.ts";
import { PARTS_PER_THREAD, type Pool } from "../wasm/pool.ts";
import type { Code, System } from "./system.ts";

/** Words of a thread: whether it stays, and how far it is, which is one of {@link STAGES}. */
const STAY = 0;
const STAGE = 1;
const STAGES = { before: 0, loading: 1, loaded: 2, never: 3 } as const;

/** Milliseconds that the end of the process waits for a thread that loads koffi. */
const LONGEST_LOAD = 10_000;

/** What a thread runs: a text, so that no bundler must find a file. */
const WORKER = `
"use strict";
const { words, block, work, own, koffi: file, T } = require("node:worker_threads").workerData;
let help;
if (Atomics.compareExchange(own, ${STAGE}, ${STAGES.before}, ${STAGES.loading}) === ${STAGES.before}) {
  try {
    const koffi = require(file);
    // Only now it has a stack for calls.
    koffi.load(null);
    help = koffi.decode(work, koffi.proto("void(intptr_t)"));
  } finally {
    Atomics.store(own, ${STAGE}, ${STAGES.loaded});
    Atomics.notify(own, ${STAGE});
  }
}
const wanted = () => help !== undefined && Atomics.load(own, ${STAY}) === 1;
while (wanted()) {
  help(block);
  const steps = Atomics.load(words, T.steps >> 2);
  if (steps & 1) continue;
  Atomics.add(words, T.resting >> 2, 1);
  if (wanted()) Atomics.wait(words, T.steps >> 2, steps);
  Atomics.sub(words, T.resting >> 2, 1);
}
`;

interface WorkerThreads {
  readonly Worker: new (source: string, options: object) => { unref(): void; on(event: "error", listener: (error: Error) => void): void };
}

/** Nanoseconds that a thread sleeps in the system while a step is in progress, where nobody can end it. */
const SLEEP = 20_000_000n;

export class Team {
  /** The address of the shared block. */
  readonly address: bigint;
  readonly #words: Int32Array;
  readonly #system: System;
  readonly #pool: Pool;
  /** The words of each thread that stays, and of all that were ever started. */
  readonly #members: Int32Array[] = [];
  readonly #started: Int32Array[] = [];
  #code: { readonly code: Code; readonly work: bigint } | undefined;

  constructor(system: System, pool: Pool) {
    this.#words = new Int32Array(new SharedArrayBuffer(TEAM.end));
    new BigInt64Array(this.#words.buffer)[TEAM.sleep / 8 + 1] = SLEEP;
    this.address = system.addressOf(this.#words.buffer);
    this.#system = system;
    this.#pool = pool;
  }

  /** A program whose kernels are divided, as one that runs on all threads. `long`: already its first run is worth starting them. */
  share(run: (bindings: number) => void, long: boolean): (bindings: number) => void {
    this.#place();
    let runs = long ? 1 : 0;
    const words = this.#words;
    return (bindings) => {
      if (runs++ === 0 || !this.#gather()) {
        words[TEAM.limit / 4] = 0;
        run(bindings);
        return;
      }
      words[TEAM.limit / 4] = (this.#members.length + 1) * PARTS_PER_THREAD;
      this.#step();
      try {
        run(bindings);
      } finally {
        words[TEAM.limit / 4] = 0;
        Atomics.add(words, TEAM.steps / 4, 1);
      }
    };
  }

  #place(): { readonly work: bigint } {
    if (!this.#code) {
      const { bytes, fork, work } = compileTeam();
      const code = this.#system.place(bytes);
      new BigUint64Array(this.#words.buffer)[TEAM.fork / 8] = code.address + BigInt(fork);
      this.#code = { code, work: code.address + BigInt(work) };
    }
    return this.#code;
  }

  /** A step begins. */
  #step(): void {
    Atomics.add(this.#words, TEAM.steps / 4, 1);
    if (Atomics.load(this.#words, TEAM.resting / 4) > 0) Atomics.notify(this.#words, TEAM.steps / 4);
  }

  /** Sees to it that there are as many others as are wanted; false if there are none. */
  #gather(): boolean {
    const wanted = this.#pool.threads - 1;
    if (wanted < this.#members.length) this.#dismiss(wanted);
    while (this.#members.length < this.#pool.threads - 1) this.#start();
    return this.#members.length > 0;
  }

  /** Lets all but the first `keep` go, as soon as they look. */
  #dismiss(keep: number): void {
    for (const own of this.#members.splice(keep)) Atomics.store(own, STAY, 0);
    Atomics.add(this.#words, TEAM.steps / 4, 2);
    Atomics.notify(this.#words, TEAM.steps / 4);
  }

  #start(): void {
    const own = new Int32Array(new SharedArrayBuffer(8));
    own[STAY] = 1;
    this.#members.push(own);
    if (this.#started.push(own) === 1) builtinModule<NodeJS.Process>("node:process")?.once("exit", () => this.#awaitLoading());
    try {
      const { Worker } = builtinModule<WorkerThreads>("node:worker_threads")!;
      const workerData = { words: this.#words, block: this.address, work: this.#place().work, own, koffi: this.#system.file, T: TEAM };
      const worker = new Worker(WORKER, { eval: true, execArgv: [], stdin: false, workerData });
      worker.on("error", (error) => this.#stayAlone(error));
      worker.unref();
    } catch (error) {
      this.#stayAlone(error);
    }
  }

  /** Node aborts if a process ends while one of its threads loads koffi: it waits for those that do, and others do not begin to. */
  #awaitLoading(): void {
    for (const own of this.#started) {
      const stage = Atomics.compareExchange(own, STAGE, STAGES.before, STAGES.never);
      if (stage === STAGES.loading) Atomics.wait(own, STAGE, STAGES.loading, LONGEST_LOAD);
    }
  }

  #stayAlone(error: unknown): void {
    this.#pool.stayAlone(messageOf(error));
    this.#dismiss(0);
  }
}
