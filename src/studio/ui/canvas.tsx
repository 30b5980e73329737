/** @file A canvas that fills its box, at the resolution of the screen, and is drawn again when what it shows or its size has changed. */
import { createEffect, createSignal, type JSX, onCleanup, onMount } from "solid-js";
import type { Box } from "../draw/axes.ts";
import type { Palette } from "../draw/palette.ts";
import { palette } from "./theme.ts";

export type Drawing = (ctx: CanvasRenderingContext2D, box: Box, palette: Palette) => void;

const drawings = new WeakMap<HTMLCanvasElement, Drawing>();

/** What is drawn on a canvas of the page, to draw it elsewhere. */
export const drawingOf = (canvas: HTMLCanvasElement): Drawing | undefined => drawings.get(canvas);

export interface CanvasProps {
  /** What a person who does not see it is told. */
  readonly label: string;
  readonly draw: Drawing;
  readonly class?: string;
  readonly ref?: (canvas: HTMLCanvasElement) => void;
  readonly events?: JSX.CanvasHTMLAttributes<HTMLCanvasElement>;
}

export function Canvas(props: CanvasProps): JSX.Element {
  let canvas!: HTMLCanvasElement;
  const [box, setBox] = createSignal<Box>({ width: 0, height: 0 });
  onMount(() => {
    props.ref?.(canvas);
    drawings.set(canvas, (...args) => props.draw(...args));
    const observer = new ResizeObserver(() => {
      const { clientWidth: width, clientHeight: height } = canvas;
      const ratio = Math.min(3, devicePixelRatio || 1);
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      setBox({ width, height });
    });
    observer.observe(canvas);
    onCleanup(() => observer.disconnect());
  });
  createEffect(() => {
    const { width, height } = box();
    if (width === 0 || height === 0) return;
    const ctx = canvas.getContext("2d")!;
    const ratio = canvas.width / width;
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    const start = performance.now();
    props.draw(ctx, { width, height }, palette());
    drawn(performance.now() - start);
  });
  return <canvas ref={canvas} class={props.class} role="img" aria-label={props.label} {...props.events} />;
}

/** How long drawing took, for whoever measures: the latest thousand, in milliseconds. */
export const drawTimes: number[] = [];

export function drawn(ms: number): void {
  drawTimes.push(ms);
  if (drawTimes.length > 1000) drawTimes.shift();
}
