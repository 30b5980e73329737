/** @file What stands in a module's properties keeps to its kind: nothing takes a parameter's place silently. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { backward, grad } from "../../src/function/derivative.ts";
import * as nn from "../../src/nn/index.ts";
import { tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { SGD } from "../../src/optim/index.ts";

/** Assigns as a program in JavaScript does, which no type holds back. */
const assign = (owner: object, name: PropertyKey, value: unknown): void => {
  (owner as Record<PropertyKey, unknown>)[name] = value;
};

const x = tensor([[1, 2]]);

class Net extends nn.Module {
  readonly fc = new nn.Linear(2, 2);
  readonly scale = new nn.Parameter(tensor([1, 1]));
  readonly list = [new nn.Parameter(tensor([1, 1])), new nn.Linear(2, 2)] as const;
  readonly named = { a: new nn.Parameter(tensor([1, 1])) };
  readonly map = new Map([["b", new nn.Parameter(tensor([1, 1]))]]);
  forward(input: Tensor): Tensor {
    return this.fc.forward(input).mul(this.scale);
  }
}

describe("right after construction", () => {
  const layers: [string, () => nn.Module, string][] = [
    ["Linear", () => new nn.Linear(2, 2), "weight"],
    ["Linear's bias", () => new nn.Linear(2, 2), "bias"],
    ["a bias that is not there", () => new nn.Linear(2, 2, { bias: false }), "bias"],
    ["Bilinear", () => new nn.Bilinear(2, 2, 2), "weight"],
    ["Conv2d", () => new nn.Conv2d(1, 1, 3), "weight"],
    ["Conv2d without bias", () => new nn.Conv2d(1, 1, 3, { bias: false }), "bias"],
    ["ConvTranspose2d", () => new nn.ConvTranspose2d(1, 1, 3), "bias"],
    ["BatchNorm2d", () => new nn.BatchNorm2d(2), "weight"],
    ["BatchNorm2d without weights", () => new nn.BatchNorm2d(2, { affine: false }), "bias"],
    ["LayerNorm", () => new nn.LayerNorm(2), "weight"],
    ["RMSNorm", () => new nn.RMSNorm(2), "bias"],
    ["GroupNorm", () => new nn.GroupNorm(1, 2), "bias"],
    ["GlobalResponseNorm", () => new nn.GlobalResponseNorm(2), "weight"],
    ["Embedding", () => new nn.Embedding(3, 2), "weight"],
    ["EmbeddingBag", () => new nn.EmbeddingBag(3, 2), "weight"],
    ["PReLU", () => new nn.PReLU(), "weight"],
    ["RBF", () => new nn.RBF(2, 2), "sigma"],
    ["MultiHeadAttention", () => new nn.MultiHeadAttention(2, 1), "in_proj_weight"],
    ["LSTM", () => new nn.LSTM(2, 2), "weight_ih_l0"],
    ["GRU", () => new nn.GRU(2, 2, { bidirectional: true }), "bias_hh_l0_reverse"],
    ["RNNCell", () => new nn.RNNCell(2, 2), "weight_hh"],
    ["ParameterList", () => new nn.ParameterList([zeros([2])]), "0"],
    ["ParameterDict", () => new nn.ParameterDict({ a: zeros([2]) }), "a"],
  ];
  test.each(layers)("%s", (_, make, name) => {
    const layer = make();
    const before = (layer as unknown as Record<string, unknown>)[name];
    for (const wrong of [zeros([2, 2]), 3, [1, 2], "text", new nn.Linear(2, 2), () => 1]) {
      expect(() => assign(layer, name, wrong), String(wrong)).toThrow(
        new RegExp(`^${layer.constructor.name}: ${name} is a parameter, got .*\\.set\\(tensor\\)`),
      );
    }
    expect((layer as unknown as Record<string, unknown>)[name]).toBe(before);
  });

  test("running statistics are state", () => {
    const norm = new nn.BatchNorm2d(2);
    expect(() => assign(norm, "running_mean", zeros([2]))).toThrow(
      /BatchNorm2d: running_mean is a cell of state, got a Tensor, which would be neither/,
    );
    expect(() => assign(norm, "running_mean", new nn.Parameter(zeros([2])))).toThrow(/running_mean is a cell of state, got a Parameter/);
    assign(norm, "running_mean", new nn.State(zeros([2])));
  });

  test("layers of a Sequential, a list and a dict", () => {
    const owners = [new nn.Sequential(new nn.ReLU()), new nn.ModuleList([new nn.ReLU()]), new nn.ModuleDict({ 0: new nn.ReLU() })];
    for (const owner of owners)
      for (const wrong of [new nn.Parameter(zeros([2])), zeros([2]), 1, (t: Tensor) => t.relu()])
        expect(() => assign(owner, 0, wrong)).toThrow(/: 0 is a module, got .*; assign a module, or undefined to take it out/);
  });
});

describe("a module of one's own", () => {
  const wrong: [string, unknown, RegExp][] = [
    [
      "scale",
      tensor([2, 2]),
      /Net: scale is a parameter, got a Tensor, which would be neither trained nor saved in its place; set its value by scale.set/,
    ],
    ["scale", 2, /scale is a parameter, got 2/],
    ["fc", tensor([2, 2]), /fc is a module, got a Tensor/],
    ["fc", new nn.Parameter(tensor([2, 2])), /fc is a module, got a Parameter/],
    ["fc", (t: Tensor) => t, /fc is a module, got a function/],
  ];
  for (const [after, touch] of [
    ["parameters()", (net: Net) => net.parameters()],
    ["forward", (net: Net) => net.forward(x)],
    ["train()", (net: Net) => net.train()],
    ["stateDict()", (net: Net) => net.stateDict()],
  ] as const)
    test.each(wrong)(`after ${after}: %s = %s`, (name, value, message) => {
      const net = new Net();
      touch(net);
      expect(() => assign(net, name, value)).toThrow(message);
      expect(net.namedParameters().length).toBe(8);
    });

  test("a parameter of a list, an object or a map", () => {
    for (const spoil of [
      (net: Net) => assign(net.list, 0, tensor([1, 1])),
      (net: Net) => assign(net.list, 1, tensor([1, 1])),
      (net: Net) => assign(net.named, "a", 3),
      (net: Net) => (net.map as Map<string, unknown>).set("b", tensor([1, 1])),
    ]) {
      const net = new Net();
      net.parameters();
      spoil(net);
      expect(() => net.parameters()).toThrow(/Net: (list\.0|list\.1|named\.a|map\.b) is a (parameter|module), got (a Tensor|3)/);
    }
  });

  test("within forward, compiled or not", () => {
    class Bad extends Net {
      override forward(input: Tensor): Tensor {
        assign(this, "scale", this.scale.value.mul(2));
        return super.forward(input);
      }
    }
    expect(() => new Bad().forward(x)).toThrow("Bad: scale is a parameter");
    const net = new Bad();
    expect(() => compile((input: Tensor) => net.forward(input))(x)).toThrow("Bad: scale is a parameter");
    expect(() => backward(() => net.forward(x).sum(), new Net().parameters())).toThrow("Bad: scale is a parameter");
  });

  test("what is deleted is missed by name, and undefined takes it out", () => {
    for (const make of [() => new nn.Linear(2, 2), () => Object.assign(new nn.Linear(2, 2), { more: 1 })]) {
      const layer = make();
      Reflect.deleteProperty(layer, "bias");
      for (const use of [() => layer.parameters(), () => layer.stateDict(), () => layer.train(), () => layer.forward(x)])
        expect(use).toThrow("Linear: bias was deleted; to take it out assign undefined, and the module knows");
      const other = make();
      assign(other, "bias", null);
      expect(other.namedParameters().map(([name]) => name)).toEqual(["weight"]);
      expect(other.forward(x).shape).toEqual([1, 2]);
      expect(() => assign(other, "bias", zeros([2]))).toThrow("Linear: bias is a parameter");
      assign(other, "bias", new nn.Parameter(zeros([2])));
      expect(other.parameters().length).toBe(2);
    }
  });
});

describe("what is right stays right", () => {
  test("weights are tied, heads replaced, and entries of dicts taken out", () => {
    const [a, b] = [new nn.Linear(2, 2), new nn.Linear(2, 2)];
    assign(b, "weight", a.weight);
    expect(new nn.Sequential(a, b).parameters().length).toBe(3);
    assign(b, "bias", a.bias);
    expect(b.forward(x).toArray()).toEqual(a.forward(x).toArray());
    const net = new Net();
    net.parameters();
    assign(net, "fc", new nn.Sequential(new nn.Linear(2, 3), new nn.Linear(3, 2)));
    expect(net.namedParameters().map(([name]) => name)).toContain("fc.1.bias");
    const dict = new nn.ParameterDict({ a: zeros([2]) });
    expect([dict.delete("a"), dict.delete("a"), dict.size, dict.parameters().length]).toEqual([true, false, 0, 0]);
    expect(dict.set("a", zeros([3])).get("a")!.shape).toEqual([3]);
  });

  test("a recurrent layer computes with the parameter that was assigned", () => {
    for (const layer of [new nn.LSTMCell(2, 2), new nn.LSTM(2, 2)]) {
      const name = layer instanceof nn.LSTM ? "weight_ih_l0" : "weight_ih";
      assign(layer, name, new nn.Parameter(zeros([8, 2])));
      const of = (input: Tensor): unknown => (layer instanceof nn.LSTM ? layer.forward(input).output : layer.forward(input).h).toArray();
      expect(of(tensor([[1, 2]]))).toEqual(of(tensor([[3, 4]])));
      expect(layer.namedParameters().length).toBe(4);
    }
  });

  test("a compiled function notices a parameter, and a layer, in another's place", () => {
    const net = new nn.Sequential(new nn.Linear(2, 2));
    const run = compile((input: Tensor) => net.forward(input));
    run(x);
    assign(net[0]!, "weight", new nn.Parameter(zeros([2, 2])));
    assign(net[0]!, "bias", undefined);
    expect(run(x).toArray()).toEqual([[0, 0]]);
    assign(net, 0, new nn.Flatten());
    expect(run(x).toArray()).toEqual([[1, 2]]);
  });

  test("training and reparameterized layers", () => {
    const layer = nn.withWeightNorm(new nn.Linear(2, 2));
    const optimizer = new SGD(layer.parameters(), { lr: 0.1 });
    optimizer.step(backward(() => layer.forward(x).square().sum(), layer.parameters()).grads);
    expect(() => assign(layer, "weight", zeros([2, 2]))).toThrow(
      /Linear: weight is computed from other parameters, got a Tensor.*removeReparameterization/,
    );
    nn.removeReparameterization(layer);
    expect(
      layer
        .namedParameters()
        .map(([name]) => name)
        .sort(),
    ).toEqual(["bias", "weight"]);
    expect(() => assign(layer, "weight", zeros([2, 2]))).toThrow("Linear: weight is a parameter");
  });

  test("fields that are tensors and numbers are constants", () => {
    class Masked extends nn.Module {
      mask = tensor([1, 0]);
      rate = 1;
      forward(input: Tensor): Tensor {
        return input.mul(this.mask).mul(this.rate);
      }
    }
    const net = new Masked();
    net.parameters();
    [net.mask, net.rate] = [tensor([0, 1]), 3];
    expect(net.forward(x).toArray()).toEqual([[0, 6]]);
  });
});

describe("a tensor is no array", () => {
  const f = (n: unknown): number => n as number;
  const loose = x as unknown as number[];
  const uses: [string, () => unknown, RegExp][] = [
    [
      "x.length",
      () => loose.length,
      /^x\.length: a tensor is no array; its sizes are x\.shape and x\.size, and its numbers are await x\.data\(\)/,
    ],
    ["x[0]", () => loose[0], /^x\[0\]: a tensor is no array; element 0 along the first axis is x\.select\(0, 0\)/],
    ["x[-1]", () => loose[-1], /x\.select\(0, -1\)/],
    ["x[0] = 1", () => assign(x, 0, 1), /^x\[0\]: a tensor is no array/],
    ["a loop", () => Array.from({ length: f(loose.length) }), /a tensor is no array/],
    ["Array.from", () => Array.from(loose), /a tensor is no array/],
    ["Float32Array.from", () => Float32Array.from(loose), /a tensor is no array/],
    ["new Float32Array", () => new Float32Array(loose), /a tensor is no array/],
    [
      "destructuring",
      () => {
        const [a] = loose;
        return a;
      },
      /not iterable/,
    ],
    ["spreading", () => [...loose], /not iterable/],
    ["within grad", () => grad((t: Tensor) => t.mul((t as unknown as number[])[0]!).sum())(x), /x\[0\]: a tensor is no array/],
    ["a parameter", () => (new nn.Parameter(x) as unknown as number[])[0], /a tensor is no array/],
    ["the length of a parameter", () => (new nn.Parameter(x) as unknown as number[]).length, /a tensor is no array/],
  ];
  test.each(uses)("%s", (_, use, message) => expect(use).toThrow(message));

  test("what looks at tensors still may", () => {
    expect(Array.isArray(x)).toBe(false);
    expect({ ...x }).toHaveProperty("shape");
    expect(JSON.stringify({ x })).toBe('{"x":[[1,2]]}');
    expect(structuredClone({ shape: x.shape })).toEqual({ shape: [1, 2] });
  });
});
