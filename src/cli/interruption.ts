/** @file What ends a run from outside: signals, and an output that nobody reads any more. */

/** Exit codes as shells report them: 128 + the number of the signal (signal(7)). */
const CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
const CLOSED_PIPE = 141; // 128 + SIGPIPE

/** Milliseconds after which a signal is another one: `timeout` and `npm` hand on what the whole process group has received already. */
const ECHO = 1000;

/** While it is open, the first signal asks the run to end after the step at hand; the second ends the process, as the system does it. */
export class Interruption {
  readonly #controller = new AbortController();
  readonly #onFirst: (reason: string) => void;
  #code = 0;
  #reason = "interrupted";

  /** `onFirst` hears at once that the run is to end, and why. */
  constructor(onFirst: (reason: string) => void) {
    this.#onFirst = onFirst;
    for (const name of Object.keys(CODES)) process.on(name, this.#onSignal);
    process.stdout.on("error", this.#onClosed);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What the process exits with; 0 as long as nothing has happened. */
  get code(): number {
    return this.#code;
  }

  get reason(): string {
    return this.#reason;
  }

  /** Ends the run as a signal does. */
  abort(code: number, reason: string): void {
    if (this.#code !== 0) return;
    this.#code = code;
    this.#reason = reason;
    this.#controller.abort();
    this.#onFirst(reason);
    setTimeout(() => this.#letGo(), ECHO).unref();
  }

  close(): void {
    this.#letGo();
    process.stdout.off("error", this.#onClosed);
  }

  /** From now on a signal does what it does to any process. */
  #letGo(): void {
    for (const name of Object.keys(CODES)) process.off(name, this.#onSignal);
  }

  readonly #onSignal = (name: keyof typeof CODES = "SIGINT"): void => this.abort(CODES[name], `ended by ${name}`);

  readonly #onClosed = (error: NodeJS.ErrnoException): void => {
    if (error.code === "EPIPE") this.abort(CLOSED_PIPE, "its output was closed");
  };
}

/** Commands that only print end quietly when nobody reads on; what else fails in printing stops nothing. */
export function endWithOutput(): void {
  process.stdout.on("error", ({ code }: NodeJS.ErrnoException) => {
    if (code === "EPIPE" && process.stdout.listenerCount("error") === 1) process.exit(CLOSED_PIPE);
  });
  process.stderr.on("error", () => {});
}
