/** @file A 2 × 2 matrix and what it makes of the unit circle: drag its columns, turn y; W y is never longer than σ₁. */
import type { JSX } from "solid-js";
import { ellipse, pixelsToPlane } from "../draw/spectrum.ts";
import { desk } from "../source/source.ts";
import type { Studio } from "../state/studio.ts";
import { Canvas } from "../ui/canvas.tsx";
import { Num, Out } from "../ui/controls.tsx";
import { latest } from "../ui/latest.ts";
import { fixed } from "../ui/numbers.ts";

const FIRST: readonly number[] = [1.5, 0.5, 0.25, 1];
const REACH = 3;

const isMatrix = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.length === 4 && value.every((x) => typeof x === "number" && Math.abs(x) <= REACH);

export function CirclePanel(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const [given, setMatrix] = studio.view<readonly number[]>("w", FIRST);
  const [degrees, setDegrees] = studio.view<number>("angle", 60);
  const w = (): readonly number[] => (isMatrix(given()) ? given() : FIRST);
  const angle = (): number => (degrees() * Math.PI) / 180;
  const { answer } = latest(
    w,
    (question) => desk().send<readonly number[]>({ do: "singular", question }),
    (error) => void studio.say(error.message),
  );
  const length = (): number => {
    const [a = 0, b = 0, c = 0, d = 0] = w();
    const [u, v] = [Math.cos(angle()), Math.sin(angle())];
    return Math.hypot(a * u + b * v, c * u + d * v);
  };
  const set = (i: number, value: number): void => setMatrix(w().map((x, k) => (k === i ? value : x)));
  /** The column that is dragged, or -1 for y. */
  let held: number | undefined;
  const place = (event: PointerEvent): [number, number] => {
    const { left, top, width } = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return [pixelsToPlane(width, event.clientX - left), -pixelsToPlane(width, event.clientY - top)];
  };
  const cut = (x: number): number => Math.round(20 * Math.max(-REACH, Math.min(REACH, x))) / 20;
  const drag = ([x, y]: [number, number]): void => {
    if (held === -1) setDegrees((Math.round((Math.atan2(y, x) * 180) / Math.PI) + 360) % 360);
    else if (held !== undefined) setMatrix(w().map((old, k) => (k % 2 === held ? cut(k < 2 ? x : y) : old)));
  };
  return (
    <section class="middle" aria-label="What a matrix does to a circle">
      <h2>A circle becomes an ellipse</h2>
      <div class="square circle">
        <Canvas
          label={`The unit circle and its image: y at ${degrees()} degrees becomes ${fixed(length(), 3)} long, at most ${fixed(answer()?.[0] ?? Number.NaN, 3)}`}
          draw={(ctx, box, palette) => ellipse(ctx, box, w(), angle(), palette)}
          events={{
            style: { cursor: "grab" },
            onPointerDown: (event) => {
              const [x, y] = place(event);
              const [a = 0, b = 0, c = 0, d = 0] = w();
              const near = (u: number, v: number): boolean => Math.hypot(x - u, y - v) < 0.35;
              held = near(a, c) ? 0 : near(b, d) ? 1 : -1;
              event.currentTarget.setPointerCapture(event.pointerId);
              drag([x, y]);
            },
            onPointerMove: (event) => held !== undefined && drag(place(event)),
            onPointerUp: () => {
              held = undefined;
            },
            onPointerCancel: () => {
              held = undefined;
            },
          }}
        />
      </div>
      <Num label="Angle of y" value={degrees()} min={0} max={360} step={1} whole set={setDegrees} />
      <div class="group">
        {["W₁₁", "W₁₂", "W₂₁", "W₂₂"].map((label, i) => (
          <Num label={label} value={w()[i]!} min={-REACH} max={REACH} step={0.05} set={(value) => set(i, value)} />
        ))}
      </div>
      <div class="outs">
        <Out label="‖W y‖ for ‖y‖ = 1" name="stretch" value={fixed(length())} />
        <Out label="at most, σ₁" name="most" value={fixed(answer()?.[0] ?? Number.NaN)} />
        <Out label="at least, σ₂" name="fewest" value={fixed(answer()?.[1] ?? Number.NaN)} />
      </div>
    </section>
  );
}
