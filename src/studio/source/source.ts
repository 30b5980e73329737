/** @file Where frames come from. A room does not know which source it has. */
import type { PackedPage } from "../one/pack.ts";
import { decodeFrame, type Frame } from "../worker/protocol.ts";

export interface Source {
  /** Sends a command; resolves to what it gives. @throws {Error} what the other side says. */
  send<T = unknown>(command: { readonly do: string } & Readonly<Record<string, unknown>>): Promise<T>;
  /** Asks for the next frame. */
  more(): void;
  onFrame: ((frame: Frame) => void) | undefined;
  close(): void;
}

/** A worker as a source. */
export class LocalSource implements Source {
  onFrame: ((frame: Frame) => void) | undefined;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #next = 1;
  /** Why nothing is answered any more. */
  #end: Error | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<Uint8Array<ArrayBuffer> | { id: number; ok?: unknown; error?: string }>) => {
      if (data instanceof Uint8Array) this.onFrame?.(decodeFrame(data));
      else this.#settle(data);
    };
    worker.onerror = (event) => {
      const error = new Error(`the worker stopped: ${event.message ?? "its file does not load"}. Reload the page.`);
      this.#end = error;
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    };
  }

  #settle({ id, ok, error }: { id: number; ok?: unknown; error?: string }): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(ok);
    else waiting?.reject(new Error(error));
  }

  send<T>(command: { readonly do: string } & Readonly<Record<string, unknown>>): Promise<T> {
    if (this.#end) return Promise.reject(this.#end);
    const id = this.#next++;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#worker.postMessage({ id, ...command });
    });
  }

  more(): void {
    this.#worker.postMessage({ id: 0, do: "more" });
  }

  close(): void {
    this.#worker.terminate();
  }
}

/** The worker of that name: in the one file its text is in the page, elsewhere it is a file beside it. */
export function startWorker(name: "worker" | "lessons" | "models"): Worker {
  const text = (globalThis as PackedPage).nablaWorker;
  if (!text) return new Worker(`${name}.js`, { type: "module" });
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  const worker = new Worker(url);
  URL.revokeObjectURL(url);
  return worker;
}

let second: LocalSource | undefined;

/** The second worker, of lessons and instruments: started when something is asked of it. */
export function desk(): LocalSource {
  second ??= new LocalSource(startWorker("lessons"));
  return second;
}
