/** @file The network of a session: each unit as the map of what it says, each weight as a line. A weight is picked by a click or with the arrow keys, and dragged. */
import { createEffect, createMemo, createSignal, For, type JSX, onCleanup, onMount, Show } from "solid-js";
import { heat } from "../draw/heat.ts";
import type { Studio } from "../state/studio.ts";
import { drawn } from "../ui/canvas.tsx";
import { Num } from "../ui/controls.tsx";
import { fixed } from "../ui/numbers.ts";
import { palette } from "../ui/theme.ts";
import { type Link, layoutOf, type Node, nameOf } from "./network-layout.ts";

/** The largest weight that a slider reaches. */
const REACH = 6;

/** How wide a line is, in pixels, for the size of its weight. */
const thickness = (w: number): number => Math.min(4, 0.5 + 0.9 * Math.abs(w));

export function Network(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  let box!: HTMLDivElement;
  const [width, setWidth] = createSignal(480);
  const [picked, setPicked] = createSignal(0);
  onMount(() => {
    const observer = new ResizeObserver(() => setWidth(Math.max(260, box.clientWidth)));
    observer.observe(box);
    onCleanup(() => observer.disconnect());
  });
  const layout = createMemo(() => layoutOf(studio.config(), width()));
  const weights = (): ArrayLike<number> => studio.tap("weights")?.data ?? [];
  const weight = (index: number): number => weights()[index] ?? 0;
  const count = (): number => weights().length;
  createEffect(() => {
    if (count() > 0 && picked() >= count()) setPicked(0);
  });
  const set = (index: number, value: number): void => studio.edit({ kind: "weight", index, value });
  const keys = (event: KeyboardEvent): void => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const change = { ArrowUp: 0.1, ArrowDown: -0.1 }[event.key];
    if (move === undefined && change === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    if (move) setPicked((picked() + move + count()) % count());
    else set(picked(), Number((weight(picked()) + change!).toFixed(4)));
  };
  return (
    <div class="network">
      <div
        class="network-drawing"
        ref={box}
        role="slider"
        tabIndex={0}
        aria-label="Weights of the network: left and right pick one, up and down change it"
        aria-valuemin={-REACH}
        aria-valuemax={REACH}
        aria-valuenow={Number(weight(picked()).toFixed(3))}
        aria-valuetext={`${nameOf(studio.config(), picked())} is ${fixed(weight(picked()), 3)}`}
        style={{ height: `${layout().height}px`, "--faint": layout().links.length > 40 ? 0.35 : 0.6 }}
        onKeyDown={keys}
      >
        <svg width={width()} height={layout().height} aria-hidden="true">
          <For each={layout().links}>
            {(link) => <Line link={link} value={weight(link.index)} picked={picked() === link.index} pick={setPicked} set={set} />}
          </For>
        </svg>
        <For each={layout().nodes}>
          {(node) => (
            <Unit
              node={node}
              studio={studio}
              side={layout().side}
              bias={node.layer > 0 ? layout().bias(node.layer, node.unit) : undefined}
              value={node.layer > 0 ? weight(layout().bias(node.layer, node.unit)) : 0}
              picked={node.layer > 0 && picked() === layout().bias(node.layer, node.unit)}
              pick={setPicked}
              set={set}
            />
          )}
        </For>
      </div>
      <Show when={count() > 0}>
        <div class="picked">
          <Num
            label={`weight ${nameOf(studio.config(), picked())}`}
            value={Number(weight(picked()).toFixed(4))}
            min={-REACH}
            max={REACH}
            step={0.05}
            set={(value) => set(picked(), value)}
          />
        </div>
      </Show>
    </div>
  );
}

/** Drags up and down: `set` gets the value where the pointer is. */
function dragging(event: PointerEvent, from: number, set: (value: number) => void): void {
  const target = event.currentTarget as Element;
  target.setPointerCapture(event.pointerId);
  const start = event.clientY;
  const move = (e: Event): void => set(Number((from + (start - (e as PointerEvent).clientY) * 0.02).toFixed(3)));
  const end = (): void => {
    target.removeEventListener("pointermove", move);
    target.removeEventListener("pointerup", end);
    target.removeEventListener("pointercancel", end);
  };
  target.addEventListener("pointermove", move);
  target.addEventListener("pointerup", end);
  target.addEventListener("pointercancel", end);
}

interface LineProps {
  readonly link: Link;
  readonly value: number;
  readonly picked: boolean;
  readonly pick: (index: number) => void;
  readonly set: (index: number, value: number) => void;
}

function Line(props: LineProps): JSX.Element {
  const path = (): string => {
    const { from, to } = props.link;
    const middle = (from.x + to.x) / 2;
    return `M${from.x} ${from.y}C${middle} ${from.y} ${middle} ${to.y} ${to.x} ${to.y}`;
  };
  return (
    <g classList={{ link: true, low: props.value < 0, picked: props.picked }}>
      <path class="link-line" d={path()} stroke-width={thickness(props.value)} stroke-dasharray={props.value < 0 ? "4 2" : undefined} />
      <path
        class="link-grip"
        d={path()}
        onPointerDown={(event) => {
          props.pick(props.link.index);
          dragging(event, props.value, (value) => props.set(props.link.index, value));
        }}
      />
    </g>
  );
}

interface UnitProps {
  readonly node: Node;
  readonly studio: Studio;
  readonly side: number;
  readonly bias: number | undefined;
  readonly value: number;
  readonly picked: boolean;
  readonly pick: (index: number) => void;
  readonly set: (index: number, value: number) => void;
}

/** The map of one unit. Inputs are drawn here, from their formula; the rest comes from the worker. */
function Unit(props: UnitProps): JSX.Element {
  let canvas!: HTMLCanvasElement;
  const number = (): number => {
    const { layers } = props.studio.config();
    return layers.slice(0, props.node.layer - 1).reduce((sum, { units }) => sum + units, 0) + props.node.unit;
  };
  createEffect(() => {
    const tap = props.studio.tap("boundary");
    const { shades } = palette();
    if (props.node.layer === 0 || !tap) return;
    const n = tap.shape[1]!;
    const start = performance.now();
    if (canvas.width !== n) canvas.width = canvas.height = n;
    const ctx = canvas.getContext("2d")!;
    const image = ctx.createImageData(n, n);
    heat(new Uint32Array(image.data.buffer), (tap.data as Uint8Array).subarray(number() * n * n, (number() + 1) * n * n), shades);
    ctx.putImageData(image, 0, 0);
    drawn(performance.now() - start);
  });
  const place = (): JSX.CSSProperties => ({
    left: `${props.node.x - props.side / 2}px`,
    top: `${props.node.y - props.side / 2}px`,
    width: `${props.side}px`,
    height: `${props.side}px`,
  });
  return (
    <Show
      when={props.node.layer > 0}
      fallback={
        <span class="unit-input" style={place()}>
          {props.studio.config().features[props.node.unit]}
        </span>
      }
    >
      <span class="unit" aria-hidden="true" classList={{ picked: props.picked }} style={place()}>
        <canvas ref={canvas} />
        <span
          class="bias"
          classList={{ low: props.value < 0 }}
          title={`bias ${fixed(props.value, 3)}`}
          style={{ "--size": `${Math.max(3, Math.min(18, 3 + 4 * Math.abs(props.value)))}px` }}
          onPointerDown={(event) => {
            props.pick(props.bias!);
            dragging(event, props.value, (value) => props.set(props.bias!, value));
          }}
        />
      </span>
    </Show>
  );
}
