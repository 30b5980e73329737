/** @file A network of the zoo in a small form, in blocks of eight: one program for any number of images, and the bits of a whole batch. */
import { expect } from "vitest";
import { compile } from "../../src/index.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { small } from "./zoo-case.ts";

export function expectSameBits(name: string): void {
  const { model, images } = small(name);
  const blocks = compile((x: Tensor) => model.forward(x), { block: 8 });
  const want = compile((x: Tensor) => model.forward(x))(images(16)).dataSync();
  for (const n of [16, 11, 3]) {
    const got = blocks(images(n)).dataSync();
    expect(Array.from(got), `${n} images`).toEqual(Array.from(want.subarray(0, got.length)));
  }
  expect(blocks.recompilations).toBe(1);
}
