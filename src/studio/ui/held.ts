/** @file A canvas that is dragged on: where the pointer is, from the press until it is let go. */
import type { JSX } from "solid-js";
import type { Box } from "../draw/axes.ts";

/** `move` gets the pointer's place in the canvas, and whether it has just been pressed. */
export function held(
  move: (x: number, y: number, box: Box, isFirst: boolean) => void,
  style: JSX.CSSProperties,
): JSX.CanvasHTMLAttributes<HTMLCanvasElement> {
  let isHeld = false;
  const at = (event: PointerEvent, isFirst: boolean): void => {
    const { left, top, width, height } = (event.currentTarget as HTMLElement).getBoundingClientRect();
    move(event.clientX - left, event.clientY - top, { width, height }, isFirst);
  };
  const letGo = (): void => {
    isHeld = false;
  };
  return {
    style: { "touch-action": "none", ...style },
    onPointerDown: (event) => {
      isHeld = true;
      event.currentTarget.setPointerCapture(event.pointerId);
      at(event, true);
    },
    onPointerMove: (event) => isHeld && at(event, false),
    onPointerUp: letGo,
    onPointerCancel: letGo,
  };
}
