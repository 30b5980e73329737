/** @file The room Approximate: a curve, drawn by hand or named, and how closely one hidden layer follows it; and what depth buys. */
import { createEffect, createMemo, createSignal, type JSX, Show } from "solid-js";
import { approximation, errorsOverUnits, penToCurve } from "../draw/approximation.ts";
import { desk } from "../source/source.ts";
import type { Studio } from "../state/studio.ts";
import { Canvas } from "../ui/canvas.tsx";
import { Choice, NumWithin, Out, Segments } from "../ui/controls.tsx";
import { Formula } from "../ui/formula.tsx";
import { latest } from "../ui/latest.ts";
import { counted, fixed } from "../ui/numbers.ts";
import type { ApproximateAnswer, TentAnswer } from "../worker/approximate.ts";
import {
  APPROXIMATE_LIMITS,
  type ApproximateChoice,
  CURVES_1D,
  FIRST_APPROXIMATION,
  heightsOf,
  METHODS,
  type Method,
  PLACES,
  readApproximation,
} from "../worker/approximate-choice.ts";
import type { Room } from "./room.ts";

/** What the table and the description show too. */
const [shown, setShown] = createSignal<ApproximateAnswer>();

const REACH = APPROXIMATE_LIMITS.height[1];

const HINTS: Readonly<Record<Method, string>> = {
  ReLU: "One unit for each piece: it adds the change of the slope. Nothing is trained. Twice the units make a smooth curve four times closer.",
  bumps: "Two sigmoids make a bump as high as the curve in its middle. Twice the bumps come twice as close.",
  trained: "The same net of ReLU units, 2,000 steps of Adam from a random start. That a net exists does not mean that training finds it.",
};

const FORMULAS: Readonly<Record<Method, string>> = {
  ReLU: tex`g(x) = f(0) + \sum_{i=1}^{n} (m_i - m_{i-1}) \max(0, x - x_i), \qquad |f - g| \le \frac{\max |f''|}{8 n^2}`,
  bumps: tex`g(x) = \sum_{i=1}^{n} f(c_i)\,\bigl(\sigma(w(x - a_i)) - \sigma(w(x - b_i))\bigr)`,
  trained: tex`g(x) = b + \sum_{i=1}^{n} v_i \max(0, w_i x + b_i)`,
};

function View(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const [given, setGiven] = studio.view<ApproximateChoice>("curve", FIRST_APPROXIMATION);
  const [place, setPlace] = studio.view<number>("point", 5);
  const choice = createMemo(() => readApproximation(given()));
  const set = (patch: Partial<ApproximateChoice>): void => setGiven({ ...choice(), ...patch });
  studio.watch(() => []);
  const { answer, isBusy } = latest(
    choice,
    (question) => desk().send<ApproximateAnswer>({ do: "approximate", question }),
    (error) => void studio.say(error.message),
  );
  createEffect(() => setShown(answer()));
  const heights = createMemo(() => (choice().curve === "drawn" ? [...choice().heights] : heightsOf(choice())));
  const point = (): number => Math.min(PLACES, Math.max(1, Math.round(place())));
  const lift = (i: number, height: number): void => {
    const [low, high] = APPROXIMATE_LIMITS.height;
    const next = heights().map((old, k) => (k === i ? Number(Math.max(low, Math.min(high, height)).toFixed(2)) : old));
    set({ curve: "drawn", heights: next });
  };
  let isHeld = false;
  const pen = (event: PointerEvent): void => {
    const { left, top, width, height } = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const [x, y] = penToCurve({ width, height }, event.clientX - left, event.clientY - top, REACH);
    const i = Math.round(Math.max(0, Math.min(1, x)) * (PLACES - 1));
    setPlace(i + 1);
    lift(i, y);
  };
  return (
    <div class="room boundary approximate">
      <section class="stage" aria-label="The curve" aria-busy={isBusy()}>
        <h2>Draw a curve</h2>
        <div class="curve-box pen">
          <Canvas
            label={inWords(answer())}
            draw={(ctx, box, palette) => {
              const found = answer();
              if (found) approximation(ctx, box, { ...found, range: [-REACH, REACH] }, palette);
            }}
            events={{
              style: { cursor: "crosshair", "touch-action": "none" },
              onPointerDown: (event) => {
                isHeld = true;
                event.currentTarget.setPointerCapture(event.pointerId);
                pen(event);
              },
              onPointerMove: (event) => isHeld && pen(event),
              onPointerUp: () => {
                isHeld = false;
              },
              onPointerCancel: () => {
                isHeld = false;
              },
            }}
          />
        </div>
        <p class="legend units-legend">
          <span class="key dashed" />
          &nbsp;curve f <span class="key value" />
          &nbsp;net g <span class="key bar gap" />
          &nbsp;error <span class="key tick" /> units
        </p>
        <Formula math={FORMULAS[choice().method]} />
        <div class="outs">
          <Out label="largest error" name="error" value={fixed(answer()?.error ?? Number.NaN)} />
          <Out label={choice().method === "bumps" ? "bumps" : "units"} name="units" value={String(answer()?.choice.units ?? "–")} />
          <Out label="weights and biases" name="weights" value={counted(answer()?.weights ?? 0)} />
          <Out label="twice as many: error ÷" name="order" value={fixed(2 ** (answer()?.order ?? Number.NaN), 3)} />
        </div>
      </section>
      <section class="middle" aria-label="Error over units, and depth">
        <h2>Error over units</h2>
        <div class="curve-box errors">
          <Canvas
            label={`Largest error over the number of units: ${(answer()?.errors ?? []).map(([n, error]) => `${n}: ${fixed(error, 2)}`).join(", ")}`}
            draw={(ctx, box, palette) => {
              const found = answer();
              if (found) errorsOverUnits(ctx, box, { errors: found.errors, at: [found.choice.units, found.error] }, palette);
            }}
          />
        </div>
        <p class="legend units-legend">
          <span class="key value" />
          &nbsp;built <span class="key dots" />
          &nbsp;a quarter for twice as many
        </p>
        <Depth studio={studio} />
      </section>
      <section class="controls" aria-label="Curve and net">
        <div class="group">
          <Segments label="How" value={choice().method} options={METHODS} set={(method) => set({ method })} />
          <p class="hint">{HINTS[choice().method]}</p>
        </div>
        <div class="group">
          <Choice
            label="Curve"
            value={choice().curve}
            options={CURVES_1D}
            set={(curve) => set(curve === "drawn" ? { curve, heights: heights() } : { curve })}
          />
          <NumWithin
            label="Units n"
            value={choice().units}
            range={APPROXIMATE_LIMITS.units}
            step={1}
            whole
            set={(units) => set({ units })}
          />
          <Show when={choice().method === "trained"}>
            <button type="button" class="plain" onClick={() => set({ seed: (choice().seed + 1) % (APPROXIMATE_LIMITS.seed[1] + 1) })}>
              Another start
            </button>
          </Show>
        </div>
        <div class="group">
          <NumWithin label="Point" value={point()} range={[1, PLACES]} step={1} whole set={setPlace} />
          <NumWithin
            label="Height"
            value={heights()[point() - 1] ?? 0}
            range={APPROXIMATE_LIMITS.height}
            step={0.05}
            set={(height) => lift(point() - 1, height)}
          />
        </div>
      </section>
    </div>
  );
}

/** The tent map: two units a layer, twice the pieces a layer. */
function Depth(props: { readonly studio: Studio }): JSX.Element {
  const [depth, setDepth] = props.studio.view<number>("depth", 3);
  const layers = (): number => Math.min(APPROXIMATE_LIMITS.depth[1], Math.max(1, Math.round(depth()) || 1));
  const { answer } = latest(
    layers,
    (question) => desk().send<TentAnswer>({ do: "tents", question }),
    (error) => void props.studio.say(error.message),
  );
  return (
    <>
      <h2>Depth folds</h2>
      <div class="curve-box tent">
        <Canvas
          label={`A net of ${layers()} layers of two units: ${answer()?.pieces ?? 0} pieces`}
          draw={(ctx, box, palette) => {
            const found = answer();
            if (found) approximation(ctx, box, { x: found.x, value: found.value, knots: [], range: [0, 1] }, palette);
          }}
        />
      </div>
      <NumWithin label="Layers" value={layers()} range={APPROXIMATE_LIMITS.depth} step={1} whole set={setDepth} />
      <div class="outs">
        <Out label="pieces" name="pieces" value={counted(answer()?.pieces ?? 0)} />
        <Out label="units" name="deep" value={counted(answer()?.units ?? 0)} />
        <Out label="units of one layer" name="shallow" value={counted(answer()?.shallowUnits ?? 0)} />
      </div>
    </>
  );
}

const inWords = (found: ApproximateAnswer | undefined): string =>
  found
    ? `A ${found.choice.curve} curve and ${found.choice.units} ${found.choice.method === "bumps" ? "bumps" : "units"}, ${found.choice.method === "trained" ? "trained" : "built"}: largest error ${fixed(found.error, 3)}`
    : "A curve and a net that follows it";

export const approximate: Room = {
  View,
  describe: () => inWords(shown()),
  table() {
    const found = shown();
    const errors = found?.errors.map(([units, error]) => [`${units} units, largest error`, fixed(error)]) ?? [];
    const points = found?.x.flatMap((x, i) =>
      i % 10 === 0 ? [[`f(${fixed(x, 3)}), g`, `${fixed(found.curve[i]!)}, ${fixed(found.value[i]!)}`]] : [],
    );
    const own = found ? [["this net, largest error", fixed(found.error)]] : [];
    return { caption: "Curve, net and errors", head: ["what", "value"], rows: [...own, ...errors, ...(points ?? [])] };
  },
};
