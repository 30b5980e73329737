/**
 * @file In a Worker of an isolated page: takes `{ file, threads }`, runs that test file, posts a `FileReport`. Each file has a Worker of its own, as in Node.
 */
import { type File, type Suite, startTests, type Task, type VitestRunner, type VitestRunnerConfig } from "@vitest/runner";
import { setThreads } from "nabla";
import type { FileReport, Outcome } from "./suite.ts";

const TIMEOUT_MS = 120_000;

const config: Partial<VitestRunnerConfig> = {
  root: "/project",
  setupFiles: [],
  passWithNoTests: false,
  allowOnly: false,
  sequence: { hooks: "stack", setupFiles: "list", seed: 0 },
  maxConcurrency: 1,
  testTimeout: TIMEOUT_MS,
  hookTimeout: TIMEOUT_MS,
  retry: 0,
  tags: [],
};

const runner: VitestRunner = { config: config as VitestRunnerConfig, importFile: (path) => import(/* @vite-ignore */ path) };

const strays: string[] = [];
addEventListener("error", (event) => void strays.push(event.message));
addEventListener("unhandledrejection", (event) => void strays.push(String((event.reason as Error)?.stack ?? event.reason)));

const nameOf = (task: Task): string =>
  task.type === "suite" && !task.suite ? "" : [task.suite && nameOf(task.suite), task.name].filter(Boolean).join(" > ");

/** A test's outcome; a suite's only where it failed by itself (a hook, an import). */
function outcomes(task: Task): Outcome[] {
  const errors = (task.result?.errors ?? []).map((error) => [error.stack ?? error.message, error.diff].filter(Boolean).join("\n"));
  const state = task.result?.state === "pass" ? "passed" : task.result?.state === "fail" ? "failed" : "skipped";
  if (task.type === "test") return [{ name: nameOf(task), state, errors }];
  const inside = (task as Suite).tasks.flatMap(outcomes);
  return errors.length > 0 ? [{ name: nameOf(task) || "the file", state: "failed", errors }, ...inside] : inside;
}

async function run(file: string, threads: number): Promise<FileReport> {
  setThreads(threads);
  const start = performance.now();
  const [result] = (await startTests([`/project/${file}`], runner)) as [File];
  const all = outcomes(result);
  if (all.length === 0) strays.push("there is no test in the file");
  return {
    outcomes: [...all, ...strays.map((error): Outcome => ({ name: "outside any test", state: "failed", errors: [error] }))],
    ms: performance.now() - start,
  };
}

addEventListener("message", async ({ data }: MessageEvent<{ file: string; threads: number }>) => {
  const broken = (error: Error): FileReport => ({
    outcomes: [{ name: "the file", state: "failed", errors: [String(error.stack)] }],
    ms: 0,
  });
  postMessage(await run(data.file, data.threads).catch(broken));
});
