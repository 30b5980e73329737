/** @file Looking into modules: hooks, watching, groups of parameters, lists, and calls with other weights. */
import { describe, expect, test } from "vitest";
import { grad, jvp } from "../../src/function/derivative.ts";
import { vmap } from "../../src/function/vmap.ts";
import { keyOf, normal } from "../../src/math/random.ts";
import * as nn from "../../src/nn/index.ts";
import { ones, stack, tensor } from "../../src/ops/create.ts";
import { Tensor } from "../../src/ops/tensor.ts";
import { decayGroups } from "../../src/optim/index.ts";
import "../../src/runtime/evaluate.ts";

const list = (x: Tensor): number[] => [...x.dataSync()];
const doubling = (): nn.Linear => new nn.Linear(2, 2, { bias: false, weightInitializer: nn.initializers.identity(2) });

describe("hooks", () => {
  test("see inputs and output, may replace it, and go away", () => {
    const layer = new nn.ReLU();
    const seen: unknown[] = [];
    const remove = layer.onForward((inputs, output) => {
      seen.push(inputs[0], output);
    });
    const replace = layer.onForward((_, output) => (output as Tensor).mul(10));
    const x = tensor([-1, 2]);
    expect(list(layer.forward(x))).toEqual([0, 20]);
    expect(seen[0]).toBe(x);
    expect(list(seen[1] as Tensor)).toEqual([0, 2]);
    remove();
    expect(list(layer.forward(x))).toEqual([0, 20]);
    replace();
    expect(list(layer.forward(x))).toEqual([0, 2]);
    expect(seen.length).toBe(2);
    expect(Object.hasOwn(layer, "forward")).toBe(false);
  });

  test("in a sequence", () => {
    const model = new nn.Sequential(doubling(), new nn.ReLU());
    model[0].onForward((_, y) => (y as Tensor).neg());
    expect(list(model.forward(tensor([[1, -1]])))).toEqual([0, 2]);
  });
});

describe("watch", () => {
  test("input, output and gradient of each call", () => {
    const layer = doubling();
    const x = tensor([[1, 3]]);
    // y = 2·2x twice, loss Σ y²: the gradient at the second output is 2y = 8x, at the first 2·8x.
    const { value, seen } = nn.watch([layer], () => layer.forward(layer.forward(x)).square().sum());
    expect(value.itemSync()).toBe(160);
    const [first, second] = seen.get(layer)!;
    expect([list(first.inputs[0]), list(first.output), list(first.gradient)]).toEqual([
      [1, 3],
      [2, 6],
      [16, 48],
    ]);
    expect([list(second.inputs[0]), list(second.output), list(second.gradient)]).toEqual([
      [2, 6],
      [4, 12],
      [8, 24],
    ]);
  });

  test("every child of a transformer's layers is seen", () => {
    const [x, memory] = [normal(keyOf(1), [2, 3, 4]), normal(keyOf(2), [2, 5, 4])];
    const layers = [
      [new nn.TransformerEncoderLayer(4, 2, { hidden: 8, dropout: 0 }), 2],
      [new nn.TransformerDecoderLayer(4, 2, { hidden: 8, dropout: 0, normFirst: true }), 3],
    ] as const;
    for (const [layer, norms] of layers) {
      const parts = layer.modules().filter((part) => part instanceof nn.Linear || part instanceof nn.LayerNorm);
      const { seen } = nn.watch(parts, () =>
        layer
          .forward(x, (norms === 3 ? memory : undefined) as never)
          .square()
          .sum(),
      );
      expect(parts.filter((part) => part instanceof nn.LayerNorm)).toHaveLength(norms);
      for (const part of parts) {
        const [{ output, gradient }] = seen.get(part)!;
        expect(gradient.shape).toEqual(output.shape);
        expect(gradient.square().sum().itemSync()).toBeGreaterThan(0);
      }
    }
  });

  test("cells are written once, and hooks are gone", () => {
    const norm = new nn.BatchNorm1d(2);
    nn.watch([norm], () =>
      norm
        .forward(tensor([[1, 2], [3, 5]])) // biome-ignore format: a matrix
        .sum(),
    );
    expect(norm.num_batches_tracked!.value.itemSync()).toBe(1);
    expect(Object.hasOwn(norm, "forward")).toBe(false);
  });
});

describe("groups of parameters", () => {
  const model = new nn.ModuleList([
    new nn.Conv2d(1, 2, 3),
    new nn.BatchNorm2d(2),
    new nn.Flatten(),
    new nn.LSTM(4, 2),
    new nn.Linear(2, 2),
  ]);
  const names = (parameters: readonly nn.Parameter[]): string[] => {
    const known = new Map(model.namedParameters().map(([name, p]) => [p, name]));
    return parameters.map((p) => known.get(p)!);
  };

  test("biases and norm parameters do not decay", () => {
    const groups = decayGroups(model.namedParameters(), 0.1);
    expect(groups.map(({ weightDecay }) => weightDecay)).toEqual([0.1, 0]);
    const [decay, noDecay] = groups.map(({ parameters }) => names([...parameters] as nn.Parameter[]));
    expect(decay).toEqual(["0.weight", "3.weight_ih_l0", "3.weight_hh_l0", "4.weight"]);
    expect(noDecay).toEqual(["0.bias", "1.weight", "1.bias", "3.bias_ih_l0", "3.bias_hh_l0", "4.bias"]);
  });

  test("by the owner, each parameter in one group", () => {
    const [norms, head, rest] = nn.groupParameters(
      model,
      (_, __, owner) => owner instanceof nn.BatchNorm,
      (name) => name.startsWith("4."),
    );
    expect([names(norms), names(head)]).toEqual([
      ["1.weight", "1.bias"],
      ["4.weight", "4.bias"],
    ]);
    expect(norms.length + head.length + rest.length).toBe(model.parameters().length);
  });
});

test("a list holds modules under their numbers", () => {
  const modules = new nn.ModuleList([new nn.ReLU()]).push(new nn.Linear(2, 1));
  expect(modules.length).toBe(2);
  expect([...modules.stateDict().keys()]).toEqual(["1.weight", "1.bias"]);
  expect(modules.namedModules().map(([name]) => name)).toEqual(["", "0", "1"]);
});

describe("functionalCall", () => {
  test("differentiates by weights that are not the module's own", () => {
    const layer = doubling();
    const loss = (weight: Tensor): Tensor => nn.functionalCall(layer, { weight }, () => layer.forward(ones([1, 2])).sum()).result;
    expect(list(grad(loss)(ones([2, 2])))).toEqual([1, 1, 1, 1]);
    expect(jvp(loss)([ones([2, 2])], [ones([2, 2])]).tangent.itemSync()).toBe(4);
    expect(list(layer.weight.value)).toEqual([2, 0, 0, 2]);
  });

  test("an ensemble under vmap", () => {
    const layer = doubling();
    const weights = stack([ones([2, 2]), ones([2, 2]).mul(3)]);
    const run = vmap((weight: Tensor) => nn.functionalCall(layer, { weight }, () => layer.forward(ones([1, 2])).sum()).result);
    expect(list(run(weights))).toEqual([4, 12]);
  });

  test("state comes back instead of being written", () => {
    const norm = new nn.BatchNorm1d(1);
    const { state } = nn.functionalCall(norm, {}, () => norm.forward(tensor([[0], [2]])));
    expect(Object.keys(state)).toEqual(["running_mean", "running_var", "num_batches_tracked"]);
    expect(state.running_mean.itemSync()).toBeCloseTo(0.1);
    expect(norm.running_mean!.value.itemSync()).toBe(0);
    expect(state.running_mean).toBeInstanceOf(Tensor);
  });
});
