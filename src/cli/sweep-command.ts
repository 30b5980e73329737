/** @file `nabla sweep`: the same training with several rates, widths and seeds, and a table of what came out. */

import { columns } from "../base/columns.ts";
import type { EpochRecord } from "../train/callback.ts";
import { evaluate } from "../train/evaluate.ts";
import { fit } from "../train/fit.ts";
import { outputFile } from "./output.ts";
import { formatLoss, formatNumber, percent } from "./reporter.ts";
import { parameterCount } from "./run-info.ts";
import { openSession, sayMistakes, settle } from "./session.ts";
import { type Config, fileSettings, givenSettings } from "./settings.ts";

export interface SweepFlags extends Config {
  readonly config?: string;
  readonly rates?: readonly number[];
  /** Units of the hidden layers of an mlp, one list for each width. */
  readonly widths?: readonly (readonly number[])[];
  readonly seeds?: readonly number[];
  readonly json?: string;
}

/** One training. The held-out figures are those of the validation split where there is one, else of the test split. */
interface Outcome {
  readonly lr: number;
  readonly hidden?: readonly number[];
  readonly seed: number;
  readonly parameters: number;
  readonly epochs: number;
  readonly trainLoss?: number;
  readonly loss?: number;
  readonly accuracy?: number | null;
  readonly mae?: number;
  readonly testAccuracy?: number | null;
  readonly testMae?: number;
  /** Why there are no figures. */
  readonly error?: string;
}

/** Trains every combination, one after another; nothing is saved. Exit code 1 if none came to an end. */
export async function sweepCommand(
  name: string | undefined,
  { config, rates, widths, seeds, json, ...flags }: SweepFlags,
): Promise<number> {
  const given = { ...fileSettings(config), ...givenSettings(name, flags) };
  const usual = settle(given);
  const output = json === undefined ? undefined : outputFile(json, [usual.data]);
  const outcomes: Outcome[] = [];
  const combinations = (rates ?? [usual.lr]).flatMap((lr) =>
    (widths ?? [usual.hidden]).flatMap((hidden) => (seeds ?? [usual.seed]).map((seed) => ({ lr, hidden, seed }))),
  );
  for (const [i, choice] of combinations.entries()) {
    console.log(`${i + 1}/${combinations.length}  ${sayChoice(choice)}`);
    const outcome = await train({ ...given, ...choice });
    console.log(`     ${sayOutcome(outcome)}`);
    outcomes.push(outcome);
  }
  const sorted = [...outcomes].sort((a, b) => rankOf(a) - rankOf(b));
  console.log(["", ...table(sorted, { widths: widths !== undefined })].join("\n"));
  await output?.write(`${JSON.stringify(sorted, null, 2)}\n`);
  return outcomes.every(({ error }) => error !== undefined) ? 1 : 0;
}

type Choice = Pick<Outcome, "lr" | "hidden" | "seed">;

const sayChoice = ({ lr, hidden, seed }: Choice): string => `lr ${lr}${hidden ? `, hidden ${hidden.join(",")}` : ""}, seed ${seed}`;

async function train(config: Config): Promise<Outcome> {
  const session = await openSession(settle(config));
  const { model, data, options, settings } = session;
  const about = {
    lr: settings.lr,
    ...(settings.hidden && { hidden: settings.hidden }),
    seed: settings.seed,
    parameters: parameterCount(model),
  };
  try {
    await sayMistakes(session);
    const { epochs } = await fit(model, data, options);
    // With early stopping the model has the weights of its best epoch: it is measured as it is.
    const heldOut = await evaluate(model, data, options.validation ?? data.validation ?? data.test);
    const test = await evaluate(model, data);
    return {
      ...about,
      epochs: epochs.length,
      trainLoss: (epochs.at(-1) as EpochRecord).trainLoss,
      loss: heldOut.loss,
      accuracy: heldOut.accuracy,
      ...(heldOut.errors && { mae: heldOut.errors.mae }),
      testAccuracy: test.accuracy,
      ...(test.errors && { testMae: test.errors.mae }),
    };
  } catch (error) {
    return { ...about, epochs: 0, error: (error as Error).message.split("\n")[0] };
  }
}

/** Less is better: by accuracy where there is one, else by loss. */
const rankOf = ({ accuracy, loss, error }: Outcome): number =>
  error !== undefined ? Number.POSITIVE_INFINITY : accuracy === null || accuracy === undefined ? loss! : -accuracy;

const figure = (accuracy: number | null | undefined, mae: number | undefined, loss: number | undefined): string =>
  typeof accuracy === "number"
    ? percent(accuracy)
    : mae !== undefined
      ? `MAE ${formatNumber(mae)}`
      : loss === undefined
        ? ""
        : `loss ${formatLoss(loss)}`;

const sayOutcome = ({ accuracy, mae, loss, error }: Outcome): string =>
  error ?? `held out: loss ${formatLoss(loss!)}${accuracy === null && mae === undefined ? "" : `, ${figure(accuracy, mae, loss)}`}`;

/** The best first. Where nothing was held out for it, that choice looked at the test split. */
function table(outcomes: readonly Outcome[], shows: { readonly widths: boolean }): string[] {
  const head = [
    "lr",
    ...(shows.widths ? ["hidden"] : []),
    "seed",
    "parameters",
    "epochs",
    "train loss",
    "held-out loss",
    "held out",
    "test",
  ];
  const rows = outcomes.map((outcome) => [
    String(outcome.lr),
    ...(shows.widths ? [outcome.hidden?.join(",") ?? ""] : []),
    String(outcome.seed),
    outcome.parameters.toLocaleString("en-US"),
    String(outcome.epochs),
    outcome.trainLoss === undefined ? "" : formatLoss(outcome.trainLoss),
    outcome.loss === undefined ? (outcome.error ?? "") : formatLoss(outcome.loss),
    figure(outcome.accuracy, outcome.mae, outcome.loss),
    figure(outcome.testAccuracy, outcome.testMae, undefined),
  ]);
  return columns([head, ...rows], 0);
}
