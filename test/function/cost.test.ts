/**
 * @file What differentiation costs, counted on the Wengert list (AD-2), and what backpropagation of a network is, line by line (AD-1).
 */
import { describe, expect, test } from "vitest";
import { sizeOf } from "../../src/base/shape.ts";
import type { AnyFunction } from "../../src/function/capture.ts";
import { grad, jvp, vjp } from "../../src/function/derivative.ts";
import { recordFunction } from "../../src/function/recording.ts";
import { show } from "../../src/function/show.ts";
import { stack, zeros } from "../../src/ops/create.ts";
import type { Instruction, Region } from "../../src/ops/op.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { tidy } from "../../src/runtime/passes.ts";
import type { Value } from "../../src/tape/node.ts";
import { tapeOfRegion } from "../../src/tape/tape.ts";
import { elements, expectClose, f64, range } from "./backends.ts";

/** Movement and constants compute nothing. */
const FREE = new Set([
  "full",
  "iota",
  "reshape",
  "transpose",
  "broadcast",
  "slice",
  "pad",
  "flip",
  "windows",
  "concat",
  "identity",
  "cast",
]);

/** Arithmetic operations of an instruction: one per element that it computes, one per product it sums. */
function operations({ op, operands, results }: Instruction): number {
  if (FREE.has(op.name)) return 0;
  const sizes = [...operands, ...results].map((t) => sizeOf(t.shape));
  if (op.name === "sum") return sizes[0]!;
  // Every index of a product of two tensors stands in two of its three tensors.
  if (op.name === "dot") return Math.round(Math.sqrt(sizes.reduce((n, s) => n * s, 1)));
  return sizeOf(results[0]!.shape);
}

const cost = (region: Region): number => tapeOfRegion(region).reduce((n, instruction) => n + operations(instruction), 0);
const listOf = (fn: AnyFunction, ...args: unknown[]): Region => tidy(recordFunction(fn, args).region);

/** A program from n numbers to m numbers with a wide middle. */
const program = (n: number, m: number) => {
  const [w1, w2] = [
    f64(range(16, (i) => range(n, (j) => Math.sin(3 * i + j)))),
    f64(range(m, (i) => range(16, (j) => Math.cos(i - 2 * j)))),
  ];
  return (x: Tensor): Tensor => w2.matmul(w1.matmul(x).tanh().mul(w1.matmul(x).sin()));
};
const unit = (n: number, i: number): Tensor => f64(range(n, (j) => (i === j ? 1 : 0)));

/** Column by column: one forward accumulation for each input. */
const byForward = (f: (x: Tensor) => Tensor, n: number) => (x: Tensor) =>
  stack(
    range(n, (i) => jvp(f)([x], [unit(n, i)]).tangent),
    1,
  );

/** Row by row: one reverse accumulation for each output. */
const byReverse = (f: (x: Tensor) => Tensor, m: number) => (x: Tensor) => stack(range(m, (i) => vjp(f)(x).pullback(unit(m, i))[0]));

describe("AD-2: the Jacobian of f: Rⁿ → Rᵐ", () => {
  const cases = [
    [1, 1],
    [2, 8],
    [8, 2],
    [12, 12],
    [24, 3],
  ] as const;
  // Griewank & Walther 2008, (3.17) and (3.33): a tangent costs at most 5/2, an adjoint at most 4 evaluations; tanh and sin count one here,
  // their partials up to three.
  const TANGENT = 4;
  const ADJOINT = 5;

  test.each(cases)("n = %i, m = %i: both modes give the same matrix", (n, m) => {
    const x = f64(range(n, (i) => 0.1 * i - 0.3));
    expectClose(byForward(program(n, m), n)(x), byReverse(program(n, m), m)(x));
  });

  test.each(cases)("n = %i, m = %i: forward accumulation costs O(n · cost f), reverse O(m · cost f)", (n, m) => {
    const f = program(n, m);
    const x = zeros([n], "f64");
    const one = cost(listOf(f, x));
    expect(cost(listOf(byForward(f, n), x))).toBeLessThanOrEqual(TANGENT * n * one);
    expect(cost(listOf(byReverse(f, m), x))).toBeLessThanOrEqual(ADJOINT * m * one);
  });

  test("the cost of a gradient does not depend on the number of inputs; that of forward accumulation is n times a tangent's", () => {
    const ratio = (n: number, accumulate: (f: (x: Tensor) => Tensor) => AnyFunction): number => {
      const x = zeros([n], "f64");
      return cost(listOf(accumulate(program(n, 1)), x)) / cost(listOf(program(n, 1), x));
    };
    const [few, many] = [4, 64];
    expect(ratio(many, (f) => byReverse(f, 1))).toBeLessThan(1.5 * ratio(few, (f) => byReverse(f, 1)));
    expect(ratio(many, (f) => byForward(f, many))).toBeGreaterThan(8 * ratio(few, (f) => byForward(f, few)));
  });
});

describe("AD-2: the memory of reverse mode is O(V)", () => {
  const chain = (length: number) => (x: Tensor) => {
    let y = x;
    for (let i = 0; i < length; i++) y = y.sin();
    return y;
  };

  /** Most values that exist at one time when the list runs line by line. */
  function peak(region: Region): number {
    const list = tapeOfRegion(region);
    const last = new Map<Value, number>();
    list.forEach(({ operands }, time) => {
      for (const x of operands) last.set(x, time);
    });
    for (const y of region.outputs) last.set(y, list.length);
    let live = 0;
    let most = 0;
    const dying = [...last.values()].reduce((count, t) => count.set(t, (count.get(t) ?? 0) + 1), new Map<number, number>());
    list.forEach(({ results }, time) => {
      live += results.filter((y) => last.has(y)).length;
      most = Math.max(most, live);
      live -= dying.get(time) ?? 0;
    });
    return most;
  }

  test("the reverse sweep needs something of every instruction of the forward sweep: the list's peak grows with V", () => {
    const peaks = [10, 20, 40, 80].map((length) => peak(listOf(grad(chain(length)), f64(1))));
    const growth = peaks.slice(1).map((p, i) => (p - peaks[i]!) / (10 * 2 ** i));
    expect(growth).toEqual([1, 1, 1]);
    expect(peak(listOf(chain(80), f64(1)))).toBe(1);
  });

  test("and so does the number of its instructions, at a constant factor", () => {
    const lengths = [10, 40].map((length) => tapeOfRegion(listOf(grad(chain(length)), f64(1))).length);
    expect((lengths[1]! - lengths[0]!) / 30).toBe(3);
  });
});

// ---- AD-1 ---------------------------------------------------------------------------------------------------------------------------

interface Mlp {
  readonly W1: Tensor;
  readonly b1: Tensor;
  readonly W2: Tensor;
  readonly b2: Tensor;
}

/** C = ½‖a² - y‖² of a network of two sigmoid layers, in the notation of BP1–BP4. */
function cost2({ W1, b1, W2, b2 }: Mlp, x: Tensor, y: Tensor): Tensor {
  const z1 = W1.matmul(x).add(b1).named("z1");
  const a1 = z1.sigmoid().named("a1");
  const z2 = W2.matmul(a1).add(b2).named("z2");
  const a2 = z2.sigmoid().named("a2");
  return a2.sub(y).square().sum().mul(0.5).named("C");
}

const mlp: Mlp = {
  W1: f64(range(4, (i) => range(3, (j) => Math.sin(i + 2 * j)))),
  b1: f64(range(4, (i) => 0.1 * i)),
  W2: f64(range(2, (i) => range(4, (j) => Math.cos(i - j)))),
  b2: f64([0.3, -0.2]),
};
const x = f64([0.5, -1, 2]);
const y = f64([1, 0]);

describe("AD-1: backpropagation of a two-layer network", () => {
  test("gives the gradients of BP1–BP4", () => {
    const rows = (t: Tensor): number[][] => {
      const [m, n] = t.shape as [number, number];
      return range(m, (i) => elements(t).slice(i * n, (i + 1) * n));
    };
    const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((s, v, i) => s + v * b[i]!, 0);
    const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));
    const [W1, b1, W2, b2] = [rows(mlp.W1), elements(mlp.b1), rows(mlp.W2), elements(mlp.b2)];
    const a0 = elements(x);
    const a1 = W1.map((row, i) => sigmoid(dot(row, a0) + b1[i]!));
    const a2 = W2.map((row, i) => sigmoid(dot(row, a1) + b2[i]!));
    // BP1: δᴸ = ∇ₐC ⊙ σ′(zᴸ)
    const d2 = a2.map((a, i) => (a - elements(y)[i]!) * a * (1 - a));
    // BP2: δˡ = ((wˡ⁺¹)ᵀ δˡ⁺¹) ⊙ σ′(zˡ)
    const d1 = a1.map(
      (a, j) =>
        dot(
          W2.map((row) => row[j]!),
          d2,
        ) *
        a *
        (1 - a),
    );
    // BP3: ∂C/∂b = δ, BP4: ∂C/∂w_jk = a_k δ_j
    const want = [...d1.flatMap((d) => a0.map((a) => a * d)), ...d1, ...d2.flatMap((d) => a1.map((a) => a * d)), ...d2];
    expectClose(grad(cost2)(mlp, x, y), want, 1e-14);
  });

  test("is the list of BP1–BP4 and nothing more", () => {
    expect(show(grad(cost2), mlp, x.named("x"), y.named("y"))).toMatchInlineSnapshot(`
      "grad(cost2)(W1: f64[4,3], b1: f64[4], W2: f64[2,4], b2: f64[2], x: f64[3], y: f64[2]) {
        %0: f64[4] = dot W1 x {ij,j->i}
        z1: f64[4] = add %0 b1
        a1: f64[4] = sigmoid z1
        %1: f64[2] = dot W2 a1 {ij,j->i}
        z2: f64[2] = add %1 b2
        a2: f64[2] = sigmoid z2
        %2: f64[2] = sub a2 y
        %3: f64[4] = sub 1 a1
        %4: f64[4] = mul a1 %3
        %5: f64[2] = sub 1 a2
        %6: f64[2] = mul a2 %5
        %7: f64[2] = mul %2 0.5
        da2: f64[2] = add %7 %7
        dz2: f64[2] = mul da2 %6
        da1: f64[4] = dot W2 dz2 {ij,i->j}
        dW2: f64[2,4] = dot dz2 a1 {i,j->ij}
        dz1: f64[4] = mul da1 %4
        dW1: f64[4,3] = dot dz1 x {i,j->ij}
        return dW1, dz1, dW2, dz2
      }"
    `);
  });

  test("on a batch the same, with the outer products summed by the matrix product", () => {
    const batch = ({ W1, b1, W2, b2 }: Mlp, X: Tensor, Y: Tensor): Tensor => {
      const A1 = X.matmul(W1.transpose()).add(b1).named("Z1").sigmoid().named("A1");
      const A2 = A1.matmul(W2.transpose()).add(b2).named("Z2").sigmoid().named("A2");
      return A2.sub(Y).square().sum().mul(0.5);
    };
    const [X, Y] = [stack([x, x.mul(2)]), stack([y, y])];
    const each = [x, x.mul(2)].map((v) => elements(grad(cost2)(mlp, v, y)));
    expectClose(
      grad(batch)(mlp, X, Y),
      each[0]!.map((g, i) => g + each[1]![i]!),
    );
  });
});
