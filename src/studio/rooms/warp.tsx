/** @file How the layers bend the plane, one after another: W x turns and stretches it, + b shifts it, σ bends it. */
import { createEffect, createMemo, createSignal, type JSX } from "solid-js";
import { warp } from "../draw/warp.ts";
import type { Studio } from "../state/studio.ts";
import { Canvas } from "../ui/canvas.tsx";
import { LATTICE } from "../worker/lattice.ts";

/** Names of the stages: the input, then three of each layer. */
export function stageNames(layers: readonly { readonly activation: string }[]): string[] {
  const all = [...layers.map(({ activation }) => activation), "output"];
  return [
    "the input x",
    ...all.flatMap((activation, i) => [`layer ${i + 1}: W x`, `layer ${i + 1}: W x + b`, `layer ${i + 1}: ${activation}`]),
  ];
}

export function Warp(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const names = createMemo(() => stageNames(studio.config().layers));
  // The output is one number, which no picture of a plane shows: the last stage is the last hidden layer's.
  const last = (): number => Math.max(1, names().length - 4);
  const [stage, setStage] = studio.view("stage", -1);
  const at = (): number => (stage() < 0 ? last() : Math.min(stage(), last()));
  const [turn, setTurn] = createSignal({ yaw: 0.6, pitch: 0.5 });
  const name = (): string => {
    const [low, high] = [Math.floor(at()), Math.ceil(at())];
    return low === high ? names()[low]! : `${names()[low]} → ${names()[high]}`;
  };
  let from: { x: number; y: number; yaw: number; pitch: number } | undefined;
  createEffect(() => {
    if (stage() > last()) setStage(last());
  });
  const labels = (): number[] => {
    const rows = studio.tap("points")?.data ?? [];
    const all: number[] = [];
    for (let i = 0; i < rows.length; i += 4) if (rows[i + 3] === 0) all.push(rows[i + 2]!);
    return all;
  };
  return (
    <>
      <div class="square">
        <Canvas
          label={`The plane at the stage ${name()}`}
          class="plane"
          draw={(ctx, box, palette) => {
            const tap = studio.tap("warp");
            const marks = labels();
            if (!tap || tap.shape[1] !== LATTICE * LATTICE + marks.length) return;
            const data = { stages: tap.data as Float32Array, count: tap.shape[0]!, n: tap.shape[1]!, side: LATTICE, labels: marks };
            warp(ctx, box, data, Math.min(at(), tap.shape[0]! - 1), turn(), palette);
          }}
          events={{
            style: { cursor: "move" },
            onPointerDown: (event) => {
              event.currentTarget.setPointerCapture(event.pointerId);
              from = { x: event.clientX, y: event.clientY, ...turn() };
            },
            onPointerMove: (event) => {
              if (!from) return;
              setTurn({
                yaw: from.yaw + (event.clientX - from.x) * 0.01,
                pitch: Math.max(-1.5, Math.min(1.5, from.pitch + (event.clientY - from.y) * 0.01)),
              });
            },
            onPointerUp: () => {
              from = undefined;
            },
            onPointerCancel: () => {
              from = undefined;
            },
          }}
        />
      </div>
      <div class="stage-slider">
        <label for="warp-stage">
          stage <output>{name()}</output>
        </label>
        <input
          id="warp-stage"
          type="range"
          min="0"
          max={last()}
          step="0.05"
          value={at()}
          aria-valuetext={name()}
          onInput={(event) => setStage(event.currentTarget.valueAsNumber)}
        />
      </div>
    </>
  );
}
