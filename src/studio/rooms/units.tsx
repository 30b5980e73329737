/** @file The room Units: what one unit does with its sum z, how the layers of the run use it, and what softmax makes of logits. */
import { createEffect, createSignal, For, type JSX, Show } from "solid-js";
import { activation, pixelsToZ } from "../draw/activation.ts";
import type { Studio } from "../state/studio.ts";
import { Canvas } from "../ui/canvas.tsx";
import { Choice, Num, Out } from "../ui/controls.tsx";
import { Formula } from "../ui/formula.tsx";
import { latest } from "../ui/latest.ts";
import { fixed, percent } from "../ui/numbers.ts";
import type { CurveAnswer } from "../worker/activations.ts";
import { MOST_UNITS } from "../worker/config.ts";
import { CURVE_NAMES, CURVES, type CurveName, firstOf } from "../worker/curve-names.ts";
import { UNIT_REACH } from "../worker/lattice.ts";
import { FORMULAS } from "./activation-formulas.ts";
import type { Room } from "./room.ts";
import { Softmax } from "./softmax.tsx";

/** The answer that the table shows too. */
const [shown, setShown] = createSignal<CurveAnswer>();

function View(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const [name, setName] = studio.view<CurveName>("curve", "sigmoid");
  const [a, setA] = studio.view<number>("a", -999);
  const [at, setAt] = studio.view<number>("z", 1);
  const value = (): number => (a() === -999 ? firstOf(name()) : a());
  studio.watch(() => [{ id: "units" }]);
  const fail = (error: Error): void => void studio.say(error.message);
  const { answer } = latest(
    () => ({ do: "curve", name: name(), a: value(), at: at() }),
    (question) => studio.ask<CurveAnswer>(question),
    fail,
  );
  createEffect(() => setShown(answer()));
  const [layer, setLayer] = createSignal(0);
  const layers = () => studio.config().layers;
  const row = (i: number): ArrayLike<number> => {
    const tap = studio.tap("units");
    return tap && i < tap.shape[0]! ? tap.data.subarray(i * tap.shape[1]!, (i + 1) * tap.shape[1]!) : [];
  };
  const bins = (): ArrayLike<number> => Array.from(row(Math.min(layer(), layers().length - 1))).slice(3 + MOST_UNITS);
  let held = false;
  const drag = (event: PointerEvent): void => {
    const { left, width } = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const z = pixelsToZ(width, UNIT_REACH, event.clientX - left);
    setAt(Math.round(Math.max(-UNIT_REACH, Math.min(UNIT_REACH, z)) * 100) / 100);
  };
  return (
    <div class="room boundary units">
      <section class="stage" aria-label="The activation">
        <Choice
          label="Activation"
          value={name()}
          options={CURVE_NAMES}
          set={(next) => {
            setA(-999);
            setName(next);
          }}
        />
        <div class="curve-box">
          <Canvas
            label={`${name()} and its slope: at z = ${fixed(at(), 3)} it is ${fixed(answer()?.value ?? Number.NaN)}, its slope ${fixed(answer()?.slope ?? Number.NaN)}`}
            draw={(ctx, box, palette) => {
              const found = answer();
              if (found) activation(ctx, box, { ...found, at: at(), bins: bins() }, palette);
            }}
            events={{
              style: { cursor: "ew-resize", "touch-action": "pan-y" },
              onPointerDown: (event) => {
                held = true;
                event.currentTarget.setPointerCapture(event.pointerId);
                drag(event);
              },
              onPointerMove: (event) => held && drag(event),
              onPointerUp: () => {
                held = false;
              },
              onPointerCancel: () => {
                held = false;
              },
            }}
          />
        </div>
        <p class="legend units-legend">
          <span class="key value" />
          &nbsp;f(z) <span class="key slope" />
          &nbsp;f′(z) <span class="key bar" />
          &nbsp;z of the run, layer {Math.min(layer(), layers().length - 1) + 1}
        </p>
        <Num label="z" value={at()} min={-10} max={10} step={0.01} set={setAt} />
        <Show when={CURVES[name()]}>
          {(given) => <Num label={given().name} value={value()} min={given().min} max={given().max} step={given().step} set={setA} />}
        </Show>
        <div class="outs">
          <Out label="f(z)" name="value" value={fixed(answer()?.value ?? Number.NaN, 5)} />
          <Out label="slope f′(z)" name="slope" value={fixed(answer()?.slope ?? Number.NaN, 5)} />
        </div>
      </section>
      <section class="middle" aria-label="Properties and the layers of the run">
        <Formula math={FORMULAS[name()]} />
        <Properties answer={answer()} />
        <h2>The units of the run</h2>
        <Show when={layers().length > 0} fallback={<p class="hint">This net has no hidden layer.</p>}>
          <ul class="strips">
            <For each={layers()}>
              {(each, i) => (
                <Strip
                  row={row(i())}
                  number={i() + 1}
                  activation={each.activation}
                  units={each.units}
                  chosen={layer() === i()}
                  choose={() => setLayer(i())}
                />
              )}
            </For>
          </ul>
          <p class="hint">
            Press play: the bars are the sums z of all training points. Beyond ±5 a sigmoid passes on less than 1 % of the gradient; a ReLU
            unit whose z is below 0 for every point is dead.
          </p>
        </Show>
      </section>
      <Softmax studio={studio} />
    </div>
  );
}

function Properties(props: { readonly answer: CurveAnswer | undefined }): JSX.Element {
  const rows = (): [string, string][] => {
    const p = props.answer?.properties;
    if (!p) return [];
    return [
      ["range on [−10, 10]", `${fixed(p.low, 3)} to ${fixed(p.high, 3)}`],
      ["mean output for z from N(0, 1)", fixed(p.mean, 3)],
      ["largest slope", fixed(p.largestSlope, 3)],
      ["slope at −10", fixed(p.slopeLeft, 3)],
      ["slope at 10", fixed(p.slopeRight, 3)],
      ["share of [−10, 10] with a slope below 0.001", percent(p.flat)],
      ["most that 10 layers pass on", fixed(p.largestSlope ** 10, 3)],
    ];
  };
  return (
    <table class="facts properties">
      <tbody>
        <For each={rows()}>
          {([what, value]) => (
            <tr>
              <th scope="row">{what}</th>
              <td>{value}</td>
            </tr>
          )}
        </For>
      </tbody>
    </table>
  );
}

interface StripProps {
  readonly row: ArrayLike<number>;
  readonly number: number;
  readonly activation: string;
  readonly units: number;
  readonly chosen: boolean;
  readonly choose: () => void;
}

function Strip(props: StripProps): JSX.Element {
  const dead = (): number =>
    Array.from(props.row)
      .slice(3, 3 + MOST_UNITS)
      .filter((share) => share > 0.9999).length;
  return (
    <li>
      <button type="button" class="strip-button" aria-pressed={props.chosen} onClick={props.choose}>
        <span class="strip-title">
          layer {props.number}, {props.activation}
        </span>
        <span class="cells" aria-hidden="true">
          <For each={Array.from(props.row).slice(3, 3 + props.units)}>
            {(share) => <i classList={{ dead: share > 0.9999 }} style={{ "--share": share }} />}
          </For>
        </span>
        <span class="strip-numbers">
          |z| &gt; 5: {percent(props.row[0] ?? Number.NaN)}
          <Show when={props.activation === "ReLU"}>
            {" · "}dead: {dead()} of {props.units}
          </Show>
        </span>
      </button>
    </li>
  );
}

export const units: Room = {
  View,
  describe: () => {
    const found = shown();
    return found ? `The activation is ${fixed(found.value)}, its slope ${fixed(found.slope)}` : "An activation and its slope";
  },
  table() {
    const found = shown();
    const every = found
      ? found.z.flatMap((z, i) => (i % 10 === 0 ? [[fixed(z, 3), fixed(found.values[i]!), fixed(found.slopes[i]!)]] : []))
      : [];
    const own = found ? [["at the mark", fixed(found.value, 5), fixed(found.slope, 5)]] : [];
    return { caption: "The activation and its slope", head: ["z", "f(z)", "f′(z)"], rows: [...own, ...every] };
  },
};
