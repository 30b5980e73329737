/** @file Light or dark, as the system has it or as the reader chose; and the colours of canvases, which follow. */
import { type Accessor, createSignal } from "solid-js";
import { type Palette, readPalette } from "../draw/palette.ts";

export type Theme = "auto" | "light" | "dark";

const [theme, setSignal] = createSignal<Theme>("auto");
const [palette, setPalette] = createSignal<Palette>(undefined as unknown as Palette);

export { palette, theme };

export function setTheme(next: Theme): void {
  setSignal(next);
  if (next === "auto") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.dataset.theme = next;
  setPalette(readPalette());
}

/** Reads the colours, and again whenever the system changes its mind. */
export function startTheme(): Accessor<Palette> {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setPalette(readPalette()));
  setTheme("auto");
  return palette;
}
