/** @file What is stored into the runtime is checked where it comes in, so that one bad call breaks no later one. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { Linear } from "../../src/nn/linear.ts";
import { Parameter, State } from "../../src/nn/parameter.ts";
import { Sequential } from "../../src/nn/sequential.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam } from "../../src/optim/adam.ts";
import { EMA } from "../../src/optim/averaging.ts";
import { HessianFree } from "../../src/optim/hessian-free.ts";
import { LBFGS } from "../../src/optim/lbfgs.ts";
import { Newton } from "../../src/optim/newton.ts";
import { SGD } from "../../src/optim/sgd.ts";
import { Cell } from "../../src/runtime/cell.ts";

/** As JavaScript would pass it, without types. */
// biome-ignore lint/suspicious/noExplicitAny: the arguments are wrong on purpose.
const any = (x: unknown): any => x;

/** Computing anything works as before. */
function worksOn(): void {
  expect(tensor([1, 2]).add(1).sum().itemSync()).toBe(5);
  const cell = new Cell(tensor([1]));
  compile(() => cell.set(cell.value.add(1)))();
  expect(cell.value.itemSync()).toBe(2);
}

const w = (): Parameter => new Parameter(tensor([1, 2]), "w");

const refused: [string, () => unknown, RegExp][] = [
  ["new State([1])", () => new State(any([1])), /State: want a tensor, got an array; make one with tensor/],
  ["new Cell(3)", () => new Cell(any(3)), /Cell: want a tensor, got 3/],
  ["new Parameter()", () => new Parameter(any(undefined)), /Parameter: want a tensor, got undefined/],
  ["new Cell(cell)", () => new Cell(any(w())), /Cell: want a tensor, got a Parameter/],
  ["new Cell(typed array)", () => new Cell(any(new Float32Array(2))), /Cell: want a tensor, got a Float32Array/],
  ["new Cell(promise)", () => new Cell(any(Promise.resolve(1))), /Cell: want a tensor, got a Promise/],
  ["a label that is no text", () => new Cell(tensor([1]), any({})), /want a string as the label, got an object/],
  ["options that are none", () => new State(tensor([1]), any("label")), /State: want options/],
  ["persistent that is no boolean", () => new State(tensor([1]), any({ persistent: "no" })), /persistent is true or false/],
  ["set(3)", () => w().set(any(3)), /set: w: want a tensor, got 3/],
  ["set(null)", () => w().set(any(null)), /want a tensor, got null/],
  ["set of another shape", () => w().set(tensor([1])), /set: w holds f32\[2\], got f32\[1\]/],
  ["set of another dtype", () => w().set(tensor([1, 2], { dtype: "i32" })), /holds f32\[2\], got i32\[2\]/],
  ["an optimizer of a model", () => new Adam(any(new Linear(2, 2))), /wants a list of parameters, got a Linear; pass model.parameters/],
  [
    "an optimizer of a list of layers",
    () => new Adam(any(new Sequential(new Linear(2, 2)))),
    /wants a list of parameters, got modules; pass model.parameters/,
  ],
  ["an optimizer of nothing", () => new SGD(any(undefined), any({ lr: 1 })), /wants a list of parameters, got undefined/],
  ["an optimizer of tensors", () => new Adam(any([tensor([1])])), /wants parameters.*got a Tensor among them/],
  ["a group of tensors", () => new Adam(any([{ parameters: [tensor([1])] }])), /want parameters.*got a Tensor among them/],
  ["a group without parameters", () => new Adam(any([{ lr: 1 }])), /wants parameters.*got an object among them/],
  ["LBFGS of a number", () => new LBFGS(any(3)), /wants a list of parameters, got 3/],
  ["Newton of tensors", () => new Newton(any([tensor([1])]), () => tensor(1)), /want parameters.*got a Tensor/],
  ["HessianFree of a cell", () => new HessianFree(any(w()), any(0), any(0)), /wants a list of parameters, got a Parameter/],
  ["EMA of tensors", () => new EMA(any([tensor([1])])), /EMA: want parameters to average, got a Tensor/],
  ["a step without gradients", () => new SGD([w()], { lr: 1 }).step(any(undefined)), /want a list of gradients, got undefined/],
  ["a step with a number", () => new SGD([w()], { lr: 1 }).step(any([1])), /want a tensor as the gradient of w: f32\[2\], got 1/],
  ["a learning rate that is a text", () => Object.assign(new SGD([w()], { lr: 1 }), { lr: any("fast") }), /lr must be a number/],
  ["a state dict that is an object", () => new Linear(2, 2).loadStateDict(any({})), /want a Map.*got an object/],
  ["an optimizer's that is an array", () => new Adam([w()]).loadStateDict(any([])), /wants a Map.*got an array/],
  ["a hook that is no function", () => new Linear(2, 2).onForward(any("hook")), /want a function.*got "hook"/],
];

describe("refused, with what was expected, what came and the remedy:", () => {
  test.each(refused)("%s", (_, wrong, message) => {
    expect(wrong).toThrow(message);
    worksOn();
  });
});

describe("a load that fails changes nothing:", () => {
  test("of a module, where one entry cannot be read", () => {
    const model = new Linear(2, 1);
    const before = [...model.weight.value.dataSync()];
    const entries = new Map<string, unknown>([
      ["weight", { shape: [1, 2], data: Float32Array.of(8, 9) }],
      ["bias", { shape: [1], data: Float32Array.of(1, 2, 3) }],
    ]);
    expect(() => model.loadStateDict(any(entries))).toThrow();
    expect([...model.weight.value.dataSync()]).toEqual(before);
  });

  test("of an optimizer", () => {
    const optimizer = new Adam([w()]);
    const before = [...optimizer.stateDict().values()].map((cell) => [...cell.value.dataSync()]);
    const entries = new Map<string, unknown>([...optimizer.stateDict()].map(([name, cell]) => [name, cell as unknown]));
    const last = [...entries.keys()].at(-1)!;
    const { shape } = entries.get(last) as { shape: readonly number[] };
    entries.set(last, { shape, data: Float32Array.of(1, 2, 3, 4, 5, 6, 7) });
    expect(() => optimizer.loadStateDict(any(entries))).toThrow();
    expect([...optimizer.stateDict().values()].map((cell) => [...cell.value.dataSync()])).toEqual(before);
  });

  test("of a compiled function's argument, which is no tensor where one was", () => {
    const f = compile((x: Tensor): Tensor => x.add(1));
    expect(f(tensor([1])).itemSync()).toBe(2);
    expect(() => f(any(undefined))).toThrow();
    worksOn();
  });
});
