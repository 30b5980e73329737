/**
 * @file compile with a memory budget: the same results, a plan that fits, cheap values computed again first, and a refusal that says the least
 * that can be reached. The orders of magnitude of AD-7 are in test/slow/recompute.test.ts.
 */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { compile } from "../../src/function/compile.ts";
import { backward, grad } from "../../src/function/derivative.ts";
import { recordFunction } from "../../src/function/recording.ts";
import { Linear } from "../../src/nn/linear.ts";
import { tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam } from "../../src/optim/adam.ts";
import { cutAtPeak, recompute } from "../../src/optimize/recompute.ts";
import { parseMemory } from "../../src/runtime/budget.ts";
import { Cell } from "../../src/runtime/cell.ts";
import { compileRegion } from "../../src/runtime/compile.ts";
import { optimize } from "../../src/runtime/passes.ts";
import { verification } from "../../src/runtime/verification.ts";
import { HostStorage } from "../../src/tape/node.ts";
import { tapeOfRegion } from "../../src/tape/tape.ts";
import { verifyRegion } from "../../src/tape/verify.ts";
import { expectClose } from "../function/backends.ts";
import { sized } from "../size.ts";

beforeAll(() => {
  verification.on = true;
});
afterAll(() => {
  verification.on = false;
});

type Layer = (h: Tensor) => Tensor;

let seed = 0;
/** Numbers without a pattern. */
const normal = (shape: [number, number?]): Tensor => {
  const [n, m = 1] = shape;
  return tensor(Float32Array.from({ length: n * m }, () => Math.sin(12.9 * ++seed) + Math.cos(78.2 * seed))).reshape(shape as number[]);
};

const run = (layers: readonly Layer[], x: Tensor): Tensor => layers.reduce((h, layer) => layer(h), x);

test("a training step whose cells are updated in place", () => {
  const scratch: number[] = [];
  const train = (memory?: string): number[] => {
    const cells = Array.from({ length: 12 }, (_, i) => new Cell(zeros([8, 8]).add(Math.cos(i)).mul(0.2), `w${i}`));
    const x = zeros([64, 8]).add(0.3);
    const step = compile(
      (h: Tensor) => {
        const { value, grads } = backward(
          () =>
            cells
              .reduce((y, w) => y.matmul(w.value).sin().add(y), h)
              .square()
              .mean(),
          cells,
        );
        for (const [i, w] of cells.entries()) w.set(w.value.sub(grads[i]!.mul(0.1)));
        return value;
      },
      memory ? { memory } : {},
    );
    const losses = Array.from({ length: 4 }, () => step(x).itemSync());
    scratch.push(step.footprint.scratch);
    return [...losses, ...cells.flatMap((w) => [...w.value.dataSync()])];
  };
  const want = train();
  expectClose(train("sqrt"), want, 1e-5);
  expectClose(train("25KiB"), want, 1e-5);
  expect(scratch[2]).toBeLessThanOrEqual(25 * 1024);
  expect(scratch[2]).toBeLessThan(0.7 * scratch[0]!);
});

test("cheap values go first: with room for all expensive ones no product is repeated", () => {
  const f = grad((w: Tensor, x: Tensor) =>
    run(
      Array(5).fill((h: Tensor) => h.matmul(w).exp().sin().exp().sin()),
      x,
    ).sum(),
  );
  const region = optimize(recordFunction(f, [zeros([8, 8]), zeros([64, 8])]).region);
  const cut = cutAtPeak(region)!;
  expect(cut.cheap.length).toBeGreaterThan(0);
  const count = (list: typeof region, op: string): number => tapeOfRegion(list).filter((i) => i.op.name === op).length;
  const tape = recompute(region, cut, cut.expensive.length)!;
  verifyRegion(tape);
  expect(count(tape, "dot")).toBe(count(region, "dot"));
  expect(count(tape, "exp") + count(tape, "sin")).toBeGreaterThan(count(region, "exp") + count(region, "sin"));
});

test("updates do not wait for the end, where all gradients would have to be kept", () => {
  const train = () => {
    const layers = Array.from({ length: 8 }, () => new Linear(64, 64));
    const parameters = layers.flatMap((layer) => layer.parameters());
    const adam = new Adam(parameters, { lr: 1e-3 });
    const loss = (x: Tensor): Tensor =>
      layers
        .reduce((h, layer) => layer.forward(h).relu(), x)
        .square()
        .mean();
    const step = compile((x: Tensor) => {
      const { value, grads } = backward(() => loss(x), parameters);
      adam.step(grads);
      return value;
    });
    step(zeros([32, 64]).add(0.3)).itemSync();
    return step.footprint;
  };
  expect(train().scratch).toBeLessThan(8 * 64 * 64 * 4);
});

test("any network, any number of slots: the same gradients", () => {
  // Each layer takes the last value, or an earlier one too.
  const kinds = ["plain", "residual", "skip", "normed", "gated", "cast"] as const;
  const layer = (kind: (typeof kinds)[number], w: Tensor, hs: readonly Tensor[]): Tensor => {
    const h = hs.at(-1)!;
    const z = h.matmul(w);
    if (kind === "residual") return h.add(z.tanh());
    if (kind === "skip") return z.sin().add(hs[Math.floor(hs.length / 2)]!.mul(0.5));
    if (kind === "normed") return z.sub(z.mean(1, { keepDims: true })).div(z.var(1, { keepDims: true }).add(1).sqrt());
    if (kind === "gated") return z.sigmoid().mul(h.exp().sub(1).tanh());
    return kind === "cast" ? z.cast("f32").relu().cast("f64").add(z) : z.relu();
  };
  const storageOf = (t: Tensor) => new HostStorage(t.dataSync());
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...kinds), { minLength: 1, maxLength: 9 }), fc.integer({ min: 0, max: 10 }), (net, slots) => {
      const args = [normal([6, 4]), ...net.map(() => normal([4, 4]).mul(0.4))].map((t) => t.cast("f64"));
      const loss = (x: Tensor, ws: Tensor[]): Tensor => {
        const hs = [x];
        for (const [i, w] of ws.entries()) hs.push(layer(net[i]!, w, hs));
        return hs.at(-1)!.square().sum();
      };
      const fn = (x: Tensor, ...ws: Tensor[]) => grad(([a, ...b]: Tensor[]) => loss(a!, b))([x, ...ws]);
      const recording = recordFunction(fn, args);
      const region = optimize(recording.region);
      const tape = recompute(region, cutAtPeak(region)!, slots)!;
      verifyRegion(tape);
      const executable = compileRegion(tape, recording);
      const got = executable.run(args.map(storageOf)).map((storage) => storage.readSync!());
      executable.dispose();
      expectClose(
        got.flatMap((part) => [...part]),
        fn(args[0]!, ...args.slice(1)),
        1e-9,
      );
    }),
    { numRuns: sized(12, 200) },
  );
});

test("memory in words", () => {
  expect([512, "512", "1.5KB", "512 MB", "2GiB", "sqrt"].map(parseMemory)).toEqual([512, 512, 1500, 512e6, 2 * 1024 ** 3, "sqrt"]);
  for (const wrong of ["much", "-1", "5 apples", 0, Number.NaN])
    expect(() => compile((x: Tensor) => x, { memory: wrong })).toThrow(/memory (is bytes|must be)/);
});
