/** @file Every primitive of the registry as an ONNX file: imported again it gives the same, or it is refused for a reason that is listed. */
import { expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { allocate, isFloat } from "../../src/base/dtype.ts";
import { sizeOf, type Type } from "../../src/base/shape.ts";
import * as onnx from "../../src/onnx/index.ts";
import { fromArray, isTensor } from "../../src/ops/create.ts";
import { registry } from "../../src/ops/registry.ts";
import { record, type Tensor } from "../../src/ops/tensor.ts";

type Drawn = Type & { readonly domain?: readonly [number, number] };

/** Numbers of a fixed sequence, inside what the operand may be. */
function draw({ shape, dtype, domain }: Drawn, seed: number): Tensor {
  const [low, high] = domain ?? (isFloat(dtype) ? [-2, 2] : [0, 4]);
  const elements = allocate(dtype, sizeOf(shape)).map((_, i) => {
    const share = (Math.sin((i + 1) * (seed + 12.9898)) * 43758.5453) % 1;
    const value = low + (high - low) * Math.abs(share);
    return isFloat(dtype) ? value : Math.floor(value);
  });
  return fromArray(elements, { shape, dtype });
}

/** What ONNX has no operator for, by what it does. Opset 18 is exported; a newer one brings some (BitCast) or none. */
const REFUSED: readonly string[] = [
  // bits
  ...["shl", "shr", "bitcast", "threefry", "nextAfter", "exponent", "gcd"],
  // special functions, and draws that count
  ...["erfinv", "lgamma", "polygamma", "besselI", "besselJ", "besselY", "erfcx", "ndtr", "logNdtr", "ndtri", "gammaSlope"],
  ...["poissonCount", "binomialCount"],
  // decompositions and transforms
  ...["solve", "adjugate", "leastSquares", "matrixExp", "matrixExpSlope", "qr", "svd", "luFactor", "dft", "realDft", "realInverseDft"],
  // indices
  ...["lastWriter", "put", "searchSorted"],
  // gradients of weights: in groups, and of the maxima of pools
  ...["convWeightAt"],
  // what several ranks do together
  ...["allReduce"],
];
/** Samples of others that are refused. */
const REFUSED_SAMPLES: readonly string[] = ["convWeight #1"];

for (const op of registry)
  for (const [i, sample] of op.samples.entries())
    test(`${op.name} #${i}`, async () => {
      const regions = sample.regions?.() ?? [];
      const fn = (...xs: Tensor[]): Tensor[] => record(op, xs, sample.params, regions);
      const xs = sample.operands.map((each, k) => draw(each, k));
      if (REFUSED.includes(op.name) || REFUSED_SAMPLES.includes(`${op.name} #${i}`)) {
        expect(() => onnx.export(fn, xs, { batch: false })).toThrow(/^onnx\.export: .*(has|have) no counterpart in ONNX/);
        return;
      }
      const file = onnx.export(fn, xs, { batch: false });
      const model = await onnx.load(file);
      const names = model.inputs.map(({ name }) => name);
      const result = model.forward(Object.fromEntries(names.map((name, k) => [name, xs[k]!])) as never);
      const got = isTensor(result) ? [result] : (Object.values(result as object) as Tensor[]);
      fn(...xs).forEach((want, k) => {
        const [a, b] = [got[k]!.dataSync(), want.dataSync()];
        expect(got[k]!.shape).toEqual(want.shape);
        expect(got[k]!.dtype).toBe(want.dtype);
        const worst = Math.max(0, ...Array.from(b, (v, j) => (Object.is(v, a[j]) ? 0 : Math.abs(v - a[j]!) / (1 + Math.abs(v)))));
        // f64 throughout; what ONNX lacks (expm1, log2) is written with other roundings.
        expect(worst).toBeLessThan(1e-15);
      });
    });
