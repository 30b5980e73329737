/** @file A batch of dots to drag, as batch norm and layer norm leave it; the line that batch norm is in evaluation; and what moving averages do to training. */
import { createMemo, type JSX, Show } from "solid-js";
import { type Dots, dots, dotUnder } from "../draw/norms.ts";
import type { Studio } from "../state/studio.ts";
import { Canvas } from "../ui/canvas.tsx";
import { NumWithin, Segments } from "../ui/controls.tsx";
import { Formula } from "../ui/formula.tsx";
import { held } from "../ui/held.ts";
import { exact, fixed } from "../ui/numbers.ts";
import { Player } from "../ui/player.tsx";
import {
  DOT_REACH,
  FIRST_NORMS,
  FEATURES_SHOWN as N,
  NORM_MODES,
  NORMS_LIMITS,
  type NormMode,
  type NormsChoice,
  readNorms,
  withExamples,
} from "../worker/norm-choice.ts";
import type { AveragesAnswer, NormsAnswer } from "../worker/norms.ts";
import { asked, cut, type Figure, Figures, Plot, Sliders, show } from "./norm-parts.tsx";

const HINTS: Readonly<Record<NormMode, string>> = {
  training: "Each column by its own mean and spread: the band becomes β ± γ. Drag a dot, and all others of its column move too.",
  evaluation: "Each column by the moving averages (dashed): one fixed line for each feature, whatever else is in the batch.",
  layer: "Each example by itself, across its features. The other examples do not matter.",
};

const FORMULAS: Readonly<Record<NormMode, string>> = {
  training: tex`y = \gamma\,\frac{z - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta, \qquad \mu = \frac{1}{m}\sum_i z_i, \quad \sigma^2 = \frac{1}{m}\sum_i (z_i - \mu)^2`,
  evaluation: tex`y = \frac{\gamma}{\sqrt{\hat v + \epsilon}}\, z + \Bigl(\beta - \frac{\gamma\,\hat\mu}{\sqrt{\hat v + \epsilon}}\Bigr), \qquad \hat v \leftarrow (1 - \alpha)\,\hat v + \alpha\,\frac{m}{m - 1}\,\sigma^2`,
  layer: tex`y = \frac{\sqrt{n}}{s}\,\operatorname{diag}(v)\,(z - \bar z\,\mathbf{1}) + u, \qquad s = \lVert z - \bar z\,\mathbf{1} \rVert`,
};

/** What a column, or an example, is normalized by, before and after. */
function bandsOf({ choice, ...found }: NormsAnswer, example: number): { before: Dots["bands"]; after: Dots["bands"] } {
  if (choice.mode === "layer")
    return {
      before: [[found.rowMean[example]!, found.rowSpread[example]!]],
      after: choice.gamma.map((g, j) => [choice.beta[j]!, Math.abs(g)]),
    };
  const [means, variances] = choice.mode === "training" ? [found.mean, found.variance] : [found.runningMean, found.runningVar];
  return {
    before: means.map((mean, j) => [mean, Math.sqrt(variances[j]!)]),
    after: choice.gamma.map((g, j) => [choice.beta[j]!, Math.abs(g)]),
  };
}

function figuresOf(found: NormsAnswer | undefined, i: number, j: number): Figure[] {
  const of = (list: readonly number[] | undefined, at: number): string => fixed(list?.[at] ?? Number.NaN);
  if (found?.choice.mode === "layer")
    return [
      ["mean of the example, z̄", "row-mean", of(found.rowMean, i)],
      ["spread, s/√n", "row-spread", of(found.rowSpread, i)],
      ["mean, normalized", "normed-mean", fixed(Math.round((found.normedMean[i] ?? 0) * 1e9) / 1e9)],
      ["length, normalized", "length", of(found.length, i)],
      ["√n", "root", fixed(Math.sqrt(N))],
      ["lecture’s form − layer", "forms", exact(found.forms)],
    ];
  const ratio = found ? found.runningVar[j]! / found.variance[j]! : Number.NaN;
  return [
    ["mean of the column, μ", "mean", of(found?.mean, j)],
    ["variance, σ²", "variance", of(found?.variance, j)],
    ["moving average of μ", "running-mean", of(found?.runningMean, j)],
    ["moving average of σ²", "running-var", of(found?.runningVar, j)],
    ["that ÷ σ²", "ratio", fixed(ratio)],
    ["m/(m − 1)", "bessel", found ? fixed(mOf(found.choice) / (mOf(found.choice) - 1)) : "–"],
  ];
}

const mOf = ({ values }: NormsChoice): number => values.length / N;

export function Norms(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const [given, setGiven] = studio.view<NormsChoice>("norms", FIRST_NORMS);
  const [exampleOf, setExample] = studio.view<number>("example", 1);
  const [featureOf, setFeature] = studio.view<number>("feature", 1);
  const choice = createMemo(() => readNorms(given()));
  const m = (): number => mOf(choice());
  const example = (): number => Math.max(0, Math.min(m(), Math.round(exampleOf()) || 1) - 1);
  const feature = (): number => Math.max(0, Math.min(N, Math.round(featureOf()) || 1) - 1);
  const set = (patch: Partial<NormsChoice>): void => setGiven({ ...choice(), ...patch });
  const { answer, isBusy } = asked<NormsAnswer>(studio, "norms", choice);
  const place = (): number => example() * N + feature();
  const lift = (value: number): void =>
    set({ values: choice().values.map((old, k) => (k === place() ? cut(value, NORMS_LIMITS.value) : old)) });
  const outputs = (found: NormsAnswer): readonly number[] => found[found.choice.mode];
  const figures = (): Figure[] => figuresOf(answer(), example(), feature());
  show(() => {
    const found = answer();
    if (!found) return undefined;
    const { mode, values } = found.choice;
    return {
      caption: `A batch of ${mOf(found.choice)} examples, ${mode === "layer" ? "layer norm" : `batch norm in ${mode}`}`,
      words: `A batch of ${mOf(found.choice)} examples, ${mode === "layer" ? "layer norm" : `batch norm in ${mode}`}: column ${feature() + 1} has mean ${fixed(found.mean[feature()]!, 3)} and variance ${fixed(found.variance[feature()]!, 3)}`,
      figures: figures(),
      rows: values.map((z, k) => [
        `example ${Math.floor(k / N) + 1}, feature ${(k % N) + 1}: z, y`,
        `${fixed(z)}, ${fixed(outputs(found)[k]!)}`,
      ]),
    };
  });
  const replaced = (list: readonly number[], value: number): number[] => list.map((old, j) => (j === feature() ? value : old));
  return (
    <>
      <section class="stage" aria-label="The batch" aria-busy={isBusy()}>
        <div class="norm-pair">
          <figure>
            <figcaption>z, before: drag a dot</figcaption>
            <Canvas
              label={`The batch: ${m()} examples of ${N} features`}
              draw={(ctx, box, palette) => {
                const found = answer();
                if (!found) return;
                dots(
                  ctx,
                  box,
                  {
                    values: choice().values,
                    picked: [example(), feature()],
                    bands: bandsOf(found, example()).before,
                    isDashed: found.choice.mode === "evaluation",
                  },
                  palette,
                );
              }}
              events={held(
                (px, py, box, isFirst) => {
                  const [j, value] = dotUnder(box, px, py);
                  if (isFirst) {
                    const far = (i: number): number => Math.abs(choice().values[i * N + j]! - value);
                    setFeature(j + 1);
                    setExample(Array.from({ length: m() }, (_, i) => i).reduce((a, b) => (far(b) < far(a) ? b : a)) + 1);
                  } else lift(value);
                },
                { cursor: "ns-resize" },
              )}
            />
          </figure>
          <figure>
            <figcaption>y, after</figcaption>
            <Canvas
              label="The batch, normalized"
              draw={(ctx, box, palette) => {
                const found = answer();
                if (found)
                  dots(
                    ctx,
                    box,
                    { values: outputs(found), picked: [example(), feature()], bands: bandsOf(found, example()).after },
                    palette,
                  );
              }}
            />
          </figure>
        </div>
        <p class="legend units-legend">
          <span class="key band" />
          &nbsp;{choice().mode === "layer" ? "z̄ ± s/√n of the example, then β ± γ" : "mean ± spread, then β ± γ"}{" "}
          <span class="key example" />
          &nbsp;example {example() + 1}
        </p>
        <Formula math={FORMULAS[choice().mode]} />
        <Figures list={figures()} />
      </section>
      <section class="middle" aria-label="Evaluation, and moving averages">
        <h2>Feature {feature() + 1}: y over z</h2>
        <Line answer={answer()} feature={feature()} />
        <Averages studio={studio} />
      </section>
      <section class="controls" aria-label="Batch and layer">
        <div class="group">
          <Segments
            label="Norm"
            value={choice().mode}
            options={NORM_MODES}
            names={{ training: "Batch, train", evaluation: "eval", layer: "Layer" }}
            set={(mode) => set({ mode })}
          />
          <p class="hint">{HINTS[choice().mode]}</p>
        </div>
        <div class="group">
          <NumWithin label="Example" value={example() + 1} range={[1, m()]} step={1} whole set={setExample} />
          <NumWithin label="Column" value={feature() + 1} range={[1, N]} step={1} whole set={setFeature} />
          <NumWithin label="z" value={choice().values[place()]!} range={NORMS_LIMITS.value} step={0.1} set={lift} />
          <NumWithin
            label="Batch m"
            value={m()}
            range={NORMS_LIMITS.examples}
            step={1}
            whole
            set={(count) => set({ values: withExamples(choice().values, count) })}
          />
        </div>
        <div class="group">
          <NumWithin
            label={choice().mode === "layer" ? "γ (v)" : "γ"}
            value={choice().gamma[feature()]!}
            range={NORMS_LIMITS.gamma}
            step={0.05}
            set={(value) => set({ gamma: replaced(choice().gamma, value) })}
          />
          <NumWithin
            label={choice().mode === "layer" ? "β (u)" : "β"}
            value={choice().beta[feature()]!}
            range={NORMS_LIMITS.beta}
            step={0.05}
            set={(value) => set({ beta: replaced(choice().beta, value) })}
          />
          <Sliders choice={choice()} set={set} limits={NORMS_LIMITS} of={[["ε", "eps"]]} />
          <Show when={choice().mode !== "layer"}>
            <Sliders
              choice={choice()}
              set={set}
              limits={NORMS_LIMITS}
              of={[
                ["Batches", "batches", 1],
                ["Share α", "momentum", 0.01],
              ]}
            />
          </Show>
        </div>
      </section>
    </>
  );
}

/** One feature's outputs over its values: in evaluation they lie on the folded line. */
function Line(props: { readonly answer: NormsAnswer | undefined; readonly feature: number }): JSX.Element {
  const number = (of: (found: NormsAnswer) => number): string => (props.answer ? exact(of(props.answer)) : "–");
  return (
    <>
      <Plot
        label={`The folded line of feature ${props.feature + 1}: ${number(({ scale }) => scale[props.feature]!)} z + ${number(({ shift }) => shift[props.feature]!)}`}
        answer={props.answer}
        of={(found, palette) => {
          const j = props.feature;
          const axis = { low: -DOT_REACH, high: DOT_REACH };
          const [scale, shift] = [found.scale[j]!, found.shift[j]!];
          const ends = [-DOT_REACH, DOT_REACH];
          const of = (list: readonly number[], colour: string, isHollow: boolean) =>
            list.flatMap((y, k) => (k % N === j ? [{ x: found.choice.values[k]!, y, colour, isHollow }] : []));
          return {
            x: axis,
            y: axis,
            xName: "z",
            curves: [{ xs: ends, ys: ends.map((z) => scale * z + shift), colour: palette.highInk }],
            dots: [...of(found.training, palette.lowInk, true), ...of(found.evaluation, palette.highInk, false)],
          };
        }}
      />
      <p class="legend units-legend">
        <span class="key value" />
        &nbsp;folded line <span class="key disc" />
        &nbsp;evaluation <span class="key ring" />
        &nbsp;training
      </p>
      <Figures
        list={[
          ["scale", "scale", number(({ scale }) => scale[props.feature]!)],
          ["shift", "shift", number(({ shift }) => shift[props.feature]!)],
          ["line − evaluation", "folded", number(({ folded }) => folded)],
          ["4,000 batches: σ² m/(m − 1)", "unbiased", number(({ unbiased }) => unbiased)],
        ]}
      />
    </>
  );
}

/** The bias behind a norm that uses moving averages in training. */
function Averages(props: { readonly studio: Studio }): JSX.Element {
  const [given, setStep] = props.studio.view<number>("t", 60);
  const { answer } = asked<AveragesAnswer>(props.studio, "averages", () => ({}));
  const end = (): number => answer()?.moving.length ?? 200;
  const step = (): number => Math.max(1, Math.min(end(), Math.round(given()) || 1));
  const at = (list: readonly number[] | undefined): number => list?.[step() - 1] ?? Number.NaN;
  return (
    <>
      <h2>Moving averages in training</h2>
      <p class="hint">The step for the bias is undone by the averages that follow, and taken again: it grows without end.</p>
      <Plot
        label={`The bias after ${step()} steps: ${fixed(at(answer()?.moving), 3)} with moving averages, ${fixed(at(answer()?.own), 3)} with the batch’s own statistics`}
        answer={answer()}
        of={(found, palette) => {
          const xs = Array.from({ length: step() }, (_, i) => i + 1);
          const until = (list: readonly number[]): number[] => list.slice(0, step()).map(Math.abs);
          return {
            x: { low: 0, high: end() },
            y: { low: 0, high: Math.max(1, ...found.moving.map(Math.abs)) },
            xName: "step",
            curves: [
              { xs, ys: until(found.own), colour: palette.highInk },
              { xs, ys: until(found.moving), colour: palette.lowInk },
            ],
            dots: [
              { x: step(), y: Math.abs(at(found.own)), colour: palette.highInk },
              { x: step(), y: Math.abs(at(found.moving)), colour: palette.lowInk },
            ],
          };
        }}
      />
      <div class="norm-play">
        <Player label="Train" value={step()} end={end()} perSecond={40} set={setStep} />
        <NumWithin label="Step" value={step()} range={[1, end()]} step={1} whole set={setStep} />
      </div>
      <Figures
        list={[
          ["|bias|, moving averages", "moving", fixed(Math.abs(at(answer()?.moving)))],
          ["|bias|, the batch’s own", "own", fixed(Math.round(Math.abs(at(answer()?.own)) * 1e9) / 1e9)],
          ["loss, moving averages", "averaged-loss", fixed(at(answer()?.losses))],
        ]}
      />
    </>
  );
}
