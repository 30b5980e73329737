/**
 * @file A session behind messages: commands come in, answers and frames go out. It trains in stretches of some milliseconds and listens between them. A frame is
 * sent only when the page has asked for one, so that no queue can grow: what a page is too slow to draw is never made.
 */
import { curveOf, softmaxOf } from "./activations.ts";
import { type Config, parameterCount, readConfig } from "./config.ts";
import type { CurveName } from "./curve-names.ts";
import { encodeFrame, type Tap } from "./protocol.ts";
import { type Edit, isDatedEdit, Session } from "./session.ts";
import { STATS } from "./stats.ts";
import { Views, type Wanted } from "./taps.ts";

/** A command of the page. Each has a number, which the answer repeats. */
export type Command =
  | { readonly do: "open"; readonly config: unknown; readonly edits?: readonly unknown[]; readonly step?: number }
  | { readonly do: "play" | "pause" | "save" | "path" }
  | { readonly do: "step"; readonly steps: number }
  | { readonly do: "seek"; readonly step: number }
  | { readonly do: "speed"; readonly stepsPerSecond: number }
  | { readonly do: "edit"; readonly edit: Edit }
  | { readonly do: "subscribe"; readonly taps: readonly Wanted[] }
  | { readonly do: "curve"; readonly name: CurveName; readonly a: number; readonly at: number }
  | { readonly do: "softmax"; readonly logits: readonly number[]; readonly temperature: number }
  | { readonly do: "more" };

export type Answer = { readonly id: number; readonly ok: unknown } | { readonly id: number; readonly error: string };

/** What the page hears: answers, and frames as bytes. */
export type Post = (message: Answer | Uint8Array<ArrayBuffer>) => void;

/** Milliseconds of training between two looks at the messages: short against a frame of 16.7, long against a call of 0.05. */
const STRETCH_MS = 6;

/** How often the losses of all points are measured while the run goes on, in milliseconds. It takes as long as some steps. */
const MEASURE_MS = 100;

export class Server {
  readonly #post: Post;
  #session: Session | undefined;
  #views: Views | undefined;
  #wanted: readonly Wanted[] = [];
  #playing = false;
  #stepsPerSecond = Number.POSITIVE_INFINITY;
  /** The step that a seek or a single step goes to. */
  #goal: number | undefined;
  #credit = false;
  /** Whether something has changed since the last frame. */
  #dirty = false;
  #looping = false;
  #seconds = 0;
  #rate = 0;
  #measured = Number.NEGATIVE_INFINITY;
  #train = { loss: Number.NaN, accuracy: Number.NaN };
  #test = { loss: Number.NaN, accuracy: Number.NaN };
  /** Since when a limited speed is counted, and from which step. */
  #since = { time: 0, step: 0 };

  constructor(post: Post) {
    this.#post = post;
  }

  /** Takes a command and answers it. */
  receive({ id, ...command }: { readonly id: number; readonly do: string }): void {
    try {
      const ok = this.#do(command as Command) ?? null;
      if (command.do !== "more") this.#post({ id, ok });
    } catch (error) {
      this.#post({ id, error: (error as Error).message });
    }
    this.#wake();
  }

  get #open(): Session {
    if (!this.#session) throw new Error("no session is open; send open first");
    return this.#session;
  }

  /** Performs a command. What it returns is sent back to the page. */
  #do(command: Command): unknown {
    switch (command.do) {
      case "open":
        return this.#start(command.config, command.edits ?? [], command.step ?? 0);
      case "save":
        return { step: this.#goal ?? this.#open.step, edits: this.#open.edits, weights: Array.from(this.#open.net.weights()) };
      case "path":
        return this.#open.path();
      case "curve":
        return curveOf(command.name, command.a, command.at);
      case "softmax":
        return softmaxOf(command.logits, command.temperature);
      case "more":
        this.#credit = true;
        return undefined;
      default:
        return this.#steer(command);
    }
  }

  /** Performs a command that changes how the run goes on. */
  #steer(command: Command): undefined {
    switch (command.do) {
      case "play":
        this.#goal = undefined;
        this.#playing = this.#open.failure === undefined;
        this.#restartClock();
        break;
      case "pause":
        this.#playing = false;
        this.#goal = undefined;
        break;
      case "step":
        this.#playing = false;
        this.#goal = this.#open.step + command.steps;
        break;
      case "seek":
        this.#playing = false;
        this.#open.rewind(command.step);
        this.#goal = command.step;
        break;
      case "speed":
        this.#stepsPerSecond = command.stepsPerSecond;
        this.#restartClock();
        return undefined;
      case "edit":
        if (!isDatedEdit({ step: 0, edit: command.edit }))
          throw new TypeError("edit: want a rate or strength of at least 0, a weight, or points");
        this.#open.edit(command.edit);
        this.#restartClock();
        break;
      case "subscribe":
        this.#wanted = command.taps;
        this.#views?.reset();
        break;
    }
    this.#dirty = true;
    return undefined;
  }

  #start(given: unknown, edits: readonly unknown[], step: number): { parameters: number; refused: readonly string[]; config: Config } {
    const { config, refused } = readConfig(given);
    const good = edits.filter(isDatedEdit);
    if (good.length < edits.length) refused.push("edits");
    const session = new Session(config, good);
    this.#session?.dispose();
    this.#views?.dispose();
    this.#session = session;
    this.#views = new Views(session);
    this.#playing = false;
    this.#goal = step > 0 ? step : undefined;
    this.#seconds = this.#rate = 0;
    this.#dirty = true;
    this.#measured = Number.NEGATIVE_INFINITY;
    return { parameters: parameterCount(config), refused, config };
  }

  #restartClock(): void {
    this.#since = { time: performance.now(), step: this.#session?.step ?? 0 };
  }

  // ---- the loop -----------------------------------------------------------------------------------------------------------------------

  get #busy(): boolean {
    return this.#playing || this.#goal !== undefined;
  }

  #wake(): void {
    if (this.#looping) return;
    this.#looping = true;
    void this.#loop();
  }

  async #loop(): Promise<void> {
    try {
      do {
        if (this.#busy) this.#stretch();
        if (this.#credit && this.#dirty) this.#send();
        await turn(this.#busy && Number.isFinite(this.#stepsPerSecond) && this.#goal === undefined ? 4 : 0);
      } while (this.#busy || (this.#credit && this.#dirty));
    } finally {
      this.#looping = false;
    }
  }

  /** Trains for a stretch, or as far as the speed allows. */
  #stretch(): void {
    const session = this.#open;
    const start = performance.now();
    const from = session.step;
    let limit = this.#goal ?? Number.POSITIVE_INFINITY;
    if (this.#goal === undefined && Number.isFinite(this.#stepsPerSecond))
      limit = this.#since.step + Math.floor(((start - this.#since.time) / 1000) * this.#stepsPerSecond);
    while (session.step < limit && performance.now() - start < STRETCH_MS) {
      if (session.advance(limit - session.step) === 0 && session.failure !== undefined) break;
    }
    if (session.failure !== undefined) this.#playing = false;
    if (this.#goal !== undefined && (session.step >= this.#goal || session.failure !== undefined)) this.#goal = undefined;
    const taken = session.step - from;
    if (taken <= 0) return;
    const seconds = (performance.now() - start) / 1000;
    this.#seconds += seconds;
    this.#rate = this.#rate === 0 ? taken / seconds : 0.9 * this.#rate + 0.1 * (taken / seconds);
    this.#dirty = true;
  }

  #send(): void {
    const session = this.#open;
    this.#credit = false;
    this.#dirty = false;
    this.#post(
      encodeFrame({ step: session.step, seconds: this.#seconds, taps: [this.#stats(session), ...this.#views!.read(this.#wanted)] }),
    );
  }

  #stats(session: Session): Tap {
    const now = performance.now();
    if (!this.#busy || now - this.#measured > MEASURE_MS) {
      this.#measured = now;
      this.#train = session.measure(session.train);
      this.#test = session.test === session.train ? this.#train : session.measure(session.test);
      session.history.test(this.#test.loss);
    }
    const values = {
      end: session.end,
      playing: Number(this.#playing),
      stepsPerSecond: this.#rate,
      trainLoss: this.#train.loss,
      trainAccuracy: this.#train.accuracy,
      testLoss: this.#test.loss,
      testAccuracy: this.#test.accuracy,
      epoch: Math.floor(session.step / session.epochSteps),
      failed: Number(session.failure !== undefined),
    };
    const data = Float64Array.from(STATS, (name) => values[name]);
    return { id: "stats", shape: [data.length], data };
  }
}

/** Lets the event loop turn, at once or after some milliseconds. A channel's messages are not held back, as timers are. */
function turn(ms: number): Promise<void> {
  if (ms > 0) return new Promise((resolve) => setTimeout(resolve, ms));
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
}
