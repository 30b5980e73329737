/** @file One rank: a thread that does a task. */
import { parentPort, workerData } from "node:worker_threads";
import { threads } from "../../src/distributed/threads.ts";
import { tasks } from "./tasks.ts";

const { memory, rank, name, task } = workerData;
try {
  parentPort!.postMessage({ result: await tasks[name]!(threads(memory, rank), task as never) });
} catch (error) {
  parentPort!.postMessage({ error: (error as Error).stack });
}
