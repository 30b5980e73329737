/** @file The room Landscape: balls that roll down a function or the loss of the page's net, its slope in every direction, the way of the run, and where many starts end. */
import { createEffect, createMemo, createSignal, type JSX, Match, onCleanup, Switch } from "solid-js";
import { desk } from "../source/source.ts";
import type { Studio } from "../state/studio.ts";
import { Examples, Segments } from "../ui/controls.tsx";
import { type Latest, latest } from "../ui/latest.ts";
import type { LandscapeAnswers, LandscapeQuestion, MapAnswer } from "../worker/landscape.ts";
import { FIRST_LAND, LAND_LOOKS, type LandChoice, readLand, SHAPES } from "../worker/landscape-choice.ts";
import type { NetQuestion } from "../worker/net-surface.ts";
import type { RunPath } from "../worker/session.ts";
import { LAND_EXAMPLES } from "./landscape-examples.ts";
import { RaceLook } from "./landscape-race.tsx";
import { RunLook } from "./landscape-run.tsx";
import { SlopeLook } from "./landscape-slope.tsx";
import { StartsLook } from "./landscape-starts.tsx";
import type { Room } from "./room.ts";

/** What a look shows: in words, and as rows. */
export interface Told {
  readonly words: string;
  readonly rows: readonly (readonly string[])[];
}

/** What each look is given. */
export interface Land {
  readonly studio: Studio;
  readonly land: () => LandChoice;
  readonly set: (patch: Partial<LandChoice>) => void;
  readonly replace: (land: LandChoice) => void;
  readonly ask: <K extends keyof LandscapeAnswers>(
    question: () => (LandscapeQuestion & { readonly ask: K }) | undefined,
  ) => Latest<LandscapeAnswers[K]>;
  /** The map under the ball. */
  readonly map: () => MapAnswer | undefined;
  /** Where the ball is. */
  readonly at: () => readonly [x: number, y: number];
  /** What a question about this surface carries. */
  readonly onSurface: () => { readonly surface: LandChoice["surface"]; readonly net?: NetQuestion } | undefined;
  readonly net: () => NetQuestion | undefined;
  readonly tell: (told: Told) => void;
  /** The top of the controls. */
  readonly head: JSX.Element;
}

const [told, setTold] = createSignal<Told>({ words: "", rows: [] });

/** As a link has it: only what is not as at first. */
const NONE: Partial<LandChoice> = {};
function differences(land: Partial<LandChoice>): Partial<LandChoice> {
  const own = Object.entries(land).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(FIRST_LAND[name as keyof LandChoice]),
  );
  return own.length > 0 ? Object.fromEntries(own) : NONE;
}

/** How often a run that plays is looked at, in milliseconds. */
const LOOK_AGAIN = 400;

/** The way of the run, looked at again when it has moved on. */
function createRun(studio: Studio, wanted: () => boolean): () => RunPath | undefined {
  const [run, setRun] = createSignal<RunPath>();
  let seen = "";
  let busy = false;
  const look = (): void => {
    const now = `${studio.step()} ${JSON.stringify(studio.config())}`;
    if (!wanted() || busy || now === seen) return;
    busy = true;
    studio
      .ask<RunPath>({ do: "path" })
      .then(
        (found) => {
          seen = now;
          setRun(found);
        },
        (error: Error) => void studio.say(error.message),
      )
      .finally(() => {
        busy = false;
      });
  };
  const timer = setInterval(look, LOOK_AGAIN);
  onCleanup(() => clearInterval(timer));
  createEffect(() => wanted() && look());
  return run;
}

function View(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const [given, setGiven] = studio.view<Partial<LandChoice>>("land", NONE);
  const land = createMemo(() => readLand(given()));
  const replace = (next: Partial<LandChoice>): void => setGiven(differences(next));
  const set = (patch: Partial<LandChoice>): void => replace({ ...land(), ...patch });
  studio.watch(() => []);
  const ask: Land["ask"] = (question) =>
    latest(
      question,
      (asked) => desk().send({ do: "landscape", question: asked }),
      (error) => void studio.say(error.message),
    );
  const hasNet = (): boolean => land().look === "run" || (land().surface === "net" && land().look !== "starts");
  const run = createRun(studio, hasNet);
  const net = createMemo((): NetQuestion | undefined => {
    const { by, filter, range, seed } = land();
    const found = run();
    return found && { run: found, plane: { by, filter, range, seed } };
  });
  const onSurface = createMemo(() => {
    const { look, surface } = land();
    if (look === "starts") return undefined;
    if (!hasNet()) return { surface };
    const asked = net();
    return asked && { surface: "net" as const, net: asked };
  });
  const { answer } = ask(() => {
    const where = onSurface();
    return where && { ask: "map", ...where };
  });
  const map = (): MapAnswer | undefined => {
    const found = answer();
    return found?.surface === (hasNet() ? "net" : land().surface) ? found : undefined;
  };
  const at = createMemo((): readonly [number, number] => {
    const { at: place, surface } = land();
    const reach = surface === "net" ? (map()?.reach ?? 1) : SHAPES[surface].reach;
    if (place?.every((v) => Math.abs(v) <= reach)) return place;
    return surface === "net" ? [0.6 * reach, 0.6 * reach] : SHAPES[surface].start;
  });
  const look = (): LandChoice["look"] => land().look;
  const head = (): JSX.Element => (
    <div class="group">
      <Segments label="What" value={look()} options={LAND_LOOKS} set={(next) => set({ look: next })} />
      <Examples
        examples={LAND_EXAMPLES}
        isChosen={(example) => JSON.stringify(readLand(example.land)) === JSON.stringify({ ...land(), step: -1 })}
        ownHint="A landscape of your own."
        choose={({ land: next }) => replace(next)}
      />
    </div>
  );
  const all: Land = {
    studio,
    land,
    set,
    replace,
    ask,
    map,
    at,
    onSurface,
    net,
    tell: setTold,
    get head() {
      return head();
    },
  };
  return (
    <div class="room boundary landscape">
      <Switch fallback={<RaceLook {...all} />}>
        <Match when={look() === "slope"}>
          <SlopeLook {...all} />
        </Match>
        <Match when={look() === "run"}>
          <RunLook {...all} />
        </Match>
        <Match when={look() === "starts"}>
          <StartsLook {...all} />
        </Match>
      </Switch>
    </div>
  );
}

export const landscape: Room = {
  View,
  describe: () => told().words,
  table: () => ({ caption: "Landscape", head: ["what", "value"], rows: told().rows }),
};
