/** @file The look Run: the loss around the page's net, the way of its run, and the line between two moments of it. */
import { createEffect, type JSX, Show } from "solid-js";
import { plot } from "../draw/plot.ts";
import { ball, way } from "../draw/terrain.ts";
import { Canvas } from "../ui/canvas.tsx";
import { NumWithin, Out } from "../ui/controls.tsx";
import { counted, fixed, percent } from "../ui/numbers.ts";
import { LAND_LIMITS } from "../worker/landscape-choice.ts";
import type { Land } from "./landscape.tsx";
import { SurfaceControls, TerrainView } from "./terrain-view.tsx";

export function RunLook(of: Land): JSX.Element {
  const { land, set, map, net } = of;
  const moments = (): readonly number[] => net()?.run.steps ?? [0];
  const moment = (share: number): number => Math.round((share / 100) * (moments().length - 1));
  const { answer } = of.ask(() => {
    const found = net();
    return found && { ask: "line", net: found, from: moment(land().from), to: moment(land().to) };
  });
  const path = () => map()?.path;
  const hasPath = (): boolean => moments().length > 2;
  const loss = (at: 0 | 1): number => answer()?.losses[answer()!.at.indexOf(at)] ?? Number.NaN;
  const centre = (): number => {
    const values = map()?.values;
    return values?.[values.length >> 1] ?? Number.NaN;
  };
  const share = (): number => (path() ? path()!.explained[0] + path()!.explained[1] : Number.NaN);
  const farthest = (): number => Math.max(...(path()?.distance ?? [Number.NaN]));
  const step = (at: number): string => counted(moments()[moment(at)] ?? 0);
  const words = (): string =>
    `The loss around the net at step ${counted(moments().at(-1)!)} is ${fixed(centre(), 3)} in the middle; the plane holds ${percent(share())} of the way`;
  createEffect(() =>
    of.tell({
      words: words(),
      rows: [
        ["loss in the middle", fixed(centre())],
        ["of the way in this plane", percent(share())],
        ["farthest from it", fixed(farthest())],
        [`loss at step ${step(land().from)}`, fixed(loss(0))],
        [`loss at step ${step(land().to)}`, fixed(loss(1))],
        ["barrier between them", fixed(answer()?.barrier ?? Number.NaN)],
        ...(path()?.at ?? []).map(([x, y], i) => [`step ${counted(moments()[i] ?? 0)}`, `${fixed(x)}, ${fixed(y)}`]),
      ],
    }),
  );
  return (
    <>
      <section class="stage" aria-label="The loss around the net">
        <TerrainView
          of={of}
          label={words()}
          over={(ctx, project, palette) => {
            const at = path()?.at;
            if (at) way(ctx, project, { at, colour: palette.lowInk }, at.length, palette);
            else ball(ctx, project(0, 0), palette.lowInk, palette);
          }}
        />
        <p class="hint">
          <Show
            when={hasPath()}
            fallback="Play, or take some hundred steps (Shift .): a way of three moments has a plane. Until then it is a random one."
          >
            The ball is the net at step {counted(moments().at(-1)!)}. The plane goes through it, along the two directions in which the run
            moved most.
          </Show>
        </p>
        <div class="outs">
          <Out label="loss in the middle" name="centre" value={fixed(centre())} />
          <Out label="of the way in this plane" name="explained" value={percent(share())} />
          <Out label="farthest from it" name="farthest" value={fixed(farthest())} />
          <Out label="moments" name="moments" value={String(moments().length)} />
        </div>
      </section>
      <section class="middle" aria-label="Between two moments">
        <h2>On the line between two moments</h2>
        <div class="curve-box plot">
          <Canvas
            label={`The loss on the straight line from step ${step(land().from)} to step ${step(land().to)}`}
            draw={(ctx, box, palette) => {
              const found = answer();
              if (found) plot(ctx, box, [{ x: found.at, y: found.losses, colour: palette.highInk }], { marks: [0, 1] }, palette);
            }}
          />
        </div>
        <NumWithin label="From" unit="%" value={land().from} range={LAND_LIMITS.from} step={1} whole set={(from) => set({ from })} />
        <NumWithin label="To" unit="%" value={land().to} range={LAND_LIMITS.to} step={1} whole set={(to) => set({ to })} />
        <div class="outs">
          <Out label={`loss at step ${step(land().from)}`} name="from" value={fixed(loss(0))} />
          <Out label={`loss at step ${step(land().to)}`} name="to" value={fixed(loss(1))} />
          <Out label="barrier between them" name="barrier" value={fixed(answer()?.barrier ?? Number.NaN)} />
        </div>
      </section>
      <section class="controls" aria-label="The plane">
        {of.head}
        <SurfaceControls of={of} />
      </section>
    </>
  );
}
