/**
 * @file The programs that a compiled function keeps: how many, for which signatures, and the warning about counters.
 */
import { afterEach, describe, expect, test, vi } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { Linear } from "../../src/nn/linear.ts";
import { full, ones, tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { theArena } from "../../src/runtime/backends.ts";
import { guarded } from "../../src/runtime/cell.ts";
import { counters } from "../../src/runtime/compile.ts";
import { elements } from "./backends.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const x = (): Tensor => tensor([1, 2]);

describe("plans of functions compiled last", () => {
  /** A step of a fresh model; gives its result, the new weight, and how many plans were made. */
  function step(width: number, { scale = 0.5, memory }: { scale?: number; memory?: number } = {}): [number[], number[], number] {
    const layer = new Linear(width, 1, { bias: false });
    layer.weight.set(full([1, width], width));
    const before = counters.plans;
    const f = compile(
      (a: Tensor) => {
        layer.weight.set(layer.weight.value.mul(scale));
        return layer.forward(a);
      },
      memory === undefined ? {} : { memory },
    );
    const result = elements(f(ones([2, width])));
    return [result, elements(layer.weight.value), counters.plans - before];
  }

  test("a function of the same list takes the plan of the one before, with cells of its own", () => {
    step(29);
    const [result, weight, plans] = step(29);
    expect(plans).toBe(0);
    expect(weight).toEqual(new Array(29).fill(14.5));
    expect(result).toEqual([29 * 14.5, 29 * 14.5]);
  });

  test("another shape, another constant and another budget are planned anew", () => {
    step(31);
    expect(step(37)[2]).toBe(1);
    expect(step(31, { scale: 0.25 })).toEqual([[31 * 7.75, 31 * 7.75], new Array(31).fill(7.75), 1]);
    expect(step(31, { memory: 1e6 })[2]).toBe(1);
    expect(step(31)[2]).toBe(0);
  });

  test("cells that are one and cells that are two are other programs", () => {
    const [a, b] = [new Linear(3, 3, { bias: false }), new Linear(3, 3, { bias: false })];
    const sum = (one: Linear, other: Linear) => compile((t: Tensor) => one.forward(t).add(other.forward(t)));
    for (const [layer, value] of [[a, 1], [b, 2]] as const) layer.weight.set(full([3, 3], value)); // biome-ignore format: one thought
    const t = ones([1, 3]);
    expect(elements(sum(a, b)(t))).toEqual([9, 9, 9]);
    expect(elements(sum(a, a)(t))).toEqual([6, 6, 6]);
    expect(elements(sum(b, a)(t))).toEqual([9, 9, 9]);
    expect(elements(sum(b, b)(t))).toEqual([12, 12, 12]);
  });
});

describe("the cache is bounded", () => {
  test("of many batch sizes 64 programs are kept, the last ones", () => {
    const f = compile((a: Tensor) => a.add(1));
    for (let n = 1; n <= 70; n++) f(zeros([n]));
    expect([f.programs.count, f.recompilations]).toEqual([64, 70]);
    f(zeros([70]));
    f(zeros([7]));
    expect(f.recompilations).toBe(70);
    f(zeros([6]));
    expect(f.recompilations).toBe(71);
  });

  test("cache says how many; what was used last stays", () => {
    const f = compile((a: Tensor) => a.add(1), { cache: 2 });
    f(zeros([1]));
    f(zeros([2]));
    f(zeros([1]));
    f(zeros([3])); // [2] goes
    f(zeros([1]));
    expect([f.programs.count, f.recompilations]).toEqual([2, 3]);
    f(zeros([2]));
    expect(f.recompilations).toBe(4);
    for (const cache of [0, -1, 1.5, Number.NaN, "8"])
      expect(() => compile((a: Tensor) => a, { cache: cache as number })).toThrow(/cache must be/);
  });

  test("programs under one signature count as well: other guards, other fields", () => {
    const mode = { scale: 0 };
    const f = compile((a: Tensor) => a.mul(guarded(() => mode.scale)), { cache: 3 });
    for (let i = 0; i < 10; i++) {
      mode.scale = i + 0.5;
      expect(elements(f(x()))).toEqual([i + 0.5, 2 * (i + 0.5)]);
    }
    expect(f.programs.count).toBe(3);
  });

  test("a program that goes frees its constants and its place in the arena", () => {
    const f = compile(
      (a: Tensor) =>
        a.add(
          zeros([a.shape[0]!, 64])
            .add(tensor([a.shape[0]!]))
            .sum(1),
        ),
      { cache: 1 },
    );
    f(zeros([1]));
    f(zeros([2]));
    const used = theArena().used;
    for (let n = 3; n < 30; n++) f(zeros([n]));
    expect(theArena().used - used).toBeLessThan(4096);
    f.dispose();
    expect(f.programs).toEqual({ count: 0, bytes: 0 });
    expect(elements(f(zeros([1])))).toEqual([64]);
  });

  test("programs of steps are bounded too", () => {
    const f = compile((a: Tensor) => a.add(1), { steps: 2, cache: 2 });
    for (let n = 1; n <= 5; n++) f(zeros([n]));
    expect(f.programs.count).toBe(2);
    expect(f.programs.bytes).toBeGreaterThan(0);
  });
});

describe("the signature tells apart what a function can tell apart", () => {
  class Config {
    rate: number;
    constructor(rate: number) {
      this.rate = rate;
    }
  }
  const [s, t] = [Symbol("s"), Symbol("s")];
  const circle = (n: number): object => {
    const made: { n: number; self?: object } = { n };
    made.self = made;
    return made;
  };
  const hiddenKey = (n: number): object => Object.defineProperty({}, "n", { value: n, enumerable: false });
  const sparse = (): unknown[] => {
    const list = [1, 2];
    delete list[0];
    return list;
  };
  const DIFFERENT: readonly [string, () => unknown, () => unknown][] = [
    ["sets", () => new Set([1]), () => new Set([2])],
    ["maps", () => new Map([["a", 1]]), () => new Map([["a", 2]])],
    ["keys of maps", () => new Map([[1, 1]]), () => new Map([["1", 1]])],
    ["dates", () => new Date(1), () => new Date(2)],
    ["symbol keys", () => ({ [s]: 1 }), () => ({ [s]: 2 })],
    ["two symbols", () => ({ [s]: 1 }), () => ({ [t]: 1 })],
    ["symbols", () => s, () => t],
    ["-0", () => 0, () => -0],
    ["NaN", () => Number.NaN, () => 0],
    ["regular expressions", () => /a/, () => /b/],
    ["flags", () => /a/, () => /a/i],
    ["a bigint", () => 1n, () => 1],
    ["text with the marks of the signature", () => ["a,1=2"], () => ["a", 2]],
    ["a text and a number", () => "1", () => 1],
    ["undefined and missing", () => ({ a: undefined }), () => ({})],
    ["undefined and null", () => undefined, () => null],
    ["a hole and undefined", sparse, () => [undefined, 2]],
    ["a property of an array", () => Object.assign([1], { scale: 2 }), () => [1]],
    ["instances", () => new Config(1), () => new Config(2)],
    ["an instance and a plain object", () => new Config(1), () => ({ rate: 1 })],
    ["typed arrays", () => Float32Array.of(1), () => Float32Array.of(2)],
    ["classes of typed arrays", () => Float32Array.of(1), () => Float64Array.of(1)],
    ["buffers", () => Uint8Array.of(1).buffer, () => Uint8Array.of(2).buffer],
    ["boxed numbers", () => Object(1), () => Object(2)],
    ["errors", () => new Error("a"), () => new Error("b")],
    ["addresses", () => new URL("http://a/"), () => new URL("http://b/")],
    [
      "getters",
      () => ({
        get a() {
          return 1;
        },
      }),
      () => ({
        get a() {
          return 2;
        },
      }),
    ],
    ["properties that are not enumerable", () => hiddenKey(1), () => hiddenKey(2)],
    ["cycles", () => circle(1), () => circle(2)],
    ["functions", () => () => 1, () => () => 1],
    ["nested", () => [{ a: new Set([new Date(1)]) }], () => [{ a: new Set([new Date(2)]) }]],
    ["tensors in sets", () => new Set([x()]), () => new Set([tensor([1, 2, 3])])],
  ];

  test.each(DIFFERENT)("%s", (_, a, b) => {
    const f = compile((_option: unknown, input: Tensor) => input.add(1));
    f(a(), x());
    f(b(), x());
    expect(f.recompilations).toBe(2);
  });

  test.each(DIFFERENT.filter(([name]) => !["functions", "two symbols"].includes(name)))("and equal ones run one program: %s", (_, a) => {
    const f = compile((_option: unknown, input: Tensor) => input.add(1));
    f(a(), x());
    f(a(), x());
    expect(f.recompilations).toBe(1);
  });

  test("tensors in sets, under symbols and in cycles are arguments, not constants", () => {
    const f = compile((a: { set: Set<Tensor>; [s]: Tensor; self?: unknown }) => [...a.set][0]!.add(a[s]).add((a.self as typeof a)[s]));
    const make = (n: number): Parameters<typeof f>[0] => {
      const made: Parameters<typeof f>[0] = { set: new Set([tensor([n])]), [s]: tensor([10 * n]) };
      made.self = made;
      return made;
    };
    expect([1, 2].map((n) => f(make(n)).itemSync())).toEqual([21, 42]);
    expect(f.recompilations).toBe(1);
  });

  class Secret {
    #n = 1;
    get n(): number {
      return this.#n;
    }
    set n(n: number) {
      this.#n = n;
    }
  }
  class Inherits extends Secret {
    shown = 1;
  }
  class Methods {
    n = 1;
    read(): number {
      return this.#double();
    }
    #double(): number {
      return 2 * this.n;
    }
  }

  test.each<[string, unknown, RegExp]>([
    ["private fields", new Secret(), /argument 0 \(option\) is a Secret, which has private fields: a change could go unnoticed/],
    ["private fields of the class above", { inner: new Inherits() }, /argument 0 \(option\), at inner is a Secret, which has private/],
    ["a generator", (function* () {})(), /Generator, whose state cannot be seen/],
    ["a weak map", new WeakMap(), /WeakMap, whose state cannot be seen/],
    ["a promise", Promise.resolve(1), /Promise/],
    ["an iterator", [1][Symbol.iterator](), /whose state cannot be seen/],
    ["a long array", new Float32Array(100_000), /Float32Array of more than 4096 elements/],
    ["inherited values", Object.create({ rate: 1 }), /inherits values/],
  ])("%s cannot be told apart, and are refused", (_, option, message) => {
    const f = compile((option: unknown, input: Tensor) => input.add(option === undefined ? 0 : 1));
    expect(() => f(option, x())).toThrow(message);
  });

  test("private methods hold nothing, and a module is an argument like any other", () => {
    const f = compile((option: unknown, input: Tensor) => (option instanceof Linear ? option.forward(input) : input));
    expect(() => f(new Methods(), x())).not.toThrow();
    const [a, b] = [new Linear(2, 1), new Linear(2, 1)];
    expect([f(a, x()).itemSync(), f(b, x()).itemSync()]).toEqual([a.forward(x()).itemSync(), b.forward(x()).itemSync()]);
  });
});

describe("a counter that compiles at every call", () => {
  const spy = (): string[] => {
    const lines: string[] = [];
    vi.spyOn(console, "warn").mockImplementation((line: string) => {
      lines.push(line);
    });
    return lines;
  };

  test("is named, once", () => {
    const lines = spy();
    const f = compile(function step(input: Tensor, t: number): Tensor {
      return input.mul(t);
    });
    for (let t = 0; t < 20; t++) f(x(), t);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/argument 1 \(t\) of step is a number .*tensor\(value\)/);
  });

  test("also inside an object, and as a field of a module", () => {
    const lines = spy();
    const f = compile((options: { schedule: { t: number } }, input: Tensor) => input.mul(options.schedule.t));
    for (let t = 0; t < 10; t++) f({ schedule: { t } }, x());
    expect(lines[0]).toMatch(/argument 0 \(options\), at schedule\.t is a number/);
    const model = Object.assign(new Linear(2, 1), { epoch: 0 });
    const g = compile((input: Tensor) => model.forward(input).mul(model.epoch));
    for (let t = 0; t < 10; t++) {
      model.epoch = t;
      g(x());
    }
    expect(lines[1]).toMatch(/the field Linear\.epoch is a number/);
    expect(lines).toHaveLength(2);
  });

  test("batch sizes, a few values, and calls in between give no warning", () => {
    const lines = spy();
    const f = compile((input: Tensor, t: number) => input.mul(t));
    for (let n = 1; n < 20; n++) f(zeros([n]), 1);
    for (let i = 0; i < 20; i++) f(x(), i % 3);
    for (let t = 10; t < 20; t++) {
      f(x(), t);
      f(x(), t);
    }
    expect(lines).toEqual([]);
  });
});
