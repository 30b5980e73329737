/** @file Models on resamples and their mean; and too little or too much capacity, with the verdict of `diagnose` and its remedies as buttons. */
import { createMemo, For, type JSX } from "solid-js";
import type { Studio } from "../state/studio.ts";
import { NumWithin } from "../ui/controls.tsx";
import { Formula } from "../ui/formula.tsx";
import { fixed, percent } from "../ui/numbers.ts";
import { Player } from "../ui/player.tsx";
import type { BaggingAnswer, FittingAnswer } from "../worker/fitting.ts";
import {
  type BaggingChoice,
  FIRST_BAGGING,
  FIRST_FITTING,
  FITTING_LIMITS,
  type FittingChoice,
  readBagging,
  readFitting,
} from "../worker/norm-choice.ts";
import { asked, type Figure, Figures, next, Plot, Sliders, show } from "./norm-parts.tsx";
import { TOO_LARGE } from "./too-large.ts";

const HEIGHT = { low: -2, high: 2 };
const ACROSS = { low: -1, high: 1 };
const places = (curve: readonly number[]): number[] => curve.map((_, i) => (2 * i) / (curve.length - 1) - 1);
const meanOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const distinct = (counts: readonly number[]): number => counts.filter((n) => n > 0).length / counts.length;

export function Bagging(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const [given, setGiven] = studio.view<BaggingChoice>("bagging", FIRST_BAGGING);
  const [at, setBag] = studio.view<number>("bag", 1);
  const choice = createMemo(() => readBagging(given()));
  const set = (patch: Partial<BaggingChoice>): void => setGiven({ ...choice(), ...patch });
  const { answer, isBusy } = asked<BaggingAnswer>(studio, "bagging", choice);
  const bag = (): number => Math.max(1, Math.min(answer()?.members.length ?? 1, Math.round(at()) || 1));
  const member = () => answer()?.members[bag() - 1];
  const errors = (): number[] => answer()?.members.map(({ testError }) => testError) ?? [];
  const figures = (): Figure[] => [
    [`distinct examples in resample ${bag()}`, "distinct", percent(member() ? distinct(member()!.counts) : Number.NaN)],
    ["of 10,000 examples", "share", percent(answer()?.shares.at(-1)?.[1] ?? Number.NaN)],
    ["1 − 1/e", "limit", percent(1 - Math.exp(-1))],
    ["test error of a member, mean", "member", fixed(errors().length > 0 ? meanOf(errors()) : Number.NaN)],
    ["of the mean of all members", "together", fixed(answer()?.byMembers.at(-1) ?? Number.NaN)],
    ["of one model on all examples", "alone", fixed(answer()?.alone ?? Number.NaN)],
  ];
  show(() =>
    answer()
      ? {
          caption: "Resamples and their models",
          words: `${answer()!.members.length} models on resamples: resample ${bag()} has ${figures()[0]![2]} of the examples; together they err ${figures()[4]![2]}`,
          figures: figures(),
          rows: [
            ...answer()!.members.map(({ counts, testError }, i): [string, string] => [
              `resample ${i + 1}: distinct, test error`,
              `${percent(distinct(counts))}, ${fixed(testError)}`,
            ]),
            ...answer()!.shares.map(([count, share]): [string, string] => [`distinct of ${count}`, percent(share)]),
          ],
        }
      : undefined,
  );
  return (
    <>
      <section class="stage" aria-label="Models on resamples" aria-busy={isBusy()}>
        <h2>Each model sees its own resample</h2>
        <Plot
          label={`${choice().bags} curves, each fitted to a resample, and their mean`}
          class="norm-fit"
          answer={answer()}
          of={(found, palette) => {
            const xs = places(found.curve);
            return {
              x: ACROSS,
              y: HEIGHT,
              curves: [
                ...found.members.map(({ curve }) => ({ xs, ys: curve, colour: palette.soft, alpha: 0.35 })),
                { xs, ys: found.members[bag() - 1]!.curve, colour: palette.lowInk },
                { xs, ys: found.curve, colour: palette.highInk },
              ],
              dots: found.train.map(([x, y], i) => {
                const count = found.members[bag() - 1]!.counts[i]!;
                return {
                  x,
                  y,
                  colour: count > 0 ? palette.lowInk : palette.soft,
                  isHollow: count === 0,
                  radius: 3.5 + 1.5 * Math.max(0, count - 1),
                };
              }),
            };
          }}
        />
        <p class="legend units-legend">
          <span class="key value" />
          &nbsp;mean <span class="key example" />
          &nbsp;model {bag()} <span class="key members" />
          &nbsp;the others <span class="key ring soft" />
          &nbsp;not in resample {bag()}
        </p>
        <ul class="draws" aria-label={`How often each example is in resample ${bag()}`}>
          <For each={member()?.counts ?? []}>{(count) => <li classList={{ none: count === 0 }}>{count}</li>}</For>
        </ul>
        <Figures list={figures()} />
      </section>
      <section class="middle" aria-label="Shares and errors">
        <h2>Distinct examples</h2>
        <Plot
          label="Share of distinct examples over their number: it comes to 63.2 %"
          answer={answer()}
          of={(found, palette) => {
            const limit = 1 - Math.exp(-1);
            const xs = found.shares.map(([count]) => count);
            return {
              x: { low: 1, high: 10000, isLog: true },
              y: { low: 0.5, high: 1 },
              xName: "n",
              curves: [
                { xs: [1, 10000], ys: [limit, limit], colour: palette.lowInk, dash: [7, 4] },
                { xs, ys: xs.map((n) => 1 - (1 - 1 / n) ** n), colour: palette.soft, dash: [2, 4] },
              ],
              dots: found.shares.map(([x, y]) => ({ x, y, colour: palette.highInk })),
            };
          }}
        />
        <Formula math={tex`1 - \Bigl(1 - \frac1n\Bigr)^n \;\to\; 1 - \frac1e = 0.632`} />
        <h2>Error over members</h2>
        <Plot
          label="Test error of the mean of the first members"
          answer={answer()}
          of={(found, palette) => {
            const xs = found.byMembers.map((_, i) => i + 1);
            const all = [...found.byMembers, found.alone, meanOf(errors())];
            const [low, high] = [Math.min(...all) * 0.8, Math.max(...all) * 1.25];
            const end = Math.max(2, xs.length);
            const level = (value: number, colour: string, dash: number[]) => ({ xs: [1, end], ys: [value, value], colour, dash });
            return {
              x: { low: 1, high: end },
              y: { low, high },
              xName: "members",
              curves: [
                level(meanOf(errors()), palette.lowInk, [7, 4]),
                level(found.alone, palette.soft, [2, 4]),
                { xs, ys: found.byMembers, colour: palette.highInk },
              ],
              dots: [{ x: xs.length, y: found.byMembers.at(-1)!, colour: palette.highInk }],
            };
          }}
        />
        <p class="legend units-legend">
          <span class="key value" />
          &nbsp;mean of k <span class="key scaled" />
          &nbsp;one member <span class="key dots" />
          &nbsp;one on all
        </p>
      </section>
      <section class="controls" aria-label="Bagging">
        <div class="group">
          <p class="hint">
            Draws with replacement, as many as there are examples: about a third is left out. The errors that members do not share cancel in
            their mean; it helps models that change much with their examples.
          </p>
          <div class="norm-play">
            <Player label="Go through" value={bag()} end={answer()?.members.length ?? 1} perSecond={3} set={setBag} />
          </div>
          <NumWithin label="Resample" value={bag()} range={[1, Math.max(2, choice().bags)]} step={1} whole set={setBag} />
        </div>
        <div class="group">
          <Sliders
            choice={choice()}
            set={set}
            limits={FITTING_LIMITS}
            of={[
              ["Members", "bags", 1],
              ["Waves", "degree", 1],
              ["Examples", "examples", 1],
            ]}
          />
        </div>
        <button type="button" class="plain" onClick={() => set({ seed: next(choice().seed) })}>
          Draw again
        </button>
      </section>
    </>
  );
}

/** What a remedy of `diagnose` does here. */
function remedyOf(remedy: string, studio: Studio, { degree, examples, lambda }: FittingChoice): Partial<FittingChoice> | (() => void) {
  const go = (look: string) => (): void => void studio.open({ room: "norm", view: { look } });
  if (remedy === "stop early") return () => void studio.open({ room: "boundary", config: TOO_LARGE });
  if (remedy === "weight decay") return { lambda: lambda === 0 ? 0.001 : Math.min(FITTING_LIMITS.lambda[1], 3 * lambda) };
  if (remedy === "dropout") return go("dropout");
  if (remedy.startsWith("augmentation")) return { examples: Math.min(FITTING_LIMITS.examples[1], 2 * examples) };
  if (remedy === "a smaller model") return { degree: Math.max(FITTING_LIMITS.degree[0], degree - 2) };
  if (remedy === "an ensemble") return go("bagging");
  if (remedy.startsWith("less")) return { lambda: lambda < 0.0005 ? 0 : lambda / 10 };
  // A larger model, and more features: of a polynomial they are one.
  return { degree: Math.min(FITTING_LIMITS.degree[1], degree + 2) };
}

export function Fitting(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const [given, setGiven] = studio.view<FittingChoice>("fitting", FIRST_FITTING);
  const choice = createMemo(() => readFitting(given()));
  const set = (patch: Partial<FittingChoice>): void => setGiven({ ...choice(), ...patch });
  const { answer, isBusy } = asked<FittingAnswer>(studio, "fitting", choice);
  const figures = (): Figure[] => [
    ["training error", "train-error", fixed(answer()?.trainError ?? Number.NaN)],
    ["test error", "test-error", fixed(answer()?.testError ?? Number.NaN)],
    ["gap", "gap", answer() ? fixed(answer()!.testError - answer()!.trainError) : "–"],
  ];
  /** What can be done here: not what would change nothing. */
  const remedies = (): string[] =>
    (answer()?.remedies ?? []).filter((remedy) => {
      if (remedy.startsWith("train longer")) return false;
      const does = remedyOf(remedy, studio, choice());
      return typeof does === "function" || JSON.stringify({ ...choice(), ...does }) !== JSON.stringify(choice());
    });
  show(() =>
    answer()
      ? {
          caption: "Errors over capacity",
          words: `A polynomial of degree ${answer()!.choice.degree} on ${answer()!.choice.examples} points: ${answer()!.verdict}; ${answer()!.reason}`,
          figures: figures(),
          rows: answer()!.degrees.map(([train, test], i) => [`degree ${i + 1}: training, test`, `${fixed(train)}, ${fixed(test)}`]),
        }
      : undefined,
  );
  return (
    <>
      <section class="stage" aria-label="The fit" aria-busy={isBusy()}>
        <h2>A polynomial of degree {choice().degree}</h2>
        <Plot
          label={`A polynomial of degree ${choice().degree} on ${choice().examples} points`}
          class="norm-fit"
          answer={answer()}
          of={(found, palette) => {
            const xs = places(found.curve);
            return {
              x: ACROSS,
              y: HEIGHT,
              curves: [
                { xs, ys: xs.map((x) => Math.sin(3 * x)), colour: palette.soft, dash: [5, 4] },
                { xs, ys: found.curve, colour: palette.highInk },
              ],
              dots: [
                ...found.test.map(([x, y]) => ({ x, y, colour: palette.soft, radius: 2 })),
                ...found.train.map(([x, y]) => ({ x, y, colour: palette.lowInk, radius: 5 })),
              ],
            };
          }}
        />
        <p class="legend units-legend">
          <span class="key disc low" />
          &nbsp;fitted to <span class="key disc small" />
          &nbsp;held out <span class="key dashed" />
          &nbsp;the sine <span class="key value" />
          &nbsp;model
        </p>
        <Figures list={figures()} />
      </section>
      <section class="middle" aria-label="Errors over capacity, and the verdict">
        <h2>Errors over capacity</h2>
        <Plot
          label={`Training and test error over the degree: ${figures()[0]![2]} and ${figures()[1]![2]} at degree ${choice().degree}`}
          class="norm-bins"
          answer={answer()}
          of={(found, palette) => {
            const xs = found.degrees.map((_, i) => i + 1);
            const at = found.choice.degree;
            const cutLow = (error: number): number => Math.max(1e-3, Math.min(10, error));
            const [train, test] = [found.degrees.map(([error]) => cutLow(error)), found.degrees.map(([, error]) => cutLow(error))];
            return {
              x: { low: 1, high: xs.length, ticks: [1, 3, 5, 7, 9, 11] },
              y: { low: 1e-3, high: 10, isLog: true },
              xName: "degree",
              curves: [
                { xs: [at, at], ys: [1e-3, 10], colour: palette.soft, dash: [2, 4] },
                { xs, ys: test, colour: palette.lowInk },
                { xs, ys: train, colour: palette.highInk },
              ],
              dots: [
                { x: at, y: test[at - 1]!, colour: palette.lowInk, radius: 5 },
                { x: at, y: train[at - 1]!, colour: palette.highInk, radius: 5 },
              ],
            };
          }}
        />
        <p class="legend units-legend">
          <span class="key value" />
          &nbsp;training <span class="key example" />
          &nbsp;test
        </p>
        <div class="finding" classList={{ bad: answer()?.verdict.endsWith("fitting") ?? false }}>
          <strong data-out="verdict">{answer()?.verdict ?? "…"}</strong>
          <p>{answer()?.reason}</p>
          <div class="norm-remedies">
            <For each={remedies()}>
              {(remedy) => (
                <button
                  type="button"
                  class="plain"
                  onClick={() => {
                    const does = remedyOf(remedy, studio, choice());
                    if (typeof does === "function") does();
                    else set(does);
                  }}
                >
                  {remedy}
                </button>
              )}
            </For>
          </div>
        </div>
      </section>
      <section class="controls" aria-label="Capacity">
        <div class="group">
          <p class="hint">
            Too little capacity errs on the points themselves; too much learns them by heart and errs between them. Remedies that belong to
            a net open the room that shows them.
          </p>
          <Sliders
            choice={choice()}
            set={set}
            limits={FITTING_LIMITS}
            of={[
              ["Degree", "degree", 1],
              ["Examples", "examples", 1],
              ["Decay λ", "lambda"],
            ]}
          />
        </div>
        <button type="button" class="plain" onClick={() => set({ seed: next(choice().seed) })}>
          Other points
        </button>
      </section>
    </>
  );
}
