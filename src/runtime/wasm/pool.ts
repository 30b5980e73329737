/**
 * @file The pool of threads: `worker_threads` in Node, Web Workers in a page's worker. They share the memory of the arena and the compiled modules, and claim
 * parts of kernels while a program runs (`codegen/wasm/threads.ts`). They start when a program runs for the second time, sleep between steps, and do not keep
 * the process alive.
 *
 * A thread that sleeps in `Atomics.wait` receives no messages. So the number of messages is in shared memory: a thread that has seen fewer returns to its event
 * loop, receives them, and continues.
 */
import { builtinModule, cores, environment } from "../../base/host.ts";
import { messageOf } from "../../base/message.ts";
import { CONTROL, MOST_PARTS, tagOf } from "../../codegen/wasm/threads.ts";
import { markHarmless } from "../../kernel/interpret.ts";
import type { Loaded } from "../backend.ts";
import { type LinearMemory, linearMemory } from "./memory.ts";

/**
 * The source of a worker, as a text, because every bundler would have to find a separate file. It takes the messages `{ memory, mail }` (the first),
 * `{ program, module }`, `{ forget }` and `{ members }` (workers whose number is not below it end).
 */
const WORKER = `
"use strict";
const node = typeof require === "function" ? require("node:worker_threads") : undefined;
const C = ${JSON.stringify(CONTROL)};
const programs = new Map();
let words, member, seen;
const at = (address) => address >> 2;
const refuse = () => { throw new Error("internal: a divided kernel calls the host"); };

function receive(message) {
  if (message.memory) {
    words = new Int32Array(message.memory.buffer);
    ({ member, mail: seen } = message);
    programs.memory = message.memory;
    return serve();
  }
  seen = (seen + 1) | 0;
  if (message.members <= member) return node ? process.exit() : close();
  if (message.module) programs.set(message.program, instantiate(message.module));
  if (message.forget) programs.delete(message.forget);
  serve();
}

function instantiate(module) {
  const imports = { env: { memory: programs.memory }, math: {}, host: {} };
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) if (kind === "function") imports[from][name] = refuse;
  return new WebAssembly.Instance(module, imports).exports.work;
}

function serve() {
  while (Atomics.load(words, at(C.mail)) === seen) {
    const ticket = Atomics.load(words, at(C.ticket));
    const work = programs.get(ticket >>> 10);
    if (work) help(work, ticket & ~1023);
    rest(work);
  }
}

function help(work, tag) {
  try {
    work(tag);
  } catch {
    Atomics.store(words, at(C.failed), 1);
    Atomics.add(words, at(C.done), 1);
    Atomics.notify(words, at(C.done));
  }
}

function rest(work) {
  Atomics.add(words, at(C.sleepers), 1);
  const signal = Atomics.load(words, at(C.signal));
  const ticket = Atomics.load(words, at(C.ticket));
  const open = (ticket & 1023) !== 0 && programs.has(ticket >>> 10);
  if (!open && Atomics.load(words, at(C.mail)) === seen) Atomics.wait(words, at(C.signal), signal);
  Atomics.sub(words, at(C.sleepers), 1);
}

if (node) node.parentPort.on("message", receive);
else onmessage = (event) => receive(event.data);
`;

/** The interface of a worker that Node and browsers share. */
interface Member {
  postMessage(message: unknown): void;
  terminate(): unknown;
}

type NodeWorker = Member & {
  unref(): void;
  on(event: "error", listener: (error: Error) => void): void;
};

interface WorkerThreads {
  readonly Worker: new (source: string, options: object) => NodeWorker;
}

const workerThreads = (): WorkerThreads | undefined => builtinModule<WorkerThreads>("node:worker_threads");

/** The reason why this host can use only one thread; undefined if it can use more. */
function obstacle(memory: LinearMemory): string | undefined {
  if (typeof WebAssembly === "undefined") return "this host has no WebAssembly";
  if (!memory.shared) return "they need shared memory, which a page has only with cross-origin isolation (headers COOP and COEP)";
  if (workerThreads()) return undefined;
  if (typeof document !== "undefined") return "the main thread of a page must not wait for others; run the engine in a Worker";
  return typeof Worker === "function" && typeof Blob === "function" ? undefined : "this host has no workers (in Node, they need 20.16)";
}

const ALLOW_WORKERS =
  "in Node under --permission, --allow-worker allows them; a page needs blob: in the worker-src of its Content-Security-Policy; NABLA_THREADS=1 or setThreads(1) asks for none";

const MOST_THREADS = 64;

function checked(n: number, what: string): number {
  if (!Number.isInteger(n) || n < 1 || n > MOST_THREADS)
    throw new RangeError(`${what}: want a whole number of threads from 1 to ${MOST_THREADS}, got ${n}`);
  return n;
}

function defaultThreads(): number {
  const asked = environment("NABLA_THREADS");
  return asked ? checked(Number(asked), "NABLA_THREADS") : Math.min(cores(), MOST_THREADS);
}

/** Parts per thread. More parts balance better when other processes use a core, but each costs a claim. */
export const PARTS_PER_THREAD = 4;

/** The threads that compute in one memory, including the calling one. */
export class Pool {
  readonly #memory: LinearMemory;
  #obstacle: string | undefined;
  #threads: number;
  #members: Member[] = [];
  /** The programs whose modules all members have. */
  #known: Set<number> = new Set();
  #programs = 0;
  #failure: string | undefined;
  readonly #gone: FinalizationRegistry<number> = new FinalizationRegistry((program) => this.#forget(program));

  constructor(memory: LinearMemory) {
    this.#memory = memory;
    this.#obstacle = obstacle(memory);
    this.#threads = this.#obstacle === undefined ? defaultThreads() : 1;
  }

  get threads(): number {
    return this.#threads;
  }

  set threads(n: number) {
    checked(n, "setThreads");
    if (n > 1 && this.#obstacle !== undefined) throw new Error(`setThreads: ${n} threads cannot be had: ${this.#obstacle}`);
    this.#threads = n;
    if (n - 1 < this.#members.length) this.#dismiss(n - 1);
  }

  /** Makes a program with divided kernels run on all threads. `long`: the threads start with its first run already. */
  share(module: WebAssembly.Module, main: Loaded, long: boolean): Loaded {
    const program = ++this.#programs;
    let runs = long ? 1 : 0;
    const run: Loaded = (bindings) => {
      const words = new Int32Array(this.#memory.buffer, 0, CONTROL.end / 4);
      words[CONTROL.limit / 4] = runs++ > 0 && this.#enlist(program, module) ? this.#threads * PARTS_PER_THREAD : 0;
      words[CONTROL.tag / 4] = tagOf(program);
      try {
        main(bindings);
      } catch (error) {
        throw this.#settle(words) ?? error;
      }
    };
    run.forget = () => this.#forget(program);
    this.#gone.register(run, program);
    return run;
  }

  #forget(program: number): void {
    if (this.#known.delete(program)) this.#post({ forget: program });
  }

  /** Starts the other threads and sends them the program, if that is not done yet; returns false if it runs on this thread alone. */
  #enlist(program: number, module: WebAssembly.Module): boolean {
    if (this.#failure !== undefined) {
      const message = this.#failure;
      this.#failure = undefined;
      throw markHarmless(new Error(message)); // nothing has run yet
    }
    if (this.#threads === 1) return false;
    while (this.#members.length < this.#threads - 1) if (!this.#start()) return false;
    if (!this.#known.has(program)) {
      this.#known.add(program);
      this.#post({ program, module });
    }
    return true;
  }

  /** Starts another thread; returns false if the host forbids it. */
  #start(): boolean {
    // All members get all modules again, which is simpler than sending them to the new one alone.
    this.#known.clear();
    let member: Member;
    try {
      member = startWorker({
        failed: (message) => {
          this.#failure = `a thread has failed: ${message}`;
          this.#dismiss(0);
        },
        forbidden: (reason) => this.stayAlone(reason),
      });
    } catch (error) {
      this.stayAlone(messageOf(error));
      return false;
    }
    this.#members.push(member);
    const memory = this.#memory.raw;
    member.postMessage({ memory, member: this.#members.length - 1, mail: new Int32Array(memory.buffer)[CONTROL.mail / 4] });
    return true;
  }

  /** Continues with one thread, with a warning the first time. */
  stayAlone(reason: string): void {
    if (this.#obstacle !== undefined) return;
    this.#obstacle = `this host starts no workers (${reason})`;
    this.#dismiss(0);
    this.#threads = 1;
    console.warn(`nabla: one thread computes: ${this.#obstacle}; ${ALLOW_WORKERS}`);
  }

  #post(message: object): void {
    if (this.#members.length === 0) return;
    for (const member of this.#members) member.postMessage(message);
    const words = new Int32Array(this.#memory.buffer, 0, CONTROL.end / 4);
    Atomics.add(words, CONTROL.mail / 4, 1);
    Atomics.add(words, CONTROL.signal / 4, 1);
    Atomics.notify(words, CONTROL.signal / 4);
  }

  /** Dismisses all but the first `keep` members. They end by themselves, since a thread that is terminated might have claimed a part. */
  #dismiss(keep: number): void {
    this.#post({ members: keep });
    this.#members.length = keep;
  }

  /** After a failure inside a program: waits for parts that others have claimed, and returns the error if it happened on another thread. */
  #settle(words: Int32Array): Error | undefined {
    const at = (address: number): number => address / 4;
    const left = Atomics.exchange(words, at(CONTROL.ticket), 0) & MOST_PARTS;
    Atomics.store(words, at(CONTROL.waiting), 0);
    if (words[at(CONTROL.limit)] === 0) return undefined;
    if (Atomics.load(words, at(CONTROL.failed)) === 2) return this.#abandon(words);
    // This thread may have failed inside a part, which then stays undone.
    const claimed = words[at(CONTROL.parts)]! - left - 1;
    for (let done = Atomics.load(words, at(CONTROL.done)); done < claimed; done = Atomics.load(words, at(CONTROL.done)))
      Atomics.wait(words, at(CONTROL.done), done, 1);
    if (Atomics.exchange(words, at(CONTROL.failed), 0) === 0) return undefined;
    return new Error("a kernel has failed in another thread: an address out of bounds; what the step has written so far is of no use");
  }

  /** Gives up all other threads, after one claimed a part and did not finish it. */
  #abandon(words: Int32Array): Error {
    for (const member of this.#members) member.terminate();
    this.#members = [];
    Atomics.store(words, CONTROL.failed / 4, 0);
    Atomics.store(words, CONTROL.sleepers / 4, 0);
    return new Error("a thread has claimed a part of a kernel and does not answer: it was stopped, or the machine is overloaded");
  }
}

const pools: WeakMap<LinearMemory, Pool> = new WeakMap();

/** The pool of a memory. */
export function poolOf(memory: LinearMemory): Pool {
  let pool = pools.get(memory);
  if (!pool) {
    pool = new Pool(memory);
    pools.set(memory, pool);
  }
  return pool;
}

/** The number of threads that compute, including the calling one. */
export function getThreads(): number {
  return poolOf(linearMemory()).threads;
}

/**
 * Sets how many threads compute, the calling one included: 1 to 64. The default is the environment variable `NABLA_THREADS`, or else the cores available; 1 where
 * threads cannot be had (a page without cross-origin isolation, or the main thread of a page: run the engine in a Worker there). Results are the same bits for any
 * number of threads. Others start when a program runs for the second time; in a page, once the engine's Worker has returned to its event loop after that. Throws a RangeError for a number out of range, an Error where there can be only one.
 */
export function setThreads(n: number): void {
  poolOf(linearMemory()).threads = n;
}

/** Callbacks for a worker that ends: it failed, or it could never start. */
interface Fate {
  failed(message: string): void;
  forbidden(reason: string): void;
}

/** Starts a worker. @throws {Error} if the host refuses at once. */
function startWorker({ failed, forbidden }: Fate): Member {
  const threads = workerThreads();
  if (threads) {
    const worker = new threads.Worker(WORKER, { eval: true, execArgv: [], stdin: false });
    worker.on("error", (error: Error & { readonly code?: string }) =>
      /^ERR_(WORKER_INIT_FAILED|ACCESS_DENIED)/.test(error.code ?? "") ? forbidden(error.message) : failed(error.message),
    );
    worker.unref();
    return worker;
  }
  const url = URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" }));
  const worker = new Worker(url);
  // A worker whose script could not be loaded gives an error event without a message.
  worker.onerror = (event) => (event.message ? failed(event.message) : forbidden("its script was blocked"));
  return worker;
}
