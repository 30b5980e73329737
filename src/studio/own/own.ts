/** @file What the reader has brought to the page: tables, images, weights, pages that were saved. What is wrong with a file is said in a line; what is open stays. */
import { createSignal } from "solid-js";
import { stateIn } from "../export/one-file.ts";
import { desk } from "../source/source.ts";
import type { Studio } from "../state/studio.ts";
import { isImage, readImages } from "./images.ts";
import type { OwnChoice, OwnHead, OwnPoints } from "./own-choice.ts";
import type { OwnAnswer } from "./own-desk.ts";

export interface Own {
  readonly head: OwnHead;
  readonly choice: OwnChoice;
}

const [own, setOwn] = createSignal<Own>();
const [lastPoints, setLastPoints] = createSignal<readonly number[]>();

/** The table that is open; `lastPoints`: the points of one's own that were shown last, so that looking at others does not lose them. */
export { lastPoints, own };

export const keepPoints = (points: readonly number[]): void => void setLastPoints(points);

/** More is no table that a page can show. */
const MOST_BYTES = 200_000_000;

/** Trains on points of one's own, in the room that shows them. */
export function showPoints(studio: Studio, points: readonly number[]): void {
  setLastPoints(points);
  studio.change({ data: "own", points });
  if (!WITH_POINTS.includes(studio.room())) studio.enter("boundary");
}

/** Rooms that show what the run trains on. */
const WITH_POINTS: readonly string[] = ["boundary", "units"];

async function ask<T>(command: { readonly do: string } & Readonly<Record<string, unknown>>): Promise<T> {
  return desk().send<T>(command);
}

function show(studio: Studio, { head, choice, points, note }: OwnAnswer): void {
  setOwn({ head, choice });
  showPoints(studio, points);
  studio.say(`${head.name}: ${note}`);
}

/** Other columns or classes of the table. */
export async function choose(studio: Studio, choice: OwnChoice): Promise<void> {
  const table = own();
  if (!table) return;
  try {
    const { points, note } = await ask<OwnPoints>({ do: "own-points", choice });
    setOwn({ ...table, choice });
    setLastPoints(points);
    studio.change({ data: "own", points });
    studio.say(`${table.head.name}: ${note}`);
  } catch (error) {
    studio.say((error as Error).message);
  }
}

/** Points that were drawn belong to no table. */
export function drawPoints(studio: Studio): void {
  setOwn(undefined);
  showPoints(studio, [-0.5, 0, 0, 0.5, 0, 1]);
  studio.say("Add points with ● and ◆: press and drag over the plane, or move its cross with the arrow keys and press Enter.");
}

async function takePage(studio: Studio, file: File): Promise<void> {
  const place = stateIn(new DOMParser().parseFromString(await file.text(), "text/html"));
  if (!place) throw new Error(`${file.name} was not saved by the studio`);
  await studio.open(place);
}

async function takeWeights(studio: Studio, file: File): Promise<void> {
  const { weights: _, ...config } = studio.config();
  const given = { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) };
  const weights = await ask<number[]>({ do: "read-weights", config, file: given });
  await studio.open({ config: { ...config, weights } });
  studio.say(`${file.name}: ${weights.length} weights; the run begins with them`);
}

/** What is in a zip archive, as if its folder had been dropped. */
async function unzipped(file: File): Promise<File[]> {
  const given = { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) };
  const found = await ask<{ name: string; bytes: Uint8Array<ArrayBuffer> }[]>({ do: "own-zip", file: given });
  return found.map(({ name, bytes }) => {
    const member = new File([bytes], name.split("/").at(-1)!);
    // The archive is the folder that was given.
    Object.defineProperty(member, "webkitRelativePath", { value: `${file.name}/${name}` });
    return member;
  });
}

/** Opens files that belong together. */
export async function takeFiles(studio: Studio, files: readonly File[]): Promise<void> {
  const [first] = files;
  if (!first) return;
  try {
    const size = files.reduce((sum, file) => sum + file.size, 0);
    if (size > MOST_BYTES)
      throw new Error(`these files have ${Math.round(size / 1e6)} MB, the page takes ${MOST_BYTES / 1e6}; give a sample`);
    if (files.length === 1 && /\.zip$/i.test(first.name)) await takeFiles(studio, await unzipped(first));
    else if (files.length === 1 && /\.html?$/i.test(first.name)) await takePage(studio, first);
    else if (files.length === 1 && /\.safetensors$/i.test(first.name)) await takeWeights(studio, first);
    else if (files.every(isImage)) show(studio, await ask<OwnAnswer>({ do: "own-images", images: await readImages(files) }));
    else {
      const read = await Promise.all(files.map(async (file) => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) })));
      show(studio, await ask<OwnAnswer>({ do: "own", files: read }));
    }
  } catch (error) {
    studio.say((error as Error).message);
  }
}

/** Opens a text that was pasted, or that a server has read. */
export const takeText = (studio: Studio, name: string, text: string): Promise<void> => takeFiles(studio, [new File([text], name)]);
