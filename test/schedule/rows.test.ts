/** @file Kernels that go over rows once: which groups they take in, what they write, and that it is the same as one group after another. */
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { allocate, type Dtype } from "../../src/base/dtype.ts";
import { sizeOf } from "../../src/base/shape.ts";
import { compile } from "../../src/function/compile.ts";
import { vjp } from "../../src/function/derivative.ts";
import { recordFunction } from "../../src/function/recording.ts";
import { printKernel } from "../../src/kernel/print.ts";
import { WASM } from "../../src/kernel/target.ts";
import { verifyKernel } from "../../src/kernel/verify.ts";
import { crossEntropy } from "../../src/math/loss.ts";
import { logSoftmax, softmax } from "../../src/math/softmax.ts";
import { fromArray, tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Cell } from "../../src/runtime/cell.ts";
import { cellsOf } from "../../src/runtime/executable.ts";
import { plan } from "../../src/runtime/fit.ts";
import { optimize } from "../../src/runtime/passes.ts";
import { setBackend } from "../../src/runtime/set-backend.ts";
import { dividing } from "../../src/runtime/wasm/backend.ts";
import { setThreads } from "../../src/runtime/wasm/pool.ts";
import type { Schedule } from "../../src/schedule/schedule.ts";
import { bits } from "../bits.ts";
import { sized } from "../size.ts";

const USUAL = dividing.leastWork;

afterEach(() => {
  dividing.leastWork = USUAL;
  setBackend("wasm");
  setThreads(1);
});

type Fn = (...args: Tensor[]) => Tensor;

function planOf(fn: (...args: Tensor[]) => unknown, ...args: (Tensor | readonly number[])[]): Schedule {
  const recording = recordFunction(
    fn,
    args.map((x) => ("shape" in x ? x : zeros([...x]))),
  );
  const planned = plan(optimize(recording.region), recording, cellsOf(recording));
  for (const kernel of planned.program.kernels) verifyKernel(kernel, WASM);
  return planned;
}

const stepsOf = ({ program }: Schedule): string[] =>
  program.steps.map((step) => (step.kind === "call" ? program.kernels[step.kernel]!.name : step.kind));

const numbers = (shape: readonly number[], seed = 0, dtype: Dtype = "f32"): Tensor =>
  fromArray(
    allocate(dtype, sizeOf(shape)).map((_, i) => Math.sin(12.9898 * i + seed) * 2),
    { shape, dtype },
  );

const layerNorm: Fn = (x, g, b) => {
  const centred = x!.sub(x!.mean(-1, { keepDims: true }));
  const variance = centred.square().mean(-1, { keepDims: true });
  return centred.mul(variance.add(1e-5).sqrt().recip()).mul(g!).add(b!);
};
const rmsNorm: Fn = (x, g) => x!.mul(x!.square().mean(-1, { keepDims: true }).add(1e-6).rsqrt()).mul(g!);

/** The value of `fn` and the cotangents of its operands, for the cotangent that comes last. */
const both =
  (fn: Fn) =>
  (...args: Tensor[]): Tensor[] => {
    const { value, pullback } = vjp(fn)(...args.slice(0, -1));
    return [value, ...pullback(args.at(-1)!)];
  };

describe("one kernel goes over the rows of", () => {
  test("a softmax; what it exponentiates is where the result will be", () => {
    const planned = planOf((x) => softmax(x!), [64, 100]);
    expect(stepsOf(planned)).toEqual(["decay_sum_ratio"]);
    const [call] = planned.program.steps;
    if (call?.kind !== "call") throw new Error("no call");
    expect(call.args[2]).toEqual(call.args[4]);
    expect(planned.program.kernels.map(printKernel).join("\n")).toMatchInlineSnapshot(`
      "kernel decay_sum_ratio(b0: f32[6400], b1: mut f32[64], b2: mut f32[6400], b3: mut f32[64], b4: mut f32[6400])
      for i < 64 step 16 {
        for j < 16 {
          let t0 = -Infinity
          let t1 = false
          let t2 = -Infinity
          let t3 = false
          let t4 = -Infinity
          let t5 = false
          let t6 = -Infinity
          let t7 = false
          for k < 96 step 16 {
            let t8 = b0[i * 100 + j * 100 + k:4]
            t0 = select(t0 < t8, t8, t0)
            t1 = t1 | t8 != t8
            let t9 = b0[i * 100 + j * 100 + k + 4:4]
            t2 = select(t2 < t9, t9, t2)
            t3 = t3 | t9 != t9
            let t10 = b0[i * 100 + j * 100 + k + 8:4]
            t4 = select(t4 < t10, t10, t4)
            t5 = t5 | t10 != t10
            let t11 = b0[i * 100 + j * 100 + k + 12:4]
            t6 = select(t6 < t11, t11, t6)
            t7 = t7 | t11 != t11
          }
          let t12 = b0[i * 100 + j * 100 + 96:4]
          t0 = select(t0 < t12, t12, t0)
          t1 = t1 | t12 != t12
          let t13 = fold.max(max(max(select(t1, NaN, t0), select(t3, NaN, t2)), max(select(t5, NaN, t4), select(t7, NaN, t6))))
          b1[i + j] = t13
          let t14 = 0
          let t15 = 0
          let t16 = 0
          let t17 = 0
          for k < 96 step 16 {
            let t18 = exp(min(b0[i * 100 + j * 100 + k:4] - t13, 0))
            let t19 = exp(min(b0[i * 100 + j * 100 + k + 4:4] - t13, 0))
            let t20 = exp(min(b0[i * 100 + j * 100 + k + 8:4] - t13, 0))
            let t21 = exp(min(b0[i * 100 + j * 100 + k + 12:4] - t13, 0))
            t14 = t14 + t18
            t15 = t15 + t19
            t16 = t16 + t20
            t17 = t17 + t21
            b2[i * 100 + j * 100 + k:4] = t18
            b2[i * 100 + j * 100 + k + 4:4] = t19
            b2[i * 100 + j * 100 + k + 8:4] = t20
            b2[i * 100 + j * 100 + k + 12:4] = t21
          }
          let t22 = exp(min(b0[i * 100 + j * 100 + 96:4] - t13, 0))
          b2[i * 100 + j * 100 + 96:4] = t22
          t14 = t14 + t22
          let t23 = fold.add(t14 + t15 + (t16 + t17))
          b3[i + j] = t23
          for k < 96 step 16 {
            let t24 = b2[i * 100 + j * 100 + k:4] * (1 / t23)
            let t25 = b2[i * 100 + j * 100 + k + 4:4] * (1 / t23)
            let t26 = b2[i * 100 + j * 100 + k + 8:4] * (1 / t23)
            let t27 = b2[i * 100 + j * 100 + k + 12:4] * (1 / t23)
            b4[i * 100 + j * 100 + k:4] = t24
            b4[i * 100 + j * 100 + k + 4:4] = t25
            b4[i * 100 + j * 100 + k + 8:4] = t26
            b4[i * 100 + j * 100 + k + 12:4] = t27
          }
          let t28 = t22 * (1 / t23)
          b4[i * 100 + j * 100 + 96:4] = t28
        }
      }"
    `);
  });

  test("its gradient, a log-softmax, norms", () => {
    expect(
      stepsOf(
        planOf(
          both((x) => softmax(x!)),
          [64, 1000],
          [64, 1000],
        ),
      ),
    ).toHaveLength(1);
    expect(stepsOf(planOf((x) => logSoftmax(x!), [64, 1000]))).toHaveLength(1);
    expect(
      stepsOf(
        planOf(
          both((x) => logSoftmax(x!)),
          [64, 1000],
          [64, 1000],
        ),
      ),
    ).toHaveLength(1);
    expect(stepsOf(planOf(layerNorm, [64, 768], [768], [768]))).toHaveLength(1);
    expect(stepsOf(planOf(rmsNorm, [64, 768], [768]))).toHaveLength(1);
  });

  test("a norm's gradient, but for its sums over columns", () => {
    const planned = planOf(both(layerNorm), [64, 768], [768], [768], [64, 768]);
    expect(stepsOf(planned)).toHaveLength(3);
  });

  test("a norm's gradient with slices of its sums over many rows", () => {
    for (const rows of [[1024], [8, 128], [4, 3, 128]])
      expect(stepsOf(planOf(both(layerNorm), [...rows, 256], [256], [256], [...rows, 256]))).toEqual(["add_sum_sum", "sum", "sum"]);
  });

  test("an activation's gradient and that of the bias before it", () => {
    const layer = (x: Tensor, b: Tensor, ct: Tensor): Tensor[] => both((x, b) => x!.add(b!).sigmoid())(x, b, ct).slice(1);
    expect(stepsOf(planOf(layer, [2048, 128], [128], [2048, 128]))).toHaveLength(2);
  });

  test("attention under a mask that all heads share", () => {
    const attend: Fn = (s, mask) => softmax(s!.add(mask!));
    expect(stepsOf(planOf(attend, [4, 8, 32, 32], [32, 32]))).toHaveLength(1);
  });

  test("a classifier's loss, but for its mean, whose gradient it has", () => {
    const targets = tensor(Int32Array.from({ length: 64 }, (_, i) => i % 10));
    const loss = (x: Tensor): unknown => {
      const { value, pullback } = vjp((x: Tensor) => crossEntropy(x, targets))(x);
      return [value, pullback(tensor(1))];
    };
    expect(stepsOf(planOf(loss, [64, 10]))).toHaveLength(3);
  });

  test("statistics of channels, of which the second needs the first", () => {
    const variance: Fn = (x) => {
      const centred = x!.sub(x!.mean([0, 2, 3], { keepDims: true }));
      return centred.square().mean([0, 2, 3]);
    };
    expect(stepsOf(planOf(variance, [4, 32, 7, 7]))).toHaveLength(1);
  });
});

describe("not joined are", () => {
  test("rows that do not stay in the cache", () => {
    expect(stepsOf(planOf((x) => softmax(x!), [32, 1 << 18])).length).toBeGreaterThan(1);
  });

  test("few long rows, which threads could not divide", () => {
    expect(stepsOf(planOf((x) => softmax(x!), [2, 30000])).length).toBeGreaterThan(1);
  });

  test("columns", () => {
    expect(stepsOf(planOf((x) => softmax(x!, 0), [1000, 64])).length).toBeGreaterThan(1);
  });

  test("products", () => {
    expect(stepsOf(planOf((x, w) => softmax(x!.matmul(w!)), [64, 32], [32, 100]))).toEqual(["dot", "decay_sum_ratio"]);
  });
});

test("a result may be written over what the rows are read from", () => {
  const cell = new Cell(numbers([37, 50]));
  const want = softmax(cell.value).dataSync().slice();
  const step = (): void => cell.set(softmax(cell.value));
  expect(stepsOf(planOf(step))).toEqual(["decay_sum_ratio"]);
  expect(planOf(step).scratch).toBeLessThan(4 * 37 * 50);
  compile(step)();
  expect([...cell.value.dataSync()]).toEqual([...want]);
});

test("what the rows still need is not overwritten", () => {
  const cell = new Cell(numbers([37, 50]));
  const next = (x: Tensor): Tensor => softmax(x).add(x);
  const x = cell.value;
  const y = softmax(x);
  y.dataSync();
  const want = y.add(x).dataSync().slice();
  compile(() => cell.set(next(cell.value)))();
  expect([...cell.value.dataSync()]).toEqual([...want]);
});

test.each(["wasm", "interpreter"] as const)("a NaN anywhere in a row is its greatest and its least, on %s", (backend) => {
  setBackend(backend);
  for (const [row, at] of [
    [100, 0],
    [100, 41],
    [99, 98],
    [7, 6],
    [70, 67],
  ] as const) {
    const x = Float32Array.from({ length: 3 * row }, (_, i) => -1 - (i % 5));
    x[row + at] = Number.NaN;
    x[2 * row + at] = Number.NEGATIVE_INFINITY;
    const given = tensor(x, { shape: [3, row] });
    expect([...compile((x: Tensor) => x.max(1))(given).dataSync()]).toEqual([-1, Number.NaN, -1]);
    expect([...compile((x: Tensor) => x.min(1))(given).dataSync()]).toEqual([-5, Number.NaN, Number.NEGATIVE_INFINITY]);
  }
});

describe("the same as one instruction after another", () => {
  /** A random chain of instructions on a matrix, its rows' reductions, and a row of weights. */
  const steps = fc.array(fc.tuple(fc.nat(9), fc.nat(99), fc.nat(99)), { minLength: 4, maxLength: 14 });
  const shapes = fc.constantFrom([17, 67], [64, 100], [33, 5], [5, 4, 70], [3, 5, 7, 9], [16, 1], [40, 256], [67, 130]);

  function record(chain: readonly (readonly [number, number, number])[], x: Tensor, w: Tensor, settle: (y: Tensor) => Tensor): Tensor[] {
    const full = [x, settle(x.mul(w).tanh())];
    const rows: Tensor[] = [settle(x.mean(-1, { keepDims: true }))];
    const columns: Tensor[] = [];
    for (const [op, i, j] of chain) {
      const [a, b, r] = [full[i % full.length]!, full[j % full.length]!, rows[j % rows.length]!];
      if (op === 0) rows.push(settle(a.max(-1, { keepDims: true })));
      else if (op === 1) rows.push(settle(a.mean(-1, { keepDims: true })));
      else if (op === 2) rows.push(settle(settle(a.mul(b)).mean(-1, { keepDims: true })));
      else if (op === 3) rows.push(settle(settle(r.abs()).add(1).recip()));
      else if (op === 4) full.push(settle(settle(settle(a.sub(r)).tanh()).exp()));
      else if (op === 5) full.push(settle(a.mul(r)));
      else if (op === 6) full.push(settle(settle(a.add(b)).mul(w)));
      else if (op === 7) columns.push(settle(settle(a.mul(b)).mean(0)));
      else if (op === 8) full.push(settle(settle(a.mul(0.5)).sigmoid()));
      else full.push(settle(settle(a.sub(b)).tanh()));
    }
    return [full.at(-1)!, rows.at(-1)!, ...columns];
  }

  test.each(["wasm", "interpreter"] as const)("random chains over rows, on %s", (backend) => {
    fc.assert(
      fc.property(shapes, steps, fc.constantFrom<Dtype>("f32", "f64"), (shape, chain, dtype) => {
        const [x, w] = [numbers(shape, 1, dtype), numbers(shape.slice(-1), 2, dtype)];
        const want = record(chain, x, w, (y) => {
          y.dataSync();
          return y;
        });
        setBackend(backend);
        const got = compile((x: Tensor, w: Tensor) => record(chain, x, w, (y) => y))(x, w);
        want.forEach((y, n) => {
          const [a, b] = [got[n]!.dataSync(), y.dataSync()];
          for (let i = 0; i < b.length; i++) {
            const error = Math.abs(Number(a[i]) - Number(b[i]));
            expect(error, `${n}[${i}]`).toBeLessThanOrEqual(3e-5 * (1 + Math.abs(Number(b[i]))));
          }
        });
        setBackend("wasm");
      }),
      { numRuns: backend === "wasm" ? sized(8, 200) : sized(4, 60), seed: 5 },
    );
  });

  test("norms of many rows, whose sums over rows are in slices", () => {
    // Rows and columns that no number of lanes divides; the others only in full.
    for (const shape of sized(
      [[1100, 260]],
      [
        [1100, 260],
        [1024, 256],
        [6, 200, 256],
      ],
    )) {
      const given = (dtype: Dtype): Tensor[] => [shape, shape.slice(-1), shape.slice(-1), shape].map((s, i) => numbers(s, i, dtype));
      const want = both(layerNorm)(...given("f64"));
      const got = compile((...args: Tensor[]) => both(layerNorm)(...args))(...given("f32"));
      want.forEach((y, n) => {
        const [a, b] = [got[n]!.dataSync(), y.dataSync()];
        const scale = Array.from(b, (v) => Math.abs(Number(v))).reduce((m, v) => Math.max(m, v));
        const error = Array.from(b, (v, i) => Math.abs(Number(a[i]) - Number(v))).reduce((m, v) => Math.max(m, v));
        expect(error, `${shape}: ${n}`).toBeLessThan(1e-5 * scale);
      });
    }
  });

  test("sums of slices over the cell whose rows they add up", () => {
    const [cell, other] = [new Cell(numbers([64, 64])), numbers([64, 16, 64], 3)];
    const sums = (x: Tensor): Tensor => {
      const y = other.add(x.reshape([64, 1, 64])).tanh();
      return y.mul(y.max(-1, { keepDims: true })).sum(1);
    };
    const want = sums(cell.value).dataSync().slice();
    compile(() => cell.set(sums(cell.value)))();
    expect([...cell.value.dataSync()]).toEqual([...want]);
  });

  test.each([
    [
      "softmax",
      both((x) => softmax(x!)),
      [
        [67, 130],
        [67, 130],
      ],
    ],
    ["layer norm", both(layerNorm), [[130, 96], [96], [96], [130, 96]]],
    ["layer norm of many rows", both(layerNorm), [[1024, 256], [256], [256], [1024, 256]]],
    [
      "attention",
      both((s, mask) => softmax(s!.add(mask!))),
      [
        [3, 4, 17, 33],
        [17, 33],
        [3, 4, 17, 33],
      ],
    ],
  ] as const)("%s, forward and backward, to the same bits on one, two and three threads", (_, fn, given) => {
    const args = given.map((shape, i) => numbers(shape, i));
    const run = (threads: number, leastWork: number): string[] => {
      setThreads(threads);
      dividing.leastWork = leastWork;
      const f = compile((...args: Tensor[]) => fn(...args));
      return Array.from({ length: 3 }, () => f(...args).map((y) => bits(y.dataSync()))).flat();
    };
    const want = run(1, Number.POSITIVE_INFINITY);
    for (const threads of [1, 2, 3]) expect(run(threads, 0)).toEqual(want);
  });
});
