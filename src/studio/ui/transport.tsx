/** @file The bar of time: play, pause, step, speed, and the line on which a run is wound back and forth. */
import { createEffect, createSignal, type JSX, Show } from "solid-js";
import type { Studio } from "../state/studio.ts";
import { ICONS, Icon } from "./icon.tsx";
import { counted } from "./numbers.ts";

const SPEEDS: readonly (readonly [string, number])[] = [
  ["½ step/s", 0.5],
  ["5 steps/s", 5],
  ["60 steps/s", 60],
  ["1,000 steps/s", 1000],
  ["full speed", Number.POSITIVE_INFINITY],
];

export function Transport(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const [speed, setSpeed] = createSignal(SPEEDS.length - 1);
  const isPlaying = (): boolean => studio.stats().playing === 1;
  let line!: HTMLInputElement;
  createEffect(() => {
    // The end first: a value beyond it would be cut.
    line.max = String(Math.max(1, studio.stats().end));
    line.value = String(studio.step());
  });
  return (
    <footer class="transport">
      <div class="transport-buttons">
        <button
          type="button"
          class="icon-button"
          aria-label="Back to the start"
          title="Back to the start (R)"
          onClick={() => studio.reset()}
        >
          <Icon path={ICONS.reset} />
        </button>
        <button
          type="button"
          class="play"
          aria-label={isPlaying() ? "Pause" : "Play"}
          title="Play and pause (Space)"
          onClick={() => studio.toggle()}
        >
          <Icon path={isPlaying() ? ICONS.pause : ICONS.play} />
        </button>
        <button type="button" class="icon-button" aria-label="One step" title="One step (.)" onClick={() => studio.advance(1)}>
          <Icon path={ICONS.step} />
        </button>
      </div>
      <div class="scrub">
        <input
          ref={line}
          type="range"
          aria-label="Wind back and forth"
          aria-valuetext={`step ${studio.step()} of ${studio.stats().end}`}
          min="0"
          step="1"
          onInput={(event) => studio.seek(event.currentTarget.valueAsNumber)}
        />
        <p class="scrub-text">
          <span>
            step <output id="step">{counted(studio.step())}</output>
          </span>
          <span class="rate">
            <Show when={isPlaying()} fallback={studio.stats().end > studio.step() ? `of ${counted(studio.stats().end)}` : ""}>
              {counted(studio.stats().stepsPerSecond)} steps/s
            </Show>
          </span>
        </p>
      </div>
      <label class="speed">
        <span class="hidden">Speed</span>
        <select
          onChange={(event) => {
            setSpeed(event.currentTarget.selectedIndex);
            studio.speed(SPEEDS[event.currentTarget.selectedIndex]![1]);
          }}
        >
          {SPEEDS.map(([name], i) => (
            <option selected={i === speed()}>{name}</option>
          ))}
        </select>
      </label>
      <label class="seed" title="The next seed (S)">
        <span>seed</span>
        <input
          type="number"
          min="0"
          max="9999"
          step="1"
          value={studio.config().seed}
          onChange={(event) => {
            const seed = event.currentTarget.valueAsNumber;
            if (Number.isInteger(seed) && seed >= 0 && seed <= 9999) studio.change({ seed });
            else event.currentTarget.value = String(studio.config().seed);
          }}
        />
      </label>
    </footer>
  );
}
