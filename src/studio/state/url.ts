/** @file What a link carries: room, configuration, edits and step, as JSON that is deflated and written in the letters that links allow. */

import { type Config, differences, readConfig } from "../worker/config.ts";
import { keepPlace, keptPlace } from "./kept-places.ts";

/** What makes a view of the studio: whoever opens it sees the same. */
export interface Place {
  readonly room: string;
  readonly config: Config;
  /** What was changed on the way, and at which step. */
  readonly edits?: readonly unknown[];
  readonly step?: number;
  /** State of the room's own controls. */
  readonly view?: Readonly<Record<string, unknown>>;
  /** Controls that are not shown, for teachers. */
  readonly hide?: readonly string[];
}

/** Longer links are cut off by some programs that send them. */
export const MOST_CHARACTERS = 2000;

async function through(bytes: Uint8Array<ArrayBuffer>, stream: CompressionStream | DecompressionStream): Promise<Uint8Array<ArrayBuffer>> {
  const all = await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer();
  return new Uint8Array(all);
}

const toBase64 = (bytes: Uint8Array): string =>
  btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");

const fromBase64 = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));

/** The part of a link after #. */
export async function writePlace({ room, config, edits = [], step = 0, view = {}, hide = [] }: Place): Promise<string> {
  const { v, ...changed } = differences(config);
  const state = {
    v,
    ...(Object.keys(changed).length > 0 && { config: changed }),
    ...(edits.length > 0 && { edits }),
    ...(step > 0 && { step }),
    ...(Object.keys(view).length > 0 && { view }),
    ...(hide.length > 0 && { hide }),
  };
  if (Object.keys(state).length === 1) return room;
  const bytes = await through(new TextEncoder().encode(JSON.stringify(state)), new CompressionStream("deflate-raw"));
  return `${room}?c=${toBase64(bytes)}`;
}

/** The part after # of the page's own address: a place that is too long for it is kept in this browser, and named. Undefined if it cannot be kept. */
export async function addressOf(place: Place): Promise<string | undefined> {
  const hash = await writePlace(place);
  if (hash.length <= MOST_CHARACTERS) return hash;
  const id = keepPlace(hash.slice(hash.indexOf("?c=") + 3));
  return id && `${place.room}?kept=${id}`;
}

/** A line on what was not taken; empty if all was. */
export const leftOut = (fields: readonly string[]): string =>
  fields.length === 0 ? "" : `Left out, because it cannot be: ${fields.join(", ")}.`;

/** What a link says. What it says wrongly is left out, and named in `fault`, which is empty if all is well; a damaged link opens the room as it is at first. */
export async function readPlace(hash: string): Promise<{ place: Place; fault: string }> {
  const [room = "", query = ""] = hash.replace(/^#/, "").split("?");
  const parameters = new URLSearchParams(query);
  const kept = parameters.get("kept");
  const text = kept === null ? parameters.get("c") : keptPlace(kept);
  if (kept !== null && !text)
    return {
      place: { room, config: readConfig({}).config },
      fault: "What this link names was kept in another browser, or is kept no more. The room is as it is at first.",
    };
  if (!text) return { place: { room, config: readConfig({}).config }, fault: "" };
  try {
    const bytes = await through(fromBase64(text), new DecompressionStream("deflate-raw"));
    const state = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    const { config, refused } = readConfig(state.config ?? {});
    if (state.v !== 1) refused.push(`version ${String(state.v)}`);
    const step = Number.isSafeInteger(state.step) && (state.step as number) >= 0 ? (state.step as number) : 0;
    const edits = Array.isArray(state.edits) ? state.edits : [];
    const view = typeof state.view === "object" && state.view !== null ? (state.view as Record<string, unknown>) : {};
    const hide = Array.isArray(state.hide) ? state.hide.filter((name) => typeof name === "string") : [];
    return { place: { room, config, edits, step, view, hide }, fault: leftOut(refused) };
  } catch {
    return {
      place: { room, config: readConfig({}).config },
      fault: "The link is damaged: a part of it is missing. The room is as it is at first.",
    };
  }
}
