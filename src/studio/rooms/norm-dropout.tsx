/** @file Dropout: masks on a net, its 1,024 sub-networks, and how the mean over masks comes to what weight scaling gives at once. */
import { createMemo, type JSX } from "solid-js";
import { maskedNet } from "../draw/norms.ts";
import type { Studio } from "../state/studio.ts";
import { Canvas } from "../ui/canvas.tsx";
import { NumWithin, Segments } from "../ui/controls.tsx";
import { Formula } from "../ui/formula.tsx";
import { counted, exact, fixed, percent } from "../ui/numbers.ts";
import { Player } from "../ui/player.tsx";
import type { DropoutAnswer } from "../worker/masks.ts";
import { DROPOUT_LIMITS, type DropoutChoice, FIRST_DROPOUT, MASKED, MASKED_UNITS, MOST_MASKS, readDropout } from "../worker/norm-choice.ts";
import { asked, type Figure, Figures, next, Plot, Sliders, show } from "./norm-parts.tsx";

const BINS = 32;

/** How probable outputs are, in even bins. */
function binned({ all, chances }: DropoutAnswer): { edges: number[]; shares: number[] } {
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const wide = (high - low) / BINS || 1;
  const shares = new Array<number>(BINS).fill(0);
  for (const [i, y] of all.entries()) shares[Math.min(BINS - 1, Math.floor((y - low) / wide))]! += chances[i]!;
  return { edges: Array.from({ length: BINS + 1 }, (_, i) => low + i * wide), shares };
}

const meansOf = (outputs: readonly number[]): number[] => {
  let sum = 0;
  return outputs.map((y, i) => {
    sum += y;
    return sum / (i + 1);
  });
};

export function Dropout(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const [given, setGiven] = studio.view<DropoutChoice>("dropout", FIRST_DROPOUT);
  const [at, setMask] = studio.view<number>("mask", 12);
  const choice = createMemo(() => readDropout(given()));
  const set = (patch: Partial<DropoutChoice>): void => setGiven({ ...choice(), ...patch });
  const { answer, isBusy } = asked<DropoutAnswer>(studio, "masks", choice);
  const mask = (): number => Math.max(1, Math.min(MOST_MASKS, Math.round(at()) || 1));
  const means = createMemo(() => meansOf(answer()?.outputs ?? []));
  const kept = (from: number, to: number): number => {
    const all = (answer()?.masks ?? []).slice(0, mask()).flatMap((each) => each.slice(from, to));
    return all.filter(Boolean).length / all.length;
  };
  const number = (of: (found: DropoutAnswer) => number): string => fixed(answer() ? of(answer()!) : Number.NaN);
  const figures = (): Figure[] => [
    [`output under mask ${counted(mask())}`, "output", number(({ outputs }) => outputs[mask() - 1]!)],
    [`mean of ${counted(mask())} masks`, "mean-of-masks", fixed(means()[mask() - 1] ?? Number.NaN)],
    ["mean of all sub-networks", "mean-of-all", number(({ mean }) => mean)],
    ["weight scaling, once", "scaled", number(({ scaled }) => scaled)],
    ["inputs that stayed", "kept-inputs", percent(kept(0, MASKED.inputs))],
    ["hidden units that stayed", "kept-hidden", percent(kept(MASKED.inputs, MASKED_UNITS))],
  ];
  const more = (): Figure[] => [
    ["sub-networks, 2ⁿ", "subnetworks", answer() ? counted(answer()!.all.length) : "–"],
    ["units that may be dropped, n", "units", String(MASKED_UNITS)],
    [
      "weight scaling − mean of all",
      "difference",
      answer() ? exact(Math.abs(answer()!.scaled - answer()!.mean) < 1e-12 ? 0 : answer()!.scaled - answer()!.mean) : "–",
    ],
    ["softmax layer: geometric mean − half the weights", "geometric", answer() ? exact(answer()!.geometric) : "–"],
  ];
  show(() =>
    answer()
      ? {
          caption: "Masks and sub-networks",
          words: `Mask ${mask()} of dropout: the mean of the masks so far is ${fixed(means()[mask() - 1]!, 3)}, weight scaling gives ${number(({ scaled }) => scaled)}`,
          figures: [...figures(), ...more()],
          rows: answer()!
            .outputs.slice(0, Math.min(100, mask()))
            .map((y, i) => [`output under mask ${i + 1}`, fixed(y)]),
        }
      : undefined,
  );
  return (
    <>
      <section class="stage" aria-label="Masks" aria-busy={isBusy()}>
        <h2>Mask {counted(mask())}</h2>
        <div class="curve-box norm-net">
          <Canvas
            label={`A net of ${MASKED.inputs} inputs and ${MASKED.hidden} hidden units, of which mask ${mask()} keeps ${(answer()?.masks[mask() - 1] ?? []).filter(Boolean).length}`}
            draw={(ctx, box, palette) => {
              const found = answer();
              if (found) maskedNet(ctx, box, found.masks[mask() - 1]!, palette);
            }}
          />
        </div>
        <div class="norm-play">
          <Player label="Draw masks" value={mask()} end={MOST_MASKS} perSecond={12} set={setMask} />
          <NumWithin label="Mask k" value={mask()} range={DROPOUT_LIMITS.mask} log whole set={setMask} />
        </div>
        <Plot
          label={`The mean of the first masks, up to ${mask()}, beside weight scaling`}
          answer={answer()}
          of={(found, palette) => {
            const ends = [1, MOST_MASKS];
            const xs = Array.from({ length: mask() }, (_, i) => i + 1);
            const all = [...means(), found.scaled, found.mean];
            const [low, high] = [Math.min(...all), Math.max(...all)];
            const pad = (high - low) * 0.06 || 1;
            return {
              x: { low: 1, high: MOST_MASKS, isLog: true },
              y: { low: low - pad, high: high + pad },
              xName: "masks",
              curves: [
                { xs: ends, ys: [found.mean, found.mean], colour: palette.soft, dash: [2, 4] },
                { xs: ends, ys: [found.scaled, found.scaled], colour: palette.lowInk, dash: [7, 4] },
                { xs, ys: means().slice(0, mask()), colour: palette.highInk },
              ],
              dots: [{ x: mask(), y: means()[mask() - 1]!, colour: palette.highInk, radius: 5 }],
            };
          }}
        />
        <p class="legend units-legend">
          <span class="key value" />
          &nbsp;mean of k masks <span class="key scaled" />
          &nbsp;weight scaling <span class="key dots" />
          &nbsp;mean of all
        </p>
        <Figures list={figures()} />
      </section>
      <section class="middle" aria-label="All sub-networks">
        <h2>All {counted(answer()?.all.length ?? 1024)} sub-networks</h2>
        <Plot
          label="How probable the outputs of the sub-networks are"
          class="norm-bins"
          answer={answer()}
          of={(found, palette) => {
            const { edges, shares } = binned(found);
            const top = 1.1 * Math.max(...shares);
            const upright = (x: number, colour: string, dash: number[]) => ({ xs: [x, x], ys: [0, top], colour, dash });
            return {
              x: { low: edges[0]!, high: edges[BINS]! },
              y: { low: 0, high: top },
              xName: "output",
              bars: shares.map((share, i) => [edges[i]!, edges[i + 1]!, share]),
              curves: [upright(found.mean, palette.soft, [2, 4]), upright(found.scaled, palette.lowInk, [7, 4])],
              dots: [{ x: found.outputs[mask() - 1]!, y: 0, colour: palette.highInk, radius: 5 }],
            };
          }}
        />
        <Formula math={tex`\mathbb{E}\,[f(x, \mu)] = \sum_{\mu} p(\mu)\, f(x, \mu) \;\approx\; f(x, \mathbb{E}\,\mu)`} />
        <Figures list={more()} />
        <p class="hint">
          Bagging trains each model by itself: five nets 64-32-10 have 12,050 parameters. The 2³² sub-networks of one such net with dropout
          share 2,410.
        </p>
      </section>
      <section class="controls" aria-label="Dropout">
        <div class="group">
          <p class="hint">
            What is kept grows by 1/p, so that the expected sum of the next unit is the same. At inference the whole net answers, once.
          </p>
          <Sliders
            choice={choice()}
            set={set}
            limits={DROPOUT_LIMITS}
            of={[
              ["Inputs, p", "keepInput", 0.05],
              ["Hidden, p", "keepHidden", 0.05],
            ]}
          />
        </div>
        <div class="group">
          <Segments
            label="Hidden units"
            value={choice().isLinear ? "linear" : "ReLU"}
            options={["ReLU", "linear"]}
            names={{ ReLU: "ReLU units", linear: "linear units" }}
            set={(unit) => set({ isLinear: unit === "linear" })}
          />
          <p class="hint">
            {choice().isLinear
              ? "Of linear units weight scaling is the mean of all sub-networks, exactly."
              : "Of ReLU units it is near the mean of all."}
          </p>
        </div>
        <button type="button" class="plain" onClick={() => set({ seed: next(choice().seed) })}>
          Other masks
        </button>
      </section>
    </>
  );
}
