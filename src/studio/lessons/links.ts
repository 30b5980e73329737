/** @file Where a point of the lectures can be seen to move: the room, and what is set there. */

import { PRESETS } from "../rooms/presets.ts";
import type { Place } from "../state/url.ts";

const preset = (name: string): Partial<Place> => {
  const found = PRESETS.find((each) => each.name === name)!;
  return { room: "boundary", config: found.config, view: found.look && found.look !== "boundary" ? { look: found.look } : {} };
};

/** By the name of the demonstration. */
export const LINKS: Readonly<Record<string, Partial<Place>>> = {
  "xor-exact": preset("Exclusive or, by hand"),
  "xor-training": preset("Exclusive or, trained"),
  "linear-collapse": preset("Linear layers collapse"),
};
