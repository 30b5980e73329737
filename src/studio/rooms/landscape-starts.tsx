/** @file The look Starts: a thousand small nets on exclusive or, and where each ends. */
import { createEffect, createMemo, createSignal, For, type JSX, onCleanup } from "solid-js";
import { falls, startAt, starts } from "../draw/starts.ts";
import { desk } from "../source/source.ts";
import { Canvas } from "../ui/canvas.tsx";
import { NumWithin, Out } from "../ui/controls.tsx";
import { counted, fixed, percent } from "../ui/numbers.ts";
import { LAND_LIMITS, LEVEL_NAMES, LOOKS_AT, levelOf, STARTS } from "../worker/landscape-choice.ts";
import type { StartsAnswer } from "../worker/starts.ts";
import type { Land } from "./landscape.tsx";

const COLOURS = [3, 1, 2, 5];

export function StartsLook(of: Land): JSX.Element {
  const { land, set } = of;
  const [looks, setLooks] = createSignal<readonly StartsAnswer[]>([]);
  const which = createMemo(() => `${land().hidden} ${land().seed}`);
  let round = 0;
  const follow = async (hidden: number, seed: number): Promise<void> => {
    const own = ++round;
    setLooks([]);
    for (const look of LOOKS_AT.keys()) {
      const found = await desk().send<StartsAnswer>({ do: "landscape", question: { ask: "starts", hidden, seed, look } });
      if (own !== round) return;
      setLooks((all) => [...all, found]);
    }
  };
  createEffect(() => {
    const [hidden, seed] = which().split(" ").map(Number) as [number, number];
    follow(hidden, seed).catch((error: Error) => void of.studio.say(error.message));
  });
  onCleanup(() => {
    round++;
  });
  const shown = (): number => {
    const last = looks().length - 1;
    const found = land().step < 0 ? last : LOOKS_AT.findLastIndex((step) => step <= land().step);
    return Math.max(0, Math.min(last, found));
  };
  const losses = createMemo(() => looks()[shown()]?.losses ?? new Float32Array());
  const ends = (): Float32Array => looks().at(-1)?.losses ?? new Float32Array();
  const pins = createMemo((): [number, number] => {
    const { a, b } = land();
    const first = (isGlobal: boolean): number => ends().findIndex((loss) => (levelOf(loss) === 0) === isGlobal && levelOf(loss) >= 0);
    return [a > 0 ? a - 1 : first(false), b > 0 ? b - 1 : first(true)];
  });
  const share = (level: number): number => losses().filter((loss) => levelOf(loss) === level).length / STARTS;
  const isDone = (): boolean => looks().length === LOOKS_AT.length;
  const step = (): number => LOOKS_AT[shown()]!;
  const endOf = (pin: 0 | 1): string => fixed(losses()[pins()[pin]] ?? Number.NaN);
  const words = (): string =>
    `${counted(STARTS)} nets 2-${land().hidden}-1 after ${counted(step())} steps: ${LEVEL_NAMES.map((name, i) => `${percent(share(i))} at ${name}`).join(", ")}`;
  createEffect(() =>
    of.tell({
      words: words(),
      rows: [
        ["steps", counted(step())],
        ...LEVEL_NAMES.map((name, i) => [`at ${name}`, percent(share(i))]),
        ["at none of them", percent(share(-1))],
        [`A, start ${pins()[0] + 1}`, endOf(0)],
        [`B, start ${pins()[1] + 1}`, endOf(1)],
      ],
    }),
  );
  let held: 0 | 1 | undefined;
  const place = (event: PointerEvent & { currentTarget: HTMLElement }, down: boolean): void => {
    const { left, top, width } = event.currentTarget.getBoundingClientRect();
    const found = looks()[0];
    if (!found) return;
    const far = (i: number): number => {
      const [x, y] = startAt(found, width, i);
      return Math.hypot(x - (event.clientX - left), y - (event.clientY - top));
    };
    if (down) held = far(pins()[0]) < far(pins()[1]) ? 0 : 1;
    let near = 0;
    for (let i = 1; i < STARTS; i++) if (far(i) < far(near)) near = i;
    set(held === 0 ? { a: near + 1 } : { b: near + 1 });
  };
  return (
    <>
      <section class="stage" aria-label="Where they start" aria-busy={!isDone()}>
        <h2>Where they start</h2>
        <div class="square">
          <Canvas
            label={words()}
            draw={(ctx, box, palette) => {
              const first = looks()[0];
              if (first) starts(ctx, box, { places: first.places, losses: losses(), pins: pins() }, palette);
            }}
            events={{
              style: { cursor: "pointer", "touch-action": "none" },
              onPointerDown: (event) => {
                event.currentTarget.setPointerCapture(event.pointerId);
                place(event, true);
              },
              onPointerMove: (event) => held !== undefined && place(event, false),
              onPointerUp: () => {
                held = undefined;
              },
              onPointerCancel: () => {
                held = undefined;
              },
            }}
          />
        </div>
        <p class="hint">
          Each dot is a net. Across: where its unit of the largest weight in the output looks; up: that of the least. Colour: where its loss
          is now.
        </p>
      </section>
      <section class="middle" aria-label="Where they end">
        <h2>Where they end</h2>
        <div class="curve-box falls">
          <Canvas
            label={words()}
            draw={(ctx, box, palette) =>
              falls(
                ctx,
                box,
                looks().map((each) => each.losses),
                shown(),
                pins(),
                palette,
              )
            }
          />
        </div>
        <div class="race-time">
          <input
            type="range"
            aria-label="Steps taken"
            aria-valuetext={`${counted(step())} steps`}
            min="0"
            max={LOOKS_AT.length - 1}
            value={shown()}
            onInput={(event) => set({ step: LOOKS_AT[event.currentTarget.valueAsNumber]! })}
          />
          <output>step {counted(step())}</output>
        </div>
        <div class="outs">
          <For each={LEVEL_NAMES}>
            {(name, i) => (
              <div class="out">
                <span class="out-label">
                  <span class="dot" style={{ background: `var(--series-${COLOURS[i()]})` }} /> at {name}
                </span>
                <output class="out-value" data-out={`level-${i()}`}>
                  {percent(share(i()))}
                </output>
              </div>
            )}
          </For>
          <Out label="loss of A" name="a" value={endOf(0)} />
          <Out label="loss of B" name="b" value={endOf(1)} />
        </div>
      </section>
      <section class="controls" aria-label="The nets">
        {of.head}
        <div class="group">
          <NumWithin
            label="Units h"
            value={land().hidden}
            range={LAND_LIMITS.hidden}
            step={1}
            whole
            set={(hidden) => set({ hidden, a: 0, b: 0 })}
          />
          <NumWithin label="Seed" value={land().seed} range={LAND_LIMITS.seed} step={1} whole set={(seed) => set({ seed, a: 0, b: 0 })} />
          <NumWithin label="Pin A" value={Math.max(1, pins()[0] + 1)} range={[1, STARTS]} step={1} whole set={(a) => set({ a })} />
          <NumWithin label="Pin B" value={Math.max(1, pins()[1] + 1)} range={[1, STARTS]} step={1} whole set={(b) => set({ b })} />
        </div>
        <p class="hint">
          Nets 2-h-1 of ReLU units on exclusive or: weights from N(0, 1), biases 0, 8,000 steps of gradient descent at the rate 0.1.
        </p>
      </section>
    </>
  );
}
