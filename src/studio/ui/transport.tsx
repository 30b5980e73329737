/** @file The bar of time: play, pause, step, speed, and the line on which a run is wound back and forth. */
import { createEffect, createSignal, type JSX, Show, untrack } from "solid-js";
import type { Studio, Time } from "../state/studio.ts";
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
  const time = (): Time => props.studio.time();
  const [speed, setSpeed] = createSignal(SPEEDS.length - 1);
  let line!: HTMLInputElement;
  // Whoever takes the bar goes on at the speed that is set.
  createEffect(() => time().speed(SPEEDS[untrack(speed)]![1]));
  createEffect(() => {
    // The end first: a value beyond it would be cut.
    line.max = String(Math.max(1, time().end()));
    line.value = String(time().step());
  });
  return (
    <footer class="transport">
      <div class="transport-buttons">
        <button
          type="button"
          class="icon-button"
          aria-label="Back to the start"
          title="Back to the start (R)"
          onClick={() => time().reset()}
        >
          <Icon path={ICONS.reset} />
        </button>
        <button
          type="button"
          class="play"
          aria-label={time().isPlaying() ? "Pause" : "Play"}
          title="Play and pause (Space)"
          onClick={() => time().toggle()}
        >
          <Icon path={time().isPlaying() ? ICONS.pause : ICONS.play} />
        </button>
        <button type="button" class="icon-button" aria-label="One step" title="One step (.)" onClick={() => time().advance(1)}>
          <Icon path={ICONS.step} />
        </button>
      </div>
      <div class="scrub">
        <input
          ref={line}
          type="range"
          aria-label="Wind back and forth"
          aria-valuetext={`${time().unit} ${time().step()} of ${time().end()}`}
          min="0"
          step="1"
          onInput={(event) => time().seek(event.currentTarget.valueAsNumber)}
        />
        <p class="scrub-text">
          <span>
            {time().unit} <output id="step">{counted(time().step())}</output>
          </span>
          <span class="rate">
            <Show when={time().isPlaying()} fallback={time().end() > time().step() ? `of ${counted(time().end())}` : ""}>
              {counted(time().stepsPerSecond())} {time().unit === "step" ? "steps" : "passes"}/s
            </Show>
          </span>
        </p>
      </div>
      <label class="speed">
        <span class="hidden">Speed</span>
        <select
          onChange={(event) => {
            setSpeed(event.currentTarget.selectedIndex);
            time().speed(SPEEDS[event.currentTarget.selectedIndex]![1]);
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
          value={time().seed()}
          onChange={(event) => {
            const seed = event.currentTarget.valueAsNumber;
            if (Number.isInteger(seed) && seed >= 0 && seed <= 9999) time().reseed(seed);
            else event.currentTarget.value = String(time().seed());
          }}
        />
      </label>
    </footer>
  );
}
