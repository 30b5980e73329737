/** @file The room Duel: two nets against each other, gradients that are guessed, and a net that knows how sure it is. */
import { createEffect, createSignal, type JSX, Match, Switch } from "solid-js";
import type { Studio } from "../state/studio.ts";
import { DoubtView, doubtTable, doubtWords } from "./duel-doubt.tsx";
import { GanView, ganTable, ganWords } from "./duel-gan.tsx";
import { GuessView, guessTable, guessWords } from "./duel-guesses.tsx";
import { DUELS, type DuelTab } from "./duel-tabs.tsx";
import type { Room } from "./room.ts";

/** What the table and the description are about. */
const [shownTab, setShownTab] = createSignal<DuelTab>("gan");

function View(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const [given, setTab] = studio.view<DuelTab>("duel", "gan");
  const tab = (): DuelTab => (DUELS.includes(given()) ? given() : "gan");
  studio.watch(() => []);
  createEffect(() => setShownTab(tab()));
  const choose = { tab, set: setTab };
  return (
    <Switch>
      <Match when={tab() === "gan"}>
        <GanView studio={studio} tabs={choose} />
      </Match>
      <Match when={tab() === "guesses"}>
        <GuessView studio={studio} tabs={choose} />
      </Match>
      <Match when={tab() === "doubt"}>
        <DoubtView studio={studio} tabs={choose} />
      </Match>
    </Switch>
  );
}

export const duel: Room = {
  View,
  describe: () => ({ gan: ganWords, guesses: guessWords, doubt: doubtWords })[shownTab()](),
  table: () => ({ gan: ganTable, guesses: guessTable, doubt: doubtTable })[shownTab()](),
};
