/** @file What the views of the room Norm share: how they ask, and the numbers that view, table and description show. */
import { createEffect, createSignal, For, Index, type JSX } from "solid-js";
import { type Chart, chart } from "../draw/chart.ts";
import type { Palette } from "../draw/palette.ts";
import { desk } from "../source/source.ts";
import type { Studio } from "../state/studio.ts";
import { Canvas } from "../ui/canvas.tsx";
import { NumWithin, Out } from "../ui/controls.tsx";
import { type Latest, latest } from "../ui/latest.ts";
import type { RegularizeCommand } from "../worker/regularize.ts";

/** A number of a view: its label, its name for tests, its text. */
export type Figure = readonly [label: string, name: string, value: string];

export interface Shown {
  readonly caption: string;
  readonly words: string;
  readonly figures: readonly Figure[];
  /** Further rows of the table. */
  readonly rows?: readonly (readonly [what: string, value: string])[];
}

/** What the table and the description show too. */
export const [shown, setShown] = createSignal<Shown>();

/** Keeps the table as the view is. */
export function show(view: () => Shown | undefined): void {
  createEffect(() => setShown(view()));
}

export function Figures(props: { readonly list: readonly Figure[] }): JSX.Element {
  return (
    <div class="outs">
      <Index each={props.list}>{(figure) => <Out label={figure()[0]} name={figure()[1]} value={figure()[2]} />}</Index>
    </div>
  );
}

/** The newest answer to what a view asks. */
export const asked = <A,>(studio: Studio, about: RegularizeCommand["about"], question: () => object | undefined): Latest<A> =>
  latest(
    question,
    (each) => desk().send<A>({ do: "regularize", about, question: each }),
    (error) => void studio.say(error.message),
  );

export const next = (seed: number): number => (seed + 1) % 10000;

/** A value in the limits, with two digits behind the point. */
export const cut = (value: number, [low, high]: readonly [number, number]): number =>
  Number(Math.max(low, Math.min(high, value)).toFixed(2));

export interface SlidersProps<C> {
  readonly choice: C;
  readonly set: (patch: Partial<C>) => void;
  readonly limits: Readonly<Record<string, readonly [low: number, high: number]>>;
  /** Label, field, step: undefined for a logarithmic scale. */
  readonly of: readonly (readonly [label: string, field: string & keyof C, step?: number])[];
}

/** Numbers of a choice, each with its slider. A field whose step is 1 is whole. */
export function Sliders<C>(props: SlidersProps<C>): JSX.Element {
  return (
    <For each={props.of}>
      {([label, field, step]) => (
        <NumWithin
          label={label}
          value={props.choice[field] as number}
          range={props.limits[field]!}
          log={step === undefined}
          whole={step === 1}
          {...(step !== undefined && { step })}
          set={(value) => props.set({ [field]: value } as Partial<C>)}
        />
      )}
    </For>
  );
}

/** A chart of what was answered, empty until then. */
export function Plot<A>(props: {
  readonly label: string;
  readonly class?: string;
  readonly answer: A | undefined;
  readonly of: (answer: A, palette: Palette) => Chart;
}): JSX.Element {
  return (
    <div class={`curve-box ${props.class ?? "norm-line"}`}>
      <Canvas
        label={props.label}
        draw={(ctx, box, palette) => {
          if (props.answer) chart(ctx, box, props.of(props.answer, palette), palette);
        }}
      />
    </div>
  );
}
