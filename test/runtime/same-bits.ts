/** @file What must have the same bits for any number of threads, on whatever backend is in use. */
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { compile } from "../../src/function/compile.ts";
import { cond, scan } from "../../src/function/control.ts";
import { backward, vjp } from "../../src/function/derivative.ts";
import { whileLoop } from "../../src/function/while.ts";
import * as linalg from "../../src/math/linalg.ts";
import * as random from "../../src/math/random.ts";
import { LeNet5 } from "../../src/models/lenet.ts";
import * as nn from "../../src/nn/index.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import * as optim from "../../src/optim/index.ts";
import { theArena } from "../../src/runtime/backends.ts";
import { Cell } from "../../src/runtime/cell.ts";
import { dividing } from "../../src/runtime/wasm/backend.ts";
import { setThreads } from "../../src/runtime/wasm/pool.ts";
import { bits } from "../bits.ts";
import { inputsOf, leaf, type Program as RandomProgram, randomProgram, record } from "../fuzz/program.ts";
import { sized } from "../size.ts";

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

const numbers = (shape: readonly number[], seed = 0): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.fround(Math.sin(12.9898 * i + seed) * 1.5)),
    { shape },
  );

/** What `make()` computes, on one thread in kernels that are not divided, and on two, three threads (one too at full size) in kernels that all are: call by call, the same bits. */
function expectSameBits(make: () => () => readonly Tensor[], calls = 3): void {
  const run = (threads: number, leastWork: number): string[] => {
    setThreads(threads);
    dividing.leastWork = leastWork;
    const f = make();
    return Array.from({ length: calls }, () => f().map((y) => bits(y.dataSync()))).flat();
  };
  const want = run(1, Number.POSITIVE_INFINITY);
  for (const threads of sized([2, 3], [1, 2, 3])) expect(run(threads, 0), `${threads} threads`).toEqual(want);
}

/** The tests; whoever calls it sets `dividing` and the number of threads back. */
export function describeSameBits(): void {
  describe("the same bits for one, two and three threads", () => {
    const training = (model: nn.Layer, make: (p: nn.Parameter[]) => optim.Optimizer, x: Tensor, y: Tensor) => (): readonly Tensor[] => {
      const optimizer = make(model.parameters());
      const step = compile((x: Tensor, y: Tensor): Tensor => {
        const { value, grads } = backward(() => nn.crossEntropy(model.forward(x), y), optimizer.parameters);
        optimizer.step(grads);
        return value;
      });
      const losses = Array.from({ length: 3 }, () => step(x, y));
      return [...losses, ...model.parameters().map((p) => p.value)];
    };
    const labels = (n: number): Tensor => tensor(Int32Array.from({ length: n }, (_, i) => (i * 7) % 10));
    const seeded = <T>(make: () => T): T => {
      random.manualSeed(7);
      return make();
    };
    class Lstm extends nn.Module {
      readonly lstm = new nn.LSTM(12, 16);
      readonly head = new nn.Linear(16, 10);
      forward(x: Tensor): Tensor {
        const { output } = this.lstm.forward(x);
        return this.head.forward(output.mean(0));
      }
    }

    test("training steps of lenet, with adam", () => {
      expectSameBits(
        () =>
          training(
            seeded(() => new LeNet5()),
            (p) => new optim.Adam(p),
            numbers([8, 1, 28, 28]),
            labels(8),
          ),
        1,
      );
    });

    test("convolutions that leave taps on padding out", () => {
      for (const [n, c, o, size, k] of [
        [8, 6, 16, 10, 5],
        [4, 40, 8, 4, 3],
        [12, 3, 5, 1, 3],
      ] as const) {
        const [x, w] = [numbers([n, c, size, size]), numbers([o, c, k, k], 1)];
        expectSameBits(() => {
          const f = compile((x: Tensor, w: Tensor) => x.relu().conv(w, { padding: k - 1 }));
          return () => [f(x, w) as Tensor];
        }, 2);
      }
    });

    test("training steps of a perceptron with normalization, with momentum", () => {
      const model = (): nn.Sequential =>
        seeded(() => new nn.Sequential(new nn.Linear(37, 65), new nn.LayerNorm([65]), new nn.GELU(), new nn.Linear(65, 10)));
      expectSameBits(() => training(model(), (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9 }), numbers([13, 37]), labels(13)), 1);
    });

    test("training steps of an LSTM", () => {
      expectSameBits(
        () =>
          training(
            seeded(() => new Lstm()),
            (p) => new optim.SGD(p, { lr: 0.1 }),
            numbers([6, 5, 12]),
            labels(5),
          ),
        1,
      );
    });

    const value = (f: (...x: Tensor[]) => Tensor, ...operands: Tensor[]) => {
      const ct = numbers(f(...operands).shape, 5);
      const all = compile((...x: Tensor[]): Tensor[] => {
        const { value, pullback } = vjp(f)(...x);
        return [value, ...pullback(ct)];
      });
      return () => () => all(...operands);
    };

    test.each<[string, (...x: Tensor[]) => Tensor, ...number[][]]>([
      ["products", (a, b) => a.matmul(b), [67, 53], [53, 71]],
      ["products with long sums", (a, b) => a.matmul(b), [37, 2600], [2600, 22]],
      ["convolution with long sums", (x, w) => x.conv(w, { padding: 1 }), [4, 24, 20, 20], [20, 24, 3, 3]],
      ["batched products", (a, b) => a.matmul(b), [3, 17, 20], [3, 20, 9]],
      ["a matrix and a vector", (a, b) => a.matmul(b), [130, 33], [33]],
      ["convolution", (x, w) => x.conv(w, { padding: 1 }), [3, 5, 11, 13], [7, 5, 3, 3]],
      ["strided, grouped convolution", (x, w) => x.conv(w, { stride: 2, groups: 2 }), [2, 6, 14, 15], [8, 3, 3, 3]],
      ["depthwise convolution in rows", (x, w) => x.conv(w, { padding: 1, groups: 6 }), [4, 6, 17, 18], [6, 1, 3, 3]],
      ["depthwise convolution in lanes", (x, w) => x.tanh().conv(w, { padding: 2, groups: 6 }).tanh(), [4, 6, 9, 10], [6, 1, 5, 5]],
      ["1x1 convolution with long sums", (x, w) => x.conv(w), [2, 300, 20, 20], [20, 300, 1, 1]],
      ["strided convolution of four images", (x, w) => x.conv(w, { stride: 2, padding: 3 }), [4, 3, 22, 22], [8, 3, 7, 7]],
      [
        "what is padded and put together",
        (x, y) =>
          x
            .tanh()
            .concat([y.pad([0, 1], [0, 2])], 1)
            .pad([2, 0], [0, 3]),
        [33, 40],
        [33, 21],
      ],
      [
        "softmax",
        (x) =>
          x
            .sub(x.max(-1, { keepDims: true }))
            .exp()
            .div(x.exp().sum(-1, { keepDims: true })),
        [37, 101],
      ],
      [
        "normalization",
        (x, g) =>
          x
            .sub(x.mean(-1, { keepDims: true }))
            .mul(x.square().mean(-1, { keepDims: true }).add(1e-5).sqrt().recip())
            .mul(g),
        [19, 45],
        [45],
      ],
      ["sums over all", (x) => x.square().sum(), [41, 503]],
      ["sums over the first axis", (x) => x.tanh().sum(0), [300, 7]],
      ["a running maximum", (x) => x.max(1), [33, 9, 5]],
      [
        "a recurrent loop",
        (x, w, u) => scan((h: Tensor, x: Tensor) => [x.matmul(w!).add(h.matmul(u!)).tanh(), h], x!.select(0, 0).matmul(w!), x!)[0],
        [7, 5, 30],
        [30, 40],
        [40, 40],
      ],
      ["movement", (x) => x.transpose().flip(0).slice([2, 3]).mul(2), [31, 23]],
    ])("%s, forward and backward", (_, f, ...shapes) => {
      const operands = shapes.map((shape, i) => numbers(shape, i));
      expectSameBits(() => value(f, ...operands)());
    });

    test("loops and branches around kernels that are divided", () => {
      const w = numbers([24, 24], 3).mul(0.2);
      expectSameBits(() =>
        compile(() => {
          const [last, all] = scan(
            (h: Tensor, x: Tensor): [Tensor, Tensor] => {
              const y = h.matmul(w).add(x).tanh();
              return [y, y.mul(2)];
            },
            numbers([9, 24]),
            numbers([6, 9, 24], 1),
          );
          const chosen = cond(
            last.sum().gt(0),
            () => last.matmul(w),
            () => last.neg(),
          );
          const grown = whileLoop(
            (x: Tensor) => x.abs().max().lt(50),
            (x) => x.mul(2).add(x.matmul(w)),
            chosen,
          );
          return [last, all, chosen, grown];
        }),
      );
    });

    test("steps on the host between kernels", () => {
      expectSameBits(() =>
        compile(() => {
          const a = numbers([20, 20]);
          const spd = a.matmul(a.transpose()).add(numbers([20, 20], 0).mul(0).add(1));
          const l = linalg.cholesky(
            spd.add(
              tensor(
                Float32Array.from({ length: 400 }, (_, i) => (i % 21 === 0 ? 30 : 0)),
                { shape: [20, 20] },
              ),
            ),
          );
          return [l, l.matmul(a).tanh(), a.matmul(l)];
        }),
      );
    });

    const inPlace = (program: RandomProgram): (() => readonly Tensor[]) => {
      const cells = inputsOf(program).map((id, i) => new Cell(leaf(program.nodes[id]!), `c${i}`));
      const taken = new Set<Cell>();
      const f = compile(() => {
        const outputs = record(
          program,
          cells.map((cell) => cell.value),
        );
        for (const y of outputs) {
          const cell = cells.find((c) => !taken.has(c) && c.dtype === y.dtype && String(c.shape) === String(y.shape));
          if (!cell) continue;
          taken.add(cell);
          cell.set(y);
        }
        return outputs;
      });
      return () => [...f(), ...cells.map((cell) => cell.value)];
    };

    test.each(Array.from({ length: sized(1, 5) }, (_, i) => i * 10))("random programs from %i, their state updated in place", (first) => {
      for (let seed = 5000 + first; seed < 5010 + first; seed++) {
        const program = randomProgram(seed);
        dividing.leastWork = 0;
        expectSameBits(() => inPlace(program), 2);
      }
    });
  });
}

/** What happens to threads between steps. */
export function describeChanges(): void {
  describe("threads", () => {
    test("thousands of short steps, the number of threads changing in between", async () => {
      dividing.leastWork = 0;
      const state = new Cell(tensor(new Float32Array(300)));
      const step = compile((x: Tensor): void => state.set(state.value.mul(0.5).add(x).add(state.value.flip(0).mul(0.25))));
      const x = numbers([300]);
      const want = new Float32Array(300);
      for (let i = 0; i < 4000; i++) {
        if (i % 97 === 0) setThreads(1 + ((i / 97) % 4));
        if (i % 1000 === 500) await pause(100);
        step(x);
        const before = want.slice();
        const given = x.dataSync();
        for (let j = 0; j < 300; j++)
          want[j] = Math.fround(Math.fround(Math.fround(before[j]! * 0.5) + given[j]!) + Math.fround(before[299 - j]! * 0.25));
      }
      const got = state.value.dataSync();
      expect(Math.max(...got.map((v, i) => Math.abs(v - want[i]!)))).toBeLessThan(1e-5);
    });

    test("the arena may grow while the others live", async () => {
      dividing.leastWork = 0;
      setThreads(3);
      const sum = new Cell(numbers([64, 64]));
      const step = compile((): void => sum.set(sum.value.matmul(sum.value).tanh()));
      step();
      step();
      await pause(100);
      const before = theArena().size;
      for (let i = 0; i < 4; i++) {
        const big = new Cell(tensor(new Float32Array(2 ** 20 * (i + 1))));
        compile((): void => big.set(big.value.add(1)))();
        step();
        expect(big.value.dataSync().every((v) => v === 1)).toBe(true);
      }
      expect(theArena().size).toBeGreaterThan(before);
      expect(sum.value.dataSync().every((v) => Number.isFinite(v))).toBe(true);
    });

    test("programs that are gone are forgotten, many programs are known", () => {
      setThreads(2);
      dividing.leastWork = 0;
      for (let n = 1; n <= 60; n++) {
        const f = compile((x: Tensor) => x.mul(n).add(1));
        const x = numbers([100 + n]);
        const [a, b, c] = [f(x), f(x), f(x)].map((y) => bits(y.dataSync()));
        expect([b, c]).toEqual([a, a]);
        f.dispose();
      }
    });
  });
}
