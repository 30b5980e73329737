/** @file S4's A and B: the shares of 2,000 starts that end in each minimum of XOR, against a run of the same experiment in NumPy. */
import { expect, test } from "vitest";
import { outcomes } from "../../src/inspect/descent.ts";
import { tensor64 } from "../../src/inspect/double.ts";
import * as nn from "../../src/nn/index.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import "../../src/runtime/evaluate.ts";

const x = tensor64(Float64Array.of(0, 0, 0, 1, 1, 0, 1, 1), [4, 2]);
const y = tensor64(Float64Array.of(0, 1, 1, 0), [4, 1]);
const loss = (z: Tensor, t: Tensor): Tensor => z.sub(t).square().mean();
const LEVELS = [0, 1 / 8, 1 / 6, 1 / 4];

test.each([
  [2, 2000, [0.241, 0.078, 0.396, 0.286]],
  [3, 2000, [0.444]],
  [4, 2000, [0.63]],
  [8, 500, [0.858]],
] as const)("%i hidden units, %i starts: levels to 1e-3, shares within 3 points", (hidden, starts, shares) => {
  const model = new nn.Sequential(new nn.Linear(2, hidden), new nn.ReLU(), new nn.Linear(hidden, 1));
  const found = outcomes(model, { x, y, loss, starts, steps: 8000 });
  const shareAt = (level: number): number => found.reduce((sum, { loss: l, share }) => (Math.abs(l - level) < 1e-3 ? sum + share : sum), 0);
  console.log(hidden, LEVELS.map((level) => shareAt(level).toFixed(4)).join(" "));
  const settled = LEVELS.reduce((sum, level) => sum + shareAt(level), 0);
  expect(settled).toBeGreaterThan(0.99);
  shares.forEach((share, i) => {
    expect(Math.abs(shareAt(LEVELS[i]!) - share)).toBeLessThan(0.03);
  });
});
