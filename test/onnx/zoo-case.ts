/** @file A network of the zoo in a small form, exported and imported again: both give the same for a batch that was not recorded. */
import { expect } from "vitest";
import { manualSeed, models, nn, tensor } from "../../src/index.ts";
import type { Layer } from "../../src/nn/module.ts";
import * as onnx from "../../src/onnx/index.ts";
import type { Tensor } from "../../src/ops/tensor.ts";

/** The network with a quarter of its channels, and images as small as it takes. */
export function small(name: string): { model: Layer; images: (n: number) => Tensor } {
  const { make, input, exact, least } = models.zoo[name]!;
  manualSeed(1);
  const model = make({ classes: 7, channels: input[0], width: 0.25 });
  const side = exact ? input[1] : least;
  const images = (n: number): Tensor =>
    tensor(
      Float32Array.from({ length: n * input[0] * side * side }, (_, i) => Math.sin(i * i)),
      { shape: [n, input[0], side, side] },
    );
  // Statistics other than 0 and 1, or there would be little to fold.
  for (const layer of model.modules()) {
    if (!(layer instanceof nn.BatchNorm)) continue;
    layer.running_mean?.set(wave(layer.running_mean.shape[0]!, (v) => v / 10));
    layer.running_var?.set(wave(layer.running_var.shape[0]!, (v) => 1 + v * v));
  }
  // A head that starts at 0 would hide all that is before it.
  for (const weight of model.parameters())
    if (weight.shape.length > 1 && weight.value.dataSync().every((v) => v === 0))
      weight.set(wave(weight.value.size, (v) => v / 10).reshape([...weight.shape]));
  return { model: model.eval(), images };
}

const wave = (n: number, of: (v: number) => number): Tensor => tensor(Float32Array.from({ length: n }, (_, i) => of(Math.sin(i * i))));

/** Folded within rounding; unfolded with fewer roundings of its own, which may be none: `exact` asks for the same bits. */
export async function expectSameAgain(name: string, exact = false): Promise<void> {
  const { model, images } = small(name);
  const x = images(3);
  const want = model.forward(x).dataSync();
  const of = async (fold: boolean): Promise<ArrayLike<number>> => {
    const again = await onnx.load(onnx.export(model, images(2), { fold }));
    return (again.forward(x) as Tensor).dataSync();
  };
  const [folded, plain] = [await of(true), await of(false)];
  const size = Math.max(...Array.from(want, Math.abs));
  const off = (got: ArrayLike<number>): number => Math.max(...Array.from(want, (v, i) => Math.abs(v - got[i]!))) / size;
  expect(off(folded)).toBeLessThan(1e-5);
  if (exact) expect(off(plain)).toBe(0);
  expect(off(plain)).toBeLessThan(1e-6);
}
