/** @file Equivariance and invariance (CNN-7): convolutions move along with the image, global pooling stays, dense nets do neither. */
import { describe, expect, test } from "vitest";
import { type Maps, type Motion, moveImages, probe, usualMotions } from "../../src/inspect/probe.ts";
import { keyOf, manualSeed, normal } from "../../src/math/random.ts";
import { Conv2d, Flatten, GlobalAvgPool, type Layer, Linear, MaxPool2d, ReLU, Sequential } from "../../src/nn/index.ts";
import { ones } from "../../src/nn/initializers.ts";
import "../../src/runtime/evaluate.ts";

const SIDE = 24;

/** Noise in the middle, nothing around it: what is moved stays in the picture. */
function centred(margin = 9): Maps {
  const noise = normal(keyOf(3), [4, 1, SIDE, SIDE]).dataSync();
  const dark = (v: number) => v < margin || v >= SIDE - margin;
  const data = Float32Array.from(noise, (v, i) => (dark(Math.floor(i / SIDE) % SIDE) || dark(i % SIDE) ? 0 : Number(v)));
  return { shape: [4, 1, SIDE, SIDE], data };
}

const noise = (): Maps => ({ shape: [4, 1, SIDE, SIDE], data: Float32Array.from(normal(keyOf(4), [4, 1, SIDE, SIDE]).dataSync()) });

function convolutions(options = {}): Sequential {
  manualSeed(7);
  return new Sequential(new Conv2d(1, 6, 3, { padding: 1, ...options }), new ReLU(), new Conv2d(6, 8, 3, { padding: 1 }), new ReLU());
}

async function rowOf(model: Layer, images: Maps, motion: Motion) {
  const { rows } = await probe(model.eval(), images, { motions: [motion] });
  return rows[0];
}

const shift = (pixels: number): Motion => ({ name: `shift ${pixels}`, shift: pixels });

describe("images moved, by hand", () => {
  const image: Maps = { shape: [1, 1, 3, 3], data: [1, 2, 3, 4, 5, 6, 7, 8, 9] };
  test.each<[Motion, number[]]>([
    [shift(1), [1, 1, 2, 1, 1, 2, 4, 4, 5]],
    [{ name: "quarter turn", angle: 90 }, [3, 6, 9, 2, 5, 8, 1, 4, 7]],
    [{ name: "half turn", angle: 180 }, [9, 8, 7, 6, 5, 4, 3, 2, 1]],
    [{ name: "twice as large", scale: 2 }, [3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7]],
    [{ name: "nothing" }, [1, 2, 3, 4, 5, 6, 7, 8, 9]],
  ])("%j", (motion, want) => {
    expect([...moveImages(image, motion)]).toEqual(want);
  });
});

describe("features", () => {
  test.each([1, 2, 5])("of convolutions move along with a shift of %i, away from the border", async (pixels) => {
    const { equivariance, inside, invariance } = await rowOf(convolutions(), noise(), shift(pixels));
    expect(inside).toBe(true);
    expect(equivariance!).toBeLessThan(1e-6);
    expect(invariance!).toBeGreaterThan(0.3);
  });

  test("of convolutions with a stride move along with multiples of it", async () => {
    const model = convolutions({ stride: 2 });
    expect((await rowOf(model, noise(), shift(2))).equivariance!).toBeLessThan(1e-6);
    expect((await rowOf(model, noise(), shift(1))).equivariance!).toBeGreaterThan(0.1);
  });

  test("turn with the image where the kernel is the same from all sides, and only there", async () => {
    const turn = { name: "rotate 90°", angle: 90 };
    const even = new Sequential(new Conv2d(1, 1, 3, { padding: 1, weightInitializer: ones }), new ReLU());
    expect((await rowOf(even, noise(), turn)).equivariance!).toBeLessThan(1e-5);
    expect((await rowOf(convolutions(), noise(), turn)).equivariance!).toBeGreaterThan(0.2);
  });

  test("of a named layer; one that is not there is an error", async () => {
    const model = new Sequential(new Conv2d(1, 2, 3), new MaxPool2d(2), new Conv2d(2, 3, 3), new Flatten(), new Linear(3 * 81, 4));
    const { layer } = await probe(model.eval(), noise(), { motions: [shift(1)], layer: "0" });
    expect(layer).toEqual({ name: "0", shape: [1, 2, 22, 22], field: { size: [3, 3], stride: [1, 1], offset: [0, 0] } });
    expect((await probe(model, noise(), { motions: [] })).layer!.name).toBe("2");
    await expect(probe(model, noise(), { layer: "9" })).rejects.toThrow('probe: no layer "9" gives maps');
    await expect(probe(model, { shape: [4, 5], data: new Float32Array(20) })).rejects.toThrow("want images [N, C, H, W], got 2 axes");
  });
});

describe("answers", () => {
  const pooled = () => new Sequential(...convolutions(), new GlobalAvgPool(), new Flatten(), new Linear(8, 5));

  test("behind global pooling stay when things move within the picture", async () => {
    for (const pixels of [1, 4]) {
      const { outputs, unchanged, invariance } = await rowOf(pooled(), centred(), shift(pixels));
      expect(outputs).toBeLessThan(1e-5);
      expect(unchanged).toBe(1);
      expect(invariance!).toBeGreaterThan(0.1);
    }
  });

  test("of a dense net do not, and it has no maps", async () => {
    manualSeed(8);
    const dense = new Sequential(new Flatten(), new Linear(SIDE * SIDE, 32), new ReLU(), new Linear(32, 5));
    const row = await rowOf(dense, centred(), shift(2));
    expect(row.outputs).toBeGreaterThan(0.1);
    expect([row.equivariance, row.invariance]).toEqual([undefined, undefined]);
  });

  test("all the usual motions; none is nothing", async () => {
    const { rows } = await probe(pooled().eval(), noise());
    expect(rows.map(({ motion }) => motion)).toEqual(usualMotions(SIDE));
    const still = await rowOf(pooled(), noise(), { name: "nothing" });
    expect([still.equivariance, still.invariance, still.outputs, still.unchanged]).toEqual([0, 0, 0, 1]);
  });
});
