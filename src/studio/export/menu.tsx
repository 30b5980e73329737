/** @file What can be taken away from the page, and brought to it. */
import { createSignal, For, type JSX, Show } from "solid-js";
import type { Studio } from "../state/studio.ts";
import { MOST_CHARACTERS, writePlace } from "../state/url.ts";
import { ICONS, Icon } from "../ui/icon.tsx";
import { featuresOf } from "../worker/features.ts";
import { download, oneFile } from "./one-file.ts";
import { programOf } from "./program.ts";
import { takeFile } from "./take.ts";

interface Item {
  readonly name: string;
  readonly run: () => Promise<string>;
}

export function Menu(props: { readonly studio: Studio; readonly room: string }): JSX.Element {
  const { studio } = props;
  const [open, setOpen] = createSignal(false);
  let file!: HTMLInputElement;
  const items: readonly Item[] = [
    {
      name: "Copy a link to this",
      async run() {
        const hash = await writePlace(await studio.place());
        if (hash.length > MOST_CHARACTERS) throw new Error(`this is ${hash.length} characters, too long for a link; save a page instead`);
        const link = `${location.href.split("#")[0]}#${hash}`;
        await navigator.clipboard.writeText(link);
        return "The link is in the clipboard.";
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
        const lines = Array.from({ length: rows.length / 3 }, (_, i) => [rows[3 * i], rows[3 * i + 1], rows[3 * i + 2]].join(","));
        download("losses.csv", `step,train,test\n${lines.join("\n")}\n`, "text/csv");
        return `losses.csv, ${lines.length} rows.`;
      },
    },
    {
      name: "Save the picture (PNG)",
      async run() {
        const canvas = document.querySelector<HTMLCanvasElement>(".stage canvas");
        const blob = await new Promise<Blob | null>((resolve) => (canvas ? canvas.toBlob(resolve) : resolve(null)));
        if (!blob) throw new Error("this view has no picture to save");
        download(`${props.room}.png`, new Uint8Array(await blob.arrayBuffer()), "image/png");
        return `${props.room}.png`;
      },
    },
    {
      name: "Open a CSV file or a saved page …",
      async run() {
        file.click();
        return "";
      },
    },
  ];
  const run = (item: Item): void => {
    setOpen(false);
    item.run().then(studio.say, (error: Error) => void studio.say(error.message));
  };
  return (
    <div class="menu">
      <button
        type="button"
        class="icon-button"
        aria-label="Files"
        aria-expanded={open()}
        title="Save, share, open"
        onClick={() => setOpen(!open())}
        onKeyDown={(event) => event.key === "Escape" && setOpen(false)}
      >
        <Icon path={ICONS.save} />
      </button>
      <Show when={open()}>
        <ul class="menu-list">
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
      <input
        ref={file}
        class="hidden"
        type="file"
        aria-label="A CSV file or a saved page"
        tabindex="-1"
        accept=".csv,.tsv,.txt,.html"
        onChange={(event) => {
          const chosen = event.currentTarget.files?.[0];
          event.currentTarget.value = "";
          if (chosen) void takeFile(studio, chosen);
        }}
      />
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
