/** @file The engine's side of the page: runs the groups it is told, one after the other, and posts what happens. */
import { setThreads } from "nabla";
import { Harness, type Row } from "../harness.ts";
import { groups } from "../workloads.ts";

/** What the page asks for. */
export interface Order {
  readonly groups: readonly string[];
  readonly threads: number;
}

/** What it hears: a group that is next, a workload that is next, a row of results, the end. */
export type News = { readonly group: string } | { readonly workload: string } | { readonly row: Row } | { readonly done: true };

const tell = (news: News): void => postMessage(news);

addEventListener("message", ({ data }: MessageEvent<Order>) => {
  const harness = new Harness("nabla-browser", data.threads, { print: (row) => tell({ row }), onStart: (workload) => tell({ workload }) });
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
