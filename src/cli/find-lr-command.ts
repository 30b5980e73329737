/** @file `nabla find-lr`: the loss over a rising learning rate, drawn, and the rate that it suggests. */
import { findLearningRate, type RateTrial } from "../train/find-lr.ts";
import { plotLogX } from "./plot.ts";
import { openSession, sayMistakes, settle } from "./session.ts";
import { fileSettings, givenSettings } from "./settings.ts";
import type { TrainFlags } from "./train-command.ts";

export interface FindFlags extends TrainFlags {
  readonly steps: number;
}

/** Exit code 1 if no rate made the loss fall. */
export async function findLrCommand(name: string | undefined, { steps, ...flags }: FindFlags): Promise<number> {
  const session = await openSession(settle({ ...fileSettings(flags.config), ...givenSettings(name, flags) }));
  await sayMistakes(session);
  const { model, data, options, settings } = session;
  const { optimizer, batchSize, seed } = options;
  const { trials, suggestion } = await findLearningRate(model, data, { optimizer, batchSize, seed, steps });
  if (trials.length > 1) console.log(plotLogX(curve(trials), { mark: suggestion ?? undefined }));
  const { model: of, optimizer: by } = settings;
  console.log(
    suggestion === null
      ? `${of} on ${data.name} with ${by}: the loss never fell; look at the data and the model (--overfit-one-batch)`
      : `${of} on ${data.name} with ${by}: the loss falls fastest at lr ${suggestion}; try --lr ${suggestion}`,
  );
  return suggestion === null ? 1 : 0;
}

/** The smoothed losses; cut off above, where the rise at the end would flatten what matters. */
function curve(trials: readonly RateTrial[]): [number, number][] {
  const first = trials[0].smooth;
  const most = first + 0.5 * (first - Math.min(...trials.map(({ smooth }) => smooth)));
  return trials.map(({ lr, smooth }) => [lr, most > first ? Math.min(smooth, most) : smooth]);
}
