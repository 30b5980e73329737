/** @file Mixing pairs of examples, and the random shares it takes. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { crossEntropy } from "../../src/math/loss.ts";
import { cutmix, mixup } from "../../src/math/mixing.ts";
import { beta, gamma, keyOf, manualSeed, permutation } from "../../src/math/random.ts";
import { arange, tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import "../../src/runtime/evaluate.ts";

const list = (x: Tensor): number[] => [...x.dataSync()];
/** Largest distance between the distribution of samples and a cumulative distribution function. */
function kolmogorovSmirnov(samples: readonly number[], cdf: (x: number) => number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return Math.max(...sorted.map((x, i) => Math.max(Math.abs(cdf(x) - i / sorted.length), Math.abs((i + 1) / sorted.length - cdf(x)))));
}

/** ∫₀ˣ density, by midpoints after t = s^power, which tames a pole at 0. */
function cumulative(density: (x: number) => number, power: number): (x: number) => number {
  const integral = (x: number): number => {
    if (x <= 0) return 0;
    const [n, top] = [2000, x ** (1 / power)];
    let sum = 0;
    for (let i = 0; i < n; i++) {
      const s = ((i + 0.5) / n) * top;
      sum += density(s ** power) * power * s ** (power - 1);
    }
    return (sum * top) / n;
  };
  return integral;
}

describe("random shares", () => {
  const n = 4000;
  const critical = 1.95 / Math.sqrt(n); // passed by chance once in a thousand
  test.each([0.2, 0.4, 1, 2.5])("beta with both parameters %s has its distribution", (a) => {
    // Symmetric about ½, so that half of the range is enough and only the pole at 0 matters.
    const density = (x: number): number => (x * (1 - x)) ** (a - 1);
    const half = cumulative(density, 8);
    const all = 2 * half(0.5);
    const cdf = (x: number): number => (x <= 0.5 ? half(x) / all : 1 - half(1 - x) / all);
    const samples = list(beta(keyOf(3), a, a, [n]));
    expect(samples.every((x) => x >= 0 && x <= 1)).toBe(true);
    const thinned = samples.filter((_, i) => i % 8 === 0);
    expect(kolmogorovSmirnov(thinned, cdf)).toBeLessThan(critical * Math.sqrt(8));
  });

  test.each([0.3, 1, 7])("gamma(%s) has mean and variance of that size", (a) => {
    const samples = list(gamma(keyOf(4), a, [40_000]));
    const mean = samples.reduce((s, x) => s + x, 0) / samples.length;
    const variance = samples.reduce((s, x) => s + (x - mean) ** 2, 0) / samples.length;
    expect(Math.abs(mean / a - 1)).toBeLessThan(0.05);
    expect(Math.abs(variance / a - 1)).toBeLessThan(0.1);
  });

  test("a permutation has every number once, in an order of its key", () => {
    const order = list(permutation(keyOf(1), 50));
    expect(order.toSorted((a, b) => a - b)).toEqual(list(arange(50)));
    expect(order).not.toEqual(list(permutation(keyOf(2), 50)));
    expect(() => gamma(keyOf(1), 0, [1])).toThrow("want a concentration above 0, got 0");
  });
});

const classes = 3;
const labels = tensor(Int32Array.of(0, 1, 2, 1));

describe("mixup", () => {
  test("inputs and targets are mixed in one proportion, and as PyTorch's users write it", () => {
    const x = labels.oneHot(classes).mul(10);
    const mixed = mixup(x, labels, { classes, key: keyOf(7) });
    list(mixed.x).forEach((v, i) => {
      expect(v / 10).toBeCloseTo(list(mixed.targets)[i]!, 5);
    });
    for (const total of list(mixed.targets.sum(1))) expect(total).toBeCloseTo(1, 5);
    const share = list(mixed.targets).filter((p) => p > 0 && p < 1);
    expect(new Set(share.map((p) => p.toFixed(5))).size).toBeLessThanOrEqual(2);
  });

  test("is the same for a key, compiled or not, and differs from call to call without one", () => {
    const x = arange(8, "f32").reshape([4, 2]);
    const step = compile((x: Tensor, y: Tensor, key: Tensor) => mixup(x, y, { classes, alpha: 0.4, key }).x);
    const key = keyOf(11);
    list(step(x, labels, key)).forEach((v, i) => {
      expect(v).toBeCloseTo(list(mixup(x, labels, { classes, alpha: 0.4, key }).x)[i]!, 5);
    });
    manualSeed(1);
    const free = compile((x: Tensor, y: Tensor) => mixup(x, y, { classes }).x);
    expect(list(free(x, labels))).not.toEqual(list(free(x, labels)));
    expect(free.recompilations).toBe(1);
  });

  test("cross-entropy of mixed targets is the mixture of the cross-entropies", () => {
    const logits = tensor([[1, 2, 3], [0, -1, 1], [2, 2, 0], [1, 0, 0]]); // biome-ignore format: a matrix
    const soft = labels.oneHot(classes).mul(0.3).add(labels.flip().oneHot(classes).mul(0.7));
    const want = 0.3 * crossEntropy(logits, labels).itemSync() + 0.7 * crossEntropy(logits, labels.flip()).itemSync();
    expect(crossEntropy(logits, soft).itemSync()).toBeCloseTo(want, 5);
  });
});

describe("cutmix", () => {
  const images = arange(4, "f32").reshape([4, 1, 1, 1]).broadcastTo([4, 2, 8, 6]).mul(1);

  test("a box comes from another image, and targets follow its area", () => {
    const shares: number[] = [];
    for (let seed = 0; seed < 30; seed++) {
      const { x, targets } = cutmix(images, arange(4), { classes: 4, key: keyOf(seed) });
      const [pixels, weights] = [list(x), list(targets)];
      for (let i = 0; i < 4; i++) {
        const own = pixels.slice(i * 96, i * 96 + 48);
        const kept = own.filter((v) => v === i).length / 48;
        expect(weights[i * 4 + i]).toBeCloseTo(kept, 5);
        expect(own).toEqual(pixels.slice(i * 96 + 48, (i + 1) * 96)); // the same box in every channel
        shares.push(kept);
      }
    }
    expect(Math.min(...shares)).toBeLessThan(0.6);
    expect(Math.max(...shares)).toBe(1);
  });

  test("compiled it is what it is step by step", () => {
    const step = compile((x: Tensor, y: Tensor, key: Tensor) => cutmix(x, y, { classes: 4, key }).x);
    for (const seed of [1, 2, 3]) {
      const [key, y] = [keyOf(seed), arange(4)];
      expect(list(step(images, y, key))).toEqual(list(cutmix(images, y, { classes: 4, key }).x));
    }
  });
});

test.each([
  [() => mixup(zeros([2, 3]), labels, { classes }), "mixup: want as many targets as examples, got [4] for [2, 3]"],
  [() => mixup(zeros([4, 3]), labels), "say how many `classes` there are"],
  [() => cutmix(zeros([4, 3]), labels, { classes }), "cutmix: want images [batch, channels, height, width], got [4, 3]"],
  [() => mixup(zeros([4, 3]), labels, { classes, alpha: 0 }), "want a concentration above 0, got 0"],
])("%s", (attempt, message) => {
  expect(attempt).toThrow(message);
});
