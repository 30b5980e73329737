/** @file The look Slope: the derivative in a direction that is turned on a dial, and the tangent along it. */
import { createEffect, For, type JSX } from "solid-js";
import { plot } from "../draw/plot.ts";
import { arrow, ball, dial } from "../draw/terrain.ts";
import { Canvas } from "../ui/canvas.tsx";
import { NumWithin, Out } from "../ui/controls.tsx";
import { Formula } from "../ui/formula.tsx";
import { fixed } from "../ui/numbers.ts";
import { LAND_LIMITS } from "../worker/landscape-choice.ts";
import type { Land } from "./landscape.tsx";
import { SurfaceControls, TerrainView } from "./terrain-view.tsx";

export function SlopeLook(of: Land): JSX.Element {
  const { land, set, at } = of;
  const { answer } = of.ask(() => {
    const where = of.onSurface();
    const { degrees, alpha } = land();
    return where && of.map() && { ask: "slope", ...where, at: at(), degrees, alpha };
  });
  const gradient = (): readonly [number, number] => answer()?.gradient ?? [0, 0];
  const angle = (): number => (land().degrees * Math.PI) / 180;
  const dot = (): number => gradient()[0] * Math.cos(angle()) + gradient()[1] * Math.sin(angle());
  const steepest = (): number => Math.hypot(...gradient());
  const uphill = (): number => ((Math.atan2(gradient()[1], gradient()[0]) * 180) / Math.PI + 360) % 360;
  const along = (): number => answer()?.along ?? Number.NaN;
  const words = (): string =>
    `At ${at()
      .map((v) => fixed(v, 3))
      .join(
        ", ",
      )} the slope toward ${land().degrees}° is ${fixed(along(), 3)}; the steepest is ${fixed(steepest(), 3)} toward ${fixed(uphill(), 3)}°`;
  createEffect(() =>
    of.tell({
      words: words(),
      rows: [
        ["df(u)", fixed(along())],
        ["∇f·u", fixed(dot())],
        ["‖∇f‖, the steepest", fixed(steepest())],
        ["toward, in degrees", fixed(uphill())],
        ["f", fixed(answer()?.value ?? Number.NaN)],
        ...(answer()?.errors ?? []).map(([alpha, error]) => [`error/α at α = ${alpha}`, fixed(error)]),
      ],
    }),
  );
  const turn = (event: PointerEvent & { currentTarget: HTMLElement }): void => {
    const { left, top, width } = event.currentTarget.getBoundingClientRect();
    const [x, y] = [event.clientX - left - width / 2, width / 2 - (event.clientY - top)];
    set({ degrees: Math.round((Math.atan2(y, x) * 180) / Math.PI + 360) % 360 });
  };
  let isHeld = false;
  return (
    <>
      <section class="stage" aria-label="The place">
        <TerrainView
          of={of}
          label={words()}
          over={(ctx, project, palette) => {
            const [x, y] = project(...at());
            const g = steepest() || 1;
            if (land().form === "map") {
              arrow(ctx, [x, y], (64 * gradient()[0]) / g, (64 * gradient()[1]) / g, palette.highInk);
              arrow(ctx, [x, y], (-64 * gradient()[0]) / g, (-64 * gradient()[1]) / g, palette.lowInk);
              arrow(ctx, [x, y], 64 * Math.cos(angle()), 64 * Math.sin(angle()), palette.ink);
            }
            ball(ctx, [x, y], palette.ink, palette, 7);
          }}
          drop={(place) => set({ at: place })}
        />
        <p class="legend units-legend">
          <span class="key value" />
          &nbsp;∇f, uphill <span class="key law" />
          &nbsp;−∇f, downhill <span class="key" />
          &nbsp;u
        </p>
        <Formula math={tex`df_a(u) = \nabla f(a) \cdot u = \lim_{\alpha \to 0} \frac{f(a + \alpha u) - f(a)}{\alpha}`} />
      </section>
      <section class="middle" aria-label="The direction">
        <div class="dial-row">
          <div class="dial">
            <Canvas
              label={words()}
              draw={(ctx, box, palette) => dial(ctx, box, gradient(), land().degrees, palette)}
              events={{
                style: { cursor: "grab", "touch-action": "none" },
                onPointerDown: (event) => {
                  isHeld = true;
                  event.currentTarget.setPointerCapture(event.pointerId);
                  turn(event);
                },
                onPointerMove: (event) => isHeld && turn(event),
                onPointerUp: () => {
                  isHeld = false;
                },
                onPointerCancel: () => {
                  isHeld = false;
                },
              }}
            />
          </div>
          <div class="outs">
            <Out label="df(u), a forward sweep" name="along" value={fixed(along())} />
            <Out label="∇f·u" name="dot" value={fixed(dot())} />
            <Out label="steepest, ‖∇f‖" name="steepest" value={fixed(steepest())} />
            <Out label="toward" name="uphill" value={`${fixed(uphill())}°`} />
          </div>
        </div>
        <NumWithin
          label="Angle of u"
          value={land().degrees}
          range={LAND_LIMITS.degrees}
          step={1}
          whole
          set={(degrees) => set({ degrees })}
        />
        <h2>f along u, and its tangent</h2>
        <div class="curve-box plot">
          <Canvas
            label={words()}
            draw={(ctx, box, palette) => {
              const found = answer();
              if (!found) return;
              const { alpha } = land();
              const x = found.line.map((_, i) => alpha * ((2 * i) / (found.line.length - 1) - 1));
              const tangent = x.map((t) => found.value + t * found.along);
              const lines = [
                { x, y: found.line, colour: palette.highInk },
                { x, y: tangent, colour: palette.lowInk, dash: [6, 5] },
              ];
              plot(ctx, box, lines, { marks: [0] }, palette);
            }}
          />
        </div>
        <NumWithin label="α" value={land().alpha} range={LAND_LIMITS.alpha} log set={(alpha) => set({ alpha })} />
        <table class="racers">
          <thead>
            <tr>
              <th scope="col">α</th>
              <For each={answer()?.errors}>{([alpha]) => <td>{alpha}</td>}</For>
            </tr>
          </thead>
          <tbody>
            <tr>
              <th scope="row">error/α</th>
              <For each={answer()?.errors}>{([alpha, error]) => <td data-out={`error-${alpha}`}>{fixed(error, 2)}</td>}</For>
            </tr>
          </tbody>
        </table>
      </section>
      <section class="controls" aria-label="Function and place">
        {of.head}
        <SurfaceControls of={of} hasBall />
      </section>
    </>
  );
}
