/** @file Modules: names, order, modes, state dicts and printing. */
import { describe, expect, test, vi } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { manualSeed } from "../../src/math/random.ts";
import {
  Conv2d,
  Dropout,
  Flatten,
  type Layer,
  Linear,
  MaxPool2d,
  Module,
  Parameter,
  ReLU,
  Sequential,
  State,
  type StateDictError,
  Tanh,
} from "../../src/nn/index.ts";
import { ones, tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import "../../src/runtime/evaluate.ts";

/** Own cells after a child, children in nested arrays, state, and something that is none of all that. */
class Everything extends Module {
  readonly first = new Linear(2, 3);
  readonly scale = new Parameter(ones([3]));
  readonly blocks = [new Linear(3, 3), [new Linear(3, 1, { bias: false })]] as const;
  readonly running = new State(zeros([3]));
  readonly rate = new State(tensor(0.5), { persistent: false });
  readonly notes = { date: new Date(0), sizes: new Float32Array(3), text: "none" };

  forward(x: Tensor): Tensor {
    return this.blocks[0].forward(this.first.forward(x).mul(this.scale));
  }
}

/** Two layers with one weight. */
class Tied extends Module {
  readonly a = new Linear(2, 2, { bias: false });
  readonly b = new Linear(2, 2, { bias: false });

  constructor() {
    super();
    (this.b as { weight: Parameter }).weight = this.a.weight;
  }

  forward(x: Tensor): Tensor {
    return this.b.forward(this.a.forward(x));
  }
}

const names = (module: Module): string[] => module.namedParameters().map(([name]) => name);

describe("names and order", () => {
  test("a module's own cells come first, then its children's, as assigned", () => {
    const model = new Everything();
    expect(names(model)).toEqual(["scale", "first.weight", "first.bias", "blocks.0.weight", "blocks.0.bias", "blocks.1.0.weight"]);
    expect(model.namedCells().map(([name]) => name)).toEqual(["scale", "running", "rate", ...names(model).slice(1)]);
    expect([...model.stateDict().keys()]).not.toContain("rate");
    expect(model.parameters()[0]).toBe(model.scale);
  });

  test("Sequential numbers its layers, as PyTorch does", () => {
    const model = new Sequential(new Conv2d(1, 2, 3), new ReLU(), new Sequential(new Flatten(), new Linear(8, 2)));
    expect(names(model)).toEqual(["0.weight", "0.bias", "2.1.weight", "2.1.bias"]);
    expect(model[0]).toBeInstanceOf(Conv2d);
    expect([...model]).toHaveLength(3);
  });

  test("a shared parameter is listed once", () => {
    const model = new Tied();
    expect(names(model)).toEqual(["a.weight"]);
    expect([...model.stateDict().keys()]).toEqual(["a.weight"]);
  });

  test("a module that contains itself is refused", () => {
    const model = new Sequential(new ReLU());
    (model as unknown as Record<number, Module>)[1] = model;
    expect(() => model.parameters()).toThrow("Sequential contains itself, at 1");
  });
});

describe("20,000 modules, one within another", () => {
  const nested = (depth: number): Module => {
    let model: Layer = new Linear(1, 1);
    for (let i = 0; i < depth; i++) model = new Sequential(model);
    return model;
  };
  const model = nested(20_000);

  test("are listed, switched, frozen, saved and freed", () => {
    expect(model.modules()).toHaveLength(20_001);
    expect(model.parameters()).toHaveLength(2);
    expect(model.namedParameters()[0]![0]).toHaveLength(2 * 20_000 + "weight".length);
    model.eval();
    expect(model.modules().every(({ training }) => !training)).toBe(true);
    model.freeze().unfreeze();
    expect(model.training).toBe(true);
    expect(model.loadStateDict(model.stateDict()).missing).toEqual([]);
    model.dispose();
  });

  test("are printed to a depth", () => {
    expect(`${model}`).toContain("Sequential(...)");
    expect(`${model}`.split("\n").length).toBeLessThan(110);
    expect(`${nested(3)}`).toBe("Sequential(\n  (0): Sequential(\n    (0): Sequential(\n      (0): Linear(1 to 1)\n    )\n  )\n)");
  });

  test("are too deep to be called, which is said", () => {
    const run = (): unknown => (model as Layer).forward(ones([1, 1]));
    expect(run).toThrow(/Sequential: forward overflowed the stack, \d+ modules deep; put layers side by side/);
    expect(() => compile((x: Tensor) => (model as Layer).forward(x))(ones([1, 1]))).toThrow(/forward overflowed the stack/);
    expect((nested(20) as Layer).forward(ones([1, 1])).shape).toEqual([1, 1]);
  });

  test("a class with a mode of its own is asked", () => {
    class Always extends Linear {
      override train(): this {
        return super.train(true);
      }
    }
    const always = new Always(1, 1);
    const outer = new Sequential(new Sequential(always), new ReLU());
    outer.eval();
    expect([always.training, outer[1]!.training, outer[0]!.training]).toEqual([true, false, false]);
  });
});

/** One layer in each kind of container. */
class Contained extends Module {
  readonly map = new Map<unknown, unknown>([
    ["a", new Linear(2, 2)],
    [1, [new Dropout()]],
    [{}, new Linear(2, 1)],
  ]);
  readonly set = new Set([new Linear(2, 2)]);
  readonly heads: Record<string, unknown> = { left: new Linear(2, 2), right: { deep: new Parameter(ones([1])) } };
  readonly bare = Object.assign(Object.create(null), { layer: new ReLU() });

  forward(x: Tensor): Tensor {
    return (this.heads.left as Linear).forward((this.map.get("a") as Linear).forward(x));
  }
}

describe("containers", () => {
  const expected = [
    ...["map.a.weight", "map.a.bias", "map.2.weight", "map.2.bias", "set.0.weight", "set.0.bias"],
    ...["heads.left.weight", "heads.left.bias"],
  ];

  test("layers in maps, sets and plain objects belong to the module", () => {
    const model = new Contained();
    expect(names(model)).toEqual(["heads.right.deep", ...expected]);
    expect([...model.stateDict().keys()]).toEqual(["heads.right.deep", ...expected]);
    expect(model.namedModules().map(([name]) => name)).toEqual(["", "map.a", "map.1.0", "map.2", "set.0", "heads.left", "bare.layer"]);
    model.eval();
    expect(model.modules().map(({ training }) => training)).toEqual(new Array(7).fill(false));
    expect(`${model}`).toContain("(heads.left): Linear(2 to 2)");
    const copy = new Contained();
    copy.loadStateDict(model.stateDict());
    expect(copy.parameters().map((p) => [...p.value.dataSync()])).toEqual(model.parameters().map((p) => [...p.value.dataSync()]));
  });

  test("a layer that takes another's place in a map or an object is seen by compiled functions", () => {
    const model = new Contained();
    const f = compile((x: Tensor) => model.forward(x).sum());
    f(ones([1, 2]));
    model.map.set("a", new Linear(2, 2));
    f(ones([1, 2]));
    model.heads.left = new Linear(2, 2);
    f(ones([1, 2]));
    expect(f.recompilations).toBe(3);
  });

  test("an object that shows the module's own cells under other names gives them no second one", () => {
    class Views extends Module {
      readonly weights: readonly object[];
      readonly w = new Parameter(ones([1]));
      readonly b = [new Parameter(ones([1]))];
      constructor() {
        super();
        this.weights = [{ ih: this.w }, new Map([["hh", this.b[0]]])];
      }
      forward(input: Tensor): Tensor {
        return input;
      }
    }
    expect([...new Views().stateDict().keys()]).toEqual(["w", "b.0"]);
  });

  test("containers that refer to themselves have an end", () => {
    const model = new Contained();
    model.heads.self = model.heads;
    expect(names(model)).toEqual(["heads.right.deep", ...expected]);
  });
});

describe("layers that cannot be seen", () => {
  const said = (call: () => unknown): string[] => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    call();
    const texts = warn.mock.calls.map(([text]) => String(text));
    warn.mockRestore();
    return texts;
  };
  const x = ones([1, 2]);

  test("a private field is told at the first forward, eager or compiled, once", () => {
    class Hidden extends Module {
      readonly #layer = new Linear(2, 2);
      forward(input: Tensor): Tensor {
        return this.#layer.forward(input);
      }
    }
    const model = new Hidden();
    const f = compile((input: Tensor) => model.forward(input));
    expect(said(() => f(x))).toEqual([
      expect.stringMatching(
        /^Hidden: forward uses 2 parameters that the module does not list \(weight: f32\[2,2\], bias: f32\[2\]\): it cannot see into #private fields/,
      ),
    ]);
    expect(said(() => [f(x), model.forward(x), new Hidden().forward(x)])).toEqual([]);
  });

  test("so is a variable, below the top too", () => {
    const outside = new Parameter(ones([2]), "outside");
    class Closing extends Module {
      forward(input: Tensor): Tensor {
        return input.mul(outside);
      }
    }
    expect(said(() => new Sequential(new Linear(2, 2), new Closing()).forward(x))).toEqual([
      expect.stringMatching(/^Sequential: .*\(outside: f32\[2\]\)/),
    ]);
  });

  test("a frozen teacher and a parameter without gradient are meant to stay apart; listed layers are no news", () => {
    const teacher = new Linear(2, 2).freeze();
    class Student extends Module {
      readonly layer = new Linear(2, 2);
      forward(input: Tensor): Tensor {
        return this.layer.forward(input).sub(teacher.forward(input));
      }
    }
    expect(said(() => [new Student().forward(x), new Contained().forward(x), new Tied().forward(x)])).toEqual([]);
  });
});

describe("modes", () => {
  test("train and eval reach every module below", () => {
    const model = new Sequential(new Dropout(), new Sequential(new Dropout()));
    const inner = model[1] as Sequential;
    expect([model.training, inner[0].training]).toEqual([true, true]);
    expect(model.eval()).toBe(model);
    expect([model.training, model[0].training, inner[0].training]).toEqual([false, false, false]);
    model.train();
    expect(inner[0].training).toBe(true);
  });

  test("a compiled function follows the mode, and remembers both programs", () => {
    const model = new Sequential(new Dropout(0.5));
    const run = compile((x: Tensor) => model.forward(x));
    const x = ones([64]);
    const dropped = (): boolean =>
      run(x)
        .dataSync()
        .some((value) => value === 0);
    expect(dropped()).toBe(true);
    model.eval();
    expect(dropped()).toBe(false);
    model.train();
    expect(dropped()).toBe(true);
    expect(run.recompilations).toBe(2);
  });
});

describe("state dicts", () => {
  test("loading another module's state makes the two equal", () => {
    manualSeed(1);
    const [a, b] = [new Everything(), new Everything()];
    const x = tensor([[1, 2]]);
    expect([...a.forward(x).dataSync()]).not.toEqual([...b.forward(x).dataSync()]);
    expect(b.loadStateDict(a.stateDict())).toEqual({ missing: [], unexpected: [], misshapen: [] });
    expect([...a.forward(x).dataSync()]).toEqual([...b.forward(x).dataSync()]);
  });

  test("what does not fit is reported, and nothing is changed", () => {
    const model = new Linear(2, 3);
    const before = [...model.bias!.value.dataSync()];
    const entries = new Map([
      ["weight", zeros([3, 4])],
      ["bias", zeros([3])],
      ["extra", zeros([1])],
    ]);
    expect(() => model.loadStateDict(entries)).toThrow(
      "loadStateDict: the entries do not fit Linear: unexpected extra; misshapen weight (want [3, 2], got [3, 4]); { strict: false } loads what fits",
    );
    expect([...model.bias!.value.dataSync()]).toEqual(before);
    entries.delete("bias");
    try {
      model.loadStateDict(entries);
      expect.unreachable();
    } catch (error) {
      expect((error as StateDictError).report).toEqual({
        missing: ["bias"],
        unexpected: ["extra"],
        misshapen: [{ name: "weight", expected: [3, 2], got: [3, 4] }],
      });
    }
  });

  test("without strict, what fits is loaded", () => {
    const model = new Linear(1, 3);
    const report = model.loadStateDict(new Map([["bias", { shape: [3], data: Float64Array.of(1, 2, 3) }]]), { strict: false });
    expect(report.missing).toEqual(["weight"]);
    expect([...model.bias!.value.dataSync()]).toEqual([1, 2, 3]);
    expect(model.bias!.value.dtype).toBe("f32");
  });

  test("64-bit integers are narrowed", () => {
    class Counter extends Module {
      readonly count = new State(zeros([], "i32"));
      forward(x: Tensor): Tensor {
        return x;
      }
    }
    const model = new Counter();
    model.loadStateDict(new Map([["count", { shape: [], data: BigInt64Array.of(7n) }]]));
    expect(model.count.value.itemSync()).toBe(7);
  });

  test("a shared parameter is found under any of its names", () => {
    const model = new Tied();
    const entries = new Map([["b.weight", ones([2, 2])]]);
    expect(model.loadStateDict(entries)).toEqual({ missing: [], unexpected: [], misshapen: [] });
    expect([...model.a.weight.value.dataSync()]).toEqual([1, 1, 1, 1]);
  });

  test("a long list of names is cut", () => {
    const model = new Sequential(...Array.from({ length: 6 }, () => new Linear(1, 1)));
    expect(() => model.loadStateDict(new Map())).toThrow(/missing 0\.weight, .*, 3\.bias and 4 more; /);
  });
});

test("a module prints as a tree", () => {
  const model = new Sequential(
    new Conv2d(1, 4, 3, { padding: 1, bias: false }),
    new MaxPool2d(2),
    new Sequential(new Flatten(), new Linear(4, 2), new Tanh()),
    new Dropout(0.1),
  );
  expect(String(model)).toBe(`Sequential(
  (0): Conv2d(1 to 4, kernel 3x3, padding 1x1, no bias)
  (1): MaxPool2d(kernel 2x2)
  (2): Sequential(
    (0): Flatten()
    (1): Linear(4 to 2)
    (2): Tanh()
  )
  (3): Dropout(0.1)
)`);
});
