/** @file The training of the page as a run among others. */
import { thinned } from "../../figures/curves.ts";
import type { RunRecord } from "../../train/run-record.ts";
import type { Stats } from "../state/studio.ts";
import { type Config, parameterCount, widthsOf } from "../worker/config.ts";

export const THIS = "this page";

const MOST_POINTS = 800;

/** @param losses Rows of step, training loss, test loss. */
export function runOfPage(config: Config, stats: Stats, step: number, losses: ArrayLike<number>): RunRecord {
  const column = (offset: number) => {
    const points: [number, number][] = [];
    for (let i = 0; i < losses.length; i += 3) if (Number.isFinite(losses[i + offset]!)) points.push([losses[i]!, losses[i + offset]!]);
    return thinned({ name: "", points }, MOST_POINTS).points;
  };
  const { v: _, points, weights: __, layers, ...settings } = config;
  return {
    name: THIS,
    state: stats.failed ? "failed" : stats.playing ? "running" : "paused",
    started: "",
    settings: {
      ...settings,
      net: widthsOf(config).join("-"),
      activations: [...new Set(layers.map(({ activation }) => activation))].join(", ") || "none",
      ...(points && { points: points.length / 3 }),
    },
    results: {
      parameters: parameterCount(config),
      steps: step,
      trainLoss: stats.trainLoss,
      testLoss: stats.testLoss,
      testAccuracy: stats.testAccuracy,
    },
    curves: { trainLoss: column(1), testLoss: column(2) },
  };
}
