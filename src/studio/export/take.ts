/** @file Files that are dropped on the page, or chosen: points of one's own, and pages that were saved. */
import type { Studio } from "../state/studio.ts";
import { pointsOfCsv } from "./csv.ts";
import { stateIn } from "./one-file.ts";

/** Opens what a text holds. What is wrong with it is said in a line; what is open stays as it is. */
export async function takeText(studio: Studio, name: string, text: string): Promise<void> {
  try {
    if (/\.html?$/i.test(name)) {
      const place = stateIn(new DOMParser().parseFromString(text, "text/html"));
      if (!place) throw new Error("this page was not saved by the studio");
      await studio.open(place);
      return;
    }
    const { points, note } = pointsOfCsv(text);
    studio.change({ data: "own", points });
    studio.say(`${name}: ${note}`);
  } catch (error) {
    studio.say(`${name}: ${(error as Error).message}`);
  }
}

export const takeFile = async (studio: Studio, file: File): Promise<void> => takeText(studio, file.name, await file.text());
