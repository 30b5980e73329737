/** @file Generators: what their figures measure, and what one step changes. The demonstrations train them. */
import { expect, test } from "vitest";
import { Gan } from "../../src/demo/generative/gan.ts";
import { discrepancy, quality, ring } from "../../src/demo/generative/ring.ts";
import { Vae } from "../../src/demo/generative/vae.ts";
import { imageRows, imageText } from "../../src/figures/images.ts";
import { keyOf, manualSeed, normal } from "../../src/math/random.ts";
import { tensor, zeros } from "../../src/ops/create.ts";
import "../../src/runtime/evaluate.ts";

test("the ring has all its modes, near them what a Gaussian has within 3σ of two numbers", () => {
  const { modes, near } = quality(ring(4000, 1).dataSync());
  expect(modes).toBe(8);
  expect(near).toBeCloseTo(1 - Math.exp(-4.5), 2);
});

test("samples of three modes are three modes; samples elsewhere are near none", () => {
  const three = Array.from({ length: 300 }, (_, i) => [Math.cos((Math.PI / 4) * (i % 3)), Math.sin((Math.PI / 4) * (i % 3))]).flat();
  expect(quality(three)).toEqual({ modes: 3, near: 1 });
  expect(quality(three.map((x) => 1.1 * x))).toEqual({ modes: 0, near: 0 });
});

test("the discrepancy tells a shifted set from the same one", () => {
  const [a, b] = [ring(80, 1).dataSync(), ring(80, 2).dataSync()];
  const [same, shifted] = [discrepancy(a, b, 60), discrepancy(a, b.map((x) => x + 0.3), 60)]; // biome-ignore format: a pair
  expect(same.p).toBeGreaterThan(0.05);
  expect(shifted.p).toBeLessThan(0.05);
  expect(shifted.squared).toBeGreaterThan(same.squared);
});

test("a generator learns the middle and the spread of what the critic sees", () => {
  manualSeed(1);
  const gan = new Gan({ width: 1, noise: 2, hidden: 16, lr: 2e-3 });
  const real = normal(keyOf(1), [1000, 1]).mul(0.5).add(2);
  const { real: said, fake } = gan.train([real, zeros([1000], "i32")], 1000, 1);
  expect(said).toHaveLength(1000);
  expect(fake.every((p) => p > 0 && p < 1)).toBe(true);
  const samples = gan.sample(keyOf(2), zeros([500], "i32"));
  expect(Math.abs(samples.mean().itemSync() - 2)).toBeLessThan(0.5);
});

test("samples of a class differ from those of another for the same noise", () => {
  manualSeed(1);
  const gan = new Gan({ width: 4, noise: 2, hidden: 8, classes: 2 });
  const [a, b] = [gan.sample(keyOf(1), tensor([0, 0])), gan.sample(keyOf(1), tensor([1, 1]))];
  expect(a.shape).toEqual([2, 4]);
  expect(a.sub(b).abs().max().itemSync()).toBeGreaterThan(0);
});

test("the bound's divergence is that of the code from a standard normal", () => {
  manualSeed(2);
  const vae = new Vae({ width: 6, code: 3, hidden: 8 });
  const [x, labels] = [normal(keyOf(1), [5, 6]).sigmoid(), zeros([5], "i32")];
  const { mean, logVariance } = vae.encode(x, labels);
  const [m, l] = [mean.dataSync(), logVariance.dataSync()];
  const expected = Array.from(m, (mu, i) => 0.5 * (mu * mu + Math.exp(l[i]!) - l[i]! - 1)).reduce((a, b) => a + b, 0) / 5;
  expect(vae.bound(x, labels, keyOf(3)).divergence.itemSync()).toBeCloseTo(expected, 5);
});

test("training raises the bound", () => {
  manualSeed(3);
  const vae = new Vae({ width: 6, code: 2, hidden: 16 });
  const [x, labels] = [
    normal(keyOf(1), [200, 1])
      .mul(tensor([1, 2, -1, 3, -2, 1]))
      .sigmoid(),
    zeros([200], "i32"),
  ];
  const bound = (): number => {
    const { reconstruction, divergence } = vae.bound(x, labels, keyOf(5));
    return -reconstruction.add(divergence).itemSync();
  };
  const before = bound();
  vae.train([x, labels], 500, 3);
  expect(bound()).toBeGreaterThan(before + 3);
  expect(vae.sample(keyOf(1), labels).shape).toEqual([200, 6]);
});

test("images as rows of squares and of text", () => {
  const rows = [{ name: "a", images: [[0, 1, 0.5, 0], [1, 1, 1, 1]] }]; // biome-ignore format: two images
  expect(imageRows("t", rows, 2).match(/<rect x/g)).toHaveLength(6);
  expect(imageText(rows, 2)).toBe("a\n   @  @@\n  =   @@");
  expect(() => imageRows("t", [], 2)).toThrow("imageRows: there is no image to draw");
});
