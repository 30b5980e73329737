/** @file The line of a curve, as it stands beside its name. */
import { type JSX, Show } from "solid-js";
import { dashOf } from "../draw/curves.ts";
import { SERIES } from "../draw/palette.ts";

/** The line of the curve at a place among those that are drawn; empty below 0, where the curve is not drawn. */
export function Swatch(props: { readonly place: number }): JSX.Element {
  return (
    <svg class="swatch" viewBox="0 0 26 8" aria-hidden="true">
      <Show when={props.place >= 0}>
        <path
          d="M1 4h24"
          style={{
            stroke: `var(${SERIES[props.place % SERIES.length]})`,
            "stroke-dasharray": dashOf(props.place, SERIES.length).join(" "),
          }}
        />
      </Show>
    </svg>
  );
}
