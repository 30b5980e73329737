/** @file Where data of one's own come in: files, a pasted table, points that are drawn. Files can also be dropped and pasted anywhere on the page. */
import { createSignal, type JSX } from "solid-js";
import type { Studio } from "../state/studio.ts";
import { drawPoints, takeFiles, takeText } from "./own.ts";

let dialog: HTMLDialogElement | undefined;

export const openOwnDialog = (): void => dialog?.showModal();

export const ACCEPTED = ".csv,.tsv,.txt,.npy,.npz,.idx,.gz,.zip,.html,.safetensors,image/*";

export function OwnDialog(props: { readonly studio: Studio }): JSX.Element {
  const [text, setText] = createSignal("");
  let files!: HTMLInputElement;
  const close = (): void => dialog?.close();
  return (
    <dialog ref={(element) => (dialog = element)} class="own" aria-label="Your own data">
      <h2>Your own data</h2>
      <p class="hint">Nothing leaves this machine. Files can also be dropped on the page, or pasted.</p>
      <h3>From files</h3>
      <ul class="own-kinds hint">
        <li>a table (CSV): two columns of numbers and a class</li>
        <li>npy, npz or idx arrays, together with the file of their classes</li>
        <li>images of some classes, named by class: cat-1.png, dog-1.png, or in folders of a zip</li>
        <li>a page that the studio has saved, or weights (safetensors)</li>
      </ul>
      <button type="button" class="plain" onClick={() => files.click()}>
        Choose files …
      </button>
      <input
        ref={files}
        class="hidden"
        type="file"
        multiple
        aria-label="Files of your own"
        tabindex="-1"
        accept={ACCEPTED}
        onChange={(event) => {
          const chosen = [...(event.currentTarget.files ?? [])];
          event.currentTarget.value = "";
          close();
          void takeFiles(props.studio, chosen);
        }}
      />
      <h3>
        <label for="own-text">From a spreadsheet or a text</label>
      </h3>
      <textarea
        id="own-text"
        rows="5"
        spellcheck={false}
        placeholder={"height, weight, class\n1.62, 54, a\n1.80, 77, b"}
        value={text()}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button
        type="button"
        class="plain"
        disabled={text().trim() === ""}
        onClick={() => {
          close();
          void takeText(props.studio, "pasted text", text());
        }}
      >
        Use this table
      </button>
      <h3>By hand</h3>
      <button
        type="button"
        class="plain"
        onClick={() => {
          close();
          drawPoints(props.studio);
        }}
      >
        Draw points
      </button>
      <form method="dialog">
        <button type="submit" class="primary">
          Close
        </button>
      </form>
    </dialog>
  );
}
