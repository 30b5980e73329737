/**
 * @file What a derivative does not reach (an error, or a warning), what a function gives besides (hasAux), and values that leak out of a recording.
 */
import { afterEach, describe, expect, expectTypeOf, test, vi } from "vitest";
import "../../src/runtime/evaluate.ts";
import { compile } from "../../src/function/compile.ts";
import { checkpoint, cond, scan } from "../../src/function/control.ts";
import { backward, grad, jvp, valueAndGrad, vjp } from "../../src/function/derivative.ts";
import { hessian, hvp, jacfwd, jacrev } from "../../src/function/jacobian.ts";
import { vmap } from "../../src/function/vmap.ts";
import { whileLoop } from "../../src/function/while.ts";
import * as nn from "../../src/nn/index.ts";
import { eye, tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Cell } from "../../src/runtime/cell.ts";
import { elements } from "./backends.ts";

const x = tensor([1, 2, 3]);
const outside = x.mul(2).sum();
const cell = (name: string, values: number[] = [1, 2, 3]): Cell => new Cell(tensor(values), name);
const sum = (y: Tensor): Tensor => y.sum();

/** The warnings of a call. */
function warnings(call: () => unknown): string[] {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  call();
  const texts = warn.mock.calls.map(([text]) => String(text));
  warn.mockRestore();
  return texts;
}

afterEach(() => void vi.restoreAllMocks());

describe("nothing that was asked for is reached", () => {
  const w = cell("w");
  const rows: readonly (readonly [string, (unused?: "ignore") => unknown, RegExp])[] = [
    [
      "backward",
      (unused) => backward(() => outside, [w], { unused }),
      /backward: the loss does not depend on w;[\s\S]*right: {2}backward\(\(\) => lossOf/,
    ],
    [
      "grad",
      (unused) => grad(() => outside, { unused })(...([x] as unknown as [])),
      /grad: the result of the function does not depend on argument 0;[\s\S]*right: {2}grad\(\(x\) =>/,
    ],
    ["valueAndGrad", (unused) => valueAndGrad((_: Tensor) => outside, { unused })(x), /valueAndGrad: .* argument 0 \(_\)/],
    ["vjp", (unused) => vjp((_: Tensor) => outside, { unused })(x), /vjp: .*right: {2}vjp/s],
    ["jacfwd", (unused) => jacfwd((_: Tensor) => x, { unused })(x), /jacfwd: /],
    ["jacrev", (unused) => jacrev((_: Tensor) => x, { unused })(x), /jacrev: /],
    ["hessian", (unused) => hessian((_: Tensor) => outside, { unused })(x), /grad: /],
    ["hvp", (unused) => hvp((_: Tensor) => outside, { unused })([x], x), /grad: /],
  ];

  test.each(rows)("%s throws and shows the right form; eager, compiled, and not with unused: ignore", (_, call, message) => {
    expect(() => call()).toThrow(message);
    expect(() => compile(() => call())()).toThrow(message);
    expect(warnings(() => call("ignore"))).toEqual([]);
  });

  test("with many parameters it names the first, and a module's by their paths", () => {
    const model = new nn.Sequential(...Array.from({ length: 5 }, () => new nn.Linear(3, 3)));
    expect(() => backward(() => outside, model.parameters())).toThrow(
      "on 0.weight, 0.bias, 1.weight, 1.bias, 2.weight, 2.bias, 3.weight, 3.bias and 2 more;",
    );
  });

  test("a parameter that is read for something else is not reached", () => {
    expect(() =>
      backward(() => {
        w.value.mul(2);
        return outside;
      }, [w]),
    ).toThrow(/does not depend on w/);
  });

  test("what is no cell, list or function is told so", () => {
    const call = backward as (...args: unknown[]) => unknown;
    expect(() => call(() => x.sum(), [w, x])).toThrow(
      /backward: parameters\[1\] must be a cell, got Tensor f32\[3\].*model\.parameters\(\).*grad\(\(x\)/s,
    );
    expect(() => call(() => x.sum(), new nn.Linear(1, 1))).toThrow(
      /want a list of parameters, got a Linear; pass cells: model\.parameters\(\)/,
    );
    expect(() => call(() => x.sum())).toThrow(/want a list of parameters, got undefined/);
    expect(() => call(outside, [w])).toThrow(/backward: want a function to differentiate, got Tensor f32\[\].*right/s);
    expect(() => (grad as (x: unknown) => unknown)(outside)).toThrow(/grad: want a function to differentiate, got Tensor/);
  });
});

describe("only some are reached", () => {
  test("one warning with the names, whatever the number of calls; error and ignore", () => {
    const [u, v] = [cell("u"), cell("unreached.weight")];
    const step = (unused?: "error" | "ignore") => backward(() => u.value.sum(), [u, v], { unused });
    expect(warnings(() => [step(), step()])).toEqual([
      expect.stringMatching(/^backward: the loss does not depend on unreached\.weight; the gradient is 0 there/),
    ]);
    expect(() => step("error")).toThrow(/not on unreached\.weight;/);
    expect(warnings(() => step("ignore"))).toEqual([]);
  });

  test("compiled, a program warns when it is recorded", () => {
    const [u, v] = [cell("u"), cell("unreached.bias")];
    const step = compile(() => backward(() => u.value.sum(), [u, v]).grads);
    expect(warnings(() => [step(), step()])).toHaveLength(1);
  });

  test("of a tree, by path", () => {
    const f = (p: { used: Tensor; spare: { b: Tensor } }): Tensor => p.used.sum();
    expect(warnings(() => grad(f)({ used: x, spare: { b: x } }))).toEqual([expect.stringContaining("argument 0 (p), at spare.b")]);
  });

  test("a loss without a slope (an accuracy) is told once, not an error", () => {
    const w = cell("flat");
    const accuracy = (): Tensor => w.value.gt(1).cast("f32").mean();
    expect(warnings(() => backward(accuracy, [w]))).toEqual([
      expect.stringMatching(/depends on flat only through operations whose derivative is 0/),
    ]);
  });
});

describe("no false alarm", () => {
  const square = (y: Tensor): Tensor => y.mul(y).sum();
  const quiet: readonly (readonly [string, () => unknown])[] = [
    ["second derivative of a linear function", () => grad((y: Tensor) => grad(sum)(y).sum())(x)],
    ["third derivative of a square", () => grad((y: Tensor) => grad((z: Tensor) => grad(square)(z).sum())(y).sum())(x)],
    ["Hessian of a linear function", () => hessian(sum)(x)],
    ["derivative of a mapped derivative", () => grad((y: Tensor) => vmap(grad((z: Tensor) => z.mul(3)))(y).sum())(x)],
    ["derivative of a tangent", () => grad((y: Tensor) => jvp(sum)([y], [y.like(1)]).tangent)(x)],
    ["derivative of a pullback", () => grad((y: Tensor) => vjp(sum)(y).pullback(tensor(1))[0].sum())(x)],
    ["Jacobian of a gradient that is constant", () => jacfwd(grad(sum))(x)],
    [
      "through a loop",
      () => grad((y: Tensor) => scan((c: Tensor) => [c.add(y.sum()), null] as const, tensor(0), null, { length: 2 })[0])(x),
    ],
    [
      "through a branch that leaves it out",
      () =>
        grad((y: Tensor) =>
          cond(
            y.sum().gt(0),
            (z: Tensor) => z.sum(),
            () => tensor(0),
            y,
          ),
        )(x),
    ],
    ["through a checkpoint", () => grad((y: Tensor) => checkpoint(square)(y))(x)],
    ["stopGradient by intent", () => grad((y: Tensor) => y.stopGradient().sum())(x)],
    ["a staircase", () => grad((y: Tensor) => y.floor().sum())(x)],
    ["integers beside floats", () => grad((p: { a: Tensor; i: Tensor }) => p.a.sum())({ a: x, i: x.cast("i32") })],
    ["no parameters", () => backward(() => outside, [])],
    [
      "of two networks one at a time (GAN)",
      () => {
        const [g, d] = [cell("g"), cell("d")];
        const fake = (): Tensor => g.value.mul(x);
        backward(() => d.value.mul(fake().stopGradient()).sum(), [d]);
        return backward(() => d.value.mul(fake()).sum(), [g]);
      },
    ],
    [
      "experts that are mixed by a gate",
      () => {
        const [gate, a, b] = [cell("gate", [1, 1]), cell("a"), cell("b")];
        const mix = (): Tensor =>
          gate.value
            .slice([0], [1])
            .mul(a.value)
            .add(gate.value.slice([1], [2]).mul(b.value));
        return backward(() => mix().sum(), [gate, a, b]);
      },
    ],
    [
      "a frozen layer",
      () => {
        const [frozen, head] = [cell("frozen"), cell("head")];
        return backward(() => frozen.value.stopGradient().mul(head.value).sum(), [frozen, head]);
      },
    ],
  ];
  test.each(quiet)("%s", (_, call) => {
    expect(warnings(() => [call(), compile(call)()])).toEqual([]);
  });
});

describe("hasAux", () => {
  const w = cell("w");
  interface Aux {
    readonly name: string;
    readonly parts: readonly [number, Tensor];
  }
  const auxOf = (y: Tensor): Aux => ({ name: "step", parts: [7, y.mul(10)] });
  const pair = (y: Tensor): readonly [Tensor, Aux] => [y.mul(y).sum(), auxOf(y)];

  test.each([
    ["eager", <F extends () => unknown>(f: F) => f],
    ["compiled", <F extends () => unknown>(f: F) => compile(f) as unknown as F],
  ] as const)("%s: value, gradient and aux in one program", (_, run) => {
    const b = run(() => backward(() => pair(w.value), [w], { hasAux: true }))();
    expect([elements(b.value), elements(b.grads), b.aux.name, b.aux.parts[0], elements(b.aux.parts[1])]).toEqual([
      [14],
      [2, 4, 6],
      "step",
      7,
      [10, 20, 30],
    ]);
    const v = run(() => valueAndGrad(pair, { hasAux: true })(x))();
    expect([elements(v.value), elements(v.grad), elements(v.aux)]).toEqual([[14], [2, 4, 6], [10, 20, 30]]);
    const g = run(() => grad(pair, { hasAux: true })(x))();
    expect([elements(g.grad), g.aux.name]).toEqual([[2, 4, 6], "step"]);
    const p = run(() => {
      const { value, pullback, aux } = vjp((y: Tensor) => [{ twice: y.mul(2) }, auxOf(y)] as const, { hasAux: true })(x);
      return { value, cx: pullback({ twice: x.like(1) }), aux };
    })();
    expect([elements(p.value), elements(p.cx), elements(p.aux)]).toEqual([
      [2, 4, 6],
      [2, 2, 2],
      [10, 20, 30],
    ]);
  });

  test("aux gets no cotangent, and may be of any dtype, or nothing at all", () => {
    const { aux, grads } = backward(() => [w.value.sum(), [w.value.gt(1), w.value.argmax(0), w.value.exp(), null, "text"]] as const, [w], {
      hasAux: true,
    });
    expect([elements(grads), elements(aux), aux[3], aux[4]]).toEqual([
      [1, 1, 1],
      [0, 1, 1, 2, ...[1, 2, 3].map((n) => Math.fround(Math.exp(n)))],
      null,
      "text",
    ]);
    expect(backward(() => [w.value.sum(), undefined] as const, [w], { hasAux: true }).aux).toBeUndefined();
  });

  test("under an outer derivative aux is differentiated like any value", () => {
    expect(elements(grad((y: Tensor) => grad(pair, { hasAux: true })(y).aux.parts[1].sum())(x))).toEqual([10, 10, 10]);
  });

  test("a function without a pair, and a pair without the option", () => {
    const alone = sum as unknown as typeof pair;
    expect(() => grad(alone, { hasAux: true })(x)).toThrow(
      /grad: with { hasAux: true } the function must return \[result, aux\], got a Tensor/,
    );
    expect(() => backward(() => pair(w.value) as unknown as Tensor, [w])).toThrow(/must return one scalar tensor.*say { hasAux: true }/);
    expect(() => grad(pair as unknown as typeof sum)(x)).toThrow(/say { hasAux: true }/);
  });

  test("types", () => {
    expectTypeOf(backward(() => pair(w.value), [w], { hasAux: true })).toEqualTypeOf<{ value: Tensor; grads: Tensor[]; aux: Aux }>();
    expectTypeOf(valueAndGrad(pair, { hasAux: true })).toEqualTypeOf<(y: Tensor) => { value: Tensor; grad: Tensor; aux: Aux }>();
    expectTypeOf(grad(pair, { hasAux: true })).toEqualTypeOf<(y: Tensor) => { grad: Tensor; aux: Aux }>();
    expectTypeOf(vjp(pair, { hasAux: true })(x).aux).toEqualTypeOf<Aux>();
    expectTypeOf(backward(() => w.value.sum(), [w])).toEqualTypeOf<{ value: Tensor; grads: Tensor[] }>();
    expectTypeOf(grad(sum)(x)).toEqualTypeOf<Tensor>();
    // @ts-expect-error: without hasAux the function gives one tensor
    expect(() => grad(pair)(x)).toThrow();
  });
});

describe("a value that leaked out of a recording", () => {
  let kept: Tensor = x;
  const keep = <T extends Tensor>(y: T): T => {
    kept = y.mul(2);
    return y;
  };
  const w = cell("w");
  const leaks: readonly (readonly [call: string, () => unknown])[] = [
    [
      "compile(step)",
      () =>
        compile(function step(y: Tensor) {
          return keep(y);
        })(x),
    ],
    ["compile", () => compile(() => keep(w.value))()],
    [
      "grad(loss)",
      () =>
        grad(function loss(y: Tensor) {
          return keep(y).sum();
        })(x),
    ],
    ["valueAndGrad", () => valueAndGrad((y: Tensor) => keep(y).sum())(x)],
    ["backward", () => backward(() => keep(w.value).sum(), [w])],
    ["vjp", () => vjp((y: Tensor) => keep(y))(x)],
    ["jvp", () => jvp((y: Tensor) => keep(y))([x], [x])],
    ["jacfwd", () => jacfwd((y: Tensor) => keep(y))(x)],
    ["vmap", () => vmap((y: Tensor) => keep(y))(x)],
    ["scan", () => scan((c: Tensor, y: Tensor) => [c.add(keep(y)), null] as const, tensor(0), x)],
    [
      "whileLoop",
      () =>
        whileLoop(
          (c: Tensor) => c.sum().lt(9),
          (c: Tensor) => keep(c).add(1),
          x,
        ),
    ],
    ["checkpoint", () => checkpoint((y: Tensor) => keep(y))(x)],
    [
      "cond",
      () =>
        cond(
          x.sum().gt(0),
          (y: Tensor) => keep(y),
          (y: Tensor) => y,
          x,
        ),
    ],
  ];

  test.each(leaks)("of %s is named with it when it is read, in another recording too", (call, leak) => {
    leak();
    const leaked = kept;
    const message = new RegExp(
      `Tensor .*made by mul, cannot be read: it leaked out of ${call.replace(/[()]/g, "\\$&")}\\..*right: {2}return`,
      "s",
    );
    expect(() => leaked.dataSync()).toThrow(message);
    expect(() => leaked.add(1).sum().itemSync()).toThrow(/leaked out of/);
    expect(() => compile((y: Tensor) => y.add(leaked.sum()))(x)).toThrow(/leaked out of/);
  });

  test("while the call still runs, reading is the other error", () => {
    expect(() => grad((y: Tensor) => y.mul(y.sum().itemSync()).sum())(x)).toThrow(/grad: .*it is being recorded/);
  });

  test("of an inner call, used in the outer one", () => {
    const f = compile((y: Tensor) => {
      grad((z: Tensor) => keep(z).sum())(y);
      return y.add(kept);
    });
    expect(() => f(x)).toThrow(/leaked out of grad.*hasAux: true/s);
  });

  test("what depends on nothing that was given has a value", () => {
    grad((y: Tensor) => {
      kept = eye(2).add(zeros([2, 2]));
      return y.sum();
    })(x);
    expect(elements(kept)).toEqual([1, 0, 0, 1]);
  });
});
