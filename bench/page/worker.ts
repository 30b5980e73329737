/** @file The engine's side of the page: runs the groups it is told, one after the other, and posts what happens. */
import { compile, nn, setThreads, tensor } from "nabla";
import { Harness, type Row, randn } from "../harness.ts";
import { groups } from "../workloads.ts";

/** What the page asks for. */
export interface Order {
  readonly groups: readonly string[];
  readonly threads: number;
}

/** What it hears: a group that is next, a workload that is next, a row of results, the end. */
export type News = { readonly group: string } | { readonly workload: string } | { readonly row: Row } | { readonly done: true };

const tell = (news: News): void => postMessage(news);

/** A browser starts the other threads when this one returns to its event loop, which a benchmark does not: so they are started before. */
async function awaken(threads: number): Promise<void> {
  setThreads(threads);
  if (threads === 1) return;
  const x = new nn.State(tensor(randn(256 * 256), { shape: [256, 256] }));
  const step = compile((): void => x.set(x.value.matmul(x.value).tanh()));
  for (let i = 0; i < 3; i++) step();
  await new Promise((done) => setTimeout(done, 1000));
}

addEventListener("message", async ({ data }: MessageEvent<Order>) => {
  const harness = new Harness("nabla-browser", data.threads, { print: (row) => tell({ row }), onStart: (workload) => tell({ workload }) });
  // What is wrong with the number of threads, every group says below.
  await awaken(data.threads).catch(() => undefined);
  for (const name of data.groups) {
    tell({ group: name });
    try {
      setThreads(data.threads);
      groups[name](harness);
    } catch (error) {
      harness.fail(name, error);
    }
  }
  tell({ done: true });
});
