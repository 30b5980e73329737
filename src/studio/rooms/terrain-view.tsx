/** @file The map of a function under what moves on it: drag the ball, or turn the surface. */
import { createMemo, createSignal, type JSX, Show } from "solid-js";
import type { Palette } from "../draw/palette.ts";
import {
  cross,
  onMap,
  type Project,
  pixelToTerrain,
  type Sight,
  type Terrain,
  terrainMap,
  terrainOf,
  terrainSurface,
} from "../draw/terrain.ts";
import { Canvas } from "../ui/canvas.tsx";
import { Choice, Num, NumWithin, Segments, Toggle } from "../ui/controls.tsx";
import { FORMS, PLANE_LIMITS, SHAPES, SURFACES } from "../worker/landscape-choice.ts";
import type { Land } from "./landscape.tsx";

export interface TerrainProps {
  readonly of: Land;
  readonly label: string;
  /** What lies on it. */
  readonly over: (ctx: CanvasRenderingContext2D, project: Project, palette: Palette) => void;
  /** Whether what lies on it moves by itself. */
  readonly isMoving?: boolean;
  /** The ball is dropped; absent where there is none. */
  readonly drop?: (at: readonly [number, number], isHeld: boolean) => void;
}

export function TerrainView(props: TerrainProps): JSX.Element {
  const [yaw, setYaw] = createSignal(0.6);
  const [isTurning, setTurning] = createSignal(false);
  const terrain = createMemo((): Terrain | undefined => {
    const map = props.of.map();
    return map && terrainOf(map.values, map.reach);
  });
  const sight = (): Sight => ({ yaw: yaw(), isMoving: isTurning() || props.isMoving === true });
  const isMap = (): boolean => props.of.land().form === "map";
  let last: number | undefined;
  const drag = (event: PointerEvent & { currentTarget: HTMLElement }, isHeld: boolean): void => {
    const { left, top, width } = event.currentTarget.getBoundingClientRect();
    const found = terrain();
    setTurning(isHeld);
    if (!isMap()) setYaw(yaw() + (event.clientX - (last ?? event.clientX)) / 120);
    else if (found) props.drop?.(pixelToTerrain(found, width, event.clientX - left, event.clientY - top), isHeld);
    last = event.clientX;
  };
  return (
    <div class="square" aria-busy={!terrain()}>
      <Canvas
        label={props.label}
        draw={(ctx, box, palette) => {
          const found = terrain();
          if (!found) return ctx.clearRect(0, 0, box.width, box.height);
          if (isMap()) terrainMap(ctx, box, found, palette);
          const project = isMap() ? onMap(found, box.width) : terrainSurface(ctx, box, found, sight(), palette);
          const { surface } = props.of.map()!;
          ctx.save();
          if (surface !== "net") for (const [x, y] of SHAPES[surface].minima) cross(ctx, project(x, y), palette);
          props.over(ctx, project, palette);
          ctx.restore();
        }}
        events={{
          style: { cursor: isMap() ? "crosshair" : "grab", "touch-action": "none" },
          onPointerDown: (event) => {
            last = event.clientX;
            event.currentTarget.setPointerCapture(event.pointerId);
            drag(event, true);
          },
          onPointerMove: (event) => last !== undefined && drag(event, true),
          onPointerUp: (event) => {
            drag(event, false);
            last = undefined;
          },
          onPointerCancel: () => {
            last = undefined;
            setTurning(false);
          },
        }}
      />
    </div>
  );
}

/** Map or surface; which function; and where the ball is. */
export function SurfaceControls(props: { readonly of: Land; readonly hasBall?: boolean }): JSX.Element {
  const { land, set, at, map } = props.of;
  // Known before the map is: a slider cuts its value to its ends.
  const reach = (): number => (land().surface === "net" ? (map()?.reach ?? 1) : SHAPES[land().surface as "valley"].reach);
  const isNet = (): boolean => land().look === "run" || land().surface === "net";
  return (
    <>
      <div class="group">
        <Show when={props.hasBall}>
          <Choice
            label="Function"
            value={land().surface}
            options={SURFACES}
            names={{ net: "the loss of this page’s net" }}
            set={(surface) => {
              const { at: _, ...rest } = land();
              props.of.replace({ ...rest, surface, step: -1 });
            }}
          />
          <Num label="Ball, x" value={at()[0]} min={-reach()} max={reach()} step={reach() / 100} set={(x) => set({ at: [x, at()[1]] })} />
          <Num label="Ball, y" value={at()[1]} min={-reach()} max={reach()} step={reach() / 100} set={(y) => set({ at: [at()[0], y] })} />
        </Show>
        <Segments label="Drawn as" value={land().form} options={FORMS} set={(form) => set({ form })} />
      </div>
      <Show when={isNet()}>
        <div class="group">
          <Segments
            label="Plane"
            value={land().by}
            options={["path", "random"]}
            names={{ path: "plane of the path", random: "random" }}
            set={(by) => set({ by })}
          />
          <Show when={land().by === "random"}>
            <Toggle label="As long as the filters" on={land().filter} set={(filter) => set({ filter })} />
            <NumWithin label="Seed" value={land().seed} range={[0, 99]} step={1} whole set={(seed) => set({ seed })} />
          </Show>
          <NumWithin label="Range" value={land().range} range={PLANE_LIMITS.range} step={0.1} set={(range) => set({ range })} />
        </div>
      </Show>
    </>
  );
}
