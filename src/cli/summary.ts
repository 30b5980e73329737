/** @file What a run says at its end: the result, and for classes what was mistaken for what. */
import type { Dataset } from "../data/dataset.ts";
import { inputsAt } from "../data/loader.ts";
import { clean } from "../formats/clean.ts";
import { Gpt } from "../models/gpt.ts";
import type { Layer } from "../nn/module.ts";
import type { EpochRecord } from "../train/callback.ts";
import { confusionTable, worstConfusions } from "../train/confusion.ts";
import { diagnose } from "../train/diagnosis.ts";
import { predict } from "../train/evaluate.ts";
import type { Metrics } from "../train/meter.ts";

import { drawPictures, type Picture } from "./drawing.ts";
import { sampleText } from "./generate-command.ts";
import { bitsOf, formatLoss, formatNumber, percent } from "./reporter.ts";

const PAIRS = 3;
const PICTURES = 3;

/** What a model does on the test split, and what its curves show. */
export async function summarize(
  model: Layer,
  data: Dataset,
  test: Metrics,
  epochs: readonly EpochRecord[],
  kept?: number,
): Promise<string> {
  return [...heldOutLine(epochs, kept), await results(model, data, test), curves(data, epochs, kept)].join("\n");
}

/** The validation split in the epoch whose weights were kept. */
function heldOutLine(epochs: readonly EpochRecord[], kept: number = epochs.length): string[] {
  const { validationLoss, validationAccuracy, validationMae } = epochs[kept - 1] ?? {};
  if (validationLoss === undefined) return [];
  const what =
    validationAccuracy === null || validationAccuracy === undefined
      ? validationMae === undefined
        ? ""
        : `, MAE ${formatNumber(validationMae)}`
      : `, accuracy ${percent(validationAccuracy)}`;
  return [`validation loss ${formatLoss(validationLoss)}${what} (epoch ${kept})`];
}

async function results(model: Layer, data: Dataset, { loss, accuracy, errors }: Metrics): Promise<string> {
  if (accuracy === null)
    return errors
      ? `test MAE ${formatNumber(errors.mae)}, RMSE ${formatNumber(errors.rmse)}, R² ${errors.r2.toFixed(4)} (loss ${formatLoss(loss)})`
      : `test loss ${formatLoss(loss)}`;
  if (data.preprocessing?.text && model instanceof Gpt) {
    const sample = await sampleText(model, data.classes, { tokens: 200 });
    return `test loss ${formatLoss(loss)}, ${bitsOf(loss).toFixed(3)} bits per character, accuracy ${percent(accuracy)}\nit writes: ${JSON.stringify(clean(sample))}`;
  }
  const predicted = await predict(model, data);
  const parts = [`test accuracy ${percent(accuracy)}`, worstPairs(data, predicted), await mistakes(data, predicted)];
  return parts.filter((part) => part).join("\n");
}

/** `over-fitting: ... (gap 0.12 in loss, 5.1 points); what helps: ...` */
function curves(data: Dataset, epochs: readonly EpochRecord[], kept?: number): string {
  const { verdict, gap, reason, remedies } = diagnose(data, epochs, (data.validation ?? data.test).count, kept);
  const points = gap.accuracy === null ? "" : `, ${(100 * gap.accuracy).toFixed(1)} points of accuracy`;
  const help = remedies.length > 0 ? `; what helps: ${remedies.join(", ")}` : "";
  return `${verdict}: ${reason} (gap ${gap.loss.toFixed(3)} in loss${points})${help}`;
}

function worstPairs(data: Dataset, predicted: Int32Array): string {
  const { classes } = data;
  const worst = worstConfusions(confusionTable(predicted, data.test.targets, classes.length), PAIRS);
  const pairs = worst.map(({ actual, predicted: taken, count }) => `${classes[actual]} for ${classes[taken]} (${count})`);
  return pairs.length > 0 ? `mistaken most often: ${pairs.join(", ")}` : "";
}

/** The first mistaken images, drawn. */
async function mistakes(data: Dataset, predicted: Int32Array): Promise<string> {
  const [, height, width] = data.inputShape;
  if (data.inputShape.length !== 3) return "";
  const { targets, count } = data.test;
  const pictures: Picture[] = [];
  for (let i = 0; i < count && pictures.length < PICTURES; i++) {
    if (predicted[i] === targets[i]) continue;
    const caption = `${data.classes[targets[i]]} taken for ${data.classes[predicted[i]]}`;
    pictures.push({ pixels: (await inputsAt(data.test, Int32Array.of(i))).subarray(0, height * width), width, height, caption });
  }
  return pictures.length > 0 ? drawPictures(pictures, process.stdout.isTTY === true) : "";
}
