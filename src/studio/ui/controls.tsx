/** @file Controls: every number and choice that can be changed. They are the browser's own, so that keys, touch and screen readers work as everywhere. */
import { createUniqueId, For, type JSX, Show } from "solid-js";
import { shownNumber } from "./numbers.ts";

export interface NumProps {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  /** The step of keys and of the slider; of a logarithmic scale, steps for a factor of ten. */
  readonly step?: number;
  /** Whether the slider runs through powers of ten. It starts at 0 where `min` is 0. */
  readonly log?: boolean;
  readonly whole?: boolean;
  readonly unit?: string;
  readonly set: (value: number) => void;
}

/** Positions of a logarithmic slider that begins at 0: 0, then from this power of ten on. */
const LEAST_POWER = -5;

/** A number with a slider: type it, drag it, or use the arrow keys. */
export function Num(props: NumProps): JSX.Element {
  const id = createUniqueId();
  const lowest = (): number => (props.min > 0 ? Math.log10(props.min) : LEAST_POWER);
  const toSlider = (value: number): number => (props.log ? (value <= 0 ? lowest() - 0.25 : Math.log10(value)) : value);
  const fromSlider = (at: number): number => {
    if (!props.log) return at;
    if (props.min <= 0 && at < lowest() - 0.01) return 0;
    return Number((10 ** at).toPrecision(2));
  };
  const clamp = (value: number): number => Math.min(props.max, Math.max(props.min, props.whole ? Math.round(value) : value));
  const take = (value: number): void => {
    if (Number.isFinite(value) && clamp(value) !== props.value) props.set(clamp(value));
  };
  return (
    <div class="num">
      <label for={id}>
        {props.label}
        <Show when={props.unit}>
          <span class="num-unit"> {props.unit}</span>
        </Show>
      </label>
      <input
        id={id}
        class="num-box"
        type="number"
        inputmode="decimal"
        min={props.min}
        max={props.max}
        step={props.log ? "any" : (props.step ?? "any")}
        value={shownNumber(props.value)}
        onChange={(event) => {
          take(event.currentTarget.valueAsNumber);
          event.currentTarget.value = shownNumber(props.value);
        }}
      />
      <input
        class="num-slider"
        type="range"
        aria-label={`${props.label}, slider`}
        aria-valuetext={shownNumber(props.value)}
        min={props.log ? (props.min > 0 ? lowest() : lowest() - 0.25) : props.min}
        max={props.log ? Math.log10(props.max) : props.max}
        step={props.log ? 1 / (props.step ?? 20) : (props.step ?? (props.max - props.min) / 100)}
        value={toSlider(props.value)}
        onInput={(event) => take(fromSlider(event.currentTarget.valueAsNumber))}
      />
    </div>
  );
}

/** A {@link Num} whose limits are a pair. */
export function NumWithin(props: Omit<NumProps, "min" | "max"> & { readonly range: readonly [low: number, high: number] }): JSX.Element {
  return <Num {...props} min={props.range[0]} max={props.range[1]} />;
}

export interface ChoiceProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly options: readonly T[];
  readonly names?: Readonly<Partial<Record<T, string>>>;
  readonly set: (value: T) => void;
}

/** One of several, in a list that opens. */
export function Choice<T extends string>(props: ChoiceProps<T>): JSX.Element {
  const id = createUniqueId();
  return (
    <div class="choice">
      <label for={id}>{props.label}</label>
      <select
        id={id}
        onChange={(event) => {
          props.set(event.currentTarget.value as T);
          // A choice that was not taken is not shown.
          event.currentTarget.value = props.value;
        }}
      >
        <For each={props.options}>
          {(option) => (
            <option value={option} selected={option === props.value}>
              {props.names?.[option] ?? option}
            </option>
          )}
        </For>
      </select>
    </div>
  );
}

/** One of a few, all in sight. */
export function Segments<T extends string>(props: ChoiceProps<T>): JSX.Element {
  const name = createUniqueId();
  return (
    <fieldset class="segments">
      <legend class="hidden">{props.label}</legend>
      <For each={props.options}>
        {(option) => (
          <label classList={{ on: option === props.value }}>
            <input type="radio" name={name} checked={option === props.value} onChange={() => props.set(option)} />
            <span>{props.names?.[option] ?? option}</span>
          </label>
        )}
      </For>
    </fieldset>
  );
}

/** On or off. */
export function Toggle(props: { readonly label: string; readonly on: boolean; readonly set: (on: boolean) => void }): JSX.Element {
  return (
    <label class="toggle">
      <input type="checkbox" checked={props.on} onChange={(event) => props.set(event.currentTarget.checked)} />
      <span>{props.label}</span>
    </label>
  );
}

/** A number that the page gives. */
export function Out(props: {
  readonly label: string;
  readonly value: string;
  readonly name?: string;
  readonly class?: string;
}): JSX.Element {
  return (
    <div class={`out ${props.class ?? ""}`}>
      <span class="out-label">{props.label}</span>
      <output class="out-value" data-out={props.name}>
        {props.value}
      </output>
    </div>
  );
}

/** Rows of text, as a table that screen readers read and that can be copied. */
export function Table(props: {
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}): JSX.Element {
  return (
    <section class="table" aria-label={props.caption} tabindex="0">
      <table>
        <caption>{props.caption}</caption>
        <thead>
          <tr>
            <For each={props.head}>{(cell) => <th scope="col">{cell}</th>}</For>
          </tr>
        </thead>
        <tbody>
          <For each={props.rows}>
            {(row) => (
              <tr>
                <For each={row}>{(cell, i) => (i() === 0 ? <th scope="row">{cell}</th> : <td>{cell}</td>)}</For>
              </tr>
            )}
          </For>
        </tbody>
      </table>
    </section>
  );
}

export interface ExamplesProps<E> {
  readonly examples: readonly E[];
  readonly isChosen: (example: E) => boolean;
  /** The hint where what is set is none of the examples. */
  readonly ownHint: string;
  readonly choose: (example: E) => void;
}

const OWN = "your own";

/** Settings by name, with a line on what each shows. */
export function Examples<E extends { readonly name: string; readonly hint: string }>(props: ExamplesProps<E>): JSX.Element {
  const chosen = (): E | undefined => props.examples.find((example) => props.isChosen(example));
  return (
    <>
      <Choice
        label="Example"
        value={chosen()?.name ?? OWN}
        options={[...props.examples.map(({ name }) => name), ...(chosen() ? [] : [OWN])]}
        set={(name) => {
          const found = props.examples.find((each) => each.name === name);
          if (found) props.choose(found);
        }}
      />
      <p class="hint">{chosen()?.hint ?? props.ownHint}</p>
    </>
  );
}
