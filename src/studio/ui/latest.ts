/** @file Answers to questions that change faster than they are answered. */
import { type Accessor, createEffect, createSignal, onCleanup, untrack } from "solid-js";

export interface Latest<A> {
  readonly answer: Accessor<A | undefined>;
  /** Whether a question is being answered. */
  readonly isBusy: Accessor<boolean>;
}

/**
 * The newest answer. While a question is being answered, the next one waits, and only the latest of those that came meanwhile is asked. A question that is
 * undefined is not asked.
 */
export function latest<Q, A>(question: () => Q | undefined, ask: (question: Q) => Promise<A>, fail: (error: Error) => void): Latest<A> {
  const [answer, setAnswer] = createSignal<A>();
  const [isBusy, setBusy] = createSignal(false);
  let waiting: { readonly question: Q } | undefined;
  let isOver = false;
  onCleanup(() => {
    isOver = true;
  });
  const send = (asked: Q): void => {
    setBusy(true);
    ask(asked)
      .then(
        (found) => void (isOver || setAnswer(() => found)),
        (error: Error) => void (isOver || fail(error)),
      )
      .finally(() => {
        setBusy(false);
        const next = waiting;
        waiting = undefined;
        if (next && !isOver) send(next.question);
      });
  };
  createEffect(() => {
    const asked = question();
    if (asked === undefined) return;
    if (untrack(isBusy)) waiting = { question: asked };
    else send(asked);
  });
  return { answer, isBusy };
}
