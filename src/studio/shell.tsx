/** @file The page around the rooms: their list, the bar of time, lessons, table, files and help. */
import { type Accessor, createEffect, createMemo, createSignal, ErrorBoundary, For, type JSX, onMount, Show } from "solid-js";
import { Dynamic } from "solid-js/web";
import { Menu } from "./export/menu.tsx";
import { Lessons } from "./lessons/lessons.tsx";
import { OwnDialog } from "./own/dialog.tsx";
import { filesOf } from "./own/dropped.ts";
import { takeFiles, takeText } from "./own/own.ts";
import type { Room, RoomEntry } from "./rooms/room.ts";
import type { Studio } from "./state/studio.ts";
import { Table } from "./ui/controls.tsx";
import { ICONS, Icon } from "./ui/icon.tsx";
import { KEYS, listen } from "./ui/keys.ts";
import { setTheme, type Theme, theme } from "./ui/theme.ts";
import { Transport } from "./ui/transport.tsx";

const NEXT_THEME: Readonly<Record<Theme, Theme>> = { auto: "light", light: "dark", dark: "auto" };

export function Shell(props: { readonly studio: Studio; readonly rooms: readonly RoomEntry[] }): JSX.Element {
  const { studio } = props;
  const [lessons, setLessons] = createSignal(false);
  const [table, setTable] = createSignal(false);
  const [over, setOver] = createSignal(false);
  let help!: HTMLDialogElement;
  const entry = createMemo((): RoomEntry => props.rooms.find(({ id }) => id === studio.room()) ?? props.rooms[0]!);
  const room = createRoom(entry, studio.say);
  const isTimeless = (): boolean => entry().timeless === true;
  waitWhile(isTimeless, studio);
  const turnTheme = (): void => setTheme(NEXT_THEME[theme()]);
  onMount(() => {
    listen({
      studio,
      rooms: props.rooms.map(({ id }) => id),
      lessons: () => setLessons(!lessons()),
      table: () => setTable(!table()),
      help: () => help.showModal(),
      theme: turnTheme,
      isTimeless,
    });
    listenForFiles(studio, setOver);
  });
  return (
    <div class="shell" classList={{ "with-lessons": lessons(), timeless: isTimeless() }}>
      <a class="skip" href="#main">
        To the room
      </a>
      <header class="top">
        <p class="brand">
          <span class="nabla-sign" aria-hidden="true">
            ∇
          </span>{" "}
          Nabla <span class="brand-more">studio</span>
        </p>
        <h1>{entry().title}</h1>
        <div class="top-buttons">
          <button type="button" class="text-button" aria-pressed={lessons()} title="Lessons (L)" onClick={() => setLessons(!lessons())}>
            <Icon path={ICONS.lessons} />
            <span>Lessons</span>
          </button>
          <button
            type="button"
            class="icon-button"
            aria-label="The numbers as a table"
            aria-pressed={table()}
            title="The numbers as a table (T)"
            onClick={() => setTable(!table())}
          >
            <Icon path={ICONS.table} />
          </button>
          <Menu studio={studio} room={entry()} />
          <button
            type="button"
            class="icon-button"
            aria-label={`Colours: ${theme()}`}
            title="Light, dark, as the system (D)"
            onClick={turnTheme}
          >
            <Icon path={ICONS.theme} />
          </button>
          <button type="button" class="icon-button" aria-label="Help" title="Keys (?)" onClick={() => help.showModal()}>
            <Icon path={ICONS.help} />
          </button>
        </div>
      </header>
      <nav class="rail" aria-label="Rooms">
        <For each={props.rooms}>
          {(each, i) => (
            <button
              type="button"
              ref={(button) => createEffect(() => each.id === entry().id && button.scrollIntoView({ block: "nearest", inline: "center" }))}
              aria-current={each.id === entry().id ? "page" : undefined}
              title={`${each.title} (${i() + 1})`}
              onClick={() => studio.enter(each.id)}
            >
              <Icon path={each.icon} />
              <span>{each.title}</span>
            </button>
          )}
        </For>
      </nav>
      <main id="main" tabindex="-1">
        <Show when={studio.notice() || studio.stats().failed}>
          <div class="notice">
            <p role="alert">{studio.notice() || "The loss is no number any more. Wind back, and try a smaller rate."}</p>
            <Show when={studio.notice()}>
              <button type="button" class="quiet" aria-label="Close the notice" onClick={() => studio.say("")}>
                <Icon path={ICONS.close} />
              </button>
            </Show>
          </div>
        </Show>
        <Show when={room()} fallback={<p class="hint loading">Loading the room …</p>}>
          {(loaded) => (
            <ErrorBoundary fallback={(error: Error, reset) => <Broken error={error} again={() => again(studio, reset)} />}>
              <Show when={table()}>
                <Table {...loaded().table(studio)} />
              </Show>
              <Dynamic component={loaded().View} studio={studio} />
            </ErrorBoundary>
          )}
        </Show>
      </main>
      <Show when={lessons()}>
        <Lessons studio={studio} close={() => setLessons(false)} />
      </Show>
      <Transport studio={studio} />
      <Speech studio={studio} room={room()} />
      <Show when={over()}>
        <p class="drop">Drop a table, arrays, images, weights or a saved page</p>
      </Show>
      <OwnDialog studio={studio} />
      <dialog ref={help} aria-label="Keys">
        <h2>Keys</h2>
        <dl class="keys">
          <For each={KEYS}>
            {({ keys, does }) => (
              <>
                <dt>
                  <kbd>{keys}</kbd>
                </dt>
                <dd>{does}</dd>
              </>
            )}
          </For>
        </dl>
        <p class="hint">Drop or paste a table, arrays or images to train on your own data. Nothing leaves this machine.</p>
        <form method="dialog">
          <button type="submit" class="primary">
            Close
          </button>
        </form>
      </dialog>
    </div>
  );
}

/** A room that cannot show what it was told to. */
function Broken(props: { readonly error: Error; readonly again: () => void }): JSX.Element {
  return (
    <div class="notice">
      <p role="alert">This room cannot show what the link or the file says: {props.error.message}</p>
      <button type="button" class="plain" onClick={() => props.again()}>
        Show the room as it is at first
      </button>
    </div>
  );
}

function again(studio: Studio, reset: () => void): void {
  studio.enter(studio.room());
  reset();
}

/** A run whose room is left for one that shows nothing of it waits, and goes on afterwards. */
function waitWhile(isTimeless: () => boolean, studio: Studio): void {
  let waits = false;
  createEffect(() => {
    if (isTimeless()) {
      if (studio.stats().playing !== 1) return;
      waits = true;
      studio.pause();
    } else if (waits) {
      waits = false;
      studio.play();
    }
  });
}

/** The room that was entered, when it is there. */
function createRoom(entry: Accessor<RoomEntry>, say: (line: string) => void): Accessor<Room | undefined> {
  const [room, setRoom] = createSignal<Room>();
  createEffect(() => {
    const entered = entry();
    setRoom(undefined);
    entered.load().then(
      (loaded) => void (entered === entry() && setRoom(loaded)),
      (error: Error) => say(`the room ${entered.title} does not load: ${error.message}`),
    );
  });
  return room;
}

/** Files come in by being dropped or pasted anywhere, and tables by being pasted where nothing is typed. */
function listenForFiles(studio: Studio, setOver: (over: boolean) => void): void {
  addEventListener("dragover", (event) => {
    event.preventDefault();
    setOver(true);
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) setOver(false);
  });
  const take = (data: DataTransfer): void => {
    const text = data.getData("text/plain");
    void filesOf(data).then((files) => {
      if (files.length > 0) return takeFiles(studio, files);
      return text.trim() === "" ? undefined : takeText(studio, "pasted text", text);
    });
  };
  addEventListener("drop", (event) => {
    event.preventDefault();
    setOver(false);
    if (event.dataTransfer) take(event.dataTransfer);
  });
  addEventListener("paste", (event) => {
    if (!event.clipboardData || (event.target as Element | null)?.closest?.("input, textarea, dialog")) return;
    event.preventDefault();
    take(event.clipboardData);
  });
}

/** Says what there is to see: when the run is paused, at most every five seconds. */
function Speech(props: { readonly studio: Studio; readonly room: Room | undefined }): JSX.Element {
  const [text, setText] = createSignal("");
  let said = "";
  setInterval(() => {
    const { studio, room } = props;
    if (!room || studio.stats().playing === 1) return;
    const now = room.describe(studio);
    if (now === said) return;
    said = now;
    setText(now);
  }, 5000);
  return (
    <p class="hidden" role="status">
      {text()}
    </p>
  );
}
