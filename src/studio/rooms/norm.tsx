/** @file The room Norm: batch and layer norm on a batch of dots; penalties on weights; dropout; bagging; fitting too little and too much. */
import { type JSX, lazy, Suspense } from "solid-js";
import { Dynamic } from "solid-js/web";
import type { Studio } from "../state/studio.ts";
import { Segments } from "../ui/controls.tsx";
import { NORM_LOOKS, type NormLook } from "../worker/norm-choice.ts";
import { shown } from "./norm-parts.tsx";
import type { Room } from "./room.ts";

/** Each is loaded when it is entered. */
const LOOKS: Readonly<Record<NormLook, (props: { readonly studio: Studio }) => JSX.Element>> = {
  norms: lazy(async () => ({ default: (await import("./norm-norms.tsx")).Norms })),
  penalties: lazy(async () => ({ default: (await import("./norm-penalties.tsx")).Penalties })),
  dropout: lazy(async () => ({ default: (await import("./norm-dropout.tsx")).Dropout })),
  bagging: lazy(async () => ({ default: (await import("./norm-fitting.tsx")).Bagging })),
  fitting: lazy(async () => ({ default: (await import("./norm-fitting.tsx")).Fitting })),
};

function View(props: { readonly studio: Studio }): JSX.Element {
  const [given, setLook] = props.studio.view<NormLook>("look", "norms");
  const look = (): NormLook => (NORM_LOOKS.includes(given()) ? given() : "norms");
  props.studio.watch(() => (look() === "penalties" ? [{ id: "weights" }] : []));
  return (
    <div class="room boundary norm">
      <div class="norm-tabs">
        <Segments
          label="View"
          value={look()}
          options={NORM_LOOKS}
          names={{ norms: "Norms", penalties: "Penalties", dropout: "Dropout", bagging: "Bagging", fitting: "Fitting" }}
          set={setLook}
        />
      </div>
      <Suspense>
        <Dynamic component={LOOKS[look()]} studio={props.studio} />
      </Suspense>
    </div>
  );
}

export const norm: Room = {
  View,
  describe: () => shown()?.words ?? "Norms and penalties",
  table() {
    const found = shown();
    const figures = found?.figures.map(([label, , value]) => [label, value]) ?? [];
    return { caption: found?.caption ?? "Norms", head: ["what", "value"], rows: [...figures, ...(found?.rows ?? [])] };
  },
};
