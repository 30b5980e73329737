/** @file What a room is. */
import type { JSX } from "solid-js";
import type { Studio } from "../state/studio.ts";

export interface Room {
  readonly View: (props: { readonly studio: Studio }) => JSX.Element;
  /** What there is to see, in words. */
  describe(studio: Studio): string;
  /** The numbers of the view as a table: caption, head, rows. */
  table(studio: Studio): { readonly caption: string; readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] };
}

/** A room as the rail knows it. */
export interface RoomEntry {
  readonly id: string;
  readonly title: string;
  /** A drawing of 24 × 24 for the rail, as the path of an SVG. */
  readonly icon: string;
  /** Whether it shows nothing of the run: its bar is not there, and the run waits. */
  readonly timeless?: true;
  load(): Promise<Room>;
}
