/**
 * @file Sources named by their module, so that threads can open them too: a function cannot cross to a thread, the name of a module and
 * options as plain data can. Each thread imports the module and opens the source for itself.
 */
import { check, expectation, text } from "../base/check.ts";
import { nodeModule, nodeVersion } from "../base/host.ts";
import { type Batch, collate } from "./batch.ts";
import type { Example, ExampleStream, Examples, Split } from "./dataset.ts";

export interface ModuleSource {
  /** URL of the module. */
  readonly module: string;
  /** What its function is called with: anything that a thread can be sent. */
  readonly options: unknown;
  /** The name under which the module exports the function. */
  readonly exportName: string;
}

const aModule = expectation(
  'the address of a module, such as new URL("./source.js", import.meta.url)',
  (value) => typeof value === "string" || typeof (value as { readonly href?: unknown } | null | undefined)?.href === "string",
);

/**
 * The source that a function exported by a module gives: `export default (options) => source`, or a promise of one. The URL is best written
 * `new URL("./my-data.js", import.meta.url)`. @param exportName Default "default".
 */
export function fromModule(module: string | { readonly href: string }, options: unknown = undefined, exportName = "default"): ModuleSource {
  check("fromModule: module", module, aModule);
  check("fromModule: exportName", exportName, text);
  return { module: typeof module === "string" ? module : module.href, options, exportName };
}

/** Opens the source in this thread. @throws {Error} if the module has no such function. */
export async function openModule({ module, options, exportName }: ModuleSource): Promise<Split | Examples | ExampleStream> {
  const open = ((await import(/* webpackIgnore: true */ module)) as Record<string, unknown>)[exportName];
  if (typeof open !== "function") throw new Error(`${module} exports no function "${exportName}"; want one that gives the examples`);
  return (await open(options)) as Split | Examples | ExampleStream;
}

/** Threads that have all opened one source. */
export interface Workers extends Examples {
  fetch(indices: Int32Array, epoch?: number): Promise<Batch>;
  close(): Promise<void>;
}

/**
 * What a thread runs; text, so that it needs no file of its own and starts from sources and builds alike. It says how many examples there are, and
 * then answers lists of positions with examples whose arrays it gives away.
 */
const PROGRAM = `
import { parentPort, workerData } from "node:worker_threads";
const { module, options, exportName } = workerData;
const answer = async (id, work) => {
  try {
    const [value, buffers] = await work();
    parentPort.postMessage({ id, value }, buffers);
  } catch (error) {
    parentPort.postMessage({ id, error: error instanceof Error ? error.message : String(error) });
  }
};
let source;
const row = (rows, i) => rows.slice(i * (rows.length / source.count), (i + 1) * (rows.length / source.count));
const fromSplit = (i) => ({ input: row(source.inputs, i), target: /^(Big)?U?[Ii]nt/.test(source.targets.constructor.name) && source.targets.length === source.count ? Number(source.targets[i]) : row(source.targets, i) });
const copied = ({ input, target, ...rest }) => ({ ...rest, input: input.slice(), target: typeof target === "number" ? target : target.slice() });
await answer(0, async () => {
  const open = (await import(module))[exportName];
  if (typeof open !== "function") throw new Error(module + ' exports no function "' + exportName + '"; want one that gives the examples');
  source = await open(options);
  const along = ["lengths", "moreInputs", "moreTargets"].find((name) => !source.example && source[name]);
  if (along) throw new Error(module + " gives a split with " + along + "; use workers: 0, or give examples that have it each");
  if (typeof source === "function") throw new Error(module + " gives a stream, which has one reader; use workers: 0");
  return [source.count, []];
});
parentPort.on("message", ({ id, indices, epoch }) =>
  answer(id, async () => {
    const examples = [];
    for (const i of indices) examples.push(source.example ? copied(await source.example(i, epoch)) : fromSplit(i));
    return [examples, examples.flatMap(({ input, target }) => (typeof target === "number" ? [input.buffer] : [input.buffer, target.buffer]))];
  }),
);
`;

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** One thread and the questions that it has not answered yet. */
class Thread {
  readonly #worker: import("node:worker_threads").Worker;
  readonly #waiting: Map<number, { resolve(value: unknown): void; reject(error: Error): void }> = new Map();
  readonly opened: Promise<unknown>;
  #next = 0;

  constructor(worker: import("node:worker_threads").Worker) {
    this.#worker = worker;
    this.opened = this.#expect();
    worker.on("message", (answer: Answer) => this.#settle(answer));
    worker.on("error", (error: Error) => this.#fail(error));
    worker.on("exit", (code) => this.#fail(new Error(`a loader's thread ended with code ${code}`)));
  }

  get busy(): number {
    return this.#waiting.size;
  }

  ask(indices: Int32Array, epoch?: number): Promise<unknown> {
    const id = this.#next;
    const answer = this.#expect();
    this.#worker.postMessage({ id, indices, epoch });
    return answer;
  }

  /** A thread that owes an answer keeps the process alive, an idle one does not. */
  #expect(): Promise<unknown> {
    this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.set(this.#next++, { resolve, reject });
    });
  }

  #settle({ id, value, error }: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(error));
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** Opens the source in `count` threads. @throws {Error} what opening it throws there. */
export async function startWorkers(source: ModuleSource, count: number): Promise<Workers> {
  if (nodeVersion() === undefined) throw new Error("Loader: threads of a loader are Node's; in a page use workers: 0");
  const { Worker } = await nodeModule<typeof import("node:worker_threads")>("node:worker_threads");
  const program = new URL(`data:text/javascript,${encodeURIComponent(PROGRAM)}`);
  const threads = Array.from({ length: count }, () => new Thread(new Worker(program, { workerData: source })));
  const close = async (): Promise<void> => {
    await Promise.all(threads.map((thread) => thread.close()));
  };
  const opened = await Promise.allSettled(threads.map((thread) => thread.opened));
  const failed = opened.find((result) => result.status === "rejected");
  if (failed) {
    await close();
    throw failed.reason;
  }
  const fetch = async (indices: Int32Array, epoch?: number): Promise<Batch> => {
    const idle = threads.reduce((best, thread) => (thread.busy < best.busy ? thread : best));
    return collate((await idle.ask(indices, epoch)) as Example[], indices);
  };
  const example = async (index: number, epoch?: number): Promise<Example> => {
    const { inputs, targets } = await fetch(Int32Array.of(index), epoch);
    return { input: inputs, target: targets instanceof Int32Array && targets.length === 1 ? targets[0] : targets };
  };
  return { count: (opened[0] as PromiseFulfilledResult<number>).value, example, fetch, close };
}
