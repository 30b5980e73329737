/** @file What can be taken away from the page, and brought to it. */
import { createSignal, For, type JSX, Show } from "solid-js";
import { openOwnDialog } from "../own/dialog.tsx";
import type { RoomEntry } from "../rooms/room.ts";
import { desk } from "../source/source.ts";
import type { Studio } from "../state/studio.ts";
import { MOST_CHARACTERS, writePlace } from "../state/url.ts";
import { ICONS, Icon } from "../ui/icon.tsx";
import { featuresOf } from "../worker/features.ts";
import { download, oneFile } from "./one-file.ts";
import { pngOfView, svgOfView } from "./picture.ts";
import { csvOf, programOf } from "./program.ts";

interface Item {
  readonly name: string;
  readonly run: () => Promise<string>;
}

export function Menu(props: { readonly studio: Studio; readonly room: RoomEntry }): JSX.Element {
  const { studio } = props;
  const [open, setOpen] = createSignal(false);
  const items: readonly Item[] = [
    {
      name: "Copy a link to this",
      async run() {
        const hash = await writePlace(await studio.place());
        if (hash.length > MOST_CHARACTERS) throw new Error(`this is ${hash.length} characters, too long for a link; save a page instead`);
        const link = `${location.href.split("#")[0]}#${hash}`;
        try {
          await navigator.clipboard.writeText(link);
          return "The link is in the clipboard.";
        } catch {
          history.replaceState(history.state, "", `#${hash}`);
          return "This browser lets no page write to the clipboard; the link is in the address bar.";
        }
      },
    },
    {
      name: "Save as a page that trains on",
      async run() {
        const text = await oneFile(await studio.place());
        download("nabla-studio.html", text, "text/html");
        return `nabla-studio.html, ${Math.round(text.length / 1024)} KiB: it opens here, without a network.`;
      },
    },
    {
      name: "Save the program",
      async run() {
        download("train.mjs", await programText(studio), "text/javascript");
        return "train.mjs trains the same net to the same bits.";
      },
    },
    {
      name: "Save the losses (CSV)",
      async run() {
        const rows = studio.tap("loss")?.data ?? [];
        const lines = Array.from({ length: rows.length / 3 }, (_, i) => Array.from(rows.slice(3 * i, 3 * i + 3), String));
        download("losses.csv", csvOf([["step", "train", "test"], ...lines]), "text/csv");
        return `losses.csv, ${lines.length} rows.`;
      },
    },
    {
      name: "Save the weights (safetensors)",
      async run() {
        const { weights } = await studio.saved();
        const bytes = await desk().send<Uint8Array<ArrayBuffer>>({ do: "write-weights", config: studio.config(), weights });
        download("weights.safetensors", bytes, "application/octet-stream");
        return `weights.safetensors, ${weights.length} numbers, by the names that train.mjs gives them. Drop the file here to begin with them.`;
      },
    },
    {
      name: "Save the table (CSV)",
      async run() {
        const { head, rows } = (await props.room.load()).table(studio);
        download(`${props.room.id}.csv`, csvOf([head, ...rows]), "text/csv");
        return `${props.room.id}.csv, ${rows.length} rows.`;
      },
    },
    {
      name: "Save the picture (PNG)",
      async run() {
        download(`${props.room.id}.png`, await pngOfView(), "image/png");
        return `${props.room.id}.png`;
      },
    },
    {
      name: "Save the picture (SVG)",
      async run() {
        download(`${props.room.id}.svg`, svgOfView(), "image/svg+xml");
        return `${props.room.id}.svg`;
      },
    },
    {
      name: "Your own data …",
      async run() {
        openOwnDialog();
        return "";
      },
    },
  ];
  const run = (item: Item): void => {
    setOpen(false);
    item.run().then(studio.say, (error: Error) => void studio.say(error.message));
  };
  let button!: HTMLButtonElement;
  let list: HTMLUListElement | undefined;
  /** Arrows walk through the list, Escape leaves it. */
  const press = (event: KeyboardEvent): void => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape" && open()) {
      setOpen(false);
      button.focus();
    } else if (by !== undefined && open()) {
      const all = [...(list?.querySelectorAll("button") ?? [])];
      const at = all.indexOf(document.activeElement as HTMLButtonElement);
      all[(at + by + all.length) % all.length]?.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: its buttons take the keys; this listens for all of them.
    <div
      class="menu"
      onKeyDown={press}
      onFocusOut={({ currentTarget, relatedTarget }) => currentTarget.contains(relatedTarget as Node | null) || setOpen(false)}
    >
      <button
        ref={button}
        type="button"
        class="icon-button"
        aria-label="Files"
        aria-expanded={open()}
        title="Save, share, open"
        onClick={() => setOpen(!open())}
      >
        <Icon path={ICONS.save} />
      </button>
      <Show when={open()}>
        <ul ref={list} class="menu-list">
          <For each={items}>
            {(item) => (
              <li>
                <button type="button" onClick={() => run(item)}>
                  {item.name}
                </button>
              </li>
            )}
          </For>
        </ul>
      </Show>
    </div>
  );
}

/** The program of the run as it is now. @throws {Error} where something was changed by hand on the way: that is no program of a few lines. */
export async function programText(studio: Studio): Promise<string> {
  const { config, edits = [], step = 0 } = await studio.place();
  if (edits.length > 0)
    throw new Error("something was changed while this run went on, which a program of fit cannot repeat; start again (R) and train");
  const rows = studio.tap("points")?.data ?? [];
  const [xy, labels]: [number[], number[]] = [[], []];
  for (let i = 0; i < rows.length; i += 4) {
    if (rows[i + 3] !== 0) continue;
    xy.push(rows[i]!, rows[i + 1]!);
    labels.push(rows[i + 2]!);
  }
  const perEpoch = config.batch === 0 ? 1 : Math.ceil(labels.length / config.batch);
  return programOf(
    config,
    { inputs: featuresOf(Float32Array.from(xy), config.features), labels },
    Math.max(1, Math.round(step / perEpoch)),
  );
}
