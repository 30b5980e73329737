/** @file The points of the lectures, computed: what the worker of the lessons answers. A demonstration is run when its card asks for it. */

import type { Demo, Outcome } from "../../demo/demo.ts";
import { manualSeed } from "../../math/random.ts";

/** A card's head: all that is known before it is computed. */
export interface Heading {
  readonly name: string;
  readonly shows: string;
  readonly document: string;
}

export type LessonCommand = { readonly do: "list" } | { readonly do: "run"; readonly name: string };

export class Lessons {
  readonly #demos: readonly Demo[];

  constructor(demos: readonly Demo[]) {
    this.#demos = demos;
  }

  list(): Heading[] {
    return this.#demos.map(({ name, shows, document }) => ({ name, shows, document }));
  }

  /** What a point gives, the same at every call. */
  async run(name: string): Promise<Outcome> {
    const demo = this.#demos.find((each) => each.name === name);
    if (!demo) throw new Error(`there is no point "${name}" in these lessons`);
    manualSeed(0);
    return await demo.run();
  }
}
