/** @file The embedded digits: every value equals the source, and the split is the documented one. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { digitImages, digits } from "../../src/data/digits.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

describe("digits", () => {
  test("the embedded values have the check sums of the source", async () => {
    const { pixels, labels } = await digitImages();
    expect(pixels.length).toBe(1797 * 64);
    expect(labels.length).toBe(1797);
    expect(sha256(pixels)).toMatchInlineSnapshot(`"8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3"`);
    expect(sha256(labels)).toMatchInlineSnapshot(`"8ba4f891220f5e4c9c819638d1602d74b83618f167043c6da52a2a247841ddf0"`);
  });

  const csv = new URL("../../../shared/data/sklearn/digits.csv", import.meta.url);
  test.skipIf(!existsSync(csv))("the embedded values equal digits.csv (skipped where ../shared/data is absent)", async () => {
    const [, ...lines] = readFileSync(csv, "utf8").trim().split("\n");
    const rows = lines.map((line) => line.split(",").map(Number));
    const { pixels, labels } = await digitImages();
    expect(pixels).toEqual(Uint8Array.from(rows.flatMap((row) => row.slice(0, 64))));
    expect(labels).toEqual(Uint8Array.from(rows.map((row) => row[64])));
  });

  test("first 898 train, last 899 test, pixels / 16", async () => {
    const { train, test: rest, classes, inputShape, task } = await digits();
    const { pixels, labels } = await digitImages();
    expect([train.count, rest.count]).toEqual([898, 899]);
    expect([classes.length, inputShape, task]).toEqual([10, [1, 8, 8], "classification"]);
    expect(train.inputs.length).toBe(898 * 64);
    expect(rest.inputs.length).toBe(899 * 64);
    expect(train.inputs[10]).toBe(pixels[10] / 16);
    expect(rest.inputs[10]).toBe(pixels[898 * 64 + 10] / 16);
    expect(train.targets[897]).toBe(labels[897]);
    expect(rest.targets[0]).toBe(labels[898]);
    const all = [...train.inputs, ...rest.inputs];
    expect([Math.min(...train.inputs), Math.max(...train.inputs)]).toEqual([0, 1]);
    expect(all.every((value) => Number.isInteger(value * 16))).toBe(true);
    // The counts of the ten digits, as published with the data.
    const counts = Array.from({ length: 10 }, (_, digit) => labels.filter((label) => label === digit).length);
    expect(counts).toEqual([178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
  });
});
