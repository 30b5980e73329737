/** @file A network of the zoo in a small form, in blocks of eight: one program for any number of images, and the bits of a whole batch, or numbers near them. */
import { expect } from "vitest";
import { compile } from "../../src/index.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { small } from "./zoo-case.ts";

/** Networks whose sums go in another order in a whole batch: response norms over all places of a channel. */
const NEAR: readonly RegExp[] = [/^convnextv2/];

export function expectSameBits(name: string): void {
  const { model, images } = small(name);
  const blocks = compile((x: Tensor) => model.forward(x), { block: 8 });
  const want = compile((x: Tensor) => model.forward(x))(images(16)).dataSync();
  for (const n of [16, 11, 3]) {
    const got = blocks(images(n)).dataSync();
    const whole = Array.from(want.subarray(0, got.length));
    const near = NEAR.some((names) => names.test(name));
    expect(Array.from(got), `${n} images`).toEqual(near ? whole.map((v) => expect.closeTo(v, 5)) : whole);
  }
  expect(blocks.recompilations).toBe(1);
}
