/**
 * @file What tests compute on the way, made on the host: as tensors it would be part of a program that is compiled for it alone.
 */
import { sizeOf } from "../src/base/shape.ts";
import { fromArray } from "../src/ops/create.ts";
import type { Tensor } from "../src/ops/tensor.ts";

/** Element b along axis 0. */
export function example(t: Tensor, b: number): Tensor {
  const shape = t.shape.slice(1);
  const n = sizeOf(shape);
  return fromArray(t.dataSync().slice(b * n, (b + 1) * n), { shape, dtype: t.dtype });
}

/** t + step·dx */
export function moved(t: Tensor, dx: Tensor, step: number): Tensor {
  const [elements, direction] = [t.dataSync(), dx.dataSync()];
  return fromArray(
    elements.map((value, i) => value + step * direction[i]!),
    { shape: t.shape, dtype: t.dtype },
  );
}
