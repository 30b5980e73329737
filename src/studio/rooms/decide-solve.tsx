/** @file What the two views of the room Decide share: their tabs, what a plan breaks, and the button that solves. */
import { createSignal, For, type JSX, onCleanup, Show, type Signal } from "solid-js";
import { LocalSource } from "../source/source.ts";
import type { Studio } from "../state/studio.ts";
import { NumWithin, Segments } from "../ui/controls.tsx";
import { fixed } from "../ui/numbers.ts";
import { SEEDS, type Solved } from "../worker/decide-choice.ts";
import type { SolveCommand } from "../worker/solver-worker.ts";
import type { Room } from "./room.ts";

export type DecideTab = "rails" | "crews";

export interface ViewProps {
  readonly studio: Studio;
  readonly tab: DecideTab;
  readonly setTab: (tab: DecideTab) => void;
}

/** What is shown, in words and as a table. */
export interface Told {
  readonly words: string;
  readonly table: ReturnType<Room["table"]>;
}

export const [told, tell]: Signal<Told | undefined> = createSignal<Told>();

export function DecideTabs(props: Pick<ViewProps, "tab" | "setTab">): JSX.Element {
  return (
    <div class="stage-head">
      <Segments label="View" value={props.tab} options={["rails", "crews"]} names={{ rails: "Rails", crews: "Crews" }} set={props.setTab} />
    </div>
  );
}

export function Verdict(props: { readonly faults: readonly string[] }): JSX.Element {
  return (
    <Show when={props.faults.length > 0} fallback={<p class="verdict good">✓ Feasible: this plan keeps all rows.</p>}>
      <ul class="verdict bad" aria-label="What this plan breaks" tabindex="0">
        <For each={props.faults}>{(fault) => <li>✗ {fault}</li>}</For>
      </ul>
    </Show>
  );
}

/** Whether the server of the page has the solver, which is an optional package. */
const hasSolver = (): boolean => document.querySelector("meta[name=nabla-solver]") !== null;

let solver: LocalSource | undefined;

function end(): void {
  solver?.close();
  solver = undefined;
}

interface SolveProps {
  readonly studio: Studio;
  readonly command: SolveCommand;
  /** What the answer must be for when it comes. */
  readonly wanted: string;
  readonly setSeed: (seed: number) => void;
  readonly best: Solved | undefined;
  /** Whether a row has no solution whatever the plan. */
  readonly isInfeasible?: boolean;
  readonly take: (found: Solved) => void;
}

export function Solve(props: SolveProps): JSX.Element {
  const [isBusy, setBusy] = createSignal(false);
  const [said, setSaid] = createSignal("");
  onCleanup(() => isBusy() && end());
  const stop = (): void => {
    end();
    setBusy(false);
    setSaid("Stopped.");
  };
  const solve = (): void => {
    const [wanted, start] = [props.wanted, performance.now()];
    setBusy(true);
    setSaid("");
    solver ??= new LocalSource(new Worker("solver.js", { type: "module" }));
    solver
      .send<Solved>(props.command)
      .then(
        (found) => {
          if (props.wanted !== wanted) return;
          setSaid(`Found in ${fixed((performance.now() - start) / 1000, 2)} s.`);
          props.take(found);
        },
        (error: Error) => {
          end();
          setSaid(error.message);
        },
      )
      .finally(() => setBusy(false));
  };
  const best = (): string => {
    if (props.isInfeasible) return "No plan keeps the row of the gate.";
    if (!props.best) return "This one is not solved yet.";
    const { cost, gap } = props.best;
    return `Least cost ${cost.toFixed(2)}; ${gap < 1e-6 ? "none is cheaper" : `proved to ${fixed(100 * gap, 2)} %`}.`;
  };
  return (
    <div class="group">
      <NumWithin label="Instance" value={props.command.seed} range={SEEDS} step={1} whole set={props.setSeed} />
      <Show
        when={hasSolver()}
        fallback={
          <p class="hint" data-out="solver">
            {best()} The solver is not installed here (npm install highs): only the stored plans are shown.
          </p>
        }
      >
        <button type="button" class={isBusy() ? "plain" : "primary"} onClick={() => (isBusy() ? stop() : solve())}>
          {isBusy() ? "Solving … stop" : "Solve"}
        </button>
        <p class="hint" data-out="solver" role="status">
          {said()} {best()}
        </p>
      </Show>
    </div>
  );
}
