/** @file Linear layers are one layer: the product W′ and the sum b′ of a stack whose activations are all linear, and how far they are from it. */
import { For, type JSX, Show } from "solid-js";
import type { Studio } from "../state/studio.ts";
import { Out } from "../ui/controls.tsx";
import { Formula } from "../ui/formula.tsx";
import { fixed } from "../ui/numbers.ts";

export function Collapse(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const isLinear = (): boolean => studio.config().layers.every(({ activation }) => activation === "linear");
  const values = (): number[] => (isLinear() ? Array.from(studio.tap("collapse")?.data ?? []) : []);
  const inputs = (): number => studio.config().features.length;
  const makeLinear = (): void => studio.change({ layers: studio.config().layers.map(({ units }) => ({ units, activation: "linear" })) });
  return (
    <div class="collapse">
      <Formula math={tex`W_3\bigl(W_2(W_1 x + b_1) + b_2\bigr) + b_3 \;=\; W' x + b'`} />
      <Formula math={tex`W' = W_3 W_2 W_1`} />
      <Formula math={tex`b' = W_3 W_2 b_1 + W_3 b_2 + b_3`} />
      <Show
        when={isLinear()}
        fallback={
          <div class="empty">
            <p>The activations of this net bend the plane, so it is no single layer.</p>
            <button type="button" class="primary" onClick={makeLinear}>
              Make all activations linear
            </button>
          </div>
        }
      >
        <Show when={values().length > 1} fallback={<div class="empty" />}>
          <div class="matrix">
            <span class="matrix-name">W′ =</span>
            <span class="bracket">
              <For each={values().slice(1, 1 + inputs())}>{(value) => <span>{fixed(value)}</span>}</For>
            </span>
            <span class="matrix-name">b′ =</span>
            <span class="bracket">
              <span>{fixed(values()[1 + inputs()]!)}</span>
            </span>
          </div>
          <Out
            class="big"
            label="largest difference between the stack and W′x + b′, over 1,089 places, in f64"
            name="collapse"
            value={fixed(values()[0]!, 3)}
          />
          <p class="hint">What is left is the rounding of 53-bit numbers. The boundary is a line, whatever the training does.</p>
        </Show>
      </Show>
    </div>
  );
}
