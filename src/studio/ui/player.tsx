/** @file A number that runs by itself: a button that starts and stops it. */
import { createSignal, type JSX, onCleanup } from "solid-js";

export interface PlayerProps {
  readonly label: string;
  readonly value: number;
  readonly end: number;
  readonly perSecond: number;
  readonly set: (value: number) => void;
}

/** Runs to the end, from the start where it is there. With reduced motion it moves four times a second. */
export function Player(props: PlayerProps): JSX.Element {
  const [isOn, setOn] = createSignal(false);
  let frame = 0;
  const stop = (): void => {
    cancelAnimationFrame(frame);
    setOn(false);
  };
  const start = (): void => {
    const from = props.value >= props.end ? 1 : props.value;
    const pause = matchMedia("(prefers-reduced-motion: reduce)").matches ? 250 : 0;
    const begin = performance.now();
    let last = begin;
    setOn(true);
    const go = (): void => {
      const now = performance.now();
      if (now - last >= pause) {
        last = now;
        const at = Math.min(props.end, from + Math.floor(((now - begin) * props.perSecond) / 1000));
        if (at !== props.value) props.set(at);
        if (at >= props.end) {
          stop();
          return;
        }
      }
      frame = requestAnimationFrame(go);
    };
    frame = requestAnimationFrame(go);
  };
  onCleanup(() => cancelAnimationFrame(frame));
  return (
    <button type="button" class="plain" onClick={() => (isOn() ? stop() : start())}>
      {isOn() ? "Pause" : props.label}
    </button>
  );
}
