/** @file L1 and L2: the ball, the contours and the optimum between them; which of twenty weights become 0; and the norms of the net that trains. */
import { createMemo, type JSX, Show } from "solid-js";
import { plane, sortedWeights } from "../draw/norms.ts";
import type { Studio } from "../state/studio.ts";
import { Canvas } from "../ui/canvas.tsx";
import { NumWithin, Segments } from "../ui/controls.tsx";
import { Formula } from "../ui/formula.tsx";
import { held } from "../ui/held.ts";
import { exact, fixed } from "../ui/numbers.ts";
import { LIMITS, widthsOf } from "../worker/config.ts";
import { FIRST_PENALTIES, PENALTIES_LIMITS, type PenaltiesChoice, PLANE_REACH, readPenalties } from "../worker/norm-choice.ts";
import type { MatricesQuestion, MatrixNorms, PenaltiesAnswer } from "../worker/penalties.ts";
import { asked, cut, type Figure, Figures, Sliders, show } from "./norm-parts.tsx";

const FORMULAS = {
  inside: tex`\min_w \; \sum_{i=1}^{N} \bigl(L_i(w) + \lambda\,\Omega(w)\bigr)`,
  outside: tex`\min_w \; \sum_{i=1}^{N} L_i(w) + \lambda\,\Omega(w)`,
} as const;

const OMEGA = { l1: tex`\Omega(w) = \lVert w \rVert_1 = \sum_j |w_j|`, l2: tex`\Omega(w) = \tfrac12 \lVert w \rVert_2^2` } as const;

const HINTS = {
  l1: "The ball has corners: where the contour touches one, a weight is exactly 0.",
  l2: "The ball is round: weights shrink, and none becomes 0.",
} as const;

/** Of the weights that count nothing, the last seventeen. */
const zeros = (sparse: readonly number[]): number => sparse.slice(3).filter((w) => w === 0).length;

const figuresOf = (found: PenaltiesAnswer | undefined): Figure[] => [
  ["w₁", "w1", found ? exact(found.weights[0]!) : "–"],
  ["w₂", "w2", found ? exact(found.weights[1]!) : "–"],
  ["weights that are exactly 0", "corner", found ? String(found.weights.filter((w) => w === 0).length) : "–"],
  [found?.choice.kind === "l2" ? "radius, ‖w‖₂" : "size of the ball, ‖w‖₁", "size", fixed(found?.size ?? Number.NaN)],
  ["strength beside the mean loss", "strength", fixed(found?.strength ?? Number.NaN)],
  ["λ inside ÷ λ outside", "inside", found ? String(found.choice.examples) : "–"],
];

export function Penalties(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const [given, setGiven] = studio.view<PenaltiesChoice>("penalties", FIRST_PENALTIES);
  const choice = createMemo(() => readPenalties(given()));
  const set = (patch: Partial<PenaltiesChoice>): void => setGiven({ ...choice(), ...patch });
  const { answer, isBusy } = asked<PenaltiesAnswer>(studio, "penalties", choice);
  const move = (a: number, b: number): void => set({ optimum: [a, b].map((w) => cut(w, PENALTIES_LIMITS.optimum)) });
  show(() => {
    const found = answer();
    if (!found) return undefined;
    return {
      caption: `Weights under ${found.choice.kind === "l1" ? "L1" : "L2"}`,
      words: `Under ${found.choice.kind === "l1" ? "L1" : "L2"} the optimum is at ${fixed(found.weights[0]!, 3)}, ${fixed(found.weights[1]!, 3)}; of 17 useless weights ${zeros(found.sparse)} are exactly 0`,
      figures: figuresOf(found),
      rows: [
        ["useless weights that are exactly 0, of 17", String(zeros(found.sparse))],
        ...found.sparse.map((w, i): [string, string] => [`weight ${i + 1} of 20`, exact(w)]),
      ],
    };
  });
  return (
    <>
      <section class="stage" aria-label="Ball and contours" aria-busy={isBusy()}>
        <div class="norm-plane">
          <div class="square">
            <Canvas
              label={`The optimum without a penalty at ${choice().optimum.join(", ")}, with it at ${
                answer()
                  ?.weights.map((w) => fixed(w, 3))
                  .join(", ") ?? ""
              }`}
              draw={(ctx, box, palette) => {
                const found = answer();
                if (found) plane(ctx, box, { ...found, ...found.choice }, palette);
              }}
              events={held(
                (px, py, { width, height }) => move(((2 * px) / width - 1) * PLANE_REACH, (1 - (2 * py) / height) * PLANE_REACH),
                { cursor: "grab" },
              )}
            />
          </div>
        </div>
        <p class="legend units-legend">
          <span class="key example" />
          &nbsp;loss; drag its optimum <span class="key value" />
          &nbsp;ball <span class="key path" />
          &nbsp;way of the optimum as λ grows
        </p>
        <div class="norm-formulas">
          <Formula math={FORMULAS[choice().isInside ? "inside" : "outside"]} />
          <Formula math={OMEGA[choice().kind]} />
        </div>
        <Figures list={figuresOf(answer())} />
      </section>
      <section class="middle" aria-label="Twenty weights, and the net of the run">
        <h2>Twenty weights, three that count</h2>
        <div class="curve-box norm-bars">
          <Canvas
            label={`Twenty weights by size; ${answer() ? zeros(answer()!.sparse) : "–"} of the 17 useless ones are exactly 0`}
            draw={(ctx, box, palette) => {
              const found = answer();
              if (found) sortedWeights(ctx, box, found.sparse, palette);
            }}
          />
        </div>
        <Figures
          list={[
            ["useless ones, exactly 0", "zeros", answer() ? `${zeros(answer()!.sparse)} of 17` : "–"],
            ["the first, 3 without a penalty", "useful", fixed(answer()?.sparse[0] ?? Number.NaN)],
          ]}
        />
        <LiveNet studio={studio} />
      </section>
      <section class="controls" aria-label="Penalty">
        <div class="group">
          <Segments
            label="Penalty"
            value={choice().kind}
            options={["l1", "l2"]}
            names={{ l1: "L1", l2: "L2" }}
            set={(kind) => set({ kind })}
          />
          <p class="hint">{HINTS[choice().kind]}</p>
          <Sliders choice={choice()} set={set} limits={PENALTIES_LIMITS} of={[["λ", "lambda", 0.02]]} />
        </div>
        <div class="group">
          <Segments
            label="Place of λ"
            value={choice().isInside ? "inside" : "outside"}
            options={["inside", "outside"]}
            names={{ inside: "λ inside the sum", outside: "outside" }}
            set={(where) => set({ isInside: where === "inside" })}
          />
          <Show when={!choice().isInside}>
            <p class="hint">The more examples, the less the penalty counts beside them.</p>
          </Show>
          <Sliders choice={choice()} set={set} limits={PENALTIES_LIMITS} of={[["N", "examples", 1]]} />
        </div>
        <div class="group">
          {["w₁*", "w₂*"].map((label, i) => (
            <NumWithin
              label={label}
              value={choice().optimum[i]!}
              range={PENALTIES_LIMITS.optimum}
              step={0.05}
              set={(w) => set({ optimum: choice().optimum.map((old, k) => (k === i ? w : old)) })}
            />
          ))}
          <Sliders choice={choice()} set={set} limits={PENALTIES_LIMITS} of={[["Correlation", "correlation", 0.05]]} />
        </div>
      </section>
    </>
  );
}

/** The net of the run as it trains: its weights by size, and the norms of its matrices. */
function LiveNet(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const weights = (): number[] => Array.from(studio.tap("weights")?.data ?? []);
  const question = (): MatricesQuestion | undefined => {
    const [all, widths] = [weights(), widthsOf(studio.config())];
    const count = widths.slice(1).reduce((sum, rows, i) => sum + rows * (widths[i]! + 1), 0);
    return all.length === count ? { weights: all, widths } : undefined;
  };
  const { answer } = asked<MatrixNorms[]>(studio, "matrices", question);
  return (
    <>
      <h2>The net of the run</h2>
      <div class="curve-box norm-bars">
        <Canvas
          label={`Weights and biases of the run’s net by size, step ${studio.step()}`}
          draw={(ctx, box, palette) => sortedWeights(ctx, box, weights(), palette)}
        />
      </div>
      <table class="norm-matrices">
        <caption class="hidden">Norms of the net’s matrices</caption>
        <thead>
          <tr>
            <th scope="col">W</th>
            <th scope="col">‖W‖₂</th>
            <th scope="col">≤ ‖W‖_F</th>
          </tr>
        </thead>
        <tbody>
          {(answer() ?? []).map(({ shape, spectral, frobenius }) => (
            <tr>
              <th scope="row">{shape.join(" × ")}</th>
              <td>{fixed(spectral)}</td>
              <td>{fixed(frobenius)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <div class="group">
        {(["l1", "l2"] as const).map((name) => (
          <NumWithin
            label={name === "l1" ? "its L1" : "its L2"}
            value={studio.config()[name]}
            range={LIMITS[name]}
            log
            set={(value) => studio.edit({ kind: "set", name, value })}
          />
        ))}
      </div>
    </>
  );
}
