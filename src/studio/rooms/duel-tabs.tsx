/** @file What the three views of the room Duel share: their tabs, and their runs. */
import { type Accessor, type JSX, onMount } from "solid-js";
import { desk } from "../source/source.ts";
import { createOwnRun, type OwnRun } from "../state/own-run.ts";
import type { Studio, Time } from "../state/studio.ts";
import { Segments } from "../ui/controls.tsx";
import type { DuelAnswer, DuelKind } from "../worker/duel.ts";

export const DUELS: readonly DuelKind[] = ["gan", "guesses", "doubt"];
export type DuelTab = DuelKind;

export interface Tabs {
  readonly tab: Accessor<DuelTab>;
  readonly set: (tab: DuelTab) => void;
}

export interface ViewProps {
  readonly studio: Studio;
  readonly tabs: Tabs;
}

export function DuelTabs(props: Tabs): JSX.Element {
  return (
    <div class="stage-head">
      <Segments
        label="View"
        value={props.tab()}
        options={DUELS}
        names={{ gan: "Two nets", guesses: "Guessed gradients", doubt: "Doubt" }}
        set={props.set}
      />
    </div>
  );
}

export interface DuelRunOptions<Q> {
  readonly kind: DuelKind;
  /** What links call the step, and the step at first. */
  readonly name: string;
  readonly first: number;
  readonly question: () => Q & { readonly seed: number };
  readonly set: (patch: { readonly seed: number }) => void;
  readonly most?: number;
  readonly fastest?: number;
  readonly unit?: Time["unit"];
}

/** A run in the worker, under the bar of time. It plays at once, unless a link says what to show or the reader wants no motion. */
export function duelRun<Q, A extends DuelAnswer>(studio: Studio, options: DuelRunOptions<Q>): OwnRun<A> {
  const run = createOwnRun<Q, A>(studio, {
    ...options,
    ask: (question, to) => desk().send<A>({ do: "duel", kind: options.kind, question, to }),
    seed: () => options.question().seed,
    reseed: (seed) => options.set({ seed }),
    fail: (error) => void studio.say(error.message),
  });
  studio.drive(run);
  onMount(() => {
    const isFirst = !location.hash.includes("?") && run.step() === 0;
    if (isFirst && options.first === 0 && !matchMedia("(prefers-reduced-motion: reduce)").matches) run.play();
  });
  return run;
}
