/** @file The page with its state in one HTML file: it opens where it was saved, and trains on to the same bits. */
import { PACK } from "../one/pack.ts";
import type { Place } from "../state/url.ts";
import { readConfig } from "../worker/config.ts";

const ID = "nabla-state";

/** The state that a page was saved with. */
export function stateIn(page: Document): Place | undefined {
  const text = page.getElementById(ID)?.textContent;
  if (!text) return undefined;
  const { config, ...rest } = JSON.parse(text) as Place;
  return { ...rest, config: readConfig(config).config };
}

/** The one file's text: this page's own where it is one file, else the one that the server has. */
async function template(): Promise<Document> {
  if (document.getElementById(PACK)) return new DOMParser().parseFromString(document.documentElement.outerHTML, "text/html");
  const answer = await fetch("one.html");
  if (!answer.ok) throw new Error(`one.html: the server answered ${answer.status}; start the studio again`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

/** The page as a file, with a state in it. */
export async function oneFile(place: Place): Promise<string> {
  const page = await template();
  page.getElementById("app")!.replaceChildren();
  page.documentElement.removeAttribute("data-theme");
  page.getElementById(ID)?.remove();
  const state = page.createElement("script");
  state.type = "application/json";
  state.id = ID;
  state.textContent = JSON.stringify(place).replaceAll("<", "\\u003c");
  page.getElementById("app")!.after(state);
  return `<!doctype html>\n${page.documentElement.outerHTML}\n`;
}

/** Gives a file to the reader. */
export function download(name: string, content: string | Uint8Array<ArrayBuffer>, type: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
