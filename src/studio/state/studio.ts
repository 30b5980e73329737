/** @file The state of the page: what is open, what the worker said last, and how to change it. Rooms and controls read signals and call functions here. */
import { type Accessor, batch, createEffect, createSignal, onCleanup, type Setter } from "solid-js";
import type { Source } from "../source/source.ts";
import { type Config, DEFAULT } from "../worker/config.ts";
import type { Frame, Tap, TapId } from "../worker/protocol.ts";
import type { DatedEdit, Edit } from "../worker/session.ts";
import { STATS } from "../worker/stats.ts";
import type { Wanted } from "../worker/taps.ts";
import { addressOf, leftOut, MOST_CHARACTERS, type Place, readPlace, writePlace } from "./url.ts";

export type Stats = Readonly<Record<(typeof STATS)[number], number>>;

const NO_STATS = Object.fromEntries(STATS.map((name) => [name, 0])) as Stats;

/** Milliseconds after the last change until the link is written. */
const LINK_DELAY = 250;

/** Milliseconds between two links of a run that goes on. Browsers let a page change its address 100 times in 30 s. */
const FOLLOW_EVERY = 2000;

/** Milliseconds after a change of the network or the data until it is made. */
const RESTART_DELAY = 40;

type Command = { readonly do: string } & Readonly<Record<string, unknown>>;

/** What the bar of time is about: the net of the page, or a run that a room has for itself. */
export interface Time {
  readonly step: Accessor<number>;
  /** The furthest step that was reached. */
  readonly end: Accessor<number>;
  readonly isPlaying: Accessor<boolean>;
  readonly stepsPerSecond: Accessor<number>;
  readonly seed: Accessor<number>;
  /** What a step is called. */
  readonly unit: "step" | "pass";
  toggle(): void;
  advance(steps: number): void;
  seek(step: number): void;
  reset(): void;
  speed(stepsPerSecond: number): void;
  reseed(seed: number): void;
}

export interface Studio {
  /** What the bar of time is about now. */
  readonly time: Accessor<Time>;
  /** Gives the bar of time to a run of a room's own, as long as its owner lives; the net of the page pauses. */
  drive(time: Time): void;
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
  ask<T>(command: Command): Promise<T>;
  /** What the room wants to see, as long as its owner lives. */
  watch(taps: () => readonly Wanted[]): void;
  open(place: Partial<Place>): Promise<void>;
  /** One change back, one forward: the browser's history. */
  undo(): void;
  redo(): void;
  /** Weights, edits and step as they are. */
  saved(): Promise<{ step: number; edits: readonly DatedEdit[]; weights: number[] }>;
  place(): Promise<Place>;
}

/** The signals of a page, and what they have in common. */
class PageState {
  readonly source: Source;
  readonly room = createSignal("");
  readonly config = createSignal(DEFAULT);
  readonly step = createSignal(0);
  readonly stats = createSignal(NO_STATS);
  readonly notice = createSignal("");
  readonly views = createSignal<Readonly<Record<string, unknown>>>({});
  readonly hide = createSignal<readonly string[]>([]);
  /** What the run began with; `config` is what it has now. */
  base: Config = DEFAULT;
  /** Changes that a run which was asked for does not know yet; undefined when none is asked for. */
  #since: ((config: Config) => Config)[] | undefined;
  readonly #taps = new Map<TapId, [Accessor<Tap | undefined>, (tap: Tap | undefined) => void]>();

  constructor(source: Source) {
    this.source = source;
  }

  say(line: string): void {
    this.notice[1](line);
  }

  readonly failed = (error: Error): void => this.say(error.message);

  tell(command: Command): void {
    void this.source.send(command).catch(this.failed);
  }

  get playing(): boolean {
    return this.stats[0]().playing === 1;
  }

  /** Changes the configuration, and that of the run which is asked for too: its answer may come later. */
  alter(change: (config: Config) => Config): void {
    this.#since?.push(change);
    this.config[1](change);
  }

  /** Asks for a run; only the answer of the newest one counts, with what was changed meanwhile. */
  async begin<T>(command: Command, use: (answer: T, changed: (config: Config) => Config) => void): Promise<void> {
    const since: ((config: Config) => Config)[] = [];
    this.#since = since;
    try {
      const answer = await this.source.send<T>(command);
      if (this.#since === since) use(answer, (config) => since.reduce((now, change) => change(now), config));
    } finally {
      if (this.#since === since) this.#since = undefined;
    }
  }

  tap(id: TapId): [Accessor<Tap | undefined>, (tap: Tap | undefined) => void] {
    let pair = this.#taps.get(id);
    if (!pair) {
      const [read, write] = createSignal<Tap | undefined>(undefined, { equals: false });
      pair = [read, (tap) => void write(() => tap)];
      this.#taps.set(id, pair);
    }
    return pair;
  }

  /** Some fields of a configuration could not be taken. */
  refuse(fields: readonly string[]): void {
    if (fields.length > 0) this.say(leftOut(fields));
  }
}

/** Shows the newest frame whenever the browser draws, and asks for the next one. */
function followFrames(state: PageState): void {
  const { source } = state;
  let latest: Frame | undefined;
  const show = (frame: Frame): void => {
    state.step[1](frame.step);
    for (const tap of frame.taps) {
      if (tap.id === "stats") state.stats[1](Object.fromEntries(STATS.map((name, i) => [name, tap.data[i]])) as Stats);
      else state.tap(tap.id)[1](tap);
    }
  };
  const draw = (): void => {
    const frame = latest;
    latest = undefined;
    source.more();
    if (frame) batch(() => show(frame));
    requestAnimationFrame(draw);
  };
  source.onFrame = (frame) => {
    // Points come only when they have changed, so a frame that was not drawn yet must not be lost with them.
    const before = latest?.taps.filter(({ id }) => id === "points" && !frame.taps.some((tap) => tap.id === id)) ?? [];
    latest = before.length > 0 ? { ...frame, taps: [...frame.taps, ...before] } : frame;
  };
  requestAnimationFrame(draw);
}

/** Begins a run. */
async function start(state: PageState, config: Config, edits: readonly unknown[] = [], step = 0): Promise<void> {
  await state.begin<{ config: Config; refused: string[] }>({ do: "open", config, edits, step }, ({ config: opened, refused }, changed) => {
    state.base = opened;
    const now: Config = { ...opened };
    for (const { edit } of edits as readonly DatedEdit[]) if (edit?.kind === "set") Object.assign(now, { [edit.name]: edit.value });
    batch(() => {
      state.config[1](changed(now));
      state.stats[1](NO_STATS);
      state.refuse(refused);
    });
  });
}

/** The address of the page follows what it shows. */
function createLink(state: PageState): Pick<Studio, "saved" | "place" | "undo" | "redo"> & { link(push?: boolean): void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let pushes = false;
  // How many changes of this page lie behind: the way back must not leave it.
  const depth = (): number => Number(history.state?.depth ?? 0);
  const saved: Studio["saved"] = () => state.source.send({ do: "save" });
  const place = async (): Promise<Place> => {
    const { step, edits } = await saved();
    return { room: state.room[0](), config: state.base, edits, step, view: state.views[0](), hide: state.hide[0]() };
  };
  const write = async (push: boolean): Promise<void> => {
    const hash = await addressOf(await place());
    if (hash === undefined) return;
    if (`#${hash}` === location.hash) return;
    if (push && location.hash !== "") history.pushState({ depth: depth() + 1 }, "", `#${hash}`);
    else history.replaceState({ depth: depth() }, "", `#${hash}`);
  };
  const link = (push = false): void => {
    pushes ||= push;
    clearTimeout(timer);
    timer = setTimeout(() => {
      const asked = pushes;
      pushes = false;
      void write(asked).catch(state.failed);
    }, LINK_DELAY);
  };
  // A page that is reloaded in the middle of a training finds its step again. A place that is too long for a link is not kept each time.
  const follow = async (): Promise<void> => {
    const hash = state.playing ? await writePlace(await place()) : "";
    if (hash !== "" && hash.length <= MOST_CHARACTERS && state.playing) history.replaceState({ depth: depth() }, "", `#${hash}`);
  };
  setInterval(() => void follow().catch(() => undefined), FOLLOW_EVERY);
  const undo = (): void => {
    if (depth() > 0) history.back();
    else state.say("There is nothing to undo.");
  };
  return { saved, place, link, undo, redo: () => history.forward() };
}

/** Opens places: of links, of files, of the history. */
function createOpen(state: PageState, rooms: readonly string[], link: (push?: boolean) => void): Studio["open"] {
  const open: Studio["open"] = async ({ room = "", config = state.config[0](), edits, step, view = {}, hide = [] }) => {
    batch(() => {
      state.say(room === "" || rooms.includes(room) ? "" : `there is no room "${room}"; the rooms are ${rooms.join(", ")}`);
      if (rooms.includes(room)) state.room[1](room);
      state.views[1](view);
      state.hide[1](hide);
    });
    await start(state, config, edits, step);
  };
  addEventListener("popstate", () => {
    void readPlace(location.hash)
      .then(async ({ place, fault }) => {
        await open(place);
        if (fault !== "") state.say(fault);
      })
      .catch(state.failed);
  });
  return async (place) => {
    await open(place);
    link(true);
  };
}

/** A change of the network or the data begins a run anew, playing if it played. */
function createChange(state: PageState, link: (push?: boolean) => void): Studio["change"] {
  const config = state.config[0];
  let restart: ReturnType<typeof setTimeout> | undefined;
  let playing = false;
  const begin = (): void => {
    const goesOn = playing;
    playing = false;
    start(state, config()).then(() => {
      if (goesOn) state.tell({ do: "play" });
      link(true);
    }, state.failed);
  };
  return (patch) => {
    state.alter(({ weights: _, ...rest }) => {
      const { points, ...fields } = { ...rest, ...patch };
      return points ? { ...fields, points } : fields;
    });
    state.say("");
    playing ||= state.playing;
    // A slider changes faster than a program is compiled.
    clearTimeout(restart);
    restart = setTimeout(begin, RESTART_DELAY);
  };
}

type Transport = Pick<Studio, "play" | "pause" | "toggle" | "advance" | "seek" | "reset" | "speed" | "edit">;

/** What one does to a run while it goes on. */
function createTransport(state: PageState, link: (push?: boolean) => void): Transport {
  const pause = (): void => {
    state.tell({ do: "pause" });
    link();
  };
  const play = (): void => {
    state.say("");
    state.tell({ do: "play" });
  };
  return {
    play,
    pause,
    toggle: () => (state.playing ? pause() : play()),
    advance(steps) {
      state.tell({ do: "step", steps });
      link();
    },
    seek(step) {
      state.say("");
      state.tell({ do: "seek", step });
      link();
    },
    reset() {
      state.say("");
      start(state, state.config[0]()).then(() => link(), state.failed);
    },
    speed: (stepsPerSecond) => state.tell({ do: "speed", stepsPerSecond }),
    edit(edit) {
      if (edit.kind === "set") state.alter((c) => ({ ...c, [edit.name]: edit.value }));
      state.say("");
      state.tell({ do: "edit", edit });
      link(true);
    },
  };
}

/** Whether a link's value is of the kind that a room has: a number for a number, a list for a list. */
function isLike(value: unknown, initial: unknown): boolean {
  if (initial === undefined || initial === null) return true;
  return typeof value === typeof initial && Array.isArray(value) === Array.isArray(initial) && value !== null;
}

/** What a room shows: which one, and the state of its own controls. */
function createViews(state: PageState, link: (push?: boolean) => void): Pick<Studio, "view" | "enter"> {
  const [views, setViews] = state.views;
  return {
    view: <T>(name: string, initial: T) => {
      const read = (): T => (name in views() && isLike(views()[name], initial) ? (views()[name] as T) : initial);
      const write = (value: T): void => {
        setViews((all) => {
          const { [name]: _, ...others } = all;
          return value === initial ? others : { ...others, [name]: value };
        });
        link();
      };
      return [read, write];
    },
    enter(room) {
      batch(() => {
        state.room[1](room);
        setViews({});
      });
      link(true);
    },
  };
}

/** Whose time it is: the page's own run has it unless a room takes it. */
function createTime(state: PageState, of: Transport & Pick<Studio, "change">): Pick<Studio, "time" | "drive"> {
  const own: Time = {
    step: state.step[0],
    end: () => state.stats[0]().end,
    isPlaying: () => state.playing,
    stepsPerSecond: () => state.stats[0]().stepsPerSecond,
    seed: () => state.config[0]().seed,
    unit: "step",
    ...of,
    reseed: (seed) => of.change({ seed }),
  };
  const [time, setTime] = createSignal(own);
  return {
    time,
    drive(taken) {
      if (state.playing) of.pause();
      setTime(taken);
      onCleanup(() => setTime((now) => (now === taken ? own : now)));
    },
  };
}

/** The state of a page that shows one of `rooms`, at first the first of them. @param source What trains. */
export function createStudio(source: Source, rooms: readonly string[]): Studio {
  const state = new PageState(source);
  state.room[1](rooms[0]!);
  followFrames(state);
  const { link, ...links } = createLink(state);
  const hide = state.hide[0];
  const change = createChange(state, link);
  const transport = createTransport(state, link);
  return {
    ...createTime(state, { ...transport, change }),
    room: state.room[0],
    config: state.config[0],
    step: state.step[0],
    stats: state.stats[0],
    notice: state.notice[0],
    say: state.notice[1],
    ...links,
    open: createOpen(state, rooms, link),
    change,
    ...transport,
    ...createViews(state, link),
    hidden: (control) => hide().includes(control),
    tap: (id) => state.tap(id)[0](),
    ask: (command) => source.send(command),
    watch(wanted) {
      createEffect(() => state.tell({ do: "subscribe", taps: wanted() }));
    },
  };
}
