/** @file What the one file has in the place of rooms that would make it too large, each by a fourteenth: where they are. */
import type { JSX } from "solid-js";
import type { Studio } from "../state/studio.ts";
import type { Room } from "./room.ts";

function elsewhere(title: string, what: string): Room {
  const words = `${what} are not in this file: npx nabla studio has them.`;
  return {
    View(props: { readonly studio: Studio }): JSX.Element {
      props.studio.watch(() => []);
      return (
        <div class="room">
          <section class="stage" aria-label={title}>
            <h2>{title}</h2>
            <p>{words}</p>
          </section>
        </div>
      );
    },
    describe: () => words,
    table: () => ({ caption: title, head: ["what"], rows: [[words]] }),
  };
}

export const norm: Room = elsewhere("Norm", "Norms, penalties, dropout, bagging and fitting");

export const duel: Room = elsewhere("Duel", "Two nets against each other, guessed gradients and nets that know how sure they are");

export const decide: Room = elsewhere("Decide", "Plans of repairs and crews, and the solver that finds the best ones,");
