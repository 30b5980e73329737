/** @file Questions to the instruments of the library. They have nothing to do with the session, and are answered in a worker of their own, one after another. */
import { convolve } from "./convolve.ts";
import { FlowDesk, type FlowQuestion } from "./flow.ts";
import { graphOf } from "./graphs.ts";
import { singularValuesOf, spectrumOf } from "./spectra.ts";

export type InstrumentCommand =
  | { readonly do: "flow"; readonly question: FlowQuestion }
  | { readonly do: "spectrum"; readonly question: unknown }
  | { readonly do: "graph"; readonly text: string; readonly values: Readonly<Record<string, number>> }
  | { readonly do: "convolve"; readonly question: unknown }
  | { readonly do: "singular"; readonly question: readonly number[] };

export class Instruments {
  readonly #flow = new FlowDesk();
  #last: Promise<unknown> = Promise.resolve();

  /** The answer, after those to the questions before. */
  answer(command: InstrumentCommand): Promise<unknown> {
    const next = this.#last.then(() => this.#ask(command));
    this.#last = next.catch(() => {});
    return next;
  }

  #ask(command: InstrumentCommand): unknown {
    if (command.do === "flow") return this.#flow.ask(command.question);
    if (command.do === "graph") return graphOf(command.text, command.values);
    if (command.do === "convolve") return convolve(command.question);
    return command.do === "spectrum" ? spectrumOf(command.question) : singularValuesOf(command.question);
  }
}
