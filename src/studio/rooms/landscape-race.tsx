/** @file The look Race: optimizers from one place down one function. */
import { createEffect, createMemo, createSignal, For, type JSX, onCleanup, Show } from "solid-js";
import { plot } from "../draw/plot.ts";
import { way } from "../draw/terrain.ts";
import { Canvas } from "../ui/canvas.tsx";
import { Choice, Num, NumWithin } from "../ui/controls.tsx";
import { ICONS, Icon } from "../ui/icon.tsx";
import { fixed } from "../ui/numbers.ts";
import { RACE_LIMITS, RACERS, type RacerName, SCHEDULES, SHAPES } from "../worker/landscape-choice.ts";
import type { Way } from "../worker/surfaces.ts";
import type { Land } from "./landscape.tsx";
import { SurfaceControls, TerrainView } from "./terrain-view.tsx";

/** How long a race takes to be shown, in milliseconds. */
const SHOWN_IN = 2500;

const CALM = matchMedia("(prefers-reduced-motion: reduce)");

/** The step that is shown, and what makes it run from 0 to the last. */
function createClock(of: Land): { step: () => number; isRunning: () => boolean; play: () => void } {
  const [moving, setMoving] = createSignal<number>();
  let frame = 0;
  const { land, set } = of;
  const step = (): number => moving() ?? (land().step < 0 ? land().steps : Math.min(land().step, land().steps));
  const play = (): void => {
    cancelAnimationFrame(frame);
    if (land().step !== -1) set({ step: -1 });
    if (CALM.matches) return;
    const start = performance.now();
    const turn = (now: number): void => {
      const share = Math.max(0, (now - start) / SHOWN_IN);
      setMoving(share < 1 ? Math.floor(share * land().steps) : undefined);
      if (share < 1) frame = requestAnimationFrame(turn);
    };
    frame = requestAnimationFrame(turn);
  };
  onCleanup(() => cancelAnimationFrame(frame));
  return { step, isRunning: () => moving() !== undefined, play };
}

interface Result {
  readonly name: RacerName;
  readonly above: number;
  readonly distance: number;
  /** What the last step left of the loss. */
  readonly left: number;
  readonly isLost: boolean;
}

function resultOf({ name, at, values }: Way, step: number, surface: Land["land"]): Result {
  const which = surface().surface;
  const { least, minima } = which === "net" ? { least: 0, minima: [] } : SHAPES[which];
  const last = Math.min(step, at.length - 1);
  const [x, y] = at[last] ?? [Number.NaN, Number.NaN];
  const above = values[last]! - least;
  return {
    name,
    above,
    distance: minima.length > 0 ? Math.min(...minima.map(([a, b]) => Math.hypot(x - a, y - b))) : Number.NaN,
    left: last > 0 ? above / (values[last - 1]! - least) : Number.NaN,
    isLost: at.length <= step,
  };
}

export function RaceLook(of: Land): JSX.Element {
  const { land, set, at } = of;
  const clock = createClock(of);
  const { answer } = of.ask(() => {
    const where = of.onSurface();
    const { on, rates, momentum, schedule, steps } = land();
    return where && of.map() && { ask: "race", ...where, at: at(), race: { on, rates, momentum, schedule, steps } };
  });
  // An answer may be about the function before.
  const ways = (): readonly Way[] => (answer()?.surface === land().surface ? answer()!.ways : []);
  const results = createMemo(() => ways().map((each) => resultOf(each, clock.step(), land)));
  const series = (name: RacerName): number => RACERS.indexOf(name);
  const least = (): number => (land().surface === "net" ? 0 : SHAPES[land().surface as "valley"].least);
  const words = (): string =>
    `After ${clock.step()} steps on ${land().surface}: ${results()
      .map(({ name, above, isLost }) => `${name} ${isLost ? "diverged" : fixed(above, 2)}`)
      .join(", ")}`;
  createEffect(() =>
    of.tell({
      words: words(),
      rows: results().flatMap(({ name, above, distance, left }) => [
        [`${name}, above the least`, fixed(above)],
        [`${name}, from a minimum`, fixed(distance)],
        [`${name}, left by the last step`, fixed(left)],
      ]),
    }),
  );
  return (
    <>
      <section class="stage" aria-label="The race">
        <TerrainView
          of={of}
          label={words()}
          isMoving={clock.isRunning()}
          over={(ctx, project, palette) => {
            for (const each of ways())
              way(ctx, project, { at: each.at, colour: palette.series[series(each.name)]! }, clock.step(), palette);
          }}
          drop={(place, isHeld) => {
            set({ at: place });
            if (!isHeld) clock.play();
          }}
        />
        <div class="race-time">
          <button type="button" class="icon-button" aria-label="Run the race again" onClick={clock.play}>
            <Icon path={ICONS.play} />
          </button>
          <input
            type="range"
            aria-label="Step of the race"
            aria-valuetext={`step ${clock.step()} of ${land().steps}`}
            min="0"
            max={land().steps}
            value={clock.step()}
            onInput={(event) => set({ step: event.currentTarget.valueAsNumber })}
          />
          <output>step {clock.step()}</output>
        </div>
        <p class="hint">
          {land().surface === "net"
            ? "The ball starts on a plane through the net as it is, and moves on that plane."
            : `f(x, y) = ${SHAPES[land().surface as "valley"].formula}`}
        </p>
      </section>
      <section class="middle" aria-label="How far they come">
        <h2>Loss above the least</h2>
        <div class="curve-box plot">
          <Canvas
            label={words()}
            draw={(ctx, box, palette) =>
              plot(
                ctx,
                box,
                ways().map(({ name, values }) => {
                  // What flies away would press the others flat.
                  const top = 100 * (values[0]! - least()) + 1e-9;
                  const end = values.findIndex((value) => value - least() > top);
                  const y = values.slice(0, end < 0 ? undefined : end).map((value) => Math.max(1e-9, value - least()));
                  return { x: y.map((_, i) => i), y, colour: palette.series[series(name)]! };
                }),
                { isLog: true, marks: [clock.step()] },
                palette,
              )
            }
          />
        </div>
        <table class="racers">
          <thead>
            <tr>
              <th scope="col">optimizer</th>
              <th scope="col">above the least</th>
              <th scope="col">from a minimum</th>
              <th scope="col">left by a step</th>
            </tr>
          </thead>
          <tbody>
            <For each={results()}>
              {({ name, above, distance, left, isLost }) => (
                <tr>
                  <th scope="row">
                    <span class="key" style={{ "border-color": `var(--series-${series(name) + 1})` }} /> {name}
                  </th>
                  <td data-out={`above-${name}`}>{isLost ? "∞" : fixed(above)}</td>
                  <td data-out={`distance-${name}`}>{isLost ? "∞" : fixed(distance)}</td>
                  <td data-out={`left-${name}`}>{fixed(left)}</td>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </section>
      <section class="controls" aria-label="Function and optimizers">
        {of.head}
        <SurfaceControls of={of} hasBall />
        <div class="group">
          <For each={RACERS}>
            {(name) => (
              <div class="racer" style={{ "--accent": `var(--series-${series(name) + 1})` }}>
                <input
                  type="checkbox"
                  aria-label={`${name} takes part`}
                  checked={land().on.includes(name)}
                  onChange={() => set({ on: RACERS.filter((each) => land().on.includes(each) !== (each === name)) })}
                />
                <Num
                  label={name}
                  value={land().rates[name]}
                  min={RACE_LIMITS.rate[0]}
                  max={RACE_LIMITS.rate[1]}
                  log
                  set={(rate) => set({ rates: { ...land().rates, [name]: rate } })}
                />
              </div>
            )}
          </For>
        </div>
        <div class="group">
          <NumWithin
            label="Momentum"
            value={land().momentum}
            range={RACE_LIMITS.momentum}
            step={0.01}
            set={(momentum) => set({ momentum })}
          />
          <NumWithin
            label="Steps"
            value={land().steps}
            range={RACE_LIMITS.steps}
            step={10}
            whole
            set={(steps) => set({ steps, step: -1 })}
          />
          <Choice label="Rate" value={land().schedule} options={SCHEDULES} set={(schedule) => set({ schedule })} />
          <Show when={land().schedule !== "constant"}>
            <p class="hint">The rates above are the highest of the schedule.</p>
          </Show>
        </div>
      </section>
    </>
  );
}
