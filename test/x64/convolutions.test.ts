/**
 * @file Gradients of two convolutions on machine code beside those of WebAssembly: images of 8 and 16 pixels a side, whose rows are whole vectors, and some others. Sizes of which gradients of
 * weights were wrong, or read outside of their buffers, when vectors went along their rows.
 */
import { afterEach, expect, test } from "vitest";
import { backward } from "../../src/function/derivative.ts";
import { manualSeed } from "../../src/math/random.ts";
import * as nn from "../../src/nn/index.ts";
import { tensor } from "../../src/ops/create.ts";
import { setBackend } from "../../src/runtime/set-backend.ts";

afterEach(() => setBackend("wasm"));

interface Size {
  readonly images: number;
  readonly channels: readonly [first: number, second: number, third: number];
  readonly side: number;
  readonly kernel: number;
}

function gradientsOn(backend: "wasm" | "x64", { images, channels: [first, second, third], side, kernel }: Size): Float32Array[] {
  setBackend(backend);
  manualSeed(1);
  const model = new nn.Sequential(
    new nn.Conv2d(first, second, 3, { padding: 1 }),
    new nn.BatchNorm2d(second),
    new nn.ReLU(),
    new nn.Conv2d(second, third, kernel, { padding: kernel >> 1 }),
    new nn.BatchNorm2d(third),
    new nn.ReLU(),
  );
  model.eval();
  const shape = [images, first, side, side];
  const x = tensor(
    Float32Array.from({ length: images * first * side * side }, (_, i) => Math.sin(i)),
    { shape },
  );
  const { grads } = backward(() => model.forward(x).square().sum(), model.parameters());
  return grads.map((g) => g.dataSync() as Float32Array);
}

const largest = (x: ArrayLike<number>): number => Array.from(x).reduce((most, v) => Math.max(most, Math.abs(v)), 0);

const SIZES: readonly Size[] = [
  { images: 1, channels: [32, 48, 16], side: 16, kernel: 5 },
  { images: 1, channels: [40, 48, 96], side: 8, kernel: 5 },
  { images: 3, channels: [72, 80, 96], side: 16, kernel: 5 },
  { images: 1, channels: [64, 64, 64], side: 8, kernel: 3 },
  { images: 3, channels: [80, 80, 80], side: 8, kernel: 5 },
  { images: 2, channels: [24, 96, 80], side: 11, kernel: 3 },
];

test.each(SIZES)("$images images of $side pixels a side, channels $channels, kernels of $kernel", (size) => {
  const wanted = gradientsOn("wasm", size);
  for (const [k, got] of gradientsOn("x64", size).entries()) {
    const scale = largest(wanted[k]!);
    const off = largest(got.map((v, i) => v - wanted[k]![i]!));
    expect(off / scale, `gradient ${k}`).toBeLessThan(1e-5);
  }
});
