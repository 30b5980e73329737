/** @file Trainings of the page that the reader has kept, to compare others with them. They stay in this browser. */
import { createSignal } from "solid-js";
import type { RunRecord } from "../../train/run-record.ts";

const KEY = "nabla-studio-runs";

/** More are not kept: the oldest goes. */
const MOST = 12;

function isRecord(value: unknown): value is RunRecord {
  const { name, settings, results, curves } = (value ?? {}) as Partial<RunRecord>;
  return typeof name === "string" && [settings, results, curves].every((part) => typeof part === "object" && part !== null);
}

/** JSON has no NaN: what was none comes back as null, which a chart would draw as 0. */
export const withGaps = (run: RunRecord): RunRecord => ({
  ...run,
  curves: Object.fromEntries(
    Object.entries(run.curves).map(([name, points]) => [name, points.map(([x, y]): [number, number] => [x, y ?? Number.NaN])]),
  ),
});

function stored(): RunRecord[] {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "[]") as unknown;
    return Array.isArray(found) ? found.filter(isRecord).map(withGaps) : [];
  } catch {
    return [];
  }
}

const [kept, setSignal] = createSignal<readonly RunRecord[]>(stored());

export { kept };

// Another tab has kept a run, or has forgotten one.
globalThis.addEventListener?.("storage", ({ key }) => void (key === KEY && setSignal(stored())));

function setKept(runs: readonly RunRecord[]): void {
  setSignal(runs);
  try {
    localStorage.setItem(KEY, JSON.stringify(runs));
  } catch {
    // A page without storage, or one that is full, keeps them until it is closed.
  }
}

/** Keeps a run under a name of its own. */
export function keep(run: RunRecord): void {
  const numbers = kept().map(({ name }) => Number(/^kept (\d+)/.exec(name)?.[1] ?? 0));
  const name = `kept ${Math.max(0, ...numbers) + 1}`;
  setKept([{ ...run, name, state: "kept" }, ...kept()].slice(0, MOST));
}

export const forget = (name: string): void => setKept(kept().filter((run) => run.name !== name));
