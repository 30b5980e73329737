/** @file Stages that learn from guessed gradients: how good the guesses are, what the net learns by them, and who waits for whom. */
import { createEffect, createSignal, type JSX } from "solid-js";
import { curves, type Points } from "../draw/curves.ts";
import { pipeline, timelineChart } from "../draw/pipeline.ts";
import { Canvas } from "../ui/canvas.tsx";
import { Choice, NumWithin, Out, Segments } from "../ui/controls.tsx";
import { Formula } from "../ui/formula.tsx";
import { fixed, percent } from "../ui/numbers.ts";
import { FIRST_GUESS, GUESS_DATA, GUESS_LIMITS, GUESSERS, type GuessChoice, readGuess } from "../worker/duel-choice.ts";
import type { GuessAnswer } from "../worker/guess-run.ts";
import { busyShare, timeline } from "../worker/timeline.ts";
import { DuelTabs, duelRun, type ViewProps } from "./duel-tabs.tsx";
import type { Room } from "./room.ts";

const [shown, setShown] = createSignal<GuessAnswer>();

/** Slots of a timeline that are shown. */
const SLOTS = 16;

/** The colours of the three nets in the charts: guesses, no gradient, backpropagation. */
const SERIES = [0, 1, 2] as const;

export function GuessView(props: ViewProps): JSX.Element {
  const { studio } = props;
  const [given, setGiven] = studio.view<GuessChoice>("guess", FIRST_GUESS);
  const choice = (): GuessChoice => readGuess(given());
  const set = (patch: Partial<GuessChoice>): void => {
    run.begin();
    setGiven({ ...choice(), ...patch });
  };
  const run = duelRun<GuessChoice, GuessAnswer>(studio, { kind: "guesses", name: "guessSteps", first: 0, question: choice, set });
  createEffect(() => setShown(run.answer()));
  const right = (i: number): string => percent(run.answer()?.right[i] ?? Number.NaN);
  const isLocked = (): boolean => choice().lambda > 0;
  return (
    <div class="room boundary duel guesses">
      <section class="stage" aria-label="Stages and guessers" aria-busy={run.isBusy()}>
        <DuelTabs {...props.tabs} />
        <div class="curve-box pipeline">
          <Canvas
            label={guessWords()}
            draw={(ctx, box, palette) =>
              pipeline(
                ctx,
                box,
                {
                  stages: choice().stages,
                  cosines: run.answer()?.cosines ?? [],
                  lambda: choice().lambda,
                  withClass: choice().guesser === "output and class",
                },
                palette,
              )
            }
          />
        </div>
        <p class="legend units-legend">
          <span>
            <span class="key value" />
            &nbsp;forward
          </span>
          <span>
            <span class="key law" />
            &nbsp;gradient
          </span>
          <span>
            <span class="key guess" />
            &nbsp;guess, with its cosine to the gradient
          </span>
        </p>
        <div class="outs three">
          <Out label="right by guesses" name="by-guesses" value={right(0)} />
          <Out label="lower stages untrained" name="by-none" value={right(1)} />
          <Out label="by backpropagation" name="by-backpropagation" value={right(2)} />
        </div>
        <Timelines stages={choice().stages} isLocked={isLocked()} />
      </section>
      <GuessCharts answer={run.answer()} />
      <section class="controls" aria-label="Net and guessers">
        <div class="group">
          <Choice label="Data" value={choice().data} options={GUESS_DATA} set={(data) => set({ data })} />
          <NumWithin label="Stages" value={choice().stages} range={GUESS_LIMITS.stages} step={1} whole set={(stages) => set({ stages })} />
          <NumWithin label="Rate η" value={choice().lr} range={GUESS_LIMITS.lr} log set={(lr) => set({ lr })} />
        </div>
        <div class="group">
          <p class="group-name">A guesser sees the</p>
          <Segments label="A guesser sees the" value={choice().guesser} options={GUESSERS} set={(guesser) => set({ guesser })} />
          <p class="hint">
            {choice().guesser === "output"
              ? "A linear guess from the output alone: it cannot know which class was wanted."
              : "A linear guess from the output and the class that was wanted."}
          </p>
        </div>
        <div class="group">
          <NumWithin label="True, λ" value={choice().lambda} range={GUESS_LIMITS.lambda} step={0.1} set={(lambda) => set({ lambda })} />
          <p class="hint">
            {isLocked() ? "Part of the gradient is the true one: the stages wait for it." : "Guesses alone: no stage waits."}
          </p>
        </div>
        <Formula
          math={tex`\Delta\theta_k = -\eta\,\bigl((1-\lambda)\,\hat g_k + \lambda g_k\bigr)\tfrac{\partial h_k}{\partial \theta_k}`}
        />
      </section>
    </div>
  );
}

function Timelines(props: { readonly stages: number; readonly isLocked: boolean }): JSX.Element {
  const chart = (isLocked: boolean): JSX.Element => (
    <Canvas
      label={`${isLocked ? "Locked" : "Unlocked"}: a stage works ${percent(busyShare(props.stages, isLocked))} of the time`}
      draw={(ctx, box, palette) =>
        timelineChart(ctx, box, { slots: timeline(props.stages, isLocked, SLOTS), stages: props.stages, count: SLOTS }, palette)
      }
    />
  );
  return (
    <div class="timelines">
      <p class="group-name">Locked: each stage waits for the gradient</p>
      <div class="curve-box line-of-time">{chart(true)}</div>
      <p class="group-name">{props.isLocked ? "With λ > 0 it is the same" : "Unlocked: each goes on with its guess"}</p>
      <div class="curve-box line-of-time">{chart(props.isLocked)}</div>
      <p class="legend units-legend">
        <span>
          <span class="key bar drawn" />
          &nbsp;forward
        </span>
        <span>
          <span class="key bar gap" />
          &nbsp;back, with the number of the batch
        </span>
        <span>
          at work {percent(busyShare(props.stages, true))},{" "}
          <output data-out="busy">{percent(busyShare(props.stages, props.isLocked))}</output>
        </span>
      </p>
    </div>
  );
}

function GuessCharts(props: { readonly answer: GuessAnswer | undefined }): JSX.Element {
  const losses = (i: number): Points => {
    const rows = props.answer?.histories[i] ?? [];
    return Array.from({ length: rows.length / 3 }, (_, k) => [rows[3 * k]!, rows[3 * k + 1]!]);
  };
  const cosines = (k: number): Points => (props.answer?.measured ?? []).map((row) => [row[0]!, row[k + 1]!]);
  return (
    <section class="middle" aria-label="What they learn">
      <h2>Loss</h2>
      <div class="curve-box duel-chart">
        <Canvas
          label={`Losses over the steps: ${fixed(props.answer?.losses[0] ?? Number.NaN, 3)} by guesses, ${fixed(props.answer?.losses[1] ?? Number.NaN, 3)} with untrained lower stages, ${fixed(props.answer?.losses[2] ?? Number.NaN, 3)} by backpropagation`}
          draw={(ctx, box, palette) =>
            curves(
              ctx,
              box,
              SERIES.map((series) => ({ points: losses(series), series })),
              { smoothing: 0.9, isLog: true },
              palette,
            )
          }
        />
      </div>
      <p class="legend units-legend">
        <span>
          <span class="key value" />
          &nbsp;guesses
        </span>
        <span>
          <span class="key law" />
          &nbsp;untrained
        </span>
        <span>
          <span class="key third" />
          &nbsp;backprop
        </span>
      </p>
      <h2>Cosine of guess and gradient</h2>
      <div class="curve-box duel-chart">
        <Canvas
          label={`Cosines over the steps, by stage, at the end ${(props.answer?.cosines ?? []).map((c) => fixed(c, 3)).join(", ")}`}
          draw={(ctx, box, palette) =>
            curves(
              ctx,
              box,
              (props.answer?.cosines ?? []).map((_, k) => ({ points: cosines(k), series: k })),
              { smoothing: 0, isLog: false },
              palette,
            )
          }
        />
      </div>
      <p class="legend units-legend">
        <CosineKeys count={props.answer?.cosines.length ?? 0} />
      </p>
      <p class="hint">
        A guess need not be long or exact: a cosine above 0 points downhill. The highest guesser learns from the true gradient, each below
        it from the guess above.
      </p>
    </section>
  );
}

function CosineKeys(props: { readonly count: number }): JSX.Element {
  return (
    <>
      {Array.from({ length: props.count }, (_, k) => (
        <span class="stage-key">
          <i style={{ background: `var(--series-${k + 1})` }} /> stage {k + 1}
        </span>
      ))}
    </>
  );
}

export const guessWords = (): string => {
  const found = shown();
  return found
    ? `Step ${found.step}: by guesses ${percent(found.right[0]!)} right, by backpropagation ${percent(found.right[2]!)}; cosines ${found.cosines.map((c) => fixed(c, 2)).join(", ")}`
    : "Stages that learn from guessed gradients";
};

export function guessTable(): ReturnType<Room["table"]> {
  const found = shown();
  const rows = found
    ? [
        ["step", String(found.step)],
        ["right by guesses", percent(found.right[0]!)],
        ["right, lower stages untrained", percent(found.right[1]!)],
        ["right by backpropagation", percent(found.right[2]!)],
        ...found.cosines.map((c, k) => [`cosine, stage ${k + 1}`, c.toFixed(2).replace("-", "−")]),
        ["loss by guesses", fixed(found.losses[0]!)],
        ["loss, lower stages untrained", fixed(found.losses[1]!)],
        ["loss by backpropagation", fixed(found.losses[2]!)],
      ]
    : [];
  return { caption: "Guessed gradients", head: ["what", "value"], rows };
}
