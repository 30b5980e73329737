/** @file Questions to the instruments of the library. They have nothing to do with the session, and are answered in a worker of their own, one after another. */
import { type OwnCommand, OwnDesk } from "../own/own-desk.ts";
import { approximate, tents } from "./approximate.ts";
import { convolve } from "./convolve.ts";
import { FlowDesk, type FlowQuestion } from "./flow.ts";
import { graphOf } from "./graphs.ts";
import type { LandscapeDesk, LandscapeQuestion } from "./landscape.ts";
import type { MapsDesk, MapsSources } from "./maps.ts";
import { type RegularizeCommand, regularize } from "./regularize.ts";
import { singularValuesOf, spectrumOf } from "./spectra.ts";

type Digits = MapsSources["digits"];

export type InstrumentCommand =
  | { readonly do: "flow"; readonly question: FlowQuestion }
  | { readonly do: "spectrum"; readonly question: unknown }
  | { readonly do: "graph"; readonly text: string; readonly values: Readonly<Record<string, number>> }
  | { readonly do: "convolve"; readonly question: unknown }
  | { readonly do: "approximate"; readonly question: unknown }
  | { readonly do: "landscape"; readonly question: LandscapeQuestion }
  | { readonly do: "maps"; readonly question: unknown }
  | { readonly do: "tents"; readonly question: number }
  | { readonly do: "singular"; readonly question: readonly number[] }
  | RegularizeCommand
  | OwnCommand;

const NAMES: readonly string[] = [
  "flow",
  "spectrum",
  "singular",
  "graph",
  "convolve",
  "approximate",
  "tents",
  "landscape",
  "regularize",
  "maps",
  "own",
  "own-images",
  "own-zip",
  "own-points",
  "write-weights",
  "read-weights",
] satisfies InstrumentCommand["do"][];

export class Instruments {
  readonly #flow = new FlowDesk();
  readonly #own = new OwnDesk();
  #landscape: Promise<LandscapeDesk> | undefined;
  readonly #digits: Digits | undefined;
  #maps: Promise<MapsDesk> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** @param digits Reads the digits, where they are. */
  constructor(digits?: Digits) {
    this.#digits = digits;
  }

  /** Whether a command is a question to the instruments. */
  takes(command: { readonly do: string }): command is InstrumentCommand {
    return NAMES.includes(command.do);
  }

  /** The answer, after those to the questions before. */
  answer(command: InstrumentCommand): Promise<unknown> {
    const next = this.#last.then(() => this.#ask(command));
    this.#last = next.catch(() => {});
    return next;
  }

  #ask(command: InstrumentCommand): unknown {
    if (command.do === "flow") return this.#flow.ask(command.question);
    if (command.do === "landscape") return this.#onLandscape(command.question);
    if (command.do === "graph") return graphOf(command.text, command.values);
    if (command.do === "convolve") return convolve(command.question);
    if (command.do === "approximate") return approximate(command.question);
    if (command.do === "tents") return tents(command.question);
    if (command.do === "regularize") return regularize(command);
    if (command.do === "maps") return this.#onMaps(command.question);
    if (command.do === "spectrum") return spectrumOf(command.question);
    return command.do === "singular" ? singularValuesOf(command.question) : this.#own.ask(command);
  }

  /** Loaded when it is asked first. */
  async #onLandscape(question: LandscapeQuestion): Promise<unknown> {
    this.#landscape ??= import("./landscape.ts").then(({ LandscapeDesk: Desk }) => new Desk());
    return (await this.#landscape).ask(question);
  }

  /** Loaded when it is asked first. */
  async #onMaps(question: unknown): Promise<unknown> {
    this.#maps ??= import("./maps.ts").then(
      ({ MapsDesk: Desk }) => new Desk({ ...(this.#digits && { digits: this.#digits }), own: () => this.#own.table }),
    );
    return (await this.#maps).ask(question);
  }
}
