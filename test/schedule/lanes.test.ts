/**
 * @file Convolutions with vectors of images or channels against the same in f64, where nothing lies in lanes; and the order of elements itself.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { compile } from "../../src/function/compile.ts";
import { grad } from "../../src/function/derivative.ts";
import { Index } from "../../src/kernel/index-algebra.ts";
import { WASM, withLanes } from "../../src/kernel/target.ts";
import { maxPool2d } from "../../src/math/pool.ts";
import { fromArray } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { profile } from "../../src/runtime/profile.ts";
import { indexOf, memoryOrder, position, storedSize } from "../../src/schedule/lanes.ts";
import { sized } from "../size.ts";

let state = 7;
const random = (): number => {
  state = (state * 48271) % 2147483647;
  return (state / 2147483647) * 2 - 1;
};
const draw = (shape: number[]): Tensor => {
  const n = shape.reduce((a, b) => a * b, 1);
  return fromArray(
    Float64Array.from({ length: n }, () => Math.fround(random())),
    { shape, dtype: "f64" },
  );
};

function expectClose(got: Tensor, want: Tensor, what: string): void {
  const [a, b] = [got.dataSync(), want.dataSync()];
  const scale = Math.max(1e-3, ...Array.from(b, (v) => Math.abs(Number(v))));
  expect(got.shape).toEqual(want.shape);
  const wrong = b.findIndex((v: number | bigint, i: number) => !(Math.abs(Number(a[i]) - Number(v)) < 2e-5 * scale));
  expect(wrong < 0 ? "close" : `${what}[${wrong}] is ${a[wrong]}, not ${b[wrong]}`).toBe("close");
}

describe("convolutions in lanes", () => {
  const cases = fc.record({
    n: fc.constantFrom(1, 2, 4, 5, 8, 12),
    groups: fc.constantFrom(1, 1, 1, 2, 4),
    c: fc.integer({ min: 1, max: 5 }),
    o: fc.integer({ min: 1, max: 5 }),
    size: fc.tuple(fc.integer({ min: 5, max: 9 }), fc.integer({ min: 5, max: 9 })),
    kernel: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    stride: fc.integer({ min: 1, max: 3 }),
    dilation: fc.constantFrom(1, 1, 2),
    padding: fc.integer({ min: 0, max: 2 }),
  });

  test("values and gradients are those of f64, compiled or not", () => {
    fc.assert(
      fc.property(cases, ({ n, groups, c, o, size, kernel, stride, dilation, padding }) => {
        const [x, w] = [draw([n, c * groups, ...size]), draw([o * groups, c, ...kernel])];
        const net = (x: Tensor, w: Tensor): Tensor => x.mul(0.5).conv(w, { stride, dilation, padding, groups }).tanh();
        const loss = (x: Tensor, w: Tensor): Tensor => net(x, w).square().sum();
        const both = (x: Tensor, w: Tensor): Tensor[] => [net(x, w), grad(loss)(x, w), grad(loss, { argument: 1 })(x, w)];
        const want = both(x, w);
        const got = compile(both)(x.cast("f32"), w.cast("f32"));
        want.forEach((t, i) => {
          expectClose(got[i]!, t, ["y", "dx", "dw"][i]!);
        });
      }),
      { numRuns: sized(6, 200), seed: 11 },
    );
  });

  test("with more padding than image, values and gradients are those of f64", () => {
    const padded = fc.record({
      n: fc.constantFrom(2, 4, 8, 12),
      c: fc.constantFrom(1, 3, 4, 6),
      o: fc.constantFrom(1, 4, 5, 8),
      size: fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 })),
      kernel: fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 2, max: 5 })),
      dilation: fc.constantFrom(1, 1, 2, 3),
      stride: fc.constantFrom(1, 1, 2),
      groups: fc.constantFrom(1, 1, 2),
      padding: fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 })),
    });
    fc.assert(
      fc.property(padded, ({ n, c, o, size, kernel, dilation, stride, groups, padding }) => {
        fc.pre(size.every((d, i) => d + 2 * padding[i]! > (kernel[i]! - 1) * dilation));
        const [x, w] = [draw([n, c * groups, ...size]), draw([o * groups, c, ...kernel])];
        const net = (x: Tensor, w: Tensor): Tensor => x.mul(0.5).conv(w, { stride, dilation, padding, groups }).tanh();
        const loss = (x: Tensor, w: Tensor): Tensor => net(x, w).square().sum();
        const all = (x: Tensor, w: Tensor): Tensor[] => [net(x, w), grad(loss)(x, w), grad(loss, { argument: 1 })(x, w)];
        const got = compile(all)(x.cast("f32"), w.cast("f32"));
        all(x, w).forEach((t, i) => {
          expectClose(got[i]!, t, ["y", "dx", "dw"][i]!);
        });
      }),
      { numRuns: sized(6, 200), seed: 5 },
    );
  });

  test("taps on padding are left out where they are many", () => {
    const texts = (size: number, padding: number): string => {
      const [x, w] = [draw([8, 4, size, size]).cast("f32"), draw([8, 4, 5, 5]).cast("f32")];
      const f = compile((x: Tensor, w: Tensor) => x.relu().conv(w, { padding }));
      return profile(() => f(x, w))
        .map((kernel) => kernel.text)
        .join();
    };
    expect(texts(10, 4)).toContain("within");
    expect(texts(40, 2)).not.toContain("within");
  });

  test("alone, where rows may stay rows: depthwise, 1x1 and any other, their three gradients too", () => {
    const alone = fc.record({
      n: fc.constantFrom(1, 3, 4, 8),
      kind: fc.constantFrom("depthwise", "pointwise", "grouped", "plain"),
      c: fc.integer({ min: 2, max: 5 }),
      more: fc.integer({ min: 1, max: 3 }),
      size: fc.tuple(fc.integer({ min: 6, max: 19 }), fc.integer({ min: 6, max: 23 })),
      kernel: fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 })),
      stride: fc.constantFrom(1, 1, 1, 2, 3),
      dilation: fc.constantFrom(1, 1, 1, 2),
      padding: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(alone, ({ n, kind, c, more, size, kernel, stride, dilation, padding }) => {
        const groups = { depthwise: c, pointwise: 1, grouped: 2, plain: 1 }[kind];
        const [C, O] = kind === "depthwise" ? [c, c * more] : [c * groups, more * 2 * groups];
        const taps = kind === "pointwise" ? [1, 1] : kernel.map((k, i) => Math.min(k, Math.ceil((size[i]! + 2 * padding) / dilation) - 1));
        const [x, w] = [draw([n, C, ...size]), draw([O, C / groups, ...taps])];
        const net = (x: Tensor, w: Tensor): Tensor => x.conv(w, { stride, dilation, padding, groups });
        const y = net(x, w);
        const ct = draw([...y.shape]);
        const loss = (x: Tensor, w: Tensor, ct: Tensor): Tensor => net(x, w).mul(ct).sum();
        const all = (x: Tensor, w: Tensor, ct: Tensor): Tensor[] => [
          net(x, w),
          grad(loss)(x, w, ct),
          grad(loss, { argument: 1 })(x, w, ct),
        ];
        const got = compile(all)(x.cast("f32"), w.cast("f32"), ct.cast("f32"));
        all(x, w, ct).forEach((t, i) => {
          expectClose(got[i]!, t, ["y", "dx", "dw"][i]!);
        });
      }),
      { numRuns: sized(10, 300), seed: 3 },
    );
  });

  test("through pools, norms and reshapes", () => {
    for (const n of sized([3, 8], [3, 4, 8])) {
      const [x, w, v] = [draw([n, 3, 9, 9]), draw([8, 3, 3, 3]), draw([8, 8, 3, 3])];
      const net = (x: Tensor, w: Tensor, v: Tensor): Tensor => {
        const y = x.conv(w, { padding: 1 }).relu();
        const z = y.sub(y.mean([0, 2, 3], { keepDims: true }));
        const pooled = maxPool2d(z, 3, { stride: 2, padding: 1 });
        return pooled.conv(v).reshape([n, -1]).sum(1);
      };
      const loss = (x: Tensor, w: Tensor, v: Tensor): Tensor => net(x, w, v).square().sum();
      const all = (x: Tensor, w: Tensor, v: Tensor): Tensor[] => [
        net(x, w, v),
        ...[0, 1, 2].map((argument) => grad(loss, { argument })(x, w, v)),
      ];
      const want = all(x, w, v);
      const got = compile(all)(x.cast("f32"), w.cast("f32"), v.cast("f32"));
      want.forEach((t, i) => {
        expectClose(got[i]!, t, `${n}: ${i}`);
      });
    }
  });

  test("through overlapping windows, whose gradients look beyond the edge", () => {
    for (const n of [2, 4]) {
      const [x, w] = [draw([n, 8, 9, 9]), draw([8, 8, 1, 1])];
      for (const stride of [1, 2]) {
        const net = (x: Tensor, w: Tensor): Tensor => maxPool2d(maxPool2d(x, 3, { stride, padding: 1 }).conv(w).relu(), 3, { stride: 2 });
        const loss = (x: Tensor, w: Tensor): Tensor => net(x, w).square().sum();
        const all = (x: Tensor, w: Tensor): Tensor[] => [net(x, w), grad(loss)(x, w), grad(loss, { argument: 1 })(x, w)];
        const got = compile(all)(x.cast("f32"), w.cast("f32"));
        all(x, w).forEach((t, i) => {
          expectClose(got[i]!, t, `${n}, ${stride}: ${i}`);
        });
      }
    }
  });

  test("sums long enough to be made in parts", () => {
    for (const [n, c, o, k] of [
      [4, 160, 8, 3],
      [4, 200, 12, 1],
      [2, 288, 8, 2],
    ] as const) {
      const [x, w] = [draw([n, c, 6, 6]), draw([o, c, k, k])];
      const net = (x: Tensor, w: Tensor): Tensor => x.mul(2).conv(w).add(1).relu();
      expectClose(compile(net)(x.cast("f32"), w.cast("f32")), net(x, w), "y");
    }
    const [a, b] = [draw([64, 2048]), draw([2048, 48])];
    expectClose(compile((a: Tensor, b: Tensor) => a.matmul(b).relu())(a.cast("f32"), b.cast("f32")), a.matmul(b).relu(), "product");
  });
});

describe("the order of elements", () => {
  const shapes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 2, maxLength: 4 });

  test("every element has a place of its own, and counters in memory order step forward", () => {
    fc.assert(
      fc.property(shapes, fc.constantFrom(0, 1), fc.constantFrom(4, 8, 16), (sizes, lanes, width) => {
        const target = withLanes(WASM, width);
        const shape = sizes.with(lanes, sizes[lanes]! * width);
        const order = memoryOrder(shape, lanes, target);
        const seen: number[] = [];
        const visit = (counters: number[]): void => {
          const step = order[counters.length];
          if (step) {
            for (let i = 0; i < step.extent; i++) visit([...counters, i]);
            return;
          }
          const at = indexOf(
            order,
            shape.length,
            counters.map((i) => Index.constant(i)),
          );
          seen.push(position(at, shape, lanes, target).offset);
        };
        visit([]);
        expect(seen.length).toBe(shape.reduce((a, b) => a * b, 1));
        expect(seen.every((p, i) => i === 0 || p > seen[i - 1]!)).toBe(true);
        expect(seen.at(-1)!).toBeLessThan(storedSize(shape, lanes, target));
      }),
    );
  });
});
