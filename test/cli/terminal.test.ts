/** @file What the command writes to a terminal: times, losses, pictures, recipes. */
import { describe, expect, test } from "vitest";
import { AUGMENTATIONS, augmentation } from "../../src/cli/augmentations.ts";
import { drawPictures } from "../../src/cli/drawing.ts";
import { recipeFor } from "../../src/cli/recipes.ts";
import { epochLine, formatLoss, formatSeconds, percent } from "../../src/cli/reporter.ts";
import { arange } from "../../src/ops/create.ts";
import "../../src/runtime/evaluate.ts";

// A note in brackets says which data a step is for.
test.each(AUGMENTATIONS.split(", ").map((step) => step.replace(/ \(.*\)$/, "")))(
  "the augmentation %s, as help gives it, changes images",
  (step) => {
    const x = arange(2 * 3 * 64, "f32")
      .div(400)
      .reshape([2, 3, 8, 8]);
    const y = augmentation([step], [3, 8, 8])(x);
    expect(y.shape).toEqual(x.shape);
    expect(y.dataSync().every((value) => value >= 0 && value <= 1)).toBe(true);
  },
);

test("numbers as people read them", () => {
  expect([0.4, 12.4, 59.6, 185].map(formatSeconds)).toEqual(["0 s", "12 s", "1 min 00 s", "3 min 05 s"]);
  expect([0, 2.5, 0.00012].map(formatLoss)).toEqual(["0.0000", "2.5000", "1.20e-4"]);
  expect(percent(0.98765)).toBe("98.8 %");
});

test("an epoch's line", () => {
  const record = { trainLoss: 0.5, trainAccuracy: 0.9, testLoss: 0.6, testAccuracy: 0.85, seconds: 1 };
  const progress = { epoch: 3, epochs: 10, step: 5, steps: 5, loss: 0.5, accuracy: 0.9, examplesPerSecond: 1234.5, secondsLeft: 61 };
  expect(epochLine(record, progress)).toBe(
    "epoch  3/10  loss 0.5000  accuracy 90.0 %  test loss 0.6000  accuracy 85.0 %  1,235 examples/s  1 min 01 s left",
  );
});

describe("pictures", () => {
  const small = { pixels: [0, 1, 0.5, 0], width: 2, height: 2, caption: "a" };

  test("small ones in characters, two for a pixel", () => {
    expect(drawPictures([small], false)).toBe("a   \n  @@\n++  ");
  });

  test("side by side, below captions of any length", () => {
    expect(drawPictures([{ ...small, caption: "longer" }, small], false).split("\n")).toEqual([
      "longer   a   ",
      "  @@       @@",
      "++       ++  ",
    ]);
  });

  test("large ones in one character for two rows", () => {
    const pixels = Float32Array.from({ length: 20 * 4 }, (_, i) => (i < 40 ? 1 : 0));
    expect(
      drawPictures([{ pixels, width: 20, height: 4, caption: "" }], false)
        .split("\n")
        .slice(1),
    ).toEqual(["@".repeat(20), " ".repeat(20)]);
  });

  test("in colour, two rows in one line of half blocks", () => {
    const [, line] = drawPictures([small], true).split("\n");
    expect(line).toBe("\x1b[38;5;232;48;5;244m▀\x1b[38;5;255;48;5;232m▀\x1b[0m");
  });

  test("values outside 0 to 1 are cut", () => {
    expect(drawPictures([{ ...small, pixels: [-3, 7, 0, 1] }], false).split("\n")[1]).toBe("  @@");
  });
});

describe("recipes", () => {
  test("of the small models", () => {
    expect(recipeFor("cnn", {})).toEqual({
      data: "digits",
      optimizer: "adam",
      lr: 3e-3,
      batchSize: 32,
      epochs: 60,
      decay: true,
      augment: ["crop=1"],
    });
    expect(recipeFor("lenet5", {})).toEqual({ data: "mnist", optimizer: "adam", lr: 2e-3, batchSize: 64, epochs: 5, decay: true });
  });

  test("images are changed where that is known to help", () => {
    expect(recipeFor("convnet")).toMatchObject({ data: "mnist", augment: ["translate=0.1", "rotate=10", "scale=0.1"] });
    expect(recipeFor("convnet", { data: "fashion-mnist" })).toMatchObject({ augment: ["flip", "crop=2"] });
    expect(recipeFor("mlp")).not.toHaveProperty("augment");
  });

  test("large data take few passes, SGD its own rate", () => {
    expect(recipeFor("mlp", { data: "fashion-mnist" })).toMatchObject({ data: "fashion-mnist", batchSize: 64, epochs: 5 });
    expect(recipeFor("mlp", { optimizer: "sgd" })).toMatchObject({ data: "digits", optimizer: "sgd", lr: 0.05, decay: false });
  });
});
