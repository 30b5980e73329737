/** @file A net that knows how sure it is: put points, drag them, and see the band around its answer shrink. */
import { createEffect, createSignal, For, type JSX } from "solid-js";
import { type BandFrame, band, bandAt, bandPixels, deviations } from "../draw/band.ts";
import { Canvas } from "../ui/canvas.tsx";
import { Examples, Num, NumWithin, Out } from "../ui/controls.tsx";
import { Formula } from "../ui/formula.tsx";
import { fixed } from "../ui/numbers.ts";
import type { DoubtAnswer } from "../worker/doubt-run.ts";
import { DOUBT_EXAMPLES, DOUBT_LIMITS, DOUBT_PLACES, type DoubtChoice, FIRST_DOUBT, PASSES, readDoubt } from "../worker/duel-choice.ts";
import { DuelTabs, duelRun, type ViewProps } from "./duel-tabs.tsx";
import type { Room } from "./room.ts";

const [shown, setShown] = createSignal<DoubtAnswer>();

const FRAME: BandFrame = { x: DOUBT_LIMITS.x, y: DOUBT_LIMITS.y };

/** How near a point must be to be taken, in pixels. */
const NEAR = 16;

export function DoubtView(props: ViewProps): JSX.Element {
  const { studio } = props;
  const [given, setGiven] = studio.view<DoubtChoice>("doubt", FIRST_DOUBT);
  const [at, setAt] = studio.view<number>("x", 5);
  const [place, setPlace] = studio.view<number>("point", 1);
  const choice = (): DoubtChoice => readDoubt(given());
  const set = (patch: Partial<DoubtChoice>): void => void setGiven({ ...choice(), ...patch });
  const run = duelRun<DoubtChoice, DoubtAnswer>(studio, {
    kind: "doubt",
    name: "passes",
    first: PASSES,
    question: choice,
    set,
    most: PASSES,
    fastest: 10,
    unit: "pass",
  });
  createEffect(() => setShown(run.answer()));
  const points = (): readonly number[] => choice().points;
  const chosen = (): number => Math.max(0, Math.min(points().length / 2, Math.round(place())) - 1);
  const change = (next: readonly number[]): void => {
    const [fewest, most] = DOUBT_LIMITS.points;
    if (next.length / 2 < fewest) studio.say(`the net wants at least ${fewest} points`);
    else if (next.length / 2 > most) studio.say(`there are ${most} points, as many as this room takes; remove some`);
    else set({ points: next });
  };
  const move = (k: number, x: number, y: number): void =>
    change(points().map((old, i) => (i === 2 * k ? cut(x, FRAME.x) : i === 2 * k + 1 ? cut(y, FRAME.y) : old)));
  const add = (x: number, y: number): void => {
    change([...points(), cut(x, FRAME.x), cut(y, FRAME.y)]);
    setPlace(points().length / 2);
  };
  return (
    <div class="room boundary duel doubt">
      <section class="stage" aria-label="Points, and what the net expects" aria-busy={run.isBusy()}>
        <DuelTabs {...props.tabs} />
        <Band answer={run.answer()} points={points()} chosen={chosen()} at={at()} choose={(k) => setPlace(k + 1)} move={move} add={add} />
        <p class="legend units-legend">
          <span>
            <span class="key value" />
            &nbsp;expected
          </span>
          <span>
            <span class="key bar drawn" />
            &nbsp;± 2 of what it does not know
          </span>
          <span>
            <span class="key bar pale" />
            &nbsp;and the noise
          </span>
        </p>
        <Numbers answer={run.answer()} at={at()} />
      </section>
      <section class="middle" aria-label="How sure the net is">
        <h2>What it does not know</h2>
        <div class="curve-box duel-chart">
          <Canvas
            label={`Deviation over x: at most ${fixed(Math.max(...(run.answer()?.model ?? [Number.NaN])), 3)}; the noise is ${fixed(run.answer()?.noise ?? Number.NaN, 3)}`}
            draw={(ctx, box, palette) => {
              const found = run.answer();
              if (found) deviations(ctx, box, found, found.noise, at(), palette);
            }}
          />
        </div>
        <p class="legend units-legend">
          <span class="key value" />
          &nbsp;of the net <span class="key guess" />
          &nbsp;noise of the points
        </p>
        <Formula math={tex`m_z = \frac{M m_h}{\sqrt n}`} />
        <Formula math={tex`v_z = \frac{V(v_h + m_h^2) + M^2 v_h}{n}`} />
        <p class="hint">
          Every weight is a Gaussian; means and variances go through the layers, and each point moves both. With a point the band narrows
          where it lies, and hardly elsewhere.
        </p>
      </section>
      <section class="controls" aria-label="Points and net">
        <Examples
          examples={DOUBT_EXAMPLES}
          isChosen={(example) => JSON.stringify(example.points) === JSON.stringify(points())}
          ownHint="Your own points."
          choose={(example) => set({ points: example.points })}
        />
        <div class="group">
          <Num label="Point" value={chosen() + 1} min={1} max={points().length / 2} step={1} whole set={setPlace} />
          <For each={["x", "y"] as const}>
            {(label, i) => (
              <NumWithin
                label={label}
                value={points()[2 * chosen() + i()]!}
                range={DOUBT_LIMITS[label]}
                step={0.1}
                set={(v) => move(chosen(), i() === 0 ? v : points()[2 * chosen()]!, i() === 0 ? points()[2 * chosen() + 1]! : v)}
              />
            )}
          </For>
          <div class="tools">
            <button type="button" class="plain" onClick={() => add(at(), meanAt(run.answer(), at()) || 0)}>
              Add at the line
            </button>
            <button type="button" class="plain" onClick={() => change(points().filter((_, i) => i >> 1 !== chosen()))}>
              Remove
            </button>
          </div>
        </div>
        <div class="group">
          <NumWithin label="Ask at x" value={at()} range={DOUBT_LIMITS.x} step={0.125} set={setAt} />
          <NumWithin label="Units" value={choice().hidden} range={DOUBT_LIMITS.hidden} step={5} whole set={(hidden) => set({ hidden })} />
        </div>
        <p class="hint">Tap the picture to add a point, drag one to move it. The bar below goes through the 40 passes.</p>
      </section>
    </div>
  );
}

const cut = (v: number, [low, high]: readonly [number, number]): number => Number(Math.max(low, Math.min(high, v)).toFixed(2));

/** The place of the answer that is nearest to x. */
const nearest = (x: number): number => {
  const [low, high] = DOUBT_LIMITS.x;
  return Math.max(0, Math.min(DOUBT_PLACES - 1, Math.round(((x - low) / (high - low)) * (DOUBT_PLACES - 1))));
};

const meanAt = (answer: DoubtAnswer | undefined, x: number): number => answer?.mean[nearest(x)] ?? Number.NaN;

/** The band's mean width: four deviations of what the net does not know. */
const widthOf = ({ model }: DoubtAnswer): number => (4 * model.reduce((a, b) => a + b, 0)) / model.length;

function Numbers(props: { readonly answer: DoubtAnswer | undefined; readonly at: number }): JSX.Element {
  const number = (of: (answer: DoubtAnswer) => number | undefined): string => fixed((props.answer && of(props.answer)) ?? Number.NaN);
  const here = (): number => nearest(props.at);
  return (
    <div class="outs three">
      <Out label="at the line: expected" name="mean" value={number(({ mean }) => mean[here()])} />
      <Out label="± of the net" name="model" value={number(({ model }) => model[here()])} />
      <Out label="± with the noise" name="all" value={number(({ all }) => all[here()])} />
      <Out label="mean width of the band" name="width" value={number(widthOf)} />
      <Out label="noise found" name="noise" value={number(({ noise }) => noise)} />
      <Out label="error on the points" name="rmse" value={number(({ rmse }) => rmse)} />
    </div>
  );
}

interface BandProps {
  readonly answer: DoubtAnswer | undefined;
  readonly points: readonly number[];
  readonly chosen: number;
  readonly at: number;
  readonly choose: (k: number) => void;
  readonly move: (k: number, x: number, y: number) => void;
  readonly add: (x: number, y: number) => void;
}

function Band(props: BandProps): JSX.Element {
  let held = -1;
  const where = (event: PointerEvent) => {
    const { left, top, width, height } = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return { box: { width, height }, px: event.clientX - left, py: event.clientY - top };
  };
  const near = (event: PointerEvent): number => {
    const { box, px, py } = where(event);
    let [best, found] = [NEAR, -1];
    for (let k = 0; k < props.points.length / 2; k++) {
      const [x, y] = bandPixels(box, FRAME, props.points[2 * k]!, props.points[2 * k + 1]!);
      const distance = Math.hypot(x - px, y - py);
      if (distance < best) [best, found] = [distance, k];
    }
    return found;
  };
  return (
    <div class="curve-box band">
      <Canvas
        label={doubtWords()}
        draw={(ctx, box, palette) =>
          band(ctx, box, FRAME, props.answer, { points: props.points, chosen: props.chosen, at: props.at }, palette)
        }
        events={{
          style: { cursor: "crosshair", "touch-action": "none" },
          onPointerDown: (event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            held = near(event);
            if (held >= 0) props.choose(held);
            else {
              const { box, px, py } = where(event);
              props.add(...bandAt(box, FRAME, px, py));
              held = props.points.length / 2 - 1;
            }
          },
          onPointerMove: (event) => {
            if (held < 0) return;
            const { box, px, py } = where(event);
            props.move(held, ...bandAt(box, FRAME, px, py));
          },
          onPointerUp: () => {
            held = -1;
          },
          onPointerCancel: () => {
            held = -1;
          },
        }}
      />
    </div>
  );
}

export const doubtWords = (): string => {
  const found = shown();
  return found
    ? `After ${found.step} passes: the band is ${fixed(widthOf(found), 3)} wide on average, from ${fixed(4 * Math.min(...found.model), 2)} to ${fixed(4 * Math.max(...found.model), 2)}; the noise is ${fixed(found.noise, 3)}`
    : "Points, and a net that says how sure it is";
};

export function doubtTable(): ReturnType<Room["table"]> {
  const found = shown();
  const rows = found
    ? [
        ["passes", String(found.step), "", ""],
        ["mean width of the band", fixed(widthOf(found)), "", ""],
        ["noise found", fixed(found.noise), "", ""],
        ["error on the points", fixed(found.rmse), "", ""],
        ["log-likelihood of the points", fixed(found.logLikelihood), "", ""],
        ...found.x.flatMap((x, i) =>
          i % 4 === 0 ? [[`x = ${fixed(x, 2)}`, fixed(found.mean[i]!), fixed(found.model[i]!), fixed(found.all[i]!)]] : [],
        ),
      ]
    : [];
  return { caption: "What the net expects", head: ["what", "value", "± of the net", "± with the noise"], rows };
}
