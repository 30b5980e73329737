/**
 * @file Sums that go on while a rank computes. An algorithm is a generator of messages; each time that somebody looks, the message on its way is asked whether it
 * is done, and if so the next one is sent. Sums are performed one after another, so that all ranks send the same messages in the same order.
 */
import type { TypedArray } from "../base/dtype.ts";
import type { Flight } from "../ops/collective.ts";

/** What to send to which rank, and what to receive from which; one of the two may be absent. */
export type Message = [send: TypedArray | undefined, to: number, receive: TypedArray | undefined, from: number];

/** The messages of an algorithm, each to be sent when the one before has arrived. */
export type Steps = Generator<Message, void>;

/** Messages on their way. */
export interface MessageRequest {
  /** Moves them on; true once they have arrived. */
  done(): boolean;
  /** Returns when they have arrived. */
  wait(): void;
}

interface Underway extends Flight {
  readonly steps: Steps;
  request: MessageRequest | undefined;
}

/** Algorithms in the order in which they were begun, of which the first is on its way. */
export class Flights {
  readonly #start: (...message: Message) => MessageRequest;
  readonly #queue: Underway[] = [];

  constructor(start: (...message: Message) => MessageRequest) {
    this.#start = start;
  }

  /** Begins an algorithm. */
  add(steps: Steps): Flight {
    const flight: Underway = { steps, request: undefined, wait: () => this.#finish(flight) };
    this.#queue.push(flight);
    this.progress();
    return flight;
  }

  /** Goes on as far as possible without waiting. */
  progress(): void {
    while (this.#queue[0] && this.#advance(this.#queue[0], false)) this.#queue.shift();
  }

  /** Finishes an algorithm, and those before it. */
  #finish(flight: Underway): void {
    while (this.#queue.includes(flight)) {
      this.#advance(this.#queue[0]!, true);
      this.#queue.shift();
    }
    this.progress();
  }

  /** Sends message after message; returns true once all have arrived. */
  #advance(flight: Underway, waits: boolean): boolean {
    for (;;) {
      if (!flight.request) {
        const next = flight.steps.next();
        if (next.done) return true;
        flight.request = this.#start(...next.value);
      }
      if (waits) flight.request.wait();
      else if (!flight.request.done()) return false;
      flight.request = undefined;
    }
  }
}
