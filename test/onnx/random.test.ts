/** @file Draws by a seed against NumPy's RandomState, from which ONNX's reference implementation draws: numbers of NumPy 2.4. */
import { expect, test } from "vitest";
import { random, tensor } from "../../src/index.ts";
import { evenBySeed, normalBySeed } from "../../src/onnx/mersenne.ts";
import { close, of, run } from "./one-node.ts";

test("even and normal numbers by a seed", () => {
  expect([...evenBySeed(0, 3)]).toEqual([0.5488135039273248, 0.7151893663724195, 0.6027633760716439]);
  expect(evenBySeed(7, 700)[699]).toBe(0.33871568992326884); // the state is made again
  expect([...evenBySeed(4_000_000_000, 1)]).toEqual([0.8765553184532914]);
  [1.764052345967664, 0.4001572083672233, 0.9787379841057392].forEach(
    (want, i) => void expect(normalBySeed(0, 3)[i]).toBeCloseTo(want, 14),
  );
});

test("RandomUniform, RandomNormal and Bernoulli with a seed", async () => {
  close((await run("RandomUniform", 22, [], { shape: [3], seed: 0, low: 2, high: 4 }))[0], [3.097627008, 3.430378733, 3.205526752]);
  close(
    (await run("RandomNormalLike", 22, [tensor([0, 0, 0])], { seed: 0, mean: 1, scale: 2 }))[0],
    [4.528104692, 1.800314417, 2.957475968],
  );
  const p = tensor([0, 0.1, 0.3, 0.5, 0.7, 0.9, 1, 0, 0.1, 0.3, 0.5, 0.7, 0.9, 1, 0, 0.1, 0.3, 0.5, 0.7, 0.9, 1]);
  expect(of((await run("Bernoulli", 22, [p], { seed: 3 }))[0]!)).toEqual([0, 0, 0, 1, 0, 1, 1, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1]);
});

test("Dropout in training with a seed keeps what NumPy's numbers keep; without one another part each time", async () => {
  const x = tensor([1, 2, 3, 4, 5, 6]);
  const inputs = [x, tensor(0.6), tensor(1).gt(0)];
  const [y, mask] = await run("Dropout", 22, inputs, { seed: 0 }, 2);
  close(y, [0, 5, 7.5, 0, 0, 15]); // 0.549 0.715 0.603 0.545 0.424 0.646
  expect(of(mask!)).toEqual([0, 1, 1, 0, 0, 1]);
  random.manualSeed(1);
  const ones = tensor(new Float32Array(1000).fill(1));
  const [a, b] = [await run("Dropout", 22, [ones, ...inputs.slice(1)]), await run("Dropout", 22, [ones, ...inputs.slice(1)])];
  expect(of(a[0]!)).not.toEqual(of(b[0]!));
  expect(of(a[0]!).filter((v) => v > 0).length / 1000).toBeCloseTo(0.4, 1);
});

test("without a seed: within bounds, and other numbers each time", async () => {
  random.manualSeed(2);
  const draw = async () => of((await run("RandomUniform", 22, [], { shape: [500], low: 2, high: 4 }))[0]!);
  const [a, b] = [await draw(), await draw()];
  expect(a).not.toEqual(b);
  expect(Math.min(...a)).toBeGreaterThanOrEqual(2);
  expect(Math.max(...a)).toBeLessThanOrEqual(4);
  const classes = of((await run("Multinomial", 22, [tensor([[Math.log(0.2), Math.log(0.8)]])], { sample_size: 2000 }))[0]!);
  expect(classes.filter((v) => v === 1).length / 2000).toBeCloseTo(0.8, 1);
});
