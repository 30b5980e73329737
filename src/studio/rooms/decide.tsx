/** @file The room Decide: what a classifier alone does with its probabilities against the plan of least cost; and which crew works where, moved by hand. */
import { type JSX, lazy, Suspense } from "solid-js";
import { Dynamic } from "solid-js/web";
import type { Studio } from "../state/studio.ts";
import { type DecideTab, told } from "./decide-solve.tsx";
import type { Room } from "./room.ts";

/** Each is loaded when it is entered. */
const VIEWS = {
  rails: lazy(async () => ({ default: (await import("./decide-rail.tsx")).RailView })),
  crews: lazy(async () => ({ default: (await import("./decide-crew.tsx")).CrewView })),
};

function View(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const [given, setTab] = studio.view<DecideTab>("plan of", "rails");
  const tab = (): DecideTab => (given() === "crews" ? "crews" : "rails");
  studio.watch(() => []);
  return (
    <Suspense>
      <Dynamic component={VIEWS[tab()]} studio={studio} tab={tab()} setTab={setTab} />
    </Suspense>
  );
}

export const decide: Room = {
  View,
  describe: () => told()?.words ?? "Plans of repairs, and of crews",
  table: () => told()?.table ?? { caption: "Plans", head: ["what"], rows: [] },
};
