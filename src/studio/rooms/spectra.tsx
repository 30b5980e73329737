/** @file The room Spectra: singular values of random matrices beside their law, what a signal adds, and what a matrix does to a circle. */
import { createSignal, For, type JSX, Show } from "solid-js";
import { spectrum } from "../draw/spectrum.ts";
import { desk } from "../source/source.ts";
import type { Studio } from "../state/studio.ts";
import { Canvas } from "../ui/canvas.tsx";
import { Choice, Examples, NumWithin, Out } from "../ui/controls.tsx";
import { Formula } from "../ui/formula.tsx";
import { latest } from "../ui/latest.ts";
import { fixed } from "../ui/numbers.ts";
import { FLOW_INITIALIZERS } from "../worker/deep-net.ts";
import { FIRST_MATRIX, MATRIX_LIMITS, type MatrixChoice, readMatrix } from "../worker/matrix-choice.ts";
import type { SpectrumAnswer } from "../worker/spectra.ts";
import { CirclePanel } from "./circle.tsx";
import { MATRICES } from "./matrices.ts";
import type { Room } from "./room.ts";

/** What the table and the description show too. */
const [shown, setShown] = createSignal<SpectrumAnswer>();

function View(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const [given, setMatrix] = studio.view<MatrixChoice>("matrix", FIRST_MATRIX);
  const matrix = (): MatrixChoice => readMatrix(given());
  const set = (patch: Partial<MatrixChoice>): void => setMatrix({ ...matrix(), ...patch });
  studio.watch(() => []);
  const { answer, isBusy } = latest(
    matrix,
    async (question) => {
      const found = await desk().send<SpectrumAnswer>({ do: "spectrum", question });
      setShown(found);
      return found;
    },
    (error) => void studio.say(error.message),
  );
  return (
    <div class="room boundary spectra">
      <section class="stage" aria-label="Singular values" aria-busy={isBusy()}>
        <h2>{matrix().factors > 1 ? `Singular values of a product of ${matrix().factors}` : "Singular values"}</h2>
        <div class="curve-box">
          <Canvas
            label={inWords(answer())}
            draw={(ctx, box, palette) => {
              const found = answer();
              if (found) spectrum(ctx, box, found, palette);
            }}
          />
        </div>
        <p class="legend units-legend">
          <span class="key bar drawn" />
          &nbsp;drawn <span class="key law" />
          &nbsp;law <span class="key dots" />
          &nbsp;99 % stay below{" "}
          <span>
            <i class="outlier">▼</i> more than chance
          </span>
        </p>
        <Numbers answer={answer()} />
        <Formula
          math={tex`\sigma_{\pm} = \sqrt{v}\,\left(\sqrt{n} \pm \sqrt{m}\right), \quad g(s) = \frac{\sqrt{(\sigma_+^2 - s^2)(s^2 - \sigma_-^2)}}{\pi\, v\, m\, s}`}
        />
      </section>
      <CirclePanel studio={studio} />
      <MatrixControls matrix={matrix()} set={set} />
    </div>
  );
}

function Numbers(props: { readonly answer: SpectrumAnswer | undefined }): JSX.Element {
  const number = (of: (answer: SpectrumAnswer) => number | undefined): string => fixed((props.answer && of(props.answer)) ?? Number.NaN);
  const mean = ({ values }: SpectrumAnswer): number => values.reduce((a, b) => a + b, 0) / values.length;
  return (
    <div class="outs">
      <Out label="largest, σ₁" name="largest" value={number(({ values }) => values[0])} />
      <Out label="the law ends at" name="upper" value={number(({ upper }) => upper)} />
      <Out label="mean" name="mean" value={number(mean)} />
      <Out label="mean of the law" name="law-mean" value={number((found) => (found.density.length > 0 ? found.mean : undefined))} />
      <Out label="least" name="least" value={number(({ values }) => values.at(-1))} />
      <Out label="σ₁/σ least" name="condition" value={number(({ condition }) => condition)} />
      <Show
        when={props.answer?.product === undefined}
        fallback={<Out label="product of the factors’ σ₁" name="product" value={number(({ product }) => product)} />}
      >
        <Out label="chance of so large a σ₁" name="p" value={number(({ p }) => p)} />
      </Show>
      <Out label="beyond chance" name="outliers" value={String(props.answer?.outliers.length ?? 0)} />
    </div>
  );
}

function MatrixControls(props: { readonly matrix: MatrixChoice; readonly set: (patch: Partial<MatrixChoice>) => void }): JSX.Element {
  const isProduct = (): boolean => props.matrix.factors > 1;
  return (
    <section class="controls" aria-label="The matrix">
      <Examples
        examples={MATRICES}
        isChosen={({ matrix }) => JSON.stringify(matrix) === JSON.stringify(props.matrix)}
        ownHint="Your own matrix."
        choose={({ matrix }) => props.set(matrix)}
      />
      <div class="group">
        <Choice
          label="Entries"
          value={props.matrix.initializer}
          options={FLOW_INITIALIZERS}
          set={(initializer) => props.set({ initializer })}
        />
        <For
          each={
            [
              ["rows", "Rows"],
              ["columns", "Columns"],
            ] as const
          }
        >
          {([name, label]) => (
            <Show when={name === "rows" || !isProduct()}>
              <NumWithin
                label={label}
                value={props.matrix[name]}
                range={MATRIX_LIMITS[name]}
                step={1}
                whole
                set={(value) => props.set({ [name]: value })}
              />
            </Show>
          )}
        </For>
        <NumWithin label="times" value={props.matrix.scale} range={MATRIX_LIMITS.scale} step={0.05} set={(scale) => props.set({ scale })} />
        <Show when={!isProduct()}>
          <NumWithin
            label="Signal"
            value={props.matrix.signal}
            range={MATRIX_LIMITS.signal}
            step={0.1}
            set={(signal) => props.set({ signal })}
          />
        </Show>
        <NumWithin
          label="Factors"
          value={props.matrix.factors}
          range={MATRIX_LIMITS.factors}
          step={1}
          whole
          set={(factors) => props.set({ factors })}
        />
      </div>
      <button type="button" class="plain" onClick={() => props.set({ seed: (props.matrix.seed + 1) % (MATRIX_LIMITS.seed[1] + 1) })}>
        Draw again
      </button>
    </section>
  );
}

const inWords = (answer: SpectrumAnswer | undefined): string =>
  answer
    ? `${answer.values.length} singular values from ${fixed(answer.values.at(-1)!, 3)} to ${fixed(answer.values[0]!, 3)}; the law ends at ${fixed(answer.upper, 3)}; ${answer.outliers.length} lie beyond chance`
    : "Singular values, being computed";

export const spectra: Room = {
  View,
  describe: () => inWords(shown()),
  table() {
    const found = shown();
    const facts: [string, number | undefined][] = [
      ["the law ends at", found?.upper],
      ["99 % stay below", found?.line],
      ["stable rank", found?.stableRank],
    ];
    const rows = facts.filter((fact): fact is [string, number] => fact[1] !== undefined).map(([name, value]) => [name, fixed(value)]);
    const values = found?.values.map((value, i) => [`σ ${i + 1}`, fixed(value)]) ?? [];
    return { caption: "Singular values", head: ["which", "value"], rows: [...values.slice(0, 1), ...rows, ...values.slice(1)] };
  },
};
