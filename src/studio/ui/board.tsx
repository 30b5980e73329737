/** @file A board of rows and columns with chips that are moved: dragged, or with the arrow keys. */
import { createMemo, createSignal, For, type JSX } from "solid-js";

export interface Chip {
  readonly id: string;
  readonly text: string;
  readonly title: string;
  readonly row: number;
  readonly column: number;
  readonly tone?: "low" | "high";
  readonly isBad?: boolean;
}

export interface BoardProps {
  readonly caption: string;
  readonly columns: readonly string[];
  readonly rows: readonly { readonly name: string; readonly note: string }[];
  readonly chips: readonly Chip[];
  readonly chosen: string;
  readonly choose: (id: string) => void;
  /** A chip was moved. */
  readonly move: (id: string, row: number, column: number) => void;
  /** What else a cell is, as a class. */
  readonly cell?: (row: number, column: number) => string;
  /** Below the last row: a text for each column. */
  readonly feet?: readonly { readonly text: string; readonly isBad: boolean }[];
}

const MOVES: Readonly<Record<string, readonly [number, number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

export function Board(props: BoardProps): JSX.Element {
  let board!: HTMLDivElement;
  const [held, setHeld] = createSignal<string>();
  const [over, setOver] = createSignal("");
  /** A chip that has not changed stays the same one, and its button with it: it may be the one that is held. */
  const chips = createMemo<readonly Chip[]>((old) => {
    const before = new Map(old.map((chip) => [chip.id, chip]));
    return props.chips.map((chip) => {
      const known = before.get(chip.id);
      return known && JSON.stringify(known) === JSON.stringify(chip) ? known : chip;
    });
  }, []);
  const cellAt = (event: PointerEvent): readonly [row: number, column: number] | undefined => {
    const cell = document.elementFromPoint(event.clientX, event.clientY)?.closest<HTMLElement>("[data-cell]");
    if (!cell || !board.contains(cell)) return undefined;
    const [row, column] = cell.dataset.cell!.split(" ").map(Number) as [number, number];
    return [row, column];
  };
  const move = (chip: Chip, row: number, column: number): void => {
    if (row < 0 || column < 0 || row >= props.rows.length || column >= props.columns.length) return;
    if (row === chip.row && column === chip.column) return;
    // The chip is drawn anew in its place, and keeps the focus.
    const isChosen = chip.id === props.chosen;
    props.move(chip.id, row, column);
    requestAnimationFrame(() => board.querySelector<HTMLElement>(`[data-chip="${isChosen ? props.chosen : chip.id}"]`)?.focus());
  };
  const press = (chip: Chip, event: KeyboardEvent): void => {
    const step = MOVES[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    move(chip, chip.row + step[0], chip.column + step[1]);
  };
  const letGo = (): void => {
    setHeld(undefined);
    setOver("");
  };
  return (
    <div ref={board} class="board" style={{ "--columns": props.columns.length }} role="application" aria-label={props.caption}>
      <span />
      <For each={props.columns}>{(name) => <span class="board-head">{name}</span>}</For>
      <For each={props.rows}>
        {(row, r) => (
          <>
            <span class="board-row" title={row.note}>
              {row.name}
              <small>{row.note}</small>
            </span>
            <For each={props.columns}>
              {(_, c) => (
                <div
                  class={`board-cell ${props.cell?.(r(), c()) ?? ""}`}
                  data-cell={`${r()} ${c()}`}
                  classList={{ over: over() === `${r()} ${c()}` }}
                >
                  <For each={chips().filter((chip) => chip.row === r() && chip.column === c())}>
                    {(chip) => (
                      <button
                        type="button"
                        data-chip={chip.id}
                        class={`chip ${chip.tone ?? ""}`}
                        classList={{ bad: chip.isBad, chosen: chip.id === props.chosen }}
                        title={chip.title}
                        aria-label={`${chip.text}: ${chip.title}${chip.isBad ? ", not allowed" : ""}`}
                        aria-pressed={chip.id === props.chosen}
                        onClick={() => props.choose(chip.id)}
                        on:keydown={(event) => press(chip, event)}
                        onPointerDown={(event) => {
                          event.currentTarget.setPointerCapture(event.pointerId);
                          setHeld(chip.id);
                          props.choose(chip.id);
                        }}
                        onPointerMove={(event) => held() === chip.id && setOver(cellAt(event)?.join(" ") ?? "")}
                        onPointerUp={(event) => {
                          const cell = held() === chip.id ? cellAt(event) : undefined;
                          letGo();
                          if (cell) move(chip, ...cell);
                        }}
                        onPointerCancel={letGo}
                      >
                        {chip.text}
                      </button>
                    )}
                  </For>
                </div>
              )}
            </For>
          </>
        )}
      </For>
      <For each={props.feet ? [0] : []}>
        {() => (
          <>
            <span class="board-row">hours</span>
            <For each={props.feet}>{(foot) => <span classList={{ "board-foot": true, bad: foot.isBad }}>{foot.text}</span>}</For>
          </>
        )}
      </For>
    </div>
  );
}
