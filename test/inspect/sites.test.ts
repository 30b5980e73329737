/** @file Sites: what is found on a tape, and that values and derivatives there are right. */
import { expect, test } from "vitest";
import { scan } from "../../src/index.ts";
import { SiteProgram } from "../../src/inspect/site-program.ts";
import type { Site } from "../../src/inspect/sites.ts";
import { keyOf, normal } from "../../src/math/random.ts";
import * as nn from "../../src/nn/index.ts";
import { watch } from "../../src/nn/watch.ts";
import { zeros } from "../../src/ops/create.ts";
import { elementsOf, type Tensor } from "../../src/ops/tensor.ts";
import { crossEntropy, manualSeed, targetsFor } from "./nets.ts";
import "../../src/runtime/evaluate.ts";

const read = async (model: nn.Layer, shape: readonly number[], classes: number) => {
  const x = normal(keyOf(3), [4, ...shape]);
  const y = targetsFor(4, classes);
  const program = new SiteProgram(model, crossEntropy);
  const reading = await program.read({ x, y, lengths: undefined });
  return { x, y, program, reading };
};

const brief = (sites: readonly Site[]): string[] =>
  sites.map(({ kind, name, from }) => `${kind} ${name} <- ${from.map((each) => each.join()).join(" | ")}`);

const largestGap = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), a.length === b.length ? 0 : 1);

class Own extends nn.Module {
  a = new nn.Conv2d(2, 4, 3, { padding: 1 });
  norm = new nn.BatchNorm2d(4);
  b = new nn.Conv2d(4, 4, 3, { padding: 1 });
  c = new nn.Linear(4 * 4 * 4, 3);

  forward(x: Tensor): Tensor {
    const h = this.norm.forward(this.a.forward(x)).relu();
    const sum = h.add(this.b.forward(h).tanh());
    return this.c.forward(sum.reshape([x.shape[0]!, -1]));
  }
}

test.each([true, false])("user code counts, with its lines; training mode %s", async (training) => {
  manualSeed(1);
  const { reading } = await read(new Own().train(training), [2, 4, 4], 3);
  expect(brief(reading.list.sites)).toEqual([
    "linear a <- -1",
    "norm norm after a <- 0",
    "activation relu after a <- 1",
    "linear b <- 2",
    "activation tanh after b <- 3",
    "join join after a <- 2 | 4",
    "linear c <- 5",
  ]);
  const relu = reading.list.sites[2]!;
  expect(relu.line).toMatch(/sites\.test\.ts:\d+:\d+$/);
  expect(relu.unitAxis).toBe(1);
  expect(reading.list.last).toBe(6);
});

test("activations of many instructions are one site, whatever stands around them", async () => {
  manualSeed(2);
  const layers = [new nn.GELU(), new nn.SiLU(), new nn.PReLU(), new nn.Softplus(), new nn.Mish(), new nn.ELU(), new nn.Hardswish()];
  const model = new nn.Sequential(
    ...layers.flatMap((layer) => [new nn.Linear(6, 6), layer]),
    new nn.Dropout(0.5),
    new nn.LayerNorm(6),
    new nn.Linear(6, 3),
  );
  const { reading } = await read(model, [6], 3);
  const kinds = reading.list.sites.map(({ kind }) => kind);
  expect(kinds).toEqual([...layers.flatMap(() => ["linear", "activation"]), "norm", "linear"]);
  expect(reading.list.sites.filter(({ kind }) => kind === "activation").map(({ op }) => op)).toEqual([
    "gelu",
    "silu",
    "prelu",
    "softplus",
    "mish",
    "elu",
    "hardswish",
  ]);
});

test("values and derivatives are those of `watch`, and slopes divide one by the other", async () => {
  manualSeed(3);
  const model = new nn.Sequential(new nn.Linear(5, 6), new nn.Tanh(), new nn.Linear(6, 6), new nn.SiLU(), new nn.Linear(6, 3));
  const { reading, x, y } = await read(model, [5], 3);
  const modules = [...model];
  const { seen } = watch(modules, () => crossEntropy(model.forward(x), y));
  for (const [i, site] of reading.at.entries()) {
    const [sighting] = seen.get(modules[i]!)!;
    const near = (found: ArrayLike<number>, want: Tensor): void => expect(largestGap(found, elementsOf(want))).toBeLessThan(1e-6);
    near(site.output.data, sighting!.output);
    near(site.cotangent.data, sighting!.gradient);
    if (site.slope) {
      const product = Float32Array.from(site.slope.data, (g, k) => g * site.cotangent.data[k]!);
      expect(largestGap(site.inputCotangents[0]!.data, product)).toBeLessThan(1e-6);
    }
  }
});

test("sites are recorded once per program, and cells keep their values", async () => {
  manualSeed(4);
  const model = new Own();
  const { program, x, y } = await read(model, [2, 4, 4], 3);
  const before = [...elementsOf(model.norm.running_mean!.value)];
  await program.read({ x, y, lengths: undefined });
  expect(program.recordings).toBe(1);
  await program.read({ x: x.slice([0, 0, 0, 0], [2, 2, 4, 4]), y: y.slice([0], [2]), lengths: undefined });
  expect(program.recordings).toBe(2);
  expect([...elementsOf(model.norm.running_mean!.value)]).toEqual(before);
  expect(Object.keys(model.a)).not.toContain("forward");
});

test("behind dropout activations are found as before it", async () => {
  manualSeed(8);
  const model = new nn.Sequential(
    new nn.Linear(4, 4),
    new nn.Dropout(0.5),
    new nn.Linear(4, 4),
    new nn.ReLU(),
    new nn.Dropout(0.5),
    new nn.Linear(4, 3),
  );
  const { reading } = await read(model, [4], 3);
  expect(reading.list.sites.map(({ name }) => name)).toEqual(["0", "2", "relu after 2", "5"]);
});

test("loops are said, not passed over", async () => {
  manualSeed(5);
  class Recurrent extends nn.Module {
    cell = new nn.Linear(3, 3);
    out = new nn.Linear(3, 2);

    forward(x: Tensor): Tensor {
      const [h] = scan(
        (state: Tensor, slice: Tensor) => [this.cell.forward(state).add(slice).tanh(), slice] as const,
        zeros([x.shape[0]!, 3]),
        x.transpose([1, 0, 2]),
      );
      return this.out.forward(h);
    }
  }
  const { reading } = await read(new Recurrent(), [5, 3], 2);
  expect(reading.list.sites.map(({ name }) => name)).toEqual(["out"]);
  expect(reading.list.hidden).toHaveLength(1);
  expect(reading.list.hidden[0]).toMatchObject({ op: "scan" });
});

test("parameters that no gradient reaches are named", async () => {
  manualSeed(6);
  class Detached extends nn.Module {
    a = new nn.Linear(4, 4);
    b = new nn.Linear(4, 3);

    forward(x: Tensor): Tensor {
      return this.b.forward(this.a.forward(x).relu().stopGradient());
    }
  }
  const { reading } = await read(new Detached(), [4], 3);
  expect(reading.list.unreached).toEqual(["a.weight", "a.bias"]);
  expect(reading.gradients.get("b.weight")).toBeGreaterThan(0);
});

test("shared layers have a site for each call, and blocks of checkpoint are open", async () => {
  manualSeed(7);
  const shared = new nn.Linear(4, 4);
  const { reading } = await read(new nn.Sequential(shared, new nn.Tanh(), shared, new nn.Linear(4, 3)), [4], 3);
  expect(reading.list.sites.map(({ name }) => name)).toEqual(["0", "tanh after 0", "0 #2", "3"]);
});
