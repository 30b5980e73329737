/** @file Made-up data sets: functions of their seeds, with the shapes they are named for. */
import { describe, expect, test } from "vitest";
import type { Dataset, Split } from "../../src/data/dataset.ts";
import { datasets } from "../../src/data/registry.ts";
import { blobs, checkerboard, circles, curve, curves, moons, spirals } from "../../src/data/synthetic.ts";

const points = ({ inputs, targets, count }: Split) =>
  Array.from({ length: count }, (_, i) => ({ x: inputs[2 * i], y: inputs[2 * i + 1], label: targets[i] }));
const planes: [string, (options: { count?: number; noise?: number; seed?: number }) => Dataset][] = [
  ["spirals", spirals],
  ["moons", moons],
  ["circles", circles],
  ["blobs", blobs],
  ["checkerboard", checkerboard],
];

test.each(planes)("%s: as many as asked for, each class as often, the same for the same seed", (name, make) => {
  const data = make({ count: 60, seed: 4 });
  expect([data.name, data.train.count, data.test.count, data.inputShape, data.task]).toEqual([name, 60, 60, [2], "classification"]);
  const counts = data.classes.map((_, label) => data.train.targets.filter((target: number) => target === label).length);
  expect(Math.max(...counts)).toBe(Math.min(...counts));
  expect(make({ count: 60, seed: 4 })).toEqual(data);
  expect(make({ count: 60, seed: 5 }).train.inputs).not.toEqual(data.train.inputs);
  expect(data.train.inputs).not.toEqual(data.test.inputs);
  expect(data.train.inputs.every(Number.isFinite)).toBe(true);
  expect(() => make({ count: 0 })).toThrow(/: count must be a positive integer, got 0/);
});

describe("without noise", () => {
  test("spirals lie on their arms", () => {
    for (const { x, y, label } of points(spirals({ noise: 0, arms: 3, turns: 1, count: 300 }).train)) {
      const turns = Math.atan2(y, x) / (2 * Math.PI) - label / 3 - Math.hypot(x, y);
      expect(Math.abs(turns - Math.round(turns))).toBeLessThan(1e-5);
    }
  });

  test("circles have their radii, moons theirs", () => {
    for (const { x, y, label } of points(circles({ noise: 0, factor: 0.3 }).train))
      expect(Math.hypot(x, y)).toBeCloseTo(label ? 0.3 : 1, 5);
    for (const { x, y, label } of points(moons({ noise: 0 }).train)) {
      expect(label ? Math.hypot(x - 1, y - 0.5) : Math.hypot(x, y)).toBeCloseTo(1, 5);
      if (label) expect(y).toBeLessThan(0.51);
      else expect(y).toBeGreaterThan(-0.01);
    }
  });

  test("a checkerboard's squares alternate and are all there", () => {
    const squares = new Set<string>();
    for (const { x, y, label } of points(checkerboard({ count: 2000, cells: 3 }).train)) {
      const [column, row] = [x, y].map((v) => Math.floor(((v + 1) / 2) * 3));
      expect((column + row) % 2).toBe(label);
      squares.add(`${column} ${row}`);
    }
    expect(squares.size).toBe(9);
  });

  test("blobs are around their centers, which both splits share", () => {
    const { train, test: rest } = blobs({ noise: 0, centers: 4, count: 40 });
    expect(new Set(points(train).map(({ x, y }) => `${x} ${y}`)).size).toBe(4);
    expect(train.inputs).toEqual(rest.inputs);
  });
});

test("noise has its deviation", () => {
  const clouds = points(blobs({ centers: 1, noise: 2, count: 5000 }).train);
  const mean = clouds.reduce((sum, { x }) => sum + x, 0) / 5000;
  expect(Math.sqrt(clouds.reduce((sum, { x }) => sum + (x - mean) ** 2, 0) / 5000)).toBeCloseTo(2, 1);
});

test.each(Object.keys(curves))("the curve %s: noisy samples to train on, the curve itself to test on", async (name) => {
  const { train, test: rest, task } = await datasets[name]({ count: 1000, noise: 0.2 });
  expect(task).toBe("regression");
  const error = (split: Split) =>
    Math.sqrt((split.inputs as Float32Array).reduce((sum, x, i) => sum + (split.targets[i] - curves[name](x)) ** 2, 0) / 1000);
  expect(error(rest)).toBeLessThan(1e-6);
  expect(error(train)).toBeCloseTo(0.2, 1);
  expect(() => curve("cosine")).toThrow(
    'curve: name must be "sine" or "step" or "sinc" or "polynomial", got "cosine"; did you mean "sine"?',
  );
});
