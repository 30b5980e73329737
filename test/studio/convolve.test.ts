/** @file The room Convolve: what it shows is what the lecture prints, and the sums that the page writes out are what the library computes. */
import fc from "fast-check";
import { expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { CONVOLUTIONS } from "../../src/studio/rooms/convolve-examples.ts";
import { convolve } from "../../src/studio/worker/convolve.ts";
import {
  type ConvolveChoice,
  FIRST_CONVOLUTION,
  outputSide,
  pooledPlaces,
  pooledSide,
  productsOf,
  readConvolution,
  sideOf,
  upstreamOf,
} from "../../src/studio/worker/convolve-choice.ts";

const example = (name: string): ConvolveChoice => CONVOLUTIONS.find((each) => each.name === name)!.choice;

test("the lecture’s numbers: 65 and the bias, 112 parameters, 28 more for a filter more, 200, nothing to learn", () => {
  const window = example("The lecture’s window");
  expect(convolve(window).outputs).toEqual([65]);
  expect(convolve({ ...window, bias: 1.5 }).outputs).toEqual([66.5]);
  expect(convolve(window).parameters).toBe(112);
  expect(convolve({ ...window, filters: 5 }).parameters).toBe(140);
  expect(convolve(example("A window of 3 × 3")).pooled).toEqual([200]);
  expect(convolve(example("1 × 1")).parameters).toBe(64 * 65);
});

test("every example is one, fits, and opens as it is", () => {
  for (const { choice } of CONVOLUTIONS) expect(readConvolution(choice)).toEqual(choice);
});

/** Any choice of the room. */
const choices: fc.Arbitrary<ConvolveChoice> = fc
  .record({ n: fc.integer({ min: 2, max: 8 }), k: fc.integer({ min: 1, max: 5 }) })
  .chain(({ n, k }) =>
    fc.record({
      image: fc.array(fc.integer({ min: -9, max: 9 }), { minLength: n * n, maxLength: n * n }),
      kernel: fc.array(fc.integer({ min: -3, max: 3 }), { minLength: k * k, maxLength: k * k }),
      bias: fc.integer({ min: -5, max: 5 }),
      stride: fc.integer({ min: 1, max: 3 }),
      padding: fc.integer({ min: 0, max: 2 }),
      dilation: fc.integer({ min: 1, max: 2 }),
      window: fc.integer({ min: 2, max: 4 }),
      poolStride: fc.integer({ min: 1, max: 4 }),
      pool: fc.constantFrom("max" as const, "mean" as const),
      filters: fc.constant(1),
      channels: fc.constant(1),
      right: fc.integer({ min: -2, max: 2 }),
      down: fc.integer({ min: -2, max: 2 }),
    }),
  )
  .filter((choice) => outputSide(choice) >= 1 && pooledSide(choice) >= 1);

test("the sums that the page writes out are the outputs, both derivatives and the pooled numbers; a shift inside changes nothing", () => {
  fc.assert(
    fc.property(choices, (choice) => {
      const found = convolve(choice);
      const { image, side } = found;
      expect(side).toBe(outputSide(choice));
      const upstream = upstreamOf(side * side);
      const [y, x, k] = [found.outputs, image, choice.kernel].map(({ length }) => new Array<number>(length).fill(0)) as [
        number[],
        number[],
        number[],
      ];
      for (const product of productsOf(choice)) {
        const pixel = image[product.x] ?? 0;
        y[product.y]! += pixel * choice.kernel[product.k]!;
        k[product.k]! += pixel * upstream[product.y]!;
        if (product.x >= 0) x[product.x]! += choice.kernel[product.k]! * upstream[product.y]!;
      }
      expect(found.outputs).toEqual(y.map((sum) => sum + choice.bias));
      // No sum is -0 here, and the library's may be.
      expect(found.kernelGradient.map((value) => value + 0)).toEqual(k.map((value) => value + 0));
      expect(found.inputGradient.map((value) => value + 0)).toEqual(x.map((value) => value + 0));
      expect(found.differences).toEqual([0, 0]);
      expect(found.pooledSide).toBe(pooledSide(choice));
      for (const [i, value] of found.pooled.entries()) {
        const window = pooledPlaces(choice, i).map((place) => image[place]!);
        if (choice.pool === "max") {
          expect(value).toBe(Math.max(...window));
          expect(image[found.winners[i]!]).toBe(value);
        } else expect(value).toBeCloseTo(window.reduce((a, b) => a + b, 0) / window.length, 12);
      }
      expect(found.moved ?? 0).toBe(0);
    }),
    { numRuns: 30 },
  );
});

test("what a link says wrongly is left out; where no window fits, the first one is shown", () => {
  expect(readConvolution({ stride: 0, kernel: [1, 2], image: "no", bias: Number.NaN, pool: "sum", filters: 2.5 })).toEqual(
    FIRST_CONVOLUTION,
  );
  expect(readConvolution({ image: [1, 2, 3, 4], kernel: new Array(25).fill(1) })).toEqual(FIRST_CONVOLUTION);
  expect(sideOf(readConvolution({ image: new Array(49).fill(1) }).image)).toBe(7);
  expect(readConvolution(undefined)).toEqual(FIRST_CONVOLUTION);
});
