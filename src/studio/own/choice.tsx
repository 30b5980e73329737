/** @file Which columns and classes of a table are shown. */
import { type JSX, Show } from "solid-js";
import type { Studio } from "../state/studio.ts";
import { Choice } from "../ui/controls.tsx";
import { choose, own } from "./own.ts";
import { COMPONENTS, type OwnChoice, type OwnHead, REST } from "./own-choice.ts";

/** More columns are not offered one by one. */
const MOST_COLUMNS = 60;

export function TableChoice(props: { readonly studio: Studio }): JSX.Element {
  return (
    <Show when={own()}>
      {(table) => {
        const head = (): OwnHead => table().head;
        const choice = (): OwnChoice => table().choice;
        const set = (patch: Partial<OwnChoice>): void => void choose(props.studio, { ...choice(), ...patch });
        const kinds = (): readonly string[] => head().classes[choice().target]!.kinds;
        const axes = (): string[] => [
          ...COMPONENTS.map(String),
          ...head()
            .columns.slice(0, MOST_COLUMNS)
            .map((_, i) => String(i)),
        ];
        const axisNames = (): Record<string, string> =>
          Object.fromEntries(axes().map((at) => [at, Number(at) < 0 ? `principal ${-Number(at)}` : head().columns[Number(at)]!]));
        const kindNames = (): Record<string, string> =>
          Object.fromEntries([[String(REST), "all others"], ...kinds().map((kind, i) => [String(i), kind])]);
        const kindsBut = (but: number): string[] => kinds().flatMap((_, i) => (i === but ? [] : [String(i)]));
        return (
          <>
            <Choice label="x₁" value={String(choice().x)} options={axes()} names={axisNames()} set={(x) => set({ x: Number(x) })} />
            <Choice label="x₂" value={String(choice().y)} options={axes()} names={axisNames()} set={(y) => set({ y: Number(y) })} />
            <Show when={head().classes.length > 1}>
              <Choice
                label="Class"
                value={String(choice().target)}
                options={head().classes.map((_, i) => String(i))}
                names={Object.fromEntries(head().classes.map(({ name }, i) => [String(i), name]))}
                set={(target) =>
                  set({ target: Number(target), one: 1, other: head().classes[Number(target)]!.kinds.length === 2 ? 0 : REST })
                }
              />
            </Show>
            <Show when={kinds().length > 2}>
              <Choice
                label="●"
                value={String(choice().one)}
                options={kindsBut(choice().other)}
                names={kindNames()}
                set={(one) => set({ one: Number(one) })}
              />
              <Choice
                label="◆"
                value={String(choice().other)}
                options={[String(REST), ...kindsBut(choice().one)]}
                names={kindNames()}
                set={(other) => set({ other: Number(other) })}
              />
            </Show>
          </>
        );
      }}
    </Show>
  );
}
