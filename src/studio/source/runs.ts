/** @file Runs on disk, as the server of the page tells of them: asked again and again while a room shows them, so that a server may end and come back. */
import { type Accessor, createSignal, onCleanup } from "solid-js";
import type { LiveLooks, RunCommand, RunList } from "../../train/run-record.ts";
import { withGaps } from "../state/kept.ts";

/** Milliseconds between two questions: while a run of the server trains, and else. */
const [OFTEN, SELDOM] = [400, 2000] as const;

/** Milliseconds between two questions for a look, which comes once a second at most. */
const LOOKS_EVERY = 600;

const meta = (): HTMLMetaElement | null => document.querySelector<HTMLMetaElement>("meta[name=nabla-runs]");

/** Whether the page has a server that shows runs. */
export const hasRuns = (): boolean => meta() !== null;

/** The run that the server was asked to show; empty if none. */
export const chosenRun = (): string => meta()?.content ?? "";

export interface ServedRuns {
  readonly list: Accessor<RunList>;
  /** Why there is nothing new; empty as long as the server answers. */
  readonly fault: Accessor<string>;
  readonly command: (command: RunCommand) => void;
}

const [list, setList] = createSignal<RunList>({ runs: [] });
const [fault, setFault] = createSignal("");
let version = "";

async function ask(): Promise<void> {
  try {
    const response = await fetch("runs", { headers: version === "" ? {} : { "if-none-match": version } });
    if (response.status !== 304) {
      // A server that was started again has another address.
      if (response.status === 403)
        throw new Error("Another server is here now. Open the address that it has printed; what has come is still here.");
      if (!response.ok) throw new Error((await response.text()) || `status ${response.status}`);
      const found = (await response.json()) as RunList & { readonly version: string };
      version = found.version;
      setList({ ...found, runs: found.runs.map(withGaps) });
    }
    setFault("");
  } catch (error) {
    setFault(
      error instanceof TypeError ? "The server does not answer. It is asked again; what has come is still here." : (error as Error).message,
    );
  }
}

/** The runs of the server while the caller lives; none on a page without one. */
export function watchRuns(): ServedRuns {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  const turn = async (): Promise<void> => {
    await ask();
    const { live } = list();
    if (!isOver) timer = setTimeout(turn, live && !live.ended ? OFTEN : SELDOM);
  };
  if (hasRuns()) void turn();
  onCleanup(() => {
    isOver = true;
    clearTimeout(timer);
  });
  const command = (what: RunCommand): void => {
    void fetch("command", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(what) }).then(
      async (response) => {
        if (!response.ok) setFault((await response.text()) || `the run cannot be told: status ${response.status}`);
        await ask();
      },
      () => setFault("The server does not answer."),
    );
  };
  return { list, fault, command };
}

/** Looks at the run that trains: it takes them as long as the caller lives. */
export function watchLooks(): Accessor<LiveLooks> {
  const [looks, setLooks] = createSignal<LiveLooks>({ history: [] });
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  let seen = "";
  const turn = async (): Promise<void> => {
    try {
      const response = await fetch("looks", { headers: seen === "" ? {} : { "if-none-match": seen } });
      if (response.ok) {
        const found = (await response.json()) as LiveLooks & { readonly version: string };
        seen = found.version;
        setLooks(found);
      }
    } catch {
      // What the list of runs has to say of its server is said there.
    }
    if (!isOver) timer = setTimeout(turn, LOOKS_EVERY);
  };
  void turn();
  onCleanup(() => {
    isOver = true;
    clearTimeout(timer);
  });
  return looks;
}
