/** @file What the one file has in the place of the lessons: where they are. They would take a sixteenth of the file. */
import type { JSX } from "solid-js";
import type { Studio } from "../state/studio.ts";
import { ICONS, Icon } from "../ui/icon.tsx";

export function Lessons(props: { readonly studio: Studio; readonly close: () => void }): JSX.Element {
  return (
    <aside class="lessons" aria-label="Lessons">
      <header class="lessons-head">
        <h2>Lessons</h2>
        <button type="button" class="icon-button" aria-label="Close the lessons" onClick={props.close}>
          <Icon path={ICONS.close} />
        </button>
      </header>
      <p class="hint">
        The lessons are not in this file: <code>npx nabla studio</code> has the five lectures, each point computed and linked to its room.
      </p>
    </aside>
  );
}
