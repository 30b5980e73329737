/** @file Two nets against each other: one makes points, the other tells them from real ones. Drag the Gaussians, and see which of them are found. */
import { createEffect, createSignal, For, type JSX, Show } from "solid-js";
import { bars } from "../draw/bars.ts";
import { criticPlane } from "../draw/critic.ts";
import { curves } from "../draw/curves.ts";
import { fromPixels, toPixels } from "../draw/points.ts";
import { Canvas } from "../ui/canvas.tsx";
import { Num, NumWithin, Out, Segments, Toggle } from "../ui/controls.tsx";
import { Formula } from "../ui/formula.tsx";
import { fixed, percent } from "../ui/numbers.ts";
import { CENTER_REACH, centersOf, FIRST_GAN, GAN_LIMITS, GAN_LOSSES, GAN_REACH, type GanChoice, readGan } from "../worker/duel-choice.ts";
import type { GanAnswer } from "../worker/gan-run.ts";
import { DuelTabs, duelRun, type ViewProps } from "./duel-tabs.tsx";
import type { Room } from "./room.ts";

const [shown, setShown] = createSignal<GanAnswer>();

/** How near a Gaussian must be to be taken, in pixels. */
const NEAR = 24;

/** Samples of a thousand that a Gaussian needs to count as found. */
const FOUND = 10;

export function GanView(props: ViewProps): JSX.Element {
  const { studio } = props;
  const [given, setGiven] = studio.view<GanChoice>("gan", FIRST_GAN);
  const [withArrows, setArrows] = studio.view("arrows", true);
  const [place, setPlace] = studio.view<number>("at", 1);
  const choice = (): GanChoice => readGan(given());
  const set = (patch: Partial<GanChoice>): void => {
    run.begin();
    setGiven({ ...choice(), ...patch });
  };
  const run = duelRun<GanChoice, GanAnswer>(studio, { kind: "gan", name: "steps", first: 0, question: choice, set });
  createEffect(() => setShown(run.answer()));
  const centers = (): number[] => centersOf(choice());
  const chosen = (): number => Math.max(0, Math.min(centers().length / 2, Math.round(place())) - 1);
  const move = (k: number, x: number, y: number): void => {
    const cut = (v: number): number => Number(Math.max(-CENTER_REACH, Math.min(CENTER_REACH, v)).toFixed(2));
    set({ centers: centers().map((old, i) => (i === 2 * k ? cut(x) : i === 2 * k + 1 ? cut(y) : Number(old.toFixed(2)))) });
  };
  return (
    <div class="room boundary duel">
      <section class="stage" aria-label="Real and made points" aria-busy={run.isBusy()}>
        <DuelTabs {...props.tabs} />
        <Plane
          answer={run.answer()}
          choice={choice()}
          chosen={chosen()}
          withArrows={withArrows()}
          choose={(k) => setPlace(k + 1)}
          move={move}
        />
        <p class="legend units-legend">
          <span>
            <i class="real-point">●</i> real
          </span>
          <span>
            <i class="made-point">◆</i> made
          </span>
          <span>→ where the critic sends it</span>
          <span>
            <i class="ring-key" />
            &nbsp;3σ, samples found
          </span>
        </p>
        <div class="outs">
          <Out
            label="Gaussians found"
            name="modes"
            value={run.answer() ? `${run.answer()!.modes} of ${run.answer()!.counts.length}` : "–"}
          />
          <Out label="made within 3σ" name="near" value={percent(run.answer()?.near ?? Number.NaN)} />
          <Out label="real within 3σ" name="near-real" value={percent(run.answer()?.nearReal ?? Number.NaN)} />
          <Out
            label="critic on real, on made"
            name="says"
            value={`${fixed(run.answer()?.saysReal ?? Number.NaN, 3)}, ${fixed(run.answer()?.saysFake ?? Number.NaN, 3)}`}
          />
        </div>
      </section>
      <GanCharts answer={run.answer()} chosen={chosen()} />
      <section class="controls" aria-label="Points and nets">
        <div class="group">
          <NumWithin
            label="Gaussians"
            value={centers().length / 2}
            range={GAN_LIMITS.modes}
            step={1}
            whole
            set={(modes) => set({ modes, centers: [] })}
          />
          <NumWithin label="Width σ" value={choice().sigma} range={GAN_LIMITS.sigma} step={0.01} set={(sigma) => set({ sigma })} />
        </div>
        <div class="group">
          <Num label="Gaussian" value={chosen() + 1} min={1} max={centers().length / 2} step={1} whole set={setPlace} />
          <For each={["x", "y"]}>
            {(label, i) => (
              <Num
                label={label}
                value={centers()[2 * chosen() + i()]!}
                min={-CENTER_REACH}
                max={CENTER_REACH}
                step={0.05}
                set={(v) =>
                  move(chosen(), ...((i() === 0 ? [v, centers()[2 * chosen() + 1]!] : [centers()[2 * chosen()]!, v]) as [number, number]))
                }
              />
            )}
          </For>
          <Show when={choice().centers.length > 0}>
            <button type="button" class="plain" onClick={() => set({ centers: [], modes: choice().centers.length / 2 })}>
              Back on the circle
            </button>
          </Show>
        </div>
        <GanNets choice={choice()} set={set} />
        <Toggle label="Gradients on made points" on={withArrows()} set={setArrows} />
        <p class="hint">The bar below plays it. Drag a Gaussian: the duel begins anew.</p>
      </section>
    </div>
  );
}

function GanNets(props: { readonly choice: GanChoice; readonly set: (patch: Partial<GanChoice>) => void }): JSX.Element {
  return (
    <div class="group">
      <NumWithin label="Maker η" value={props.choice.lr} range={GAN_LIMITS.lr} log set={(lr) => props.set({ lr })} />
      <NumWithin
        label="Critic η"
        value={props.choice.criticLr}
        range={GAN_LIMITS.criticLr}
        log
        set={(criticLr) => props.set({ criticLr })}
      />
      <NumWithin label="Noise z" value={props.choice.noise} range={GAN_LIMITS.noise} step={1} whole set={(noise) => props.set({ noise })} />
      <Segments label="Loss of the maker" value={props.choice.loss} options={GAN_LOSSES} set={(loss) => props.set({ loss })} />
      <p class="hint">
        {props.choice.loss === "saturating"
          ? "ln(1 − D): where the critic is sure, the slope is 0, and the maker learns nothing."
          : "−ln D: the surer the critic, the steeper."}
      </p>
    </div>
  );
}

interface PlaneProps {
  readonly answer: GanAnswer | undefined;
  readonly choice: GanChoice;
  readonly chosen: number;
  readonly withArrows: boolean;
  readonly choose: (k: number) => void;
  readonly move: (k: number, x: number, y: number) => void;
}

function Plane(props: PlaneProps): JSX.Element {
  /** A Gaussian that is dragged is shown where it is; the duel begins anew where it is let go. */
  const [held, setHeld] = createSignal<readonly [k: number, x: number, y: number]>();
  const centers = (): number[] => {
    const [k, x, y] = held() ?? [-1, 0, 0];
    return centersOf(props.choice).map((old, i) => (i === 2 * k ? x : i === 2 * k + 1 ? y : old));
  };
  const where = (event: PointerEvent) => {
    const { left, top, width } = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return { place: { side: width, extent: GAN_REACH }, px: event.clientX - left, py: event.clientY - top };
  };
  const within = (v: number): number => Math.max(-CENTER_REACH, Math.min(CENTER_REACH, v));
  const drag = (event: PointerEvent, k: number): void => {
    const { place, px, py } = where(event);
    const [x, y] = fromPixels(place, px, py);
    setHeld([k, within(x), within(y)]);
  };
  const release = (): void => {
    const now = held();
    setHeld(undefined);
    const before = centersOf(props.choice);
    if (now && (now[1] !== before[2 * now[0]] || now[2] !== before[2 * now[0] + 1])) props.move(...now);
  };
  return (
    <div class="square">
      <Canvas
        label={ganWords()}
        draw={(ctx, box, palette) =>
          criticPlane(
            ctx,
            box,
            props.answer,
            {
              centers: centers(),
              sigma: props.choice.sigma,
              found: props.answer?.counts.map((n) => n >= FOUND) ?? [],
              chosen: props.chosen,
            },
            { extent: GAN_REACH, withArrows: props.withArrows },
            palette,
          )
        }
        events={{
          style: { cursor: "grab" },
          onPointerDown: (event) => {
            const { place, px, py } = where(event);
            const all = centers();
            let [best, found] = [NEAR, -1];
            for (let k = 0; k < all.length / 2; k++) {
              const [x, y] = toPixels(place, all[2 * k]!, all[2 * k + 1]!);
              const distance = Math.hypot(x - px, y - py);
              if (distance < best) [best, found] = [distance, k];
            }
            if (found < 0) return;
            props.choose(found);
            event.currentTarget.setPointerCapture(event.pointerId);
            setHeld([found, all[2 * found]!, all[2 * found + 1]!]);
          },
          onPointerMove: (event) => {
            const now = held();
            if (now) drag(event, now[0]);
          },
          onPointerUp: release,
          onPointerCancel: () => void setHeld(undefined),
        }}
      />
    </div>
  );
}

function GanCharts(props: { readonly answer: GanAnswer | undefined; readonly chosen: number }): JSX.Element {
  const column = (offset: number): [number, number][] => {
    const rows = props.answer?.history ?? [];
    return Array.from({ length: rows.length / 3 }, (_, i) => [rows[3 * i]!, rows[3 * i + offset]!]);
  };
  return (
    <section class="middle" aria-label="Who is ahead">
      <h2>What the critic says</h2>
      <div class="curve-box duel-chart">
        <Canvas
          label={`The critic’s mean answers over the steps, at the end ${fixed(props.answer?.saysReal ?? Number.NaN, 3)} on real points and ${fixed(props.answer?.saysFake ?? Number.NaN, 3)} on made ones`}
          draw={(ctx, box, palette) =>
            curves(
              ctx,
              box,
              [
                { points: column(1), series: 0 },
                { points: column(2), series: 1 },
              ],
              { smoothing: 0.9, isLog: false },
              palette,
            )
          }
        />
      </div>
      <p class="legend units-legend">
        <span>
          <span class="key value" />
          &nbsp;on real
        </span>
        <span>
          <span class="key law" />
          &nbsp;on made
        </span>
        <span>both ½ where it cannot tell</span>
      </p>
      <h2>Samples at each Gaussian</h2>
      <div class="curve-box duel-bars">
        <Canvas
          label={`Samples of 1000 within 3σ: ${props.answer?.counts.join(", ") ?? ""}`}
          draw={(ctx, box, palette) => {
            const counts = props.answer?.counts ?? [];
            bars(
              ctx,
              box,
              { values: counts, names: counts.map((_, i) => String(i + 1)), line: FOUND, most: 60, chosen: props.chosen },
              palette,
            );
          }}
        />
      </div>
      <p class="legend units-legend">of 1,000; below the line a Gaussian is missed</p>
      <Formula math={tex`\min_G \max_D\; \mathbb{E}\,\ln D(x) + \mathbb{E}\,\ln\bigl(1 - D(G(z))\bigr)`} />
    </section>
  );
}

export const ganWords = (): string => {
  const found = shown();
  return found
    ? `Step ${found.step}: ${found.modes} of ${found.counts.length} Gaussians found, ${percent(found.near)} of the made points within 3σ of one`
    : "Real points, and a net that learns to make such points";
};

export function ganTable(): ReturnType<Room["table"]> {
  const found = shown();
  const rows = found
    ? [
        ["step", String(found.step)],
        ["Gaussians found", `${found.modes} of ${found.counts.length}`],
        ["made within 3σ", percent(found.near)],
        ["real within 3σ", percent(found.nearReal)],
        ["critic on real points", fixed(found.saysReal, 3)],
        ["critic on made points", fixed(found.saysFake, 3)],
        ...found.counts.map((n, i) => [`samples at Gaussian ${i + 1}`, String(n)]),
      ]
    : [];
  return { caption: "Two nets against each other", head: ["what", "value"], rows };
}
