/**
 * @file One loop over the registry tests every primitive: types, both backends, derivatives against differences, forward against reverse,
 * second order, batches against loops, compiled against eager, empty and special operands (design, section 4; rows AD-1, AD-2).
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { allocate, isFloat } from "../../src/base/dtype.ts";
import { formatType, sizeOf, type Type } from "../../src/base/shape.ts";
import { compile } from "../../src/function/compile.ts";
import { grad, jvp, vjp } from "../../src/function/derivative.ts";
import { vmap } from "../../src/function/vmap.ts";
import { fromArray, tensor } from "../../src/ops/create.ts";
import type { Op, Sample } from "../../src/ops/op.ts";
import { registry } from "../../src/ops/registry.ts";
import { record, type Tensor } from "../../src/ops/tensor.ts";
import type { BackendName } from "../../src/runtime/backends.ts";
import { setBackend } from "../../src/runtime/set-backend.ts";
import { verification } from "../../src/runtime/verification.ts";
import { example, moved } from "../on-host.ts";
import { sized, testedBackend } from "../size.ts";

/** Ops that cannot be tried alone, and what tests them instead. */
const WITHOUT_SAMPLES: Readonly<Record<string, string>> = {
  placeholder: "a leaf",
  data: "a leaf",
  cholesky: "wants a positive definite matrix: test/math/linalg.test.ts",
  triangularSolve: "a random triangle is nearly singular: test/math/linalg.test.ts",
  eigh: "its eigenvectors have no fixed sign: test/math/linalg.test.ts",
  igamma: "its second derivative by a is NaN: test/math/special.test.ts",
  igammaSlope: "its derivative by a is NaN: test/math/special.test.ts",
  eig: "its eigenvectors may be complex: test/math/linalg-factors.test.ts",
  spectral: "wants a matrix with its decomposition: test/math/linalg.test.ts",
  singular: "wants a matrix with its decomposition: test/math/linalg.test.ts",
  while: "has no reverse mode; test/function/while.test.ts",
  barrier: "made by the transpose of checkpoint",
  reduceScatter: "wants ranks: test/distributed/ranks.test.ts",
  allGather: "wants ranks: test/distributed/ranks.test.ts",
  pullback: "made by the derivative of customVjp",
};

// A small generator of its own. Each test seeds it by its name, so that a failure repeats and no test's values depend on others.
let state = 1;
beforeEach(({ task }) => {
  state = [...task.name].reduce((hash, letter) => (hash * 31 + letter.charCodeAt(0)) % 2147483647, 1);
});

const random = (low: number, high: number): number => {
  state = (state * 48271) % 2147483647;
  return low + (high - low) * (state / 2147483647);
};

type Drawn = Type & { readonly domain?: readonly [number, number] };

function draw({ shape, dtype, domain }: Drawn): Tensor {
  const [low, high] = domain ?? (isFloat(dtype) ? [-2, 2] : [0, 4]);
  const elements = allocate(dtype, sizeOf(shape)).map(() => (isFloat(dtype) ? random(low, high) : Math.floor(random(low, high))));
  return fromArray(elements, { shape, dtype });
}

/** An op with its parameters as a function of an array of tensors. */
function functionOf(op: Op, { params, regions }: Sample): (x: Tensor[]) => Tensor[] {
  const owned = regions?.() ?? [];
  return (x) => record(op, x, params, owned);
}

const read = (list: readonly Tensor[]): number[] => list.flatMap((t) => [...t.dataSync()]);
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

function expectClose(got: readonly number[], want: readonly number[], what: string, tolerance = 1e-6): void {
  expect(got.length, what).toBe(want.length);
  got.forEach((g, i) => {
    const w = want[i]!;
    if (Object.is(g, w) || g === w) return;
    expect(Math.abs(g - w), `${what}: element ${i} is ${g}, expected ${w}`).toBeLessThanOrEqual(tolerance * (1 + Math.abs(w)));
  });
}

/** Central difference of `f` at x along dx. */
function difference(f: (x: Tensor[]) => Tensor[], x: readonly Tensor[], dx: readonly Tensor[], h = 1e-5): number[] {
  const at = (step: number): number[] => read(f(x.map((t, i) => (isFloat(t.dtype) ? moved(t, dx[i]!, step) : t))));
  const [above, below] = [at(h), at(-h)];
  return above.map((a, i) => (a - below[i]!) / (2 * h));
}

const floats = (list: readonly Tensor[]): Tensor[] => list.filter((t) => isFloat(t.dtype));
/** A direction for every operand; integers get themselves, which no derivative looks at. */
const directions = (x: readonly Tensor[]): Tensor[] =>
  x.map((t) => (isFloat(t.dtype) ? draw({ ...t, shape: t.shape, dtype: t.dtype }) : t));

const differentiable = (op: Op): boolean => op.derivative.kind !== "none";
const cases = registry.flatMap((op) => op.samples.map((sample, i) => ({ op, sample, name: `${op.name} #${i}` })));

test("every op can be tried, or says why not", () => {
  const without = registry.filter((op) => op.samples.length === 0).map((op) => op.name);
  expect(without.sort()).toEqual(Object.keys(WITHOUT_SAMPLES).sort());
  expect(new Set(registry.map((op) => op.name)).size).toBe(registry.length);
});

describe(`primitives on ${testedBackend}`, () => {
  beforeAll(() => {
    setBackend(testedBackend);
    verification.on = true;
  });
  afterAll(() => {
    setBackend("wasm");
    verification.on = false;
  });

  for (const { op, sample, name } of cases) {
    const f = functionOf(op, sample);
    const make = (): Tensor[] => sample.operands.map(draw);

    test(`${name}: results have the types of the rule, compiled too`, () => {
      const x = make();
      const y = f(x);
      for (const t of y) expect(t.dataSync().length, formatType(t)).toBe(t.size);
      expectClose(read(compile((...args: Tensor[]) => f(args))(...x)), read(y), "compiled");
    });

    if (sample.operands.length > 0) {
      test(`${name}: a batch is a loop, whichever operands are mapped`, () => {
        const subsets =
          sample.operands.length === 1
            ? [[true]]
            : [sample.operands.map(() => true), ...sample.operands.map((_, i) => sample.operands.map((_, j) => i === j))];
        for (const mapped of subsets) {
          const x = sample.operands.map((t, i) => draw(mapped[i] ? { ...t, shape: [3, ...t.shape] } : t));
          const whole = vmap((...args: Tensor[]) => f(args), { inAxes: mapped.map((m) => (m ? 0 : null)) })(...x);
          for (let b = 0; b < 3; b++) {
            const one = f(x.map((t, i) => (mapped[i] ? example(t, b) : t)));
            expectClose(read(whole.map((t) => example(t, b))), read(one), `mapped ${mapped}, example ${b}`);
          }
        }
      });
    }

    if (differentiable(op) && floats(make()).length > 0) {
      test(`${name}: forward mode against central differences, and against reverse mode`, () => {
        const x = make();
        const dx = directions(x);
        if (op.name !== "customVjp") {
          const { tangent } = jvp(f)([x], [dx]);
          const floating = floats(f(x)).length > 0;
          if (floating) expectClose(read(tangent), difference(f, x, dx), "jvp");
        }
        const { value, pullback } = vjp(f)(x);
        const ct = value.map((t) => (isFloat(t.dtype) ? draw(t) : t.like(0)));
        const slope = difference(f, x, dx);
        const [cx] = pullback(ct);
        const forward = dot(read(ct), slope);
        const reverse = dot(read(floats(cx)), read(floats(dx)));
        expectClose([reverse], [forward], "⟨w, Jv⟩ = ⟨Jᵀw, v⟩", 1e-5);
      });

      // In `npm test` the first sample of an op stands for all; the others are tried on the other backends, and in the nightly run.
      if (testedBackend === "wasm" && sized(sample !== op.samples[0], false)) continue;
      test(`${name}: second order, batched and compiled derivatives`, () => {
        const x = make();
        if (floats(f(x)).length === 0) return;
        const weights = floats(f(x)).map(draw);
        const loss = (args: Tensor[]): Tensor =>
          floats(f(args))
            .map((y, i) => y.mul(weights[i]!).sum())
            .reduce((a, b) => a.add(b));
        const gradient = (args: Tensor[]): Tensor[] => floats(grad(loss)(args));
        const dx = directions(x);
        if (op.name !== "customVjp")
          expectClose(read(floats(jvp(gradient)([x], [dx]).tangent)), difference(gradient, x, dx), "second order", 1e-5);
        expectClose(read(compile((...args: Tensor[]) => gradient(args))(...x)), read(gradient(x)), "compiled gradient");
        const batch = sample.operands.map((t) => draw({ ...t, shape: [2, ...t.shape] }));
        const whole = vmap((...args: Tensor[]) => gradient(args))(...batch);
        for (let b = 0; b < 2; b++)
          expectClose(read(whole.map((t) => example(t, b))), read(gradient(batch.map((t) => example(t, b)))), "batched gradient");
      });
    }
  }
});

const elementwise = registry.filter((op) =>
  op.samples.some(
    (s) => s.operands.length > 0 && op.lower.kind === "pointwise" && s.operands.every((t) => isFloat(t.dtype) && String(t.shape) === "3,2"),
  ),
);

describe("vectors, empty tensors and special values: wasm equals the interpreter", () => {
  afterAll(() => setBackend("wasm"));

  const SPECIAL = [
    0,
    -0,
    1,
    -1,
    0.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    1e-40,
    -1e-40,
    3.4e38,
    -3.4e38,
    88,
    -104,
    1e4,
    -1e4,
    3e-8,
  ];
  for (const op of elementwise) {
    const sample = op.samples[0]!;
    const f = functionOf(op, sample);
    const on = (backend: BackendName, x: Tensor[]): number[] => {
      setBackend(backend);
      return read(f(x));
    };
    test(`${op.name} in f32`, () => {
      const pairs =
        op.arity === 1
          ? SPECIAL.map((a) => [a])
          : SPECIAL.flatMap((a) => SPECIAL.map((b) => Array.from({ length: op.arity }, (_, i) => (i % 2 ? b : a))));
      const x = Array.from({ length: op.arity }, (_, i) => tensor(Float32Array.from(pairs, (p) => p[i]!)));
      expectClose(on("wasm", x), on("interpreter", x), "special values", 1e-6);
      const many = sample.operands.map((t) => draw({ ...t, shape: [37], dtype: "f32" }));
      expectClose(on("wasm", many), on("interpreter", many), "37 elements", 1e-6);
      for (const shape of [[0], [3, 0], [1], []]) {
        const x0 = sample.operands.map((t) => draw({ ...t, shape, dtype: "f32" }));
        expectClose(on("wasm", x0), on("interpreter", x0), `shape [${shape}]`);
      }
    });
  }
});
