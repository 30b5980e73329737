/** @file Keys of the page: one table, from which the help is made too. */
import type { Studio } from "../state/studio.ts";

export interface Actions {
  readonly studio: Studio;
  readonly rooms: readonly string[];
  lessons(): void;
  table(): void;
  help(): void;
  theme(): void;
  isTimeless(): boolean;
}

export interface Key {
  readonly keys: string;
  readonly does: string;
  /** Whether it moves the run, and so means nothing in a room without one. */
  readonly ofTime?: true;
  /** Whether this event is meant; and what happens. */
  readonly test: (event: KeyboardEvent) => boolean;
  readonly run: (actions: Actions, event: KeyboardEvent) => void;
}

const isCommand = (event: KeyboardEvent): boolean => event.ctrlKey || event.metaKey;

const is =
  (key: string) =>
  (event: KeyboardEvent): boolean =>
    !isCommand(event) && event.key.toLowerCase() === key;

export const KEYS: readonly Key[] = [
  { keys: "Space", does: "play and pause", ofTime: true, test: (e) => e.key === " ", run: ({ studio }) => studio.time().toggle() },
  { keys: ".", does: "one step", ofTime: true, test: is("."), run: ({ studio }) => studio.time().advance(1) },
  {
    keys: "Shift .",
    does: "100 steps",
    ofTime: true,
    test: (e) => e.key === ">" || e.key === ":",
    run: ({ studio }) => studio.time().advance(100),
  },
  {
    keys: "← →",
    does: "wind back and forward, by a hundredth",
    ofTime: true,
    test: (e) => e.key === "ArrowLeft" || e.key === "ArrowRight",
    run({ studio }, { key }) {
      const time = studio.time();
      const end = time.end();
      const by = Math.max(1, Math.round(end / 100));
      time.seek(Math.min(end, Math.max(0, time.step() + (key === "ArrowLeft" ? -by : by))));
    },
  },
  { keys: "R", does: "back to the start", ofTime: true, test: is("r"), run: ({ studio }) => studio.time().reset() },
  {
    keys: "S",
    does: "the next seed",
    ofTime: true,
    test: is("s"),
    run: ({ studio }) => studio.time().reseed((studio.time().seed() + 1) % 10000),
  },
  {
    keys: "1 – 9",
    does: "rooms",
    test: (e) => e.key >= "1" && e.key <= "9",
    run({ studio, rooms }, { key }) {
      const room = rooms[Number(key) - 1];
      if (room) studio.enter(room);
    },
  },
  { keys: "L", does: "lessons", test: is("l"), run: (actions) => actions.lessons() },
  { keys: "T", does: "the numbers as a table", test: is("t"), run: (actions) => actions.table() },
  { keys: "D", does: "light, dark, as the system", test: is("d"), run: (actions) => actions.theme() },
  { keys: "Ctrl Z", does: "undo a change", test: (e) => isCommand(e) && e.key === "z", run: ({ studio }) => studio.undo() },
  {
    keys: "Ctrl Y",
    does: "do it again",
    test: (e) => isCommand(e) && (e.key.toLowerCase() === "y" || e.key === "Z"),
    run: ({ studio }) => studio.redo(),
  },
  { keys: "?", does: "this list", test: (e) => e.key === "?", run: (actions) => actions.help() },
];

/** Where letters are typed, or arrows mean something else. */
function isTaken({ key }: KeyboardEvent, target: Element | null): boolean {
  if (!target) return false;
  // A slider that was dragged has the focus, and only its own keys.
  if (target.matches("input[type=range]") && !target.closest("dialog")) return key.startsWith("Arrow");
  if (target.matches("input:not([type=checkbox]):not([type=radio]), textarea, select, dialog *")) return true;
  if (key === " ") return target.matches("button, summary, a, input");
  return key.startsWith("Arrow") && target.matches("input, [role=slider], [role=application]");
}

export function listen(actions: Actions): void {
  document.addEventListener("keydown", (event) => {
    if (event.altKey || isTaken(event, event.target as Element | null)) return;
    const key = KEYS.find(({ test }) => test(event));
    if (!key || isCommand(event) !== key.keys.startsWith("Ctrl") || (key.ofTime && actions.isTimeless())) return;
    event.preventDefault();
    key.run(actions, event);
  });
}
