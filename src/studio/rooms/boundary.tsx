/** @file The room Boundary: points of the plane, what a net says of every place, and how its layers bend the plane. */
import { createMemo, createSignal, type JSX, Match, Show, Switch } from "solid-js";
import type { Box } from "../draw/axes.ts";
import { stretchedHeat, traceContour } from "../draw/heat.ts";
import { losses } from "../draw/losses.ts";
import type { Palette } from "../draw/palette.ts";
import { fromPixels, points, toPixels } from "../draw/points.ts";
import type { Studio } from "../state/studio.ts";
import { Canvas } from "../ui/canvas.tsx";
import { Out, Segments } from "../ui/controls.tsx";
import { Formula } from "../ui/formula.tsx";
import { fixed, percent } from "../ui/numbers.ts";
import { EXTENT } from "../worker/extent.ts";
import type { Wanted } from "../worker/taps.ts";
import { BoundaryControls } from "./boundary-controls.tsx";
import { Collapse } from "./collapse.tsx";
import { Network } from "./network.tsx";
import { nameOf } from "./network-layout.ts";
import type { Room } from "./room.ts";
import { Warp } from "./warp.tsx";

const LOOKS = ["boundary", "warp", "collapse"] as const;
type Look = (typeof LOOKS)[number];

const TOOLS = ["move", "add ●", "add ◆", "erase"] as const;
type Tool = (typeof TOOLS)[number];

/** Cells on a side of the maps: fewer where there are many of them. */
const cellsFor = (units: number): number => (units > 16 ? 64 : 100);

/** Pixels between points that are added by one stroke. */
const BRUSH = 18;

/** How near a point must be to be taken, in pixels: a finger is not a needle. */
const NEAR = 16;

function View(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const [look, setLook] = studio.view<Look>("look", "boundary");
  const units = createMemo(() => studio.config().layers.reduce((sum, layer) => sum + layer.units, 0));
  studio.watch(() => {
    const wanted: Wanted[] = [{ id: "loss" }, { id: "weights" }, { id: "points" }, { id: "boundary", n: cellsFor(units()) }];
    if (look() === "warp") wanted.push({ id: "warp" });
    if (look() === "collapse") wanted.push({ id: "collapse" });
    return wanted;
  });
  return (
    <div class="room boundary">
      <section class="stage" aria-label="What the net says of every place">
        <div class="stage-head">
          <Segments
            label="View"
            value={look()}
            options={LOOKS}
            names={{ boundary: "Boundary", warp: "Warp", collapse: "Collapse" }}
            set={setLook}
          />
        </div>
        <Switch>
          <Match when={look() === "boundary"}>
            <Plane studio={studio} />
          </Match>
          <Match when={look() === "warp"}>
            <Warp studio={studio} />
          </Match>
          <Match when={look() === "collapse"}>
            <Collapse studio={studio} />
          </Match>
        </Switch>
        <div class="outs">
          <Out label="training loss" name="train-loss" value={fixed(studio.stats().trainLoss)} />
          <Out label="test loss" name="test-loss" value={fixed(studio.stats().testLoss)} />
          <Out label="training right" name="train-accuracy" value={percent(studio.stats().trainAccuracy)} />
          <Out label="test right" name="test-accuracy" value={percent(studio.stats().testAccuracy)} />
        </div>
      </section>
      <section class="middle" aria-label="The network">
        <Network studio={studio} />
        <div class="losses">
          <Canvas
            label={`Loss over the steps: ${fixed(studio.stats().trainLoss)} on the training points, ${fixed(studio.stats().testLoss)} on the test points`}
            draw={(ctx, box, palette) => losses(ctx, box, studio.tap("loss")?.data ?? [], studio.step(), studio.stats().end, palette)}
          />
          <p class="legend">
            <span class="key solid" />
            &nbsp;training <span class="key dashed" />
            &nbsp;test
          </p>
        </div>
        <Strip studio={studio} />
      </section>
      <BoundaryControls studio={studio} />
    </div>
  );
}

/** The formula of the step, with the numbers of now. */
function Strip(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const isSquared = (): boolean => studio.config().loss === "squared error";
  return (
    <div class="strip">
      <Show when={isSquared()} fallback={<Formula math={tex`L = -\frac1n\sum_i \left[ y_i \ln p_i + (1-y_i)\ln(1-p_i)\right]`} />}>
        <Formula math={tex`L = \frac1n\sum_i (a_i - y_i)^2`} />
      </Show>
      <Formula
        math={tex`\theta \leftarrow \theta - \class{v-lr}{\eta}\,\frac{\partial L}{\partial\theta}`}
        values={{ lr: studio.config().lr }}
      />
      <p class="strip-values">
        <span>
          L = <output>{fixed(studio.stats().trainLoss)}</output>
        </span>
        <span>
          η = <output>{fixed(studio.config().lr, 3)}</output>
        </span>
      </p>
    </div>
  );
}

/** The square with the points: they can be moved, added and erased. */
function Plane(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const [tool, setTool] = createSignal<Tool>("move");
  const [withTest, setWithTest] = studio.view("test", false);
  const [cursor, setCursor] = createSignal<readonly [number, number] | undefined>();
  let held = -1;
  /** Where points were last added or erased, as long as the pointer is down. */
  let brush: readonly [number, number] | undefined;

  const rows = (): ArrayLike<number> => studio.tap("points")?.data ?? [];
  /** What was put last, until it has come back from the worker: of two points that are added at once none is lost. */
  let pending: { readonly points: readonly number[]; readonly time: number } | undefined;
  const training = (): number[] => {
    const known = shownTraining();
    if (pending && pending.points.length !== known.length && performance.now() - pending.time < 1000) return [...pending.points];
    return known;
  };
  const shownTraining = (): number[] => {
    const all: number[] = [];
    const given = rows();
    for (let i = 0; i < given.length; i += 4) if (given[i + 3] === 0) all.push(given[i]!, given[i + 1]!, given[i + 2]!);
    return all;
  };

  const draw = (ctx: CanvasRenderingContext2D, { width: side }: Box, palette: Palette): void => {
    const tap = studio.tap("boundary");
    const place = { side, extent: EXTENT };
    ctx.clearRect(0, 0, side, side);
    if (tap) {
      const n = tap.shape[1]!;
      const bytes = (tap.data as Uint8Array).subarray((tap.shape[0]! - 1) * n * n);
      stretchedHeat(ctx, side, n, bytes, palette.shades);
      ctx.strokeStyle = palette.ink;
      ctx.lineWidth = 1.5;
      ctx.beginPath();
      traceContour(ctx, side, n, bytes, 127.5);
      ctx.stroke();
    }
    points(ctx, place, rows(), palette, side > 320 ? 3.6 : 3, withTest());
    const at = cursor();
    if (at) crosshair(ctx, toPixels(place, ...at), palette);
  };

  const where = (event: PointerEvent): { place: { side: number; extent: number }; at: [number, number]; px: number; py: number } => {
    const { left, top, width } = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const place = { side: width, extent: EXTENT };
    const [px, py] = [event.clientX - left, event.clientY - top];
    return { place, px, py, at: fromPixels(place, px, py) };
  };
  const nearest = (place: { side: number; extent: number }, px: number, py: number): number => {
    const all = training();
    let [best, found] = [NEAR, -1];
    for (let i = 0; i < all.length; i += 3) {
      const [x, y] = toPixels(place, all[i]!, all[i + 1]!);
      const distance = Math.hypot(x - px, y - py);
      if (distance < best) [best, found] = [distance, i];
    }
    return found;
  };
  const put = (all: number[]): void => {
    const points = all.map((x) => Math.round(x * 1e3) / 1e3);
    pending = { points, time: performance.now() };
    studio.edit({ kind: "points", points });
  };
  const act = (place: { side: number; extent: number }, px: number, py: number): void => {
    const all = training();
    if (tool() === "move") held = nearest(place, px, py);
    else if (tool() === "erase") {
      const i = nearest(place, px, py);
      if (i >= 0 && all.length > 6) put(all.toSpliced(i, 3));
    } else put([...all, ...fromPixels(place, px, py), tool() === "add ●" ? 1 : 0]);
  };
  const release = (): void => {
    held = -1;
    brush = undefined;
  };
  const keys = (event: KeyboardEvent): void => {
    const step = { ArrowLeft: [-0.05, 0], ArrowRight: [0.05, 0], ArrowUp: [0, 0.05], ArrowDown: [0, -0.05] }[event.key];
    if (!step && event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
    const [x, y] = cursor() ?? [0, 0];
    const side = (event.currentTarget as HTMLElement).clientWidth;
    const place = { side, extent: EXTENT };
    if (step) {
      const to = [x + step[0]!, y + step[1]!].map((v) => Math.max(-EXTENT, Math.min(EXTENT, v))) as [number, number];
      if (held >= 0) {
        const all = training();
        all.splice(held, 2, ...to);
        put(all);
      }
      setCursor(to);
    } else if (held >= 0) held = -1;
    else act(place, ...toPixels(place, x, y));
  };
  return (
    <>
      <div
        class="square"
        tabindex="0"
        role="application"
        aria-label="Plane: arrow keys move a cross, Enter uses the tool there"
        onKeyDown={keys}
        onBlur={() => setCursor(undefined)}
      >
        <Canvas
          label={describe(studio)}
          class="plane"
          draw={draw}
          events={{
            style: { cursor: tool() === "move" ? "grab" : "crosshair" },
            onPointerDown: (event) => {
              const { place, px, py } = where(event);
              event.currentTarget.setPointerCapture(event.pointerId);
              if (tool() !== "move") brush = [px, py];
              act(place, px, py);
            },
            onPointerMove: (event) => {
              if (cursor()) return;
              const { place, at, px, py } = where(event);
              if (held >= 0) put(training().toSpliced(held, 2, ...at));
              else if (brush && Math.hypot(px - brush[0], py - brush[1]) > BRUSH) {
                brush = [px, py];
                act(place, px, py);
              }
            },
            onPointerUp: release,
            onPointerCancel: release,
          }}
        />
      </div>
      <div class="tools">
        <Segments label="What a click does" value={tool()} options={TOOLS} set={setTool} />
        <label class="toggle">
          <input type="checkbox" checked={withTest()} onChange={(event) => setWithTest(event.currentTarget.checked)} />
          <span>test points</span>
        </label>
      </div>
    </>
  );
}

function crosshair(ctx: CanvasRenderingContext2D, [x, y]: readonly [number, number], palette: Palette): void {
  ctx.strokeStyle = palette.ink;
  ctx.lineWidth = 2;
  ctx.beginPath();
  ctx.moveTo(x - 9, y);
  ctx.lineTo(x + 9, y);
  ctx.moveTo(x, y - 9);
  ctx.lineTo(x, y + 9);
  ctx.stroke();
}

function describe(studio: Studio): string {
  const { trainLoss, testLoss, trainAccuracy } = studio.stats();
  return `Loss ${fixed(trainLoss)}, test ${fixed(testLoss)}; the boundary puts ${percent(trainAccuracy)} of the training points on the right side`;
}

export const boundary: Room = {
  View,
  describe,
  table(studio) {
    const weights = Array.from(studio.tap("weights")?.data ?? []);
    const stats = studio.stats();
    return {
      caption: "The numbers of this view",
      head: ["what", "value"],
      rows: [
        ["step", String(studio.step())],
        ["training loss", fixed(stats.trainLoss)],
        ["test loss", fixed(stats.testLoss)],
        ["training right", percent(stats.trainAccuracy)],
        ["test right", percent(stats.testAccuracy)],
        ...weights.map((value, i) => [nameOf(studio.config(), i), fixed(value)]),
      ],
    };
  },
};
