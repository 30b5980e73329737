/** @file The lectures as cards: each point with its numbers, computed here, beside those that the lecture prints or that theory demands. */
import { createResource, createSignal, For, type JSX, Show } from "solid-js";
import { DOCUMENTS, type Fact, holds, type Outcome } from "../../demo/demo.ts";
import { lineChart } from "../../figures/svg.ts";
import { desk, type Source } from "../source/source.ts";
import type { Studio } from "../state/studio.ts";
import { ICONS, Icon } from "../ui/icon.tsx";
import { exact, fixed } from "../ui/numbers.ts";
import type { Heading } from "../worker/lessons.ts";
import { LINKS } from "./links.ts";

/** Where the cards that were opened are kept. */
const KEY = "nabla-studio-cards";

function seenCards(): Set<string> {
  try {
    return new Set(JSON.parse(localStorage.getItem(KEY) ?? "[]") as string[]);
  } catch {
    return new Set();
  }
}

function keep(seen: ReadonlySet<string>): void {
  try {
    localStorage.setItem(KEY, JSON.stringify([...seen]));
  } catch {
    // A page without storage forgets what was opened, and nothing else.
  }
}

export function Lessons(props: { readonly studio: Studio; readonly close: () => void }): JSX.Element {
  const source = desk();
  const [headings] = createResource(() => source.send<Heading[]>({ do: "list" }));
  const lectures = () =>
    (Object.keys(DOCUMENTS) as (keyof typeof DOCUMENTS)[]).filter((id) => headings()?.some(({ document }) => document === id));
  const [chosen, setLecture] = props.studio.view<string>("lecture", "");
  const lecture = (): string => chosen() || (lectures().includes("S4") ? "S4" : (lectures()[0] ?? ""));
  const cards = (): Heading[] => headings()?.filter(({ document }) => document === lecture()) ?? [];
  const [seen, setSeen] = createSignal<ReadonlySet<string>>(seenCards());
  const open = (name: string): void => {
    // Another tab may have opened others.
    const all = new Set([...seenCards(), ...seen(), name]);
    setSeen(all);
    keep(all);
  };
  return (
    <aside class="lessons" aria-label="Lessons">
      <header class="lessons-head">
        <h2>Lessons</h2>
        <button type="button" class="icon-button" aria-label="Close the lessons" onClick={props.close}>
          <Icon path={ICONS.close} />
        </button>
      </header>
      <div class="choice">
        <label for="lecture">Lecture</label>
        <select id="lecture" onChange={(event) => setLecture(event.currentTarget.value)}>
          <For each={lectures()}>
            {(id) => (
              <option value={id} selected={id === lecture()}>
                {DOCUMENTS[id]}
              </option>
            )}
          </For>
        </select>
      </div>
      <p class="hint">
        {cards().filter(({ name }) => seen().has(name)).length} of {cards().length} points opened. Each is computed in this page, beside
        what the lecture prints or theory demands.
      </p>
      <ol class="cards">
        <For each={cards()} fallback={<li class="empty">{headings.loading ? "Loading the lessons …" : "There are no lessons here."}</li>}>
          {(card) => <Card card={card} source={source} studio={props.studio} seen={seen().has(card.name)} opened={() => open(card.name)} />}
        </For>
      </ol>
    </aside>
  );
}

interface CardProps {
  readonly card: Heading;
  readonly source: Source;
  readonly studio: Studio;
  readonly seen: boolean;
  readonly opened: () => void;
}

/** Words that are written in a way of their own. */
const SPELT: Readonly<Record<string, string>> = { relu: "ReLU", elu: "ELU", xor: "XOR", keras: "Keras" };

function title(name: string): string {
  const words = name.replaceAll(/(?<!\d)-|-(?!\d)/g, " ").replaceAll(/\b(relu|elu|xor|keras)\b/g, (word) => SPELT[word]!);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function Card(props: CardProps): JSX.Element {
  const [wanted, setWanted] = createSignal(false);
  const [outcome] = createResource(wanted, () => props.source.send<Outcome>({ do: "run", name: props.card.name }));
  const link = LINKS[props.card.name];
  return (
    <li classList={{ card: true, seen: props.seen }}>
      <details
        onToggle={(event) => {
          if (!event.currentTarget.open) return;
          setWanted(true);
          props.opened();
        }}
      >
        <summary>
          <strong>{title(props.card.name)}</strong>
          <span>{props.card.shows}</span>
        </summary>
        <Show when={!outcome.error} fallback={<p class="bad">{String(outcome.error?.message)}</p>}>
          <Show when={outcome()} fallback={<p class="hint">Computing …</p>}>
            {(result) => <Result outcome={result()} />}
          </Show>
        </Show>
        <Show when={link}>
          {(place) => (
            <button
              type="button"
              class="primary"
              onClick={() => void props.studio.open({ ...place(), view: { ...place().view, lecture: props.card.document } })}
            >
              See it move
            </button>
          )}
        </Show>
      </details>
    </li>
  );
}

/** What a number must be, in words. */
function demanded({ expected, within = 0, least, most }: Fact): string {
  if (expected !== undefined) return `${exact(expected)}${within > 0 ? ` ± ${fixed(within, 2)}` : ""}`;
  return [least === undefined ? "" : `≥ ${exact(least)}`, most === undefined ? "" : `≤ ${exact(most)}`].filter(Boolean).join(", ");
}

function Result(props: { readonly outcome: Outcome }): JSX.Element {
  return (
    <div class="result">
      <table class="facts">
        <thead>
          <tr>
            <th scope="col">what</th>
            <th scope="col">here</th>
            <th scope="col">must be</th>
          </tr>
        </thead>
        <tbody>
          <For each={props.outcome.facts}>
            {(fact) => (
              <tr classList={{ wrong: !holds(fact) }}>
                <th scope="row">
                  {fact.what}
                  <Show when={fact.note}>
                    <small>{fact.note}</small>
                  </Show>
                </th>
                <td data-fact={fact.what}>{exact(fact.value)}</td>
                <td>
                  {demanded(fact)} {demanded(fact) === "" ? "" : holds(fact) ? "✓" : "✗"}
                </td>
              </tr>
            )}
          </For>
        </tbody>
      </table>
      {/* Drawn by this project from numbers; names in it are escaped there. */}
      <For each={props.outcome.charts ?? []}>
        {(chart) => <figure innerHTML={lineChart(chart.curves, { ...chart.options, width: 400, height: 270 })} />}
      </For>
      <Show when={props.outcome.text}>
        <pre tabindex="0">{props.outcome.text}</pre>
      </Show>
    </div>
  );
}
