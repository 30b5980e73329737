/** @file What a run says at its end: the result, and for classes what was mistaken for what. */
import type { Dataset } from "../data/dataset.ts";
import type { Layer } from "../nn/module.ts";
import type { EpochRecord } from "../train/callback.ts";
import { confusionTable, worstConfusions } from "../train/confusion.ts";
import { predict } from "../train/evaluate.ts";

import { drawPictures, type Picture } from "./drawing.ts";
import { formatLoss, percent } from "./reporter.ts";

const PAIRS = 3;
const PICTURES = 3;

export async function summarize(model: Layer, data: Dataset, last: EpochRecord): Promise<string> {
  if (last.testAccuracy === null) return `test loss ${formatLoss(last.testLoss)}`;
  const predicted = await predict(model, data);
  const parts = [`test accuracy ${percent(last.testAccuracy)}`, worstPairs(data, predicted), mistakes(data, predicted)];
  return parts.filter((part) => part).join("\n");
}

function worstPairs(data: Dataset, predicted: Int32Array): string {
  const { classes } = data;
  const worst = worstConfusions(confusionTable(predicted, data.test.targets, classes.length), PAIRS);
  const pairs = worst.map(({ actual, predicted: taken, count }) => `${classes[actual]} for ${classes[taken]} (${count})`);
  return pairs.length > 0 ? `mistaken most often: ${pairs.join(", ")}` : "";
}

/** The first mistaken images, drawn. */
function mistakes(data: Dataset, predicted: Int32Array): string {
  const [, height, width] = data.inputShape;
  if (data.inputShape.length !== 3) return "";
  const { inputs, targets, count } = data.test;
  const size = inputs.length / count;
  const pictures: Picture[] = [];
  for (let i = 0; i < count && pictures.length < PICTURES; i++) {
    if (predicted[i] === targets[i]) continue;
    const caption = `${data.classes[targets[i]]} taken for ${data.classes[predicted[i]]}`;
    pictures.push({ pixels: inputs.subarray(i * size, i * size + height * width), width, height, caption });
  }
  return pictures.length > 0 ? drawPictures(pictures, process.stdout.isTTY === true) : "";
}
