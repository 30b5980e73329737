/** @file What can be changed of a convolution: examples, the kernel's numbers, how it is laid, and a pen for the image. */
import { For, type JSX, Show } from "solid-js";
import { Choice, Examples, NumWithin } from "../ui/controls.tsx";
import { shownNumber } from "../ui/numbers.ts";
import type { ConvolveAnswer } from "../worker/convolve.ts";
import {
  CONVOLVE_LIMITS,
  type ConvolveChoice,
  MOST_KERNEL,
  MOST_SIDE,
  MOST_VALUE,
  outputSide,
  pooledSide,
  sideOf,
} from "../worker/convolve-choice.ts";
import { CONVOLUTIONS, type ConvolveLook } from "./convolve-examples.ts";

/** Images up to this side can be typed beside the kernel; larger ones are painted. */
const TYPED = 3;

/** A square of another side: what lies in both stays where it is, around the middle. */
function resized(values: readonly number[], side: number): number[] {
  const old = sideOf(values);
  const shift = Math.floor((side - old) / 2);
  return Array.from({ length: side ** 2 }, (_, i) => {
    const [r, c] = [Math.floor(i / side) - shift, (i % side) - shift];
    return r >= 0 && r < old && c >= 0 && c < old ? values[r * old + c]! : 0;
  });
}

export function ConvolveControls(props: {
  readonly choice: ConvolveChoice;
  readonly look: ConvolveLook;
  readonly answer: ConvolveAnswer | undefined;
  readonly set: (patch: Partial<ConvolveChoice>) => void;
  readonly open: (example: (typeof CONVOLUTIONS)[number]) => void;
}): JSX.Element {
  /** A change after which a window still fits. */
  const change = (patch: Partial<ConvolveChoice>): void => {
    const next = { ...props.choice, ...patch };
    if (outputSide(next) >= 1 && pooledSide(next) >= 1) props.set(patch);
  };
  const number = (name: keyof typeof CONVOLVE_LIMITS, label: string, step = 1): JSX.Element => (
    <NumWithin
      label={label}
      value={props.choice[name]}
      range={CONVOLVE_LIMITS[name]}
      step={step}
      whole={name !== "bias"}
      set={(value) => change({ [name]: value })}
    />
  );
  return (
    <section class="controls" aria-label="Kernel and image">
      <Examples
        examples={CONVOLUTIONS}
        isChosen={({ look, choice }) => look === props.look && JSON.stringify(choice) === JSON.stringify(props.choice)}
        ownHint="Your own convolution."
        choose={props.open}
      />
      <Show
        when={props.look !== "pool"}
        fallback={
          <div class="group">
            <Choice label="Takes the" value={props.choice.pool} options={["max", "mean"]} set={(pool) => props.set({ pool })} />
            {number("window", "Window")}
            {number("poolStride", "Stride")}
          </div>
        }
      >
        <div class="group">
          <div class="squares-row">
            <Squares title="Kernel K" values={props.choice.kernel} set={(kernel) => props.set({ kernel })} />
            <Show when={sideOf(props.choice.image) <= TYPED && sideOf(props.choice.kernel) <= TYPED}>
              <Squares title="Image X" values={props.choice.image} set={(image) => props.set({ image })} />
            </Show>
          </div>
          <NumWithin
            label="Side of K"
            value={sideOf(props.choice.kernel)}
            range={[1, MOST_KERNEL]}
            step={1}
            whole
            set={(side) => change({ kernel: resized(props.choice.kernel, side) })}
          />
          {number("stride", "Stride S")}
          {number("padding", "Padding P")}
          {number("dilation", "Dilation D")}
          {number("bias", "Bias b")}
        </div>
      </Show>
      <div class="group">
        <NumWithin
          label="Side of X"
          value={sideOf(props.choice.image)}
          range={[2, MOST_SIDE]}
          step={1}
          whole
          set={(side) => change({ image: resized(props.choice.image, side) })}
        />
        {number("right", "Move →")}
        {number("down", "Move ↓")}
      </div>
      <Show when={props.look !== "pool"}>
        <div class="group">
          {number("filters", "Filters")}
          {number("channels", "Channels")}
        </div>
      </Show>
    </section>
  );
}

/** Numbers in a square that are typed. */
function Squares(props: {
  readonly title: string;
  readonly values: readonly number[];
  readonly set: (values: number[]) => void;
}): JSX.Element {
  const side = (): number => sideOf(props.values);
  return (
    <fieldset class="squares" style={{ "--side": side() }}>
      <legend>{props.title}</legend>
      <For each={props.values.map((_, i) => i)}>
        {(i) => (
          <input
            type="number"
            step="any"
            min={-MOST_VALUE}
            max={MOST_VALUE}
            aria-label={`${props.title}, row ${Math.floor(i / side()) + 1}, column ${(i % side()) + 1}`}
            value={shownNumber(props.values[i] ?? 0)}
            onChange={(event) => {
              const typed = event.currentTarget.valueAsNumber;
              if (Number.isFinite(typed) && Math.abs(typed) <= MOST_VALUE) props.set(props.values.map((old, k) => (k === i ? typed : old)));
              else event.currentTarget.value = shownNumber(props.values[i] ?? 0);
            }}
          />
        )}
      </For>
    </fieldset>
  );
}
