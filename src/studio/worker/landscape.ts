/** @file What the room Landscape asks: maps, races, slopes, lines between two moments of the run, and many starts. Loaded when the room asks first. */
import type { PathPlane } from "../../inspect/landscape.ts";
import { type RaceChoice, SHAPES, type SurfaceName } from "./landscape-choice.ts";
import { type NetQuestion, NetSurface } from "./net-surface.ts";
import { Starts, type StartsAnswer } from "./starts.ts";
import { FIELDS, type Slope, Surface, type Way } from "./surfaces.ts";

interface OnSurface {
  readonly surface: SurfaceName;
  /** Of the surface `net`. */
  readonly net?: NetQuestion;
}

export type LandscapeQuestion =
  | ({ readonly ask: "map" } & OnSurface)
  | ({ readonly ask: "race"; readonly at: readonly [number, number]; readonly race: RaceChoice } & OnSurface)
  | ({ readonly ask: "slope"; readonly at: readonly [number, number]; readonly degrees: number; readonly alpha: number } & OnSurface)
  | { readonly ask: "line"; readonly net: NetQuestion; readonly from: number; readonly to: number }
  | { readonly ask: "starts"; readonly hidden: number; readonly seed: number; readonly look: number };

export interface MapAnswer {
  readonly surface: SurfaceName;
  /** Row by row from the top, as many rows as columns. */
  readonly values: readonly number[];
  readonly reach: number;
  readonly path?: PathPlane;
}

export interface RaceAnswer {
  readonly surface: SurfaceName;
  readonly ways: readonly Way[];
}

export interface LineAnswer {
  readonly at: readonly number[];
  readonly losses: readonly number[];
  /** How much the loss rises above the higher end on the way. */
  readonly barrier: number;
}

/** What each question is answered with. */
export interface LandscapeAnswers {
  readonly map: MapAnswer;
  readonly race: RaceAnswer;
  readonly slope: Slope;
  readonly line: LineAnswer;
  readonly starts: StartsAnswer;
}

/** Places of the line between two moments: the first is 0, the second 1. */
const LINE = Array.from({ length: 61 }, (_, i) => (i - 10) / 40);

export class LandscapeDesk {
  readonly #surfaces = new Map<SurfaceName, Surface>();
  readonly #starts = new Starts();
  #net: NetSurface | undefined;

  ask(question: LandscapeQuestion): LandscapeAnswers[keyof LandscapeAnswers] {
    if (question.ask === "starts") return this.#starts.at(question);
    if (question.ask === "line") return this.#line(question.net, question.from, question.to);
    const { surface, reach, path } = this.#lay(question);
    if (question.ask === "race") return { surface: question.surface, ways: surface.race(question.at, question.race) };
    if (question.ask === "slope") return surface.slope(question.at, question.degrees, question.alpha);
    return { surface: question.surface, values: surface.values(reach), reach, ...(path && { path }) };
  }

  #lay({ surface: name, net }: OnSurface): { surface: Surface; reach: number; path?: PathPlane } {
    if (name === "net") {
      if (!net) throw new TypeError("landscape: the surface net wants a net");
      const found = this.#netOf(net);
      return { surface: found.surface, ...found.lay(net) };
    }
    const surface = this.#surfaces.get(name) ?? new Surface(FIELDS[name]);
    this.#surfaces.set(name, surface);
    return { surface, reach: SHAPES[name].reach };
  }

  #netOf({ run }: NetQuestion): NetSurface {
    if (!this.#net?.fits(run.config)) this.#net = new NetSurface(run);
    return this.#net;
  }

  #line(net: NetQuestion, from: number, to: number): LineAnswer {
    const losses = this.#netOf(net).line(net.run, from, to, LINE);
    const [first, second] = [losses[LINE.indexOf(0)]!, losses[LINE.indexOf(1)]!];
    const between = losses.filter((_, i) => LINE[i]! >= 0 && LINE[i]! <= 1);
    return { at: LINE, losses, barrier: Math.max(...between) - Math.max(first, second) };
  }
}
