/** @file Gains and bounds (TRN-1, TRN-2): exact products, bounds that hold, and closed forms. */
import { describe, expect, test } from "vitest";
import { grad } from "../../src/index.ts";
import { FlowMeter, flow } from "../../src/inspect/flow.ts";
import { SiteProgram } from "../../src/inspect/site-program.ts";
import { fromArray } from "../../src/ops/create.ts";
import { elementsOf } from "../../src/ops/tensor.ts";
import { sized } from "../size.ts";
import { type Activation, Chain, crossEntropy, generator, randomChain, randomTensor, targetsFor } from "./nets.ts";
import "../../src/runtime/evaluate.ts";

const read = async (model: Chain, examples = 6, seed = 7) => {
  const x = randomTensor(generator(seed), [examples, model.weights[0]!.shape[1]!]);
  const y = targetsFor(examples, model.weights.at(-1)!.shape[0]!);
  const program = new SiteProgram(model, crossEntropy);
  const reading = await program.read({ x, y, lengths: undefined });
  program.dispose();
  return { reading, x, y };
};

/** ‖∂L/∂W₁‖_F of each example, by one gradient for each. */
function truth(model: Chain, x: ReturnType<typeof randomTensor>, y: ReturnType<typeof targetsFor>): number[] {
  const n = x.shape[0]!;
  const [first, ...rest] = model.weights.map((w) => w.value);
  return Array.from({ length: n }, (_, i) => {
    const [xi, yi] = [x.slice([i, 0], [i + 1, x.shape[1]!]), y.slice([i], [i + 1])];
    const loss = (w: typeof first): ReturnType<typeof crossEntropy> =>
      crossEntropy(new Chain([w!, ...rest], model.activation).forward(xi), yi).mul(1 / n);
    const g = elementsOf(grad(loss)(first!) as typeof x);
    return Math.hypot(...g);
  });
}

describe("gains", () => {
  test.each([
    [[5, 7, 4, 3], "tanh"],
    [[6, 6, 6, 6, 2], "relu"],
    [[3, 8, 8, 4], "sigmoid"],
    [[4, 3, 2], "none"],
  ] as [number[], Activation][])("‖x‖ Π a b ‖∂L/∂ŷ‖ is ‖∂L/∂W₁‖ for %j %s", async (sizes, activation) => {
    const model = randomChain(sizes, activation, sizes.length, 1.4);
    const { reading, x, y } = await read(model);
    const { perExample } = flow(reading);
    truth(model, x, y).forEach((want, i) => {
      const found = perExample.input[i]! * perExample.product[i]! * perExample.output[i]!;
      expect(Math.abs(found - want)).toBeLessThan(1e-10 * want + 1e-14);
    });
  });

  test("of the sigmoid are at most a quarter, layer by layer", async () => {
    const { reading } = await read(randomChain([20, ...new Array<number>(10).fill(20), 20], "sigmoid", 3));
    const found = flow(reading);
    const gains = found.steps.filter(({ kind }) => kind === "activation");
    expect(gains).toHaveLength(10);
    for (const { quantiles, whiskers } of gains) {
      expect(quantiles[1]).toBeLessThanOrEqual(0.25);
      expect(whiskers!.high).toBeLessThanOrEqual(0.25);
    }
    expect(found.verdict).toBe("vanishing");
    expect(found.cause).toMatch(/^activations: slopes of sigmoid/);
    expect(found.remedies.length).toBeGreaterThan(2);
  });

  test("of an orthogonal linear net are 1, and the bound is tight", async () => {
    const model = new Chain(
      [1, 2, 3].map((seed) => orthogonal(8, seed)),
      "none",
    );
    const { steps, bounds } = flow((await read(model)).reading);
    for (const { gain, kind } of steps) if (kind === "linear") expect(gain).toBeCloseTo(1, 12);
    expect(Math.abs(bounds.upper / bounds.truth - 1)).toBeLessThan(1e-12);
    expect(Math.abs(bounds.lower / bounds.truth - 1)).toBeLessThan(1e-12);
    expect(bounds.vacuous).toBeUndefined();
  });

  test("are the same in one batch and in two", async () => {
    const model = randomChain([5, 6, 3], "tanh", 1);
    const [one, two] = [await read(model, 4, 1), await read(model, 4, 2)];
    const meter = new FlowMeter();
    meter.add(one.reading);
    meter.add(two.reading);
    const both = meter.result();
    expect(both.examples).toBe(8);
    expect([...both.perExample.product]).toEqual([...flow(one.reading).perExample.product, ...flow(two.reading).perExample.product]);
  });
});

describe("bounds", () => {
  test(`hold on ${sized(8, 1000)} random nets`, async () => {
    const random = generator(11);
    const kinds: Activation[] = ["relu", "sigmoid", "tanh", "none"];
    for (let k = 0; k < sized(8, 1000); k++) {
      const sizes = Array.from({ length: 3 + Math.floor(3 * random()) }, () => 2 + Math.floor(7 * random()));
      const model = randomChain(sizes, kinds[k % 4]!, k, 0.5 + 2 * random());
      const found = flow((await read(model, 3, k)).reading);
      const { product: truth_, upper, lower } = found.perExample;
      truth_.forEach((gain, i) => {
        expect(gain).toBeLessThanOrEqual(upper[i]! * (1 + 1e-9));
        expect(gain).toBeGreaterThanOrEqual(lower[i]! * (1 - 1e-9));
      });
      for (const { gain, whiskers } of found.steps) {
        if (!whiskers) continue;
        expect(gain).toBeLessThanOrEqual(whiskers.high * (1 + 1e-9));
        expect(gain).toBeGreaterThanOrEqual(whiskers.low * (1 - 1e-9));
      }
    }
  });

  test("say why they are vacuous: a layer that widens", async () => {
    const { bounds } = flow((await read(randomChain([6, 4, 8, 2], "tanh", 5))).reading);
    expect(bounds.lower).toBe(0);
    expect(bounds.vacuous).toMatch(/weights\.1 widens \(4 to 8\)/);
  });

  test("say why they are vacuous: slopes of 0", async () => {
    const { bounds } = flow((await read(randomChain([6, 5, 4, 2], "relu", 5))).reading);
    expect(bounds.lower).toBe(0);
    expect(bounds.vacuous).toMatch(/% of the slopes g′ of relu after weights\.\d are 0/);
  });

  test("of a narrowing net of tanh are positive and below the truth", async () => {
    const { bounds } = flow((await read(randomChain([8, 6, 4, 3], "tanh", 5))).reading);
    expect(bounds.vacuous).toBeUndefined();
    expect(bounds.lower).toBeGreaterThan(0);
    expect(bounds.lower).toBeLessThan(bounds.truth);
    expect(bounds.upper).toBeGreaterThan(bounds.truth);
  });
});

test("large weights explode, and the cause is their scale", async () => {
  const { verdict, cause, ratio } = flow((await read(randomChain([16, ...new Array<number>(8).fill(16), 4], "none", 2, 5))).reading);
  expect(verdict).toBe("exploding");
  expect(ratio).toBeGreaterThan(1e3);
  expect(cause).toMatch(/^weights: their scale multiplies a random gradient by [45]/);
});

/** Q of a random matrix, by Gram and Schmidt done twice. */
function orthogonal(n: number, seed: number): ReturnType<typeof randomTensor> {
  const rows = Array.from({ length: n }, () => Float64Array.from(elementsOf(randomTensor(generator(seed * 100 + n), [n * n]))));
  const all = rows[0]!;
  const q: Float64Array[] = [];
  for (let i = 0; i < n; i++) {
    const v = all.slice(i * n, (i + 1) * n);
    for (let twice = 0; twice < 2; twice++)
      for (const u of q) {
        const along = u.reduce((sum, x, k) => sum + x * v[k]!, 0);
        u.forEach((x, k) => {
          v[k]! -= along * x;
        });
      }
    const norm = Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
    q.push(v.map((x) => x / norm));
  }
  return fromArray(Float64Array.from(q.flatMap((row) => [...row])), { shape: [n, n], dtype: "f64" });
}
