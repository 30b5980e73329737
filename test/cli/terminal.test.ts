/** @file What the command writes to a terminal: times, losses, pictures, recipes. */
import { describe, expect, test, vi } from "vitest";
import { AUGMENTATIONS, augmentation } from "../../src/cli/augmentations.ts";
import { drawCurves } from "../../src/cli/curves.ts";
import { drawPictures } from "../../src/cli/drawing.ts";
import { recipeFor } from "../../src/cli/recipes.ts";
import { createReporter, epochLine, formatLoss, formatSeconds, percent, progressLine } from "../../src/cli/reporter.ts";
import type { Curve } from "../../src/figures/curves.ts";
import { arange } from "../../src/ops/create.ts";
import type { EpochRecord } from "../../src/train/index.ts";
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

describe("lines fit the terminal", () => {
  const progress = { epoch: 3, epochs: 10, step: 5, steps: 8, loss: 0.5, accuracy: 0.9, examplesPerSecond: 1234.5, secondsLeft: 61 };
  const records: [string, EpochRecord][] = [
    ["classes", { trainLoss: 0.5, trainAccuracy: 0.9, testLoss: 0.6, testAccuracy: 0.85, seconds: 1 }],
    [
      "with validation",
      {
        trainLoss: 0.5,
        trainAccuracy: 0.9,
        validationLoss: 0.55,
        validationAccuracy: 0.875,
        testLoss: 0.6,
        testAccuracy: 0.85,
        seconds: 1,
      },
    ],
    [
      "regression",
      {
        trainLoss: 5e-4,
        trainAccuracy: null,
        trainMae: 12345.6,
        validationLoss: 0.5,
        validationMae: 2,
        testLoss: 0.6,
        testAccuracy: null,
        testMae: 1e9,
        seconds: 1,
      },
    ],
  ];

  test.each(records)("%s: whatever the width, and the most important stays", (_, record) => {
    const all = epochLine(record, progress);
    for (let width = 120; width >= 10; width--) {
      expect(epochLine(record, progress, width).length).toBeLessThanOrEqual(width);
      expect(progressLine(progress, width).length).toBeLessThanOrEqual(width);
      expect(epochLine(record, progress, width)).toMatch(/^epoch {2}3\/10|…$/);
      if (width >= all.length) expect(epochLine(record, progress, width)).toBe(all);
      if (width >= 40) expect(epochLine(record, progress, width)).toMatch(/loss .*test/);
      if (width >= 30) expect(progressLine(progress, width)).toMatch(/epoch 3\/10.* loss /);
    }
    expect(epochLine(record, progress, 79).length).toBeGreaterThanOrEqual(Math.min(50, all.length));
  });

  test("at 79 columns", () => {
    expect(epochLine(records[0][1], progress, 79)).toBe("epoch  3/10  loss 0.5000  accuracy 90.0 %  test loss 0.6000  accuracy 85.0 %");
    expect(epochLine(records[1][1], progress, 79)).toBe("epoch  3/10  loss 0.5000, 90.0 %  val 0.5500, 87.5 %  test 0.6000, 85.0 %");
    expect(progressLine(progress, 79)).toBe("█████░░░░░░░░░░░░░░░░ epoch 3/10  loss 0.5000  accuracy 90.0 %  1 min 01 s left");
  });

  test("in a terminal one line moves, and one for each epoch stays", () => {
    const written: string[] = [];
    const tty = vi.spyOn(process.stdout, "write").mockImplementation((text) => Boolean(written.push(String(text))));
    const log = vi.spyOn(console, "log").mockImplementation((text) => void written.push(`${text}\n`));
    const { isTTY, columns } = process.stdout;
    Object.assign(process.stdout, { isTTY: true, columns: 60 });
    try {
      const reporter = createReporter();
      for (const epoch of [1, 2]) {
        for (const step of [4, 8]) reporter.onProgress!({ ...progress, epoch, step }, undefined as never);
        reporter.onEpoch!(records[0][1], { ...progress, epoch }, undefined as never);
      }
      reporter.close();
    } finally {
      Object.assign(process.stdout, { isTTY, columns });
      tty.mockRestore();
      log.mockRestore();
    }
    // What a terminal shows in the end: each line as it was written last.
    const shown = written
      .join("")
      .split("\n")
      .map((line) => line.split("\r\x1b[K").at(-1));
    expect(shown).toEqual([
      "epoch  1/10  loss 0.5000, 90.0 %  test 0.6000, 85.0 %",
      "epoch  2/10  loss 0.5000, 90.0 %  test 0.6000, 85.0 %",
      "",
    ]);
    expect(written.every((text) => text.replace("\r\x1b[K", "").trimEnd().length < 60)).toBe(true);
  });
});

describe("curves", () => {
  const falling = (name: string, by: number): Curve => ({
    name,
    points: Array.from({ length: 20 }, (_, i) => [i + 1, by / (i + 1)] as const),
  });

  test("fit the terminal, and end with their names", () => {
    for (const width of [30, 40, 79, 120]) {
      const lines = drawCurves([falling("train", 1), falling("test", 2)], { width, x: "" }).split("\n");
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
      expect(lines.filter((line) => / (train|test)$/.test(line))).toHaveLength(2);
      expect(lines[0]).toMatch(/^ *2 ┤/);
    }
  });

  test("of one point, or of none that is finite, draw nothing; gaps stay open", () => {
    expect(drawCurves([{ name: "a", points: [[1, 2]] }])).toBe("");
    expect(
      drawCurves([
        {
          name: "a",
          points: [
            [1, Number.NaN],
            [2, Number.NaN],
          ],
        },
      ]),
    ).toBe("");
    const gap: Curve = {
      name: "a",
      points: [
        [1, 0],
        [2, 0],
        [3, Number.NaN],
        [4, 0],
        [5, 0],
      ],
    };
    const dots = (curve: Curve) => [...drawCurves([curve], { width: 50, height: 3 })].filter((c) => c > "\u2800" && c <= "\u28ff").length;
    expect(dots(gap)).toBeLessThan(dots({ ...gap, points: gap.points.map(([x]) => [x, 0] as const) }) * 0.7);
  });

  test("constant ones and few epochs have an axis", () => {
    const constant = drawCurves([
      {
        name: "a",
        points: [
          [1, 5],
          [2, 5],
          [3, 5],
        ],
      },
    ]);
    expect(constant).toContain("5.5 ┤");
    expect(constant.split("\n").at(-1)!.trim().split(/ +/)).toEqual(["1", "2", "3"]); // no half epochs
  });
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
    const distorted = ["translate=0.1", "rotate=10", "scale=0.1"];
    expect(recipeFor("lenet5-cosine")).toMatchObject({ data: "mnist", lr: 2e-3, batchSize: 64, epochs: 20, augment: distorted });
    expect(recipeFor("convnet")).toMatchObject({ data: "mnist", augment: distorted });
    expect(recipeFor("convnet", { data: "fashion-mnist" })).toMatchObject({ augment: ["flip", "crop=2"] });
    expect(recipeFor("mlp")).not.toHaveProperty("augment");
  });

  test("large data take few passes, SGD its own rate", () => {
    expect(recipeFor("mlp", { data: "fashion-mnist" })).toMatchObject({ data: "fashion-mnist", batchSize: 64, epochs: 5 });
    expect(recipeFor("mlp", { optimizer: "sgd" })).toMatchObject({ data: "digits", optimizer: "sgd", lr: 0.05, decay: false });
  });
});
