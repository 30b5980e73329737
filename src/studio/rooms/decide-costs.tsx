/** @file What deciding by a threshold costs and how often it is right, beside the plan of least cost. */
import { createMemo, For, type JSX, Show } from "solid-js";
import { type PlotLine, plot } from "../draw/plot.ts";
import { Canvas } from "../ui/canvas.tsx";
import { Formula } from "../ui/formula.tsx";
import { percent } from "../ui/numbers.ts";
import { type AtThreshold, cheapest, type Solved } from "../worker/decide-choice.ts";

interface CostsProps {
  readonly sweep: readonly AtThreshold[];
  readonly threshold: AtThreshold;
  readonly half: AtThreshold;
  readonly best: Solved | undefined;
  /** Of the plan that is shown, and whether it is that of the threshold. */
  readonly cost: number;
  readonly isByThreshold: boolean;
}

/** A way to decide: its name, the threshold if it has one, how often it is right, and what it costs. */
export type Way = readonly [name: string, threshold: string, right: string, cost: string];

export function waysOf({ sweep, threshold, half, best, cost, isByThreshold }: CostsProps): Way[] {
  const by = (name: string, { threshold: t, right, cost: c }: AtThreshold): Way => [
    name,
    t.toFixed(2),
    (100 * right).toFixed(1),
    c.toFixed(2),
  ];
  const least = cheapest(sweep);
  return [
    isByThreshold ? by("shown", threshold) : ["shown", "–", "–", cost.toFixed(2)],
    by("most often right", half),
    least ? by("cheapest", least) : ["cheapest", "none", "–", "–"],
    ["best plan", "–", "–", best ? best.cost.toFixed(2) : "–"],
  ];
}

/** The parts of the sweep that keep all rows, whole, and those that do not, dotted. */
function linesOf(sweep: readonly AtThreshold[], of: "right" | "cost", colour: string): PlotLine[] {
  const lines: PlotLine[] = [];
  for (let from = 0; from < sweep.length; ) {
    const { isAllowed } = sweep[from]!;
    const found = sweep.findIndex((each, i) => i > from && each.isAllowed !== isAllowed);
    const to = found < 0 ? sweep.length : found;
    const part = sweep.slice(from, to + 1);
    lines.push({ x: part.map((each) => each.threshold), y: part.map((each) => each[of]), colour, dash: isAllowed ? [] : [2, 4] });
    from = to;
  }
  return lines;
}

export function RailCosts(props: CostsProps): JSX.Element {
  const ways = createMemo(() => waysOf(props));
  const across = (cost: number, colour: string, dash: number[]): PlotLine => ({ x: [0, 1], y: [cost, cost], colour, dash });
  const marks = (): number[] => [props.threshold.threshold];
  const above = (): string => (props.best ? (props.cost - props.best.cost).toFixed(2) : "–");
  return (
    <section class="middle" aria-label="Right, and cheap">
      <h2>Right, and cheap</h2>
      <div class="curve-box decide-right">
        <Canvas
          label={`Share of right answers over the threshold: ${percent(props.threshold.right)} at ${props.threshold.threshold}`}
          draw={(ctx, box, palette) =>
            plot(
              ctx,
              box,
              [{ x: props.sweep.map((each) => each.threshold), y: props.sweep.map((each) => 100 * each.right), colour: palette.highInk }],
              { marks: marks() },
              palette,
            )
          }
        />
      </div>
      <div class="curve-box decide-costs">
        <Canvas
          label={`Cost over the threshold: ${props.threshold.cost.toFixed(2)} at ${props.threshold.threshold}`}
          draw={(ctx, box, palette) =>
            plot(
              ctx,
              box,
              [
                ...linesOf(props.sweep, "cost", palette.lowInk),
                ...(props.best ? [across(props.best.cost, palette.highInk, [6, 4])] : []),
                ...(props.isByThreshold ? [] : [across(props.cost, palette.ink, [])]),
              ],
              { marks: marks() },
              palette,
            )
          }
        />
      </div>
      <p class="legend units-legend">
        <span>
          <i class="key right" /> right, %
        </span>
        <span>
          <i class="key threshold" /> cost of replacing above it
        </span>
        <span>
          <i class="key broken" /> with a row broken
        </span>
        <span>
          <i class="key best" /> best plan
        </span>
        <Show when={!props.isByThreshold}>
          <span>
            <i class="key" /> plan shown
          </span>
        </Show>
      </p>
      <table class="ways">
        <caption class="hidden">Ways to decide</caption>
        <thead>
          <tr>
            <th scope="col">plan</th>
            <th scope="col">above</th>
            <th scope="col">right, %</th>
            <th scope="col">cost</th>
          </tr>
        </thead>
        <tbody>
          <For each={ways()}>
            {([name, threshold, right, cost]) => (
              <tr>
                <th scope="row">{name}</th>
                <td>{threshold}</td>
                <td>{right}</td>
                <td data-out={name.replaceAll(" ", "-")}>{cost}</td>
              </tr>
            )}
          </For>
        </tbody>
      </table>
      <p class="hint">
        A threshold of ½ is right most often; the cheapest one moves with what a failure costs. The best plan saves{" "}
        <output data-out="saved">{props.best ? percent(1 - props.best.cost / props.half.cost) : "–"}</output> against ½; the plan shown
        costs <output data-out="above">{above()}</output> more than it.
      </p>
      <Formula math={tex`\min \sum_{i,k} c_{ik} x_{ik} + 10 \sum_{l,t} y_{lt}`} />
    </section>
  );
}
