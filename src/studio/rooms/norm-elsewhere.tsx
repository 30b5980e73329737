/** @file What the one file has in the place of the room Norm: where it is. It would take a fourteenth of the file. */
import type { JSX } from "solid-js";
import type { Studio } from "../state/studio.ts";
import type { Room } from "./room.ts";

const WORDS = "Norms, penalties, dropout, bagging and fitting are not in this file: npx nabla studio has them.";

function View(props: { readonly studio: Studio }): JSX.Element {
  props.studio.watch(() => []);
  return (
    <div class="room">
      <section class="stage" aria-label="Norm">
        <h2>Norm</h2>
        <p>{WORDS}</p>
      </section>
    </div>
  );
}

export const norm: Room = {
  View,
  describe: () => WORDS,
  table: () => ({ caption: "Norm", head: ["what"], rows: [[WORDS]] }),
};
