/** @file The state of the page: what is open, what the worker said last, and how to change it. Rooms and controls read signals and call functions here. */
import { type Accessor, batch, createEffect, createSignal, type Setter } from "solid-js";
import type { Source } from "../source/source.ts";
import { type Config, DEFAULT } from "../worker/config.ts";
import type { Frame, Tap, TapId } from "../worker/protocol.ts";
import type { DatedEdit, Edit } from "../worker/session.ts";
import { STATS } from "../worker/stats.ts";
import type { Wanted } from "../worker/taps.ts";
import { MOST_CHARACTERS, type Place, readPlace, writePlace } from "./url.ts";

export type Stats = Readonly<Record<(typeof STATS)[number], number>>;

const NO_STATS = Object.fromEntries(STATS.map((name) => [name, 0])) as Stats;

/** Milliseconds after the last change until the link is written. */
const LINK_DELAY = 250;

/** Milliseconds after a change of the network or the data until it is made. */
const RESTART_DELAY = 40;

export interface Studio {
  readonly room: Accessor<string>;
  readonly config: Accessor<Config>;
  readonly step: Accessor<number>;
  readonly stats: Accessor<Stats>;
  /** The newest data of a tap; undefined until it came. */
  tap(id: TapId): Tap | undefined;
  /** State of the room's own controls, which links carry. */
  view<T>(name: string, initial: T): [Accessor<T>, (value: T) => void];
  /** What there is to say, in a line. */
  readonly notice: Accessor<string>;
  readonly say: Setter<string>;
  readonly hidden: (control: string) => boolean;
  /** Another room. */
  enter(room: string): void;
  /** Another network, other data: begins anew. */
  change(patch: Partial<Config>): void;
  /** Something that changes while the run goes on. */
  edit(edit: Edit): void;
  play(): void;
  pause(): void;
  toggle(): void;
  advance(steps: number): void;
  seek(step: number): void;
  reset(): void;
  speed(stepsPerSecond: number): void;
  /** A question that has nothing to do with the run. */
  ask<T>(command: { readonly do: string } & Readonly<Record<string, unknown>>): Promise<T>;
  /** What the room wants to see, as long as its owner lives. */
  watch(taps: () => readonly Wanted[]): void;
  open(place: Partial<Place>): Promise<void>;
  /** Weights, edits and step as they are. */
  saved(): Promise<{ step: number; edits: readonly DatedEdit[]; weights: number[] }>;
  place(): Promise<Place>;
}

export function createStudio(source: Source, rooms: readonly string[]): Studio {
  const [room, setRoom] = createSignal(rooms[0]!);
  const [config, setConfig] = createSignal(DEFAULT);
  const [step, setStep] = createSignal(0);
  const [stats, setStats] = createSignal(NO_STATS);
  const [notice, say] = createSignal("");
  const [views, setViews] = createSignal<Readonly<Record<string, unknown>>>({});
  const [hide, setHide] = createSignal<readonly string[]>([]);
  const taps = new Map<TapId, [Accessor<Tap | undefined>, (tap: Tap | undefined) => void]>();
  /** What the run began with; `config` is what it has now. */
  let base: Config = DEFAULT;
  let latest: Frame | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let restart: ReturnType<typeof setTimeout> | undefined;
  let playing = false;

  const signalOf = (id: TapId) => {
    let pair = taps.get(id);
    if (!pair) {
      const [read, write] = createSignal<Tap | undefined>(undefined, { equals: false });
      pair = [read, (tap) => void write(() => tap)];
      taps.set(id, pair);
    }
    return pair;
  };

  const failed = (error: Error): void => void say(error.message);
  const tell = (command: { readonly do: string } & Readonly<Record<string, unknown>>): void => void source.send(command).catch(failed);

  const draw = (): void => {
    const frame = latest;
    latest = undefined;
    source.more();
    if (frame) batch(() => show(frame));
    requestAnimationFrame(draw);
  };
  const show = (frame: Frame): void => {
    setStep(frame.step);
    for (const tap of frame.taps) {
      if (tap.id === "stats") setStats(Object.fromEntries(STATS.map((name, i) => [name, tap.data[i]])) as Stats);
      else signalOf(tap.id)[1](tap);
    }
  };
  source.onFrame = (frame) => {
    // Points come only when they have changed, so a frame that was not drawn yet must not be lost with them.
    const before = latest?.taps.filter(({ id }) => id === "points" && !frame.taps.some((tap) => tap.id === id)) ?? [];
    latest = before.length > 0 ? { ...frame, taps: [...frame.taps, ...before] } : frame;
  };
  requestAnimationFrame(draw);

  const saved: Studio["saved"] = () => source.send({ do: "save" });
  const place = async (): Promise<Place> => {
    const { step: at, edits } = await saved();
    return { room: room(), config: base, edits, step: at, view: views(), hide: hide() };
  };
  const writeLink = async (push: boolean): Promise<void> => {
    const hash = await writePlace(await place());
    if (hash.length > MOST_CHARACTERS) return;
    if (`#${hash}` === location.hash) return;
    if (push) history.pushState(null, "", `#${hash}`);
    else history.replaceState(null, "", `#${hash}`);
  };
  const link = (push = false): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void writeLink(push).catch(failed), LINK_DELAY);
  };

  const start = async (wanted: Config, edits: readonly unknown[] = [], at = 0): Promise<void> => {
    const { config: opened, refused } = await source.send<{ config: Config; refused: string[] }>({
      do: "open",
      config: wanted,
      edits,
      step: at,
    });
    base = opened;
    const now: Config = { ...opened };
    for (const { edit } of edits as DatedEdit[]) if (edit?.kind === "set") Object.assign(now, { [edit.name]: edit.value });
    batch(() => {
      setConfig(now);
      setStats(NO_STATS);
      if (refused.length > 0) say(`left out, because it cannot be: ${refused.join(", ")}`);
    });
  };

  const open: Studio["open"] = async ({ room: to, config: wanted = config(), edits, step: at, view = {}, hide: hid = [] }) => {
    batch(() => {
      if (to !== undefined && rooms.includes(to)) setRoom(to);
      setViews(view);
      setHide(hid);
    });
    await start(wanted, edits, at);
  };

  addEventListener("popstate", () => {
    void readPlace(location.hash).then(({ place: there, refused }) => {
      if (refused.length > 0) say(`left out, because it cannot be: ${refused.join(", ")}`);
      return open(there);
    }, failed);
  });

  const pause = (): void => {
    tell({ do: "pause" });
    link();
  };
  const play = (): void => {
    say("");
    tell({ do: "play" });
  };

  return {
    room,
    config,
    step,
    stats,
    notice,
    say,
    saved,
    place,
    open,
    play,
    pause,
    hidden: (control) => hide().includes(control),
    tap: (id) => signalOf(id)[0](),
    view: <T>(name: string, initial: T) => {
      const read = (): T => (name in views() ? (views()[name] as T) : initial);
      const write = (value: T): void => {
        setViews((all) => {
          const { [name]: _, ...others } = all;
          return value === initial ? others : { ...others, [name]: value };
        });
        link();
      };
      return [read, write];
    },
    enter(to) {
      batch(() => {
        setRoom(to);
        setViews({});
      });
      link(true);
    },
    change(patch) {
      const { weights: _, ...rest } = config();
      const { points, ...fields } = { ...rest, ...patch };
      setConfig(points ? { ...fields, points } : fields);
      say("");
      playing ||= stats().playing === 1;
      // A slider changes faster than a program is compiled.
      clearTimeout(restart);
      restart = setTimeout(() => {
        const goesOn = playing;
        playing = false;
        start(config()).then(() => {
          if (goesOn) tell({ do: "play" });
          link(true);
        }, failed);
      }, RESTART_DELAY);
    },
    edit(edit) {
      if (edit.kind === "set") setConfig((c) => ({ ...c, [edit.name]: edit.value }));
      say("");
      tell({ do: "edit", edit });
      link();
    },
    toggle: () => (stats().playing === 1 ? pause() : play()),
    advance(steps) {
      tell({ do: "step", steps });
      link();
    },
    seek(to) {
      say("");
      tell({ do: "seek", step: to });
      link();
    },
    reset() {
      say("");
      start(config()).then(() => link(), failed);
    },
    ask: (command) => source.send(command),
    speed: (stepsPerSecond) => tell({ do: "speed", stepsPerSecond }),
    watch(wanted) {
      createEffect(() => tell({ do: "subscribe", taps: wanted() }));
    },
  };
}
