/** @file Numbers in a square of cells, shaded by size and sign. A cell is picked by pointer, or with the arrow keys. */
import { createMemo, For, type JSX } from "solid-js";

export interface NumberGridProps {
  readonly title: string;
  /** Square, row by row. */
  readonly values: readonly number[];
  readonly side: number;
  /** Cells of padding around the numbers. */
  readonly border?: number;
  /** Cells that belong to what is chosen, row by row with the padding. */
  readonly marks?: ReadonlySet<number>;
  /** The one cell that the others are about. */
  readonly chosen?: number;
  readonly isResult?: boolean;
  readonly pick?: (place: number) => void;
  /** What the pointer picks, if that is no cell of this square: row and column under it, in the padding too. */
  readonly pickAt?: (row: number, column: number) => void;
  /** What the arrow keys move, if that is no cell of this square. */
  readonly press?: { readonly place: number; readonly side: number; readonly go: (place: number) => void };
}

const MOVES: Readonly<Record<string, readonly [number, number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** Digits that a cell has room for. */
function short(x: number): string {
  const text = Number.isInteger(x) ? String(x) : Math.abs(x) >= 10 ? x.toFixed(0) : x.toFixed(1);
  return text.replace("-", "−");
}

export function NumberGrid(props: NumberGridProps): JSX.Element {
  let cells!: HTMLDivElement;
  const border = (): number => props.border ?? 0;
  const whole = (): number => props.side + 2 * border();
  const most = createMemo(() => Math.max(1e-12, ...props.values.map(Math.abs)));
  /** The number's place, or -1 in the padding. */
  const placeOf = (i: number): number => {
    const [r, c] = [Math.floor(i / whole()) - border(), (i % whole()) - border()];
    return r >= 0 && r < props.side && c >= 0 && c < props.side ? r * props.side + c : -1;
  };
  const go = (row: number, column: number, { side, pick } = { side: props.side, pick: props.pick }): void => {
    const within = (at: number): number => Math.max(0, Math.min(side - 1, at));
    pick?.(within(row) * side + within(column));
  };
  let isHeld = false;
  const at = (event: PointerEvent): void => {
    const { left, top, width } = cells.getBoundingClientRect();
    const each = width / whole();
    const [row, column] = [Math.floor((event.clientY - top) / each) - border(), Math.floor((event.clientX - left) / each) - border()];
    if (props.pickAt) props.pickAt(row, column);
    else go(row, column);
  };
  const press = (event: KeyboardEvent): void => {
    const move = MOVES[event.key];
    if (!move || !props.pick) return;
    event.preventDefault();
    const { place, side, go: pick } = props.press ?? { place: props.chosen ?? 0, side: props.side, go: props.pick };
    go(Math.floor(place / side) + move[0], (place % side) + move[1], { side, pick });
  };
  const name = (): string =>
    `${props.title}${props.chosen === undefined ? "" : `; row ${Math.floor(props.chosen / props.side) + 1}, column ${(props.chosen % props.side) + 1}: ${short(props.values[props.chosen] ?? 0)}`}`;
  const handlers = (): JSX.HTMLAttributes<HTMLDivElement> =>
    props.pick
      ? {
          tabindex: "0",
          role: "application",
          "aria-label": name(),
          onKeyDown: press,
          onPointerDown: (event) => {
            isHeld = true;
            event.currentTarget.setPointerCapture(event.pointerId);
            at(event);
          },
          onPointerMove: (event) => isHeld && at(event),
          onPointerUp: () => {
            isHeld = false;
          },
          onPointerCancel: () => {
            isHeld = false;
          },
        }
      : { role: "img", "aria-label": name() };
  return (
    <figure class="numbers" classList={{ result: props.isResult }}>
      <figcaption>{props.title}</figcaption>
      <div ref={cells} class="number-cells" classList={{ pickable: !!props.pick }} style={{ "--side": whole() }} {...handlers()}>
        <For each={Array.from({ length: whole() ** 2 }, (_, i) => i)}>
          {(i) => {
            const place = (): number => placeOf(i);
            const value = (): number => props.values[place()] ?? 0;
            return (
              <i
                aria-hidden="true"
                classList={{
                  padding: place() < 0,
                  low: value() < 0,
                  marked: props.marks?.has(i),
                  chosen: place() >= 0 && props.chosen === place(),
                }}
                style={{ "--share": Math.abs(value()) / most(), "--letters": short(value()).length }}
              >
                {short(value())}
              </i>
            );
          }}
        </For>
      </div>
    </figure>
  );
}
