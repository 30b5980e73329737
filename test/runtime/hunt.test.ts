/**
 * @file The NaN hunter: it names the instruction, the ranges and the line; it leaves right programs alone.
 */
import { expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { compile } from "../../src/function/compile.ts";
import { backward } from "../../src/function/derivative.ts";
import { recordFunction } from "../../src/function/recording.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Cell } from "../../src/runtime/cell.ts";
import { Executables } from "../../src/runtime/executables.ts";
import { huntNaN } from "../../src/runtime/hunt.ts";

test("a right step gives what it gives compiled, and sets its cells", () => {
  const make = (): { w: Cell; step: (x: Tensor) => Tensor } => {
    const w = new Cell(tensor([[0.5], [-0.5]]), "w");
    const step = (x: Tensor): Tensor => {
      const { value, grads } = backward(() => x.matmul(w).tanh().sum(), [w]);
      w.set(w.value.sub(grads[0]!.mul(0.1)));
      return value;
    };
    return { w, step };
  };
  const [plain, careful] = [make(), make()];
  const x = tensor([
    [1, 2],
    [3, 4],
  ]);
  expect(compile(careful.step, { debug: "nan" })(x).itemSync()).toBeCloseTo(compile(plain.step)(x).itemSync(), 6);
  expect(careful.w.value.dataSync()[0]).toBeCloseTo(plain.w.value.dataSync()[0]!, 6);
});

test("the first instruction that makes a NaN is named, with its operand's range and the line", () => {
  const step = compile((x: Tensor) => x.sub(2).named("z").log().sum(), { debug: "nan" });
  expect(() => step(tensor([1, 3, 5]))).toThrow(
    /^log makes NaN at element 0 of f32\[3\], recorded at .*hunt\.test\.ts:\d+:\d+; its operands are finite:\n {2}z: f32\[3\] in \[-1, 3\]$/,
  );
});

test("infinities too, and in the backward pass", () => {
  const w = new Cell(tensor([0, 4]), "w");
  const step = compile(() => backward(() => w.value.sqrt().sum(), [w]).grads[0]!, { debug: "nan" });
  expect(() => step()).toThrow(/recip makes Infinity/);
});

test("the backward pass names the line of the operation whose derivative it is", () => {
  const w = new Cell(tensor([0, 4]), "w");
  const lines: number[] = [];
  const here = (): void => {
    lines.push(Number(/hunt\.test\.ts:(\d+)/.exec(new Error().stack!.split("\n")[2]!)![1]));
  };
  const root = (x: Tensor): Tensor => {
    here();
    return x.sqrt();
  };
  const loss = (): Tensor => root(w.value).sin().sum();
  const step = compile(() => backward(loss, [w]).grads[0]!, { debug: "nan" });
  let text = "";
  try {
    step();
  } catch (error) {
    text = (error as Error).message;
  }
  expect(text).toMatch(/makes Infinity/);
  expect(Number(/recorded at .*hunt\.test\.ts:(\d+):/.exec(text)![1])).toBe(lines[0]! + 1);
});

test("what it compiles on the way is kept up to a number, the least recently used goes first", () => {
  const { region } = recordFunction((x: Tensor) => x.sin().cos().sin().exp().tanh().sin(), [tensor([0.5])]);
  const few = new Executables(2);
  const [found] = huntNaN(region, [Float32Array.of(0.5)], few);
  expect(found![0]).toBeCloseTo(Math.sin(Math.tanh(Math.exp(Math.sin(Math.cos(Math.sin(0.5)))))), 5);
  expect(few.size).toBe(2);
  const gone: string[] = [];
  const cache = new Executables(2);
  const of = (key: string): unknown => cache.of(key, () => ({ dispose: () => gone.push(key) }) as unknown as ReturnType<Executables["of"]>);
  for (const key of ["a", "b", "a", "c", "a", "d"]) of(key);
  expect(gone).toEqual(["b", "c"]);
  cache.clear();
  expect(gone).toEqual(["b", "c", "a", "d"]);
});
