/**
 * @file checkGradients and checkModel (AD-5): they pass what is right and name the worst entry of what is wrong.
 */
import { expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { customJvp, customVjp } from "../../src/function/control.ts";
import { checkGradients, checkModel } from "../../src/inspect/check.ts";
import { keyOf, normal } from "../../src/math/random.ts";
import * as nn from "../../src/nn/index.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";

test("a right derivative passes, whatever the structure of the arguments", () => {
  const report = checkGradients(
    (p: { w: Tensor; b: Tensor }, x: Tensor) => ({ y: x.matmul(p.w).add(p.b).tanh(), n: x.argmax(0) }),
    [
      {
        w: tensor([
          [1, 2],
          [3, 4],
        ]).mul(0.1),
        b: tensor([0.1, -0.2]),
      },
      tensor([[0.5, -0.5]]),
    ],
  );
  expect(report.passed, String(report)).toBe(true);
  expect(report.count).toBe(4 + 2 + 2 + 3 + 2);
});

test("a wrong derivative fails, and the report names the entry", () => {
  const wrong = customJvp(
    (x: Tensor) => x.sin(),
    ([x], [dx]) => ({ value: x.sin(), tangent: dx.mul(x.cos()).mul(tensor(Float64Array.of(1, 1, 2))) }),
  );
  const report = checkGradients((x: Tensor) => wrong(x), [tensor([0.1, 0.2, 0.3])]);
  expect(report.passed).toBe(false);
  const wrongEntries = report.findings.filter((f) => f.check === "reverse mode" && f.error > 1e-5 && !f.where.startsWith("a random"));
  expect(wrongEntries.map((f) => f.where)).toEqual(["0[2]"]);
  expect(String(report)).toMatch(/disagree.*expected .*, found /);
});

test("a model is checked in f64, and its cells stay as they are", () => {
  const model = new nn.Sequential(new nn.Linear(3, 4), new nn.Tanh(), new nn.Linear(4, 2));
  const before = model.parameters().map((p) => [...p.value.dataSync()]);
  const x = tensor([
    [1, 2, 3],
    [0, -1, 1],
  ]);
  const y = tensor(Int32Array.of(0, 1));
  const report = checkModel(model.parameters(), () => nn.crossEntropy(model.forward(x), y));
  expect(report.passed, String(report)).toBe(true);
  expect(report.worst.error).toBeLessThan(1e-7);
  expect(model.parameters().map((p) => [...p.value.dataSync()])).toEqual(before);
});

test("nothing to differentiate is an error that says so", () => {
  expect(() => checkGradients((x: Tensor) => x, [tensor(Int32Array.of(1))])).toThrow(/no float tensor/);
});

const scaledBy = (factors: Tensor): ((x: Tensor) => Tensor) =>
  customJvp(
    (x: Tensor) => x.sin(),
    ([x], [dx]) => ({ value: x.sin(), tangent: dx.mul(x.cos()).mul(factors) }),
  );

test("every odd entry wrong by a factor of two, or small gradients wrong: seen, however many entries there are", () => {
  const n = 3000;
  const x = tensor(Float64Array.from({ length: n }, (_, i) => Math.sin(i)));
  const odd = scaledBy(tensor(Float64Array.from({ length: n }, (_, i) => 1 + (i % 2))));
  expect(checkGradients((t: Tensor) => odd(t).mul(1e-7), [x], { secondOrder: false }).passed).toBe(false);
  const few = scaledBy(tensor(Float64Array.from({ length: n }, (_, i) => (i % 500 === 77 ? 2 : 1))));
  expect(checkGradients((t: Tensor) => few(t), [x], { entries: 1, secondOrder: false }).passed).toBe(false);
  const right = scaledBy(x.like(1));
  const report = checkGradients((t: Tensor) => right(t).mul(1e-7), [x], { secondOrder: false });
  expect(report.passed, String(report)).toBe(true);
});

test("kinks are no errors, wrong slopes beside them are", () => {
  const x = tensor(Float64Array.of(0, 1e-6, -3e-6, 0.5));
  const report = checkGradients((t: Tensor) => t.relu(), [x], { secondOrder: false });
  expect(report.passed, String(report)).toBe(true);
  expect(report.kinks).toBeGreaterThan(0);
  const wrong = customJvp(
    (t: Tensor) => t.relu(),
    ([t], [dt]) => ({ value: t.relu(), tangent: t.gt(0).where(dt.mul(1.5), 0) }),
  );
  expect(checkGradients((t: Tensor) => wrong(t), [x], { secondOrder: false }).passed).toBe(false);
});

test("functions that know only their backward rule, and layers with state of their own, are checked in f64", () => {
  const cube = customVjp((x: Tensor) => x.mul(x).mul(x), {
    forward: (x: Tensor) => ({ value: x.mul(x).mul(x), residuals: x }),
    backward: (x: Tensor, ct: Tensor) => [ct.mul(x).mul(x).mul(3)],
  });
  const report = checkGradients((x: Tensor) => cube(x), [tensor([0.5, -1.5])]);
  expect(report.passed, String(report)).toBe(true);
  expect(report.findings.some((f) => f.check === "forward against reverse")).toBe(false);

  const sequence = normal(keyOf(1), [3, 2, 4]);
  const images = normal(keyOf(2), [2, 3, 4, 4]);
  const layers: Record<string, [nn.Module, () => Tensor]> = {};
  const add = (name: string, layer: nn.Module, out: () => Tensor): void => {
    layers[name] = [layer, out];
  };
  const [lstm, gru, rnn] = [new nn.LSTM(4, 3), new nn.GRU(4, 3), new nn.RNN(4, 3)];
  add("LSTM", lstm, () => lstm.forward(sequence).output);
  add("GRU", gru, () => gru.forward(sequence).output);
  add("RNN", rnn, () => rnn.forward(sequence).output);
  const renorm = new nn.BatchRenorm(3);
  add("BatchRenorm", renorm, () => renorm.forward(images));
  const up = new nn.ConvTranspose2d(3, 2, 2, { stride: 2 });
  add("ConvTranspose2d", up, () => up.forward(images));
  for (const [name, [layer, out]] of Object.entries(layers)) {
    const found = checkModel(layer.parameters(), () => out().square().mean(), { entries: 10, secondOrder: false });
    expect(found.passed, `${name}: ${found}`).toBe(true);
  }
});
