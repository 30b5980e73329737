/** @file A network of the zoo in a small form, in blocks: one program for any number of images, and the bits of a whole batch. */
import { expect } from "vitest";
import { compile } from "../../src/index.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { small } from "./zoo-case.ts";

/**
 * Examples in a block. Rows are summed in another order from 16 of them on, when a kernel goes over them in blocks: response norms have one row an image.
 */
const blockOf = (name: string): number => (name.startsWith("convnextv2") ? 16 : 8);

export function expectSameBits(name: string): void {
  const { model, images } = small(name);
  const block = blockOf(name);
  const blocks = compile((x: Tensor) => model.forward(x), { block });
  const want = compile((x: Tensor) => model.forward(x))(images(2 * block)).dataSync();
  for (const n of [2 * block, block + 3, 3]) {
    const got = blocks(images(n)).dataSync();
    expect(Array.from(got), `${n} images`).toEqual(Array.from(want.subarray(0, got.length)));
  }
  expect(blocks.recompilations).toBe(1);
}
