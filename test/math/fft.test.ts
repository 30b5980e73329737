/**
 * @file Fourier transforms, windows and short-time transforms: against the sum that defines them, numbers of NumPy and SciPy, and the laws they keep.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { compile } from "../../src/function/compile.ts";
import { grad, jvp } from "../../src/function/derivative.ts";
import { vmap } from "../../src/function/vmap.ts";
import * as fft from "../../src/math/fft.ts";
import { keyOf, normal } from "../../src/math/random.ts";
import * as signal from "../../src/math/signal.ts";
import { type Nested, tensor, zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { elements, expectClose, f64 } from "../function/backends.ts";

type Reference = Readonly<Record<string, Nested>> & {
  readonly x: Nested;
  readonly z: Nested;
  readonly freq: readonly Nested[];
  readonly win: Readonly<Record<string, readonly [Nested, Nested]>>;
};
const known = JSON.parse(readFileSync(new URL("reference/fft.json", import.meta.url), "utf8")) as unknown as Reference;
let seed = 0;
const draw = (...shape: number[]): Tensor => normal(keyOf(++seed), shape, { dtype: "f64" });
const apart = (a: Tensor, b: Tensor): number => a.sub(b).abs().max().itemSync();
const dot = (a: Tensor, b: Tensor): number => a.mul(b).sum().itemSync();

/** The sum of the definition. */
function slow(z: Tensor): Float64Array {
  const [x, n] = [z.dataSync(), z.shape[0]!];
  const out = new Float64Array(2 * n);
  for (let k = 0; k < n; k++) {
    for (let j = 0; j < n; j++) {
      const a = (-2 * Math.PI * ((j * k) % n)) / n;
      out[2 * k]! += x[2 * j]! * Math.cos(a) - x[2 * j + 1]! * Math.sin(a);
      out[2 * k + 1]! += x[2 * j]! * Math.sin(a) + x[2 * j + 1]! * Math.cos(a);
    }
  }
  return out;
}

test("transforms of many lengths, of primes too, are the sum that defines them; inverses give back what was given", () => {
  for (const n of [1, 2, 3, 5, 6, 8, 9, 12, 16, 30, 61, 67, 134]) {
    const [z, x] = [draw(n, 2), draw(n)];
    const [y, half] = [fft.fft(z), fft.rfft(x)];
    expectClose(y, [...slow(z)], 1e-12);
    expect(apart(fft.ifft(y), z)).toBeLessThan(1e-13);
    expectClose(half, [...slow(fft.complex(x)).subarray(0, 2 * (Math.floor(n / 2) + 1))], 1e-12);
    expect(apart(fft.irfft(half, { n }), x)).toBeLessThan(1e-13);
  }
});

test("long ones of every kind come back, and keep the sum of squares", () => {
  for (const n of [65536, 65537, 2 * 7919]) {
    const x = draw(n);
    const y = fft.rfft(x, { norm: "ortho" });
    expect(apart(fft.irfft(y, { n, norm: "ortho" }), x)).toBeLessThan(1e-13);
    const z = fft.fft(fft.complex(x), { norm: "ortho" });
    expect(Math.abs(dot(z, z) / dot(x, x) - 1)).toBeLessThan(1e-12);
    expect(apart(z.narrow(0, 0, y.shape[0]!), y)).toBeLessThan(1e-12);
  }
});

const { hann, hamming, blackman, bartlett, cosine, gaussian, kaiser } = signal;
const WINDOWS: Readonly<Record<string, (n: number, options: object) => Tensor>> = {
  hann,
  hamming,
  blackman,
  bartlett,
  cosine,
  gaussian,
  kaiser,
};

describe("numbers of NumPy and SciPy", () => {
  const [x, z] = [f64(known.x), f64(known.z)];
  test.each(["backward", "ortho", "forward"] as const)("%s", (norm) => {
    expectClose(fft.fft2(z, { sizes: [4, 6], norm }), f64(known[`fft2 ${norm}`]!), 1e-11);
    expectClose(fft.ifft2(fft.fft2(z, { norm }), { norm }), z, 1e-13);
    expectClose(fft.irfftn(z, { sizes: [3, 4, 7], axes: [0, 1, 2], norm }), f64(known[`irfftn ${norm}`]!), 1e-11);
    expectClose(fft.hfft(z, { axis: 1, norm }), f64(known[`hfft ${norm}`]!), 1e-11);
    expectClose(fft.rfftn(x, { norm }), f64(known[`rfftn ${norm}`]!), 1e-11);
    expectClose(fft.irfft2(fft.rfft2(x, { norm }), { norm, sizes: [3, 5] }), x, 1e-13);
    expectClose(fft.ifftn(fft.fftn(z, { norm }), { norm }), z, 1e-13);
    expectClose(fft.ihfft(x, { n: 8, norm }), f64(known[`ihfft ${norm}`]!), 1e-11);
  });
  test("frequencies and windows", () => {
    const f = { dtype: "f64" } as const;
    const got = [fft.fftfreq(7, { d: 0.5, ...f }), fft.fftfreq(8, f), fft.rfftfreq(9, { d: 2, ...f })];
    got.forEach((t, i) => {
      expectClose(t, f64(known.freq[i]!), 1e-11);
    });
    for (const [name, each] of Object.entries(known.win)) {
      const make = WINDOWS[name]!;
      const more = { gaussian: { std: 2 }, kaiser: { beta: 9 } }[name] ?? {};
      expectClose(make(7, { ...f, ...more }), f64(each[0]), 1e-11);
      expectClose(make(7, { ...f, ...more, periodic: false }), f64(each[1]), 1e-11);
      expect(elements(make(1, {}))).toEqual([1]);
      expect(make(0, {}).shape).toEqual([0]);
    }
  });
});

test("derivatives: the transpose of each map, compiled and in a batch", () => {
  const maps: readonly [(x: Tensor) => Tensor, number[]][] = [
    [(x) => fft.fft(x, { n: 7, axis: 0 }), [5, 2, 2]],
    [(x) => fft.irfft(x, { n: 9 }), [2, 4, 2]],
    [(x) => fft.rfft2(x, { norm: "ortho" }), [3, 4, 6]],
    [(x) => fft.hfft(x, { norm: "forward" }), [4, 2]],
    [(x) => signal.stft(x, { nFft: 8, hopLength: 3, window: signal.hamming(6, { dtype: "f64" }) }), [2, 20]],
    [(x) => signal.istft(x, { nFft: 8, hopLength: 2, window: signal.hann(8, { dtype: "f64" }) }), [5, 6, 2]],
  ];
  for (const [f, shape] of maps) {
    const [x, dx] = [draw(...shape), draw(...shape)];
    const y = f(x);
    const c = draw(...y.shape);
    expectClose(jvp(f)([x], [dx]).tangent as Tensor, f(dx), 1e-12);
    const back = grad((t: Tensor) => f(t).mul(c).sum())(x) as Tensor;
    expect(Math.abs(dot(back, dx) - dot(c, f(dx)))).toBeLessThan(1e-10);
    expectClose(compile(f)(x), y, 1e-13);
    expectClose(vmap(f)(x.unsqueeze(0)), y.unsqueeze(0), 1e-13);
    // |f(x)|² is quadratic: its second derivative along dx is 2 |f(dx)|².
    const slope = (t: Tensor): Tensor => jvp((u: Tensor) => f(u).square().sum())([t], [dx]).tangent as Tensor;
    expectClose(jvp(slope)([x], [dx]).tangent as Tensor, f(dx).square().sum().mul(2), 1e-10);
  }
});

test("a short-time transform comes back, on one and on both sides, of a length of its own", () => {
  const x = draw(2, 50);
  for (const onesided of [true, false]) {
    for (const normalized of [true, false]) {
      const options = { nFft: 12, hopLength: 4, window: signal.hann(10, { dtype: "f64" }), onesided, normalized };
      const s = signal.stft(x, options);
      expect(s.shape).toEqual([2, onesided ? 7 : 12, 13, 2]);
      expectClose(signal.istft(s, { ...options, length: 50 }), x, 1e-12);
    }
  }
  const plain = { nFft: 12, hopLength: 4 };
  const longer = signal.istft(signal.stft(x, plain), { ...plain, length: 70 });
  expectClose(longer.narrow(-1, 0, 50), x, 1e-12);
  expect(elements(longer.narrow(-1, 60, 10))).toEqual(new Array(20).fill(0));
  const frame = signal.stft(x, { nFft: 12, center: false }).select(-2, 1);
  expectClose(frame, fft.rfft(x.narrow(-1, 3, 12)), 1e-12);
});

test("convolution by transforms", () => {
  const [a, b] = [tensor([1, 2, 3, 4]), tensor([1, 0, -1])];
  expectClose(signal.fftConvolve(a, b), [1, 2, 2, 2, -3, -4], 1e-6);
  expectClose(signal.fftConvolve(a, b, { mode: "same" }), [2, 2, 2, -3], 1e-6);
  expectClose(signal.fftConvolve(a, b, { mode: "valid" }), [2, 2], 1e-6);
  expect(signal.fftConvolve(draw(3, 1, 5), draw(2, 4)).shape).toEqual([3, 2, 8]);
});

test("complex numbers, shifts, dtypes and batches of nothing", () => {
  const z = tensor([[3, 4]], { dtype: "f64" });
  expect([fft.magnitude(z), fft.angle(z), fft.multiply(z, fft.conj(z))].flatMap(elements)).toEqual([5, Math.atan2(4, 3), 25, 0]);
  expect(elements(fft.fftshift(tensor([0, 1, 2, -2, -1])))).toEqual([-2, -1, 0, 1, 2]);
  const both = draw(5, 4, 2);
  expectClose(fft.ifftshift(fft.fftshift(both, { complex: true }), { complex: true }), both);
  expect(fft.fftshift(both, { complex: true }).select(0, 2).select(0, 2).toArray()).toEqual(both.select(0, 0).select(0, 0).toArray());
  expect(fft.rfft(tensor([1, 2], { dtype: "i32" })).dtype).toBe("f32");
  expect(fft.rfft(zeros([0, 4])).shape).toEqual([0, 3, 2]);
  expect(fft.fft(zeros([0, 4, 2])).shape).toEqual([0, 4, 2]);
  expect(elements(fft.irfft(tensor([[2, 5]]), { n: 1 }))).toEqual([2]);
});

test.each([
  [() => fft.fft(zeros([3])), /fft: want complex numbers as pairs \[re, im\] on the last axis, \[\.\.\., 2\], got f32\[3\]; complex\(x\)/],
  [() => fft.fft(zeros([0, 2])), /fft: axis -1 of \[0, 2\] is empty/],
  [() => fft.fft(zeros([2])), /fft: a single number has no axis/],
  [() => fft.rfft(zeros([3]), { n: 0 }), /rfft: n must be a positive integer, got 0/],
  [() => fft.irfft(zeros([1, 2])), /irfft: 1 terms make 0 numbers/],
  [() => fft.rfft(zeros([3]), { axis: 1 }), /rfft: axis 1 is out of range for a tensor of rank 1/],
  [() => fft.fft2(zeros([3, 3, 2]), { axes: [0, -2] }), /fft2: axes .* name one axis twice/],
  [() => fft.fftn(zeros([3, 3, 2]), { sizes: [2.5] }), /fftn: sizes must be positive integers/],
  [() => fft.fft(zeros([3, 2]), { norm: "unitary" as "ortho" }), /fft: norm must be "backward" or "ortho" or "forward", got "unitary"/],
  [() => fft.rfft([1, 2] as unknown as Tensor), /rfft: want a tensor/],
  [() => fft.fftfreq(0), /fftfreq: n must be a positive integer/],
  [() => signal.hann(-1), /hann: n must be an integer of at least 0, got -1/],
  [() => signal.stft(zeros([3]), { nFft: 8 }), /stft: reflecting 4 samples needs a signal of more, got 3/],
  [() => signal.stft(zeros([9]), {} as { nFft: number }), /stft: nFft must be a positive integer, got undefined/],
  [() => signal.istft(zeros([5, 3, 2]), { nFft: 8, window: signal.hann(8), center: false }), /leave sample 0 without weight/],
  [() => signal.istft(zeros([5, 3]), { nFft: 8 }), /istft: want spectra \[\.\.\., 5, frames, 2\], got \[5, 3\]/],
  [() => signal.fftConvolve(zeros([2]), zeros([3]), { mode: "valid" }), /"valid" wants a second operand of at most 2, got 3/],
])("errors %#", (call, message) => {
  expect(call).toThrow(message);
});
