/** @file Questions to the instruments of the library. They have nothing to do with the session, and are answered in a worker of their own, one after another. */
import { FlowDesk, type FlowQuestion } from "./flow.ts";

export type InstrumentCommand = { readonly do: "flow"; readonly question: FlowQuestion };

export class Instruments {
  readonly #flow = new FlowDesk();
  #last: Promise<unknown> = Promise.resolve();

  /** The answer, after those to the questions before. */
  answer(command: InstrumentCommand): Promise<unknown> {
    const next = this.#last.then(() => this.#flow.ask(command.question));
    this.#last = next.catch(() => {});
    return next;
  }
}
