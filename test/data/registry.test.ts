/** @file Data sets by name. */
import { describe, expect, test } from "vitest";
import { datasets, loadDataset } from "../../src/data/registry.ts";

describe("loadDataset", () => {
  test("knows its names", async () => {
    const images = ["digits", "mnist", "fashion-mnist", "cifar10", "imagefolder", "webdataset"];
    const made = ["xor", "spirals", "moons", "circles", "blobs", "checkerboard", "sine", "step", "sinc", "polynomial"];
    expect(Object.keys(datasets)).toEqual([...images, "csv", "parquet", "text", ...made]);
    expect((await loadDataset("digits")).name).toBe("digits");
  });

  test("xor is the four points", async () => {
    const { train, test: rest, task, inputShape } = await loadDataset("xor");
    expect(train).toBe(rest);
    expect([task, inputShape, train.count]).toEqual(["regression", [2], 4]);
    for (let i = 0; i < 4; i++) {
      const [a, b] = train.inputs.subarray(2 * i);
      expect(train.targets[i]).toBe(a === b ? 0 : 1);
    }
  });

  test("an unknown name gets the nearest suggestion, if any is near, and the list", async () => {
    await expect(loadDataset("minst")).rejects.toThrow(
      'unknown data set "minst"; did you mean "mnist"? (known: digits, mnist, fashion-mnist, cifar10, imagefolder, webdataset, csv,',
    );
    await expect(loadDataset("constructor")).rejects.toThrow('unknown data set "constructor" (known: digits,');
  });
});
