/**
 * @file A run that a room has for itself: the bar of time plays it, winds it back and forth, and begins it anew. A worker takes it towards a step for some milliseconds
 * and tells how far it has come; the next stretch is asked for while the page draws that.
 */
import { type Accessor, batch, createEffect, createSignal, on, onCleanup, untrack } from "solid-js";
import type { Studio, Time } from "./studio.ts";

export interface OwnRunOptions<Q, A> {
  /** The name under which links carry the step, and the step at first. */
  readonly name: string;
  readonly first: number;
  /** What is run; another question is another run. */
  readonly question: () => Q;
  readonly ask: (question: Q, to: number) => Promise<A>;
  readonly seed: () => number;
  readonly reseed: (seed: number) => void;
  /** Where it ends. Default: nowhere. */
  readonly most?: number;
  /** The most steps per second that can be followed. */
  readonly fastest?: number;
  readonly unit?: Time["unit"];
  readonly fail: (error: Error) => void;
}

export interface OwnRun<A> extends Time {
  readonly answer: () => A | undefined;
  readonly isBusy: () => boolean;
  play(): void;
  /** The question is about to change: a run that is paused begins at its first step. */
  begin(): void;
}

const FAR = Number.MAX_SAFE_INTEGER;

/** How often a speed is measured, in milliseconds. */
const MEASURE_MS = 400;

/** The run's signals and its loop. */
class RoomRun<Q, A extends { readonly step: number }> implements OwnRun<A> {
  readonly #options: OwnRunOptions<Q, A>;
  readonly #goal: Accessor<number>;
  readonly #setGoal: (step: number) => void;
  readonly #answer = createSignal<A>();
  readonly #playing = createSignal(false);
  readonly #busy = createSignal(false);
  readonly #end = createSignal(0);
  readonly #rate = createSignal(0);
  readonly #most: number;
  readonly unit: Time["unit"];
  readonly seed: Accessor<number>;
  #speed = Number.POSITIVE_INFINITY;
  #isOver = false;
  #isAsking = false;
  /** Of the question that was asked last, and of the answer that is shown. */
  #asked = "";
  #shown = "";
  #since = { time: 0, step: 0 };
  #measured = { time: 0, step: 0 };
  /** The step that this run itself has written into the link. */
  #written: number;

  constructor(studio: Studio, options: OwnRunOptions<Q, A>) {
    this.#options = options;
    [this.#goal, this.#setGoal] = studio.view<number>(options.name, options.first);
    this.#written = this.#goal();
    this.#most = options.most ?? FAR;
    this.unit = options.unit ?? "step";
    this.seed = options.seed;
    onCleanup(() => {
      this.#isOver = true;
    });
    createEffect(
      on([options.question, this.#goal, this.isPlaying], () => {
        // A link that was opened says where to be.
        if (untrack(this.isPlaying) && untrack(this.#goal) !== this.#written) this.#playing[1](false);
        untrack(this.#wake);
      }),
    );
  }

  readonly answer = (): A | undefined => this.#answer[0]();
  readonly isBusy = (): boolean => this.#busy[0]();
  readonly isPlaying = (): boolean => this.#playing[0]();
  readonly stepsPerSecond = (): number => this.#rate[0]();
  readonly step = (): number => this.answer()?.step ?? 0;
  readonly end = (): number => (this.#most < FAR ? this.#most : Math.max(this.#end[0](), this.step()));

  #wanted(): number {
    return Math.max(0, Math.min(this.#most, Math.round(this.#goal()) || 0));
  }

  #restartClock(step = this.step()): void {
    this.#since = this.#measured = { time: performance.now(), step };
  }

  /** Where to go now. */
  #target(): number {
    if (!this.isPlaying()) return this.#wanted();
    const rate = Math.min(this.#speed, this.#options.fastest ?? Number.POSITIVE_INFINITY);
    const { time, step } = this.#since;
    return Math.min(this.#most, Number.isFinite(rate) ? step + Math.floor(((performance.now() - time) / 1000) * rate) : FAR);
  }

  #take(found: A): void {
    const now = performance.now();
    batch(() => {
      this.#answer[1](() => found);
      if (this.#shown !== this.#asked) {
        this.#end[1](0);
        this.#restartClock();
      }
      this.#shown = this.#asked;
      this.#end[1](Math.max(this.#end[0](), found.step));
      const { time, step } = this.#measured;
      if (now - time > MEASURE_MS) {
        this.#rate[1]((1000 * Math.max(0, found.step - step)) / (now - time));
        this.#measured = { time: now, step: found.step };
      }
      if (this.isPlaying() && found.step >= this.#most) this.#stop();
    });
  }

  #go(to: number): void {
    this.#written = to;
    this.#setGoal(to);
  }

  #stop(): void {
    batch(() => {
      this.#playing[1](false);
      this.#go(this.step());
    });
  }

  readonly #wake = (): void => {
    if (this.#isAsking || this.#isOver) return;
    const question = this.#options.question();
    const key = JSON.stringify(question);
    const to = this.#target();
    if (key === this.#shown && to === this.step()) {
      this.#busy[1](false);
      if (this.isPlaying()) requestAnimationFrame(() => untrack(this.#wake));
      return;
    }
    this.#busy[1](!this.isPlaying());
    this.#isAsking = true;
    this.#asked = key;
    this.#options
      .ask(question, to)
      .then(
        // A run that is not asked for any more is not shown.
        (found) => void (this.#isOver || (JSON.stringify(this.#options.question()) === key && this.#take(found))),
        (error: Error) => this.#fail(key, error),
      )
      .finally(() => {
        this.#isAsking = false;
        if (this.#failed !== key) untrack(this.#wake);
      });
  };

  /** The question whose answer was an error: it is not asked again until something changes. */
  #failed: string | undefined;

  #fail(key: string, error: Error): void {
    if (this.#isOver) return;
    this.#failed = key;
    this.#playing[1](false);
    this.#options.fail(error);
  }

  readonly seek = (to: number): void => {
    batch(() => {
      this.#playing[1](false);
      this.#go(Math.max(0, Math.min(this.#most, to)));
    });
  };

  readonly play = (): void => {
    batch(() => {
      const from = this.#wanted() >= this.#most ? 0 : this.step();
      this.#go(from);
      this.#restartClock(from);
      this.#playing[1](true);
    });
  };

  readonly toggle = (): void => (this.isPlaying() ? this.#stop() : this.play());
  readonly advance = (steps: number): void => this.seek((this.isPlaying() ? this.step() : this.#wanted()) + steps);
  readonly reset = (): void => this.seek(0);
  readonly begin = (): void => {
    if (!this.isPlaying()) this.#go(this.#options.first);
  };
  readonly speed = (to: number): void => {
    this.#speed = to;
    untrack(() => this.#restartClock());
  };
  readonly reseed = (seed: number): void => this.#options.reseed(seed);
}

/** A run of a room, as long as its owner lives. */
export const createOwnRun = <Q, A extends { readonly step: number }>(studio: Studio, options: OwnRunOptions<Q, A>): OwnRun<A> =>
  new RoomRun(studio, options);
