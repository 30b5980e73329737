/** @file Ranks as threads, for tests: a bundle of the tasks that each of them loads. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { threadsMemory } from "../../src/distributed/threads.ts";
import { bundled } from "./bundle.ts";

const folder = mkdtempSync(join(tmpdir(), "nabla-ranks-"));
let bundle: Promise<string> | undefined;

/** Runs a task on so many ranks; gives what each of them gives. */
export async function onThreads<T>(size: number, name: string, task: unknown = {}): Promise<T[]> {
  bundle ??= bundled("worker", join(folder, "worker.mjs"));
  const file = await bundle;
  const memory = threadsMemory(size);
  const workers = Array.from(
    { length: size },
    (_, rank) => new Worker(file, { workerData: { memory, rank, name, task }, env: { ...process.env, NABLA_THREADS: "1" } }),
  );
  try {
    return await Promise.all(
      workers.map(
        (worker) =>
          new Promise<T>((resolve, reject) => {
            worker.once("message", (said: { result?: T; error?: string }) =>
              said.error === undefined ? resolve(said.result as T) : reject(new Error(said.error)),
            );
            worker.once("error", reject);
          }),
      ),
    );
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

export const removeBundle = (): void => rmSync(folder, { recursive: true, force: true });
