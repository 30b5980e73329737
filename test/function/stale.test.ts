/**
 * @file A compiled function gives what the plain function gives, whatever of modules and optimizers has changed since it was recorded; what
 * cannot be noticed is found by `{ debug: "stale" }`.
 */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { backward } from "../../src/function/derivative.ts";
import { LeakyReLU, ReLU, Tanh } from "../../src/nn/activation.ts";
import { BatchNorm1d } from "../../src/nn/batch-norm.ts";
import { Conv1d } from "../../src/nn/conv.ts";
import { Linear } from "../../src/nn/linear.ts";
import { type Layer, Module } from "../../src/nn/module.ts";
import { ModuleDict } from "../../src/nn/module-dict.ts";
import { Parameter } from "../../src/nn/parameter.ts";
import { removeReparameterization, withWeightNorm } from "../../src/nn/reparameterize.ts";
import { Sequential } from "../../src/nn/sequential.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { AdamW } from "../../src/optim/adamw.ts";
import { SGD } from "../../src/optim/sgd.ts";
import { changes } from "../../src/runtime/watch.ts";
import { elements } from "./backends.ts";

const x = (): Tensor => tensor([[1, -2, 3, -4]]);

/** Type-free access to fields that are read-only in types, as plain JavaScript has it. */
// biome-ignore lint/suspicious/noExplicitAny: the point is to change what the types forbid.
const loose = (object: object): any => object;

class Block extends Module {
  scale = 2;
  readonly sizes = [1, [2, 3]];
  readonly options: { factor: number; extra?: number } = { factor: 1 };
  readonly table = new Map([["shift", 1]]);
  readonly layers: Layer[] = [new Tanh()];
  inner: Layer = new Linear(4, 4);
  declare offset?: number;
  forward(input: Tensor): Tensor {
    let y = this.inner.forward(input).mul(this.scale).mul(this.options.factor);
    for (const layer of this.layers) y = layer.forward(y);
    const [a, [b, c]] = this.sizes as [number, [number, number]];
    return y.add(a + b * c + (this.options.extra ?? 0) + this.table.get("shift")! + (this.offset ?? 0));
  }
  encode(input: Tensor): Tensor {
    return input.mul(this.scale);
  }
}

describe("after a change of a module the compiled function gives what the function gives", () => {
  const CASES: readonly [string, () => { model: Layer; change: () => unknown }][] = [
    ["a number", () => field((b) => (b.scale = 3))],
    ["a number becomes -0", () => field((b) => (b.scale = -0))],
    ["an element of a list", () => field((b) => (b.sizes[0] = 7))],
    ["an element of a list in a list", () => field((b) => (b.sizes[1][1] = 7))],
    ["an option", () => field((b) => (b.options.factor = 5))],
    ["an option that was missing", () => field((b) => (b.options.extra = 5))],
    ["an entry of a map", () => field((b) => b.table.set("shift", 9))],
    ["a replaced layer", () => field((b) => (b.inner = new Linear(4, 4)))],
    [
      "a replaced parameter",
      () =>
        field(
          (b) =>
            (b.inner.weight = new Parameter(
              tensor([
                [1, 0, 0, 0],
                [0, 1, 0, 0],
                [0, 0, 1, 0],
                [0, 0, 0, 1],
              ]),
            )),
        ),
    ],
    ["a layer in a list", () => field((b) => (b.layers[0] = new ReLU()))],
    ["one more layer in a list", () => field((b) => b.layers.push(new ReLU()))],
    ["a method of one object", () => field((b) => (b.forward = (input: Tensor) => input))],
    ["a hook", () => field((b) => b.onForward((_: unknown, y: Tensor) => y.mul(10)))],
    ["a hook of a layer inside", () => field((b) => b.inner.onForward((_: unknown, y: Tensor) => y.mul(10)))],
    ["a field that was missing", () => field((b) => (b.offset = 100))],
    ["a field of a layer inside that was missing", () => field((b) => (b.inner.forward = (input: Tensor) => input))],
    ["a field made anew with the value of another kind", () => field((b) => Object.assign(b, { scale: 5, inner: new Tanh() }))],
    ["a bias taken away", () => field((b) => (b.inner.bias = undefined))],
    [
      "an option of an activation",
      () => {
        const layer = new LeakyReLU();
        return {
          model: new Sequential(layer),
          change: () => Object.assign(layer, { options: { negativeSlope: 0.5 }, negativeSlope: 0.5 }),
        };
      },
    ],
    [
      "a layer of a sequence, and one more",
      () => {
        const model = new Sequential(new Linear(4, 4), new Tanh());
        return { model, change: () => Object.assign(model, { 1: new ReLU(), 2: new ReLU() }) };
      },
    ],
    [
      "an option of a norm",
      () => {
        const model = new BatchNorm1d(4);
        model.eval();
        return { model, change: () => Object.assign(model, { eps: 3 }) };
      },
    ],
    [
      "a normalized weight made plain again",
      () => {
        const layer = withWeightNorm(new Linear(4, 4));
        return { model: layer, change: () => removeReparameterization(layer) };
      },
    ],
  ];

  // biome-ignore lint/suspicious/noExplicitAny: see above.
  function field(change: (block: any) => unknown): { model: Layer; change: () => unknown } {
    const model = new Block();
    return { model, change: () => change(loose(model)) };
  }

  test.each(CASES)("%s", (_, make) => {
    const { model, change } = make();
    const f = compile((input: Tensor) => model.forward(input));
    f(x());
    f(x());
    expect(f.recompilations).toBe(1);
    change();
    const plain = elements(model.forward(x()));
    elements(f(x())).forEach((y, i) => {
      expect(y).toBeCloseTo(plain[i]!, 5);
    });
    const { recompilations } = f;
    f(x());
    expect(f.recompilations).toBe(recompilations);
  });

  test("and when it is changed back, the old program is used again", () => {
    const model = new Block();
    const f = compile((input: Tensor) => model.forward(input));
    const first = elements(f(x()));
    model.scale = 4;
    f(x());
    model.scale = 2;
    expect(elements(f(x()))).toEqual(first);
    expect(f.recompilations).toBe(2);
  });

  test("also through another method than forward, as an argument, and from a layer inside a transform", () => {
    const model = new Block();
    const viaMethod = compile((input: Tensor) => model.encode(input));
    const viaArgument = compile((block: Block, input: Tensor) => input.mul(block.scale));
    const step = compile((input: Tensor) => backward(() => model.forward(input).sum(), model.parameters()).grads);
    const all = (): number[][] => [elements(viaMethod(x())), elements(viaArgument(model, x())), elements(step(x())[0])];
    const before = all();
    model.scale = 5;
    for (const [i, now] of all().entries()) expect(now).not.toEqual(before[i]);
  });

  test("a stride of a convolution, which changes the shape", () => {
    const model = new Conv1d(1, 1, 2);
    const f = compile((input: Tensor) => model.forward(input));
    const input = x().reshape([1, 1, 4]);
    expect(f(input).shape).toEqual([1, 1, 3]);
    loose(model).stride = [2];
    expect(f(input).shape).toEqual(model.forward(input).shape);
  });
});

describe("fields of modules that were compiled", () => {
  const compiled = (): Block => {
    const model = new Block();
    compile((input: Tensor) => model.forward(input))(x());
    return model;
  };

  test("look as they did", () => {
    const [plain, model] = [new Block(), compiled()];
    expect(Object.keys(model)).toEqual(Object.keys(plain));
    expect({ ...model }.scale).toBe(2);
    expect([...model.stateDict().keys()]).toEqual([...plain.stateDict().keys()]);
    expect(`${model}`).toBe(`${plain}`);
    expect("nothing" in model).toBe(false);
    expect(loose(model).nothing).toBeUndefined();
  });

  test("cannot be deleted or defined anew, which would not be noticed", () => {
    const model = compiled();
    expect(() => delete loose(model).scale).toThrow(/scale/);
    expect(() => Object.defineProperty(model, "scale", { value: 3 })).toThrow(/scale/);
  });

  test("an object that inherits from one has fields of its own", () => {
    const model = compiled();
    const derived = Object.create(model);
    derived.scale = 9;
    expect([model.scale, derived.scale]).toEqual([2, 9]);
  });

  test("a method that the class is given later is used", () => {
    class Doubled extends Module {
      forward(input: Tensor): Tensor {
        return input.mul(2);
      }
    }
    const model = new Doubled();
    const f = compile((input: Tensor) => model.forward(input));
    expect(elements(f(x()))[0]).toBe(2);
    Doubled.prototype.forward = (input) => input.mul(3);
    expect(elements(f(x()))[0]).toBe(3);
    expect(elements(model.forward(x()))[0]).toBe(3);
  });

  test("entries of dictionaries come and go", () => {
    const model = new ModuleDict<Layer>({ a: new ReLU(), b: new Tanh() });
    class Chain extends Module {
      readonly parts = model;
      forward(input: Tensor): Tensor {
        return [...this.parts.values()].reduce((y, layer) => layer.forward(y), input);
      }
    }
    const chain = new Chain();
    const g = compile((input: Tensor) => chain.forward(input));
    g(x());
    expect(model.delete("b")).toBe(true);
    expect(elements(g(x()))).toEqual([1, 0, 3, 0]);
    model.set("c", new LeakyReLU());
    expect(elements(g(x()))).toEqual([1, 0, 3, 0]);
    expect(g.recompilations).toBe(3);
  });

  test("calls change nothing, so that nothing is compared", () => {
    const model = new Sequential(new Linear(4, 4), new Tanh());
    const optimizer = new SGD(model.parameters(), { lr: 0.1 });
    const step = compile((input: Tensor) => {
      const { value, grads } = backward(() => model.forward(input).sum(), optimizer.parameters);
      optimizer.step(grads);
      return value;
    });
    step(x());
    const before = changes();
    for (let i = 0; i < 5; i++) step(x());
    expect(changes()).toBe(before);
    expect(step.recompilations).toBe(1);
  });
});

describe("after a change of an optimizer", () => {
  const make = (): Parameter => new Parameter(tensor([1, 2]), "w");
  const grads = [tensor([0.5, -1])];

  test.each([
    [
      "weight decay of SGD",
      (w: Parameter) => new SGD([w], { lr: 0.5 }),
      (o: object): unknown => (loose(o).groups[0].options.weightDecay = 0.25),
    ],
    ["maximize", (w: Parameter) => new SGD([w], { lr: 0.5 }), (o: object): unknown => (loose(o).groups[0].options.maximize = true)],
    [
      "weight decay of AdamW",
      (w: Parameter) => new AdamW([w], { lr: 0.5 }),
      (o: object): unknown => (loose(o).groups[0].options.weightDecay = 0.5),
    ],
    ["betas", (w: Parameter) => new AdamW([w], { lr: 0.5 }), (o: object): unknown => (loose(o).groups[0].options.betas = [0.9, 0.5])],
    [
      "an element of betas",
      (w: Parameter) => new AdamW([w], { lr: 0.5, betas: [0.9, 0.99] }),
      (o: object): unknown => (loose(o).groups[0].options.betas[1] = 0.5),
    ],
    ["eps", (w: Parameter) => new AdamW([w], { lr: 0.5 }), (o: object): unknown => (loose(o).groups[0].options.eps = 1)],
  ] as const)("%s", (_, optimizerOf, change) => {
    const [a, b] = [make(), make()];
    const [compiled, plain] = [optimizerOf(a), optimizerOf(b)];
    const step = compile((g: Tensor[]) => compiled.step(g));
    for (let i = 0; i < 4; i++) {
      if (i === 2) for (const o of [compiled, plain]) change(o);
      step(grads);
      plain.step(grads);
    }
    for (const [i, y] of elements(a.value).entries()) expect(y).toBeCloseTo(elements(b.value)[i]!, 5);
    expect(step.recompilations).toBe(2);
  });
});

describe("what is not noticed", () => {
  test("a variable from outside is found by debug: stale, with the line and the two values", () => {
    let factor = 2;
    const f = compile(
      function scaled(a: Tensor): Tensor {
        return a.mul(factor);
      },
      { debug: "stale" },
    );
    expect(elements(f(tensor([1])))).toEqual([2]);
    expect(elements(f(tensor([3])))).toEqual([6]);
    factor = 3;
    expect(() => f(tensor([1]))).toThrow(/scaled is stale.*value=2.*value=3.*stale\.test\.ts.*(argument|cell)/s);
    expect(f.recompilations).toBe(1);
  });

  test("other differences are named", () => {
    let flag = true;
    let mean = tensor([1, 2]).named("mean");
    let cell = new Parameter(tensor([1, 2]), "first");
    const f = compile((a: Tensor): Tensor => (flag ? a.sub(mean) : a.sub(mean).exp()).add(cell.value), { debug: "stale" });
    f(tensor([5, 5]));
    mean = tensor([1, 4]).named("mean");
    expect(() => f(tensor([5, 5]))).toThrow(/value of mean, f32\[2\], from outside was 2 at element 1 and is 4/);
    mean = tensor([1, 2]);
    f(tensor([5, 5]));
    cell = new Parameter(tensor([1, 2]), "second");
    expect(() => f(tensor([5, 5]))).toThrow(/used the cell first .* now uses the cell second/);
    cell = new Parameter(tensor([1, 2]), "third");
    flag = false;
    expect(() => f(tensor([5, 5]))).toThrow(/is exp/);
  });

  test("what is noticed is recorded anew there too, and steps are compared as well", () => {
    const model = new Block();
    const f = compile((input: Tensor) => model.forward(input), { debug: "stale" });
    f(x());
    model.scale = 7;
    expect(elements(f(x()))).toEqual(elements(compile((input: Tensor) => model.forward(input))(x())));
    let factor = 2;
    const many = compile((a: Tensor): Tensor => a.mul(factor), { steps: 2, debug: "stale" });
    many(tensor([1]));
    factor = 4;
    expect(() => many(tensor([1]))).toThrow(/stale/);
  });

  test("a mode that is none is refused", () => {
    expect(() => compile((a: Tensor) => a, { debug: "slow" as "stale" })).toThrow(/debug must be "nan" or "stale", got "slow"/);
  });
});
