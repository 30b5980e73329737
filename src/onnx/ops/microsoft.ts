/** @file Operators of onnxruntime's own set (com.microsoft) that its optimizer puts into files. */
import * as F from "../../math/index.ts";
import { tensor as makeTensor } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { type Call, type Op, unsupported } from "../call.ts";
import { type Given, range } from "../value.ts";
import { norms } from "./norm.ts";
import { products } from "./products.ts";

const DOMAIN = "com.microsoft";
const own = (run: Op["run"], rest: Partial<Op> = {}): Op => ({ since: 1, domain: DOMAIN, run, ...rest });

/** Tanh's approximation of GELU, with a bias. */
function fastGelu(c: Call): Given {
  const x = c.has(1) ? c.tensor(0).add(c.tensor(1)) : c.tensor(0);
  return F.gelu(x, { approximate: "tanh" });
}

interface Parts {
  readonly y: Tensor;
  readonly mean: Tensor;
  readonly inverse: Tensor;
}

function normalized(x: Tensor, eps: number, centre: boolean): Parts {
  const mean = x.mean([-1], { keepDims: true });
  const centred = centre ? x.sub(mean) : x;
  const inverse = centred.square().mean([-1], { keepDims: true }).add(eps).rsqrt();
  return { y: centred.mul(inverse), mean, inverse };
}

/** The norm of a sum of two, and the sum. */
const skip =
  (centre: boolean) =>
  (c: Call): Given[] => {
    const [betaAt, biasAt] = centre ? [3, 4] : [-1, 3];
    const sum = c.tensor(0).add(c.tensor(1));
    const all = c.has(biasAt) ? sum.add(c.tensor(biasAt)) : sum;
    const { y, mean, inverse } = normalized(all, c.float("epsilon", 1e-12), centre);
    const scaled = y.mul(c.tensor(2));
    return [betaAt > 0 && c.has(betaAt) ? scaled.add(c.tensor(betaAt)) : scaled, mean, inverse, all];
  };

function simplified(c: Call): Given[] {
  const { y, inverse } = normalized(c.tensor(0), c.float("epsilon", 1e-5), false);
  return [y.mul(c.tensor(1)), inverse];
}

function fusedMatmul(c: Call): Given {
  const turned = (x: Tensor, on: boolean): Tensor => {
    if (!on) return x;
    const axes = range(x.rank);
    return x.transpose([...axes.slice(0, -2), x.rank - 1, x.rank - 2]);
  };
  if (c.flag("transBatchA") || c.flag("transBatchB")) throw unsupported("transposed batches");
  const y = turned(c.tensor(0), c.flag("transA")).matmul(turned(c.tensor(1), c.flag("transB")));
  const alpha = c.float("alpha", 1);
  return alpha === 1 ? y : y.mul(alpha);
}

/** Weights of a few bits in blocks along the inputs, [out, blocks, bytes]; each block has a scale and may have a zero point. */
function matmulBits(c: Call): Given {
  const [k, n, bits, block] = [c.int("K", 0), c.int("N", 0), c.int("bits", 4), c.int("block_size", 32)];
  if (bits !== 4 && bits !== 8) throw unsupported(`weights of ${bits} bits`);
  const packed = c.known(1).data;
  const blocks = Math.ceil(k / block);
  const perBlock = (block * bits) / 8;
  const scales = c.tensor(2).reshape([n, blocks, 1]);
  const zeros = c.has(3) ? c.known(3) : undefined;
  const levels = new Float32Array(n * blocks * block);
  const zeroBytes = Math.ceil((blocks * bits) / 8);
  for (let row = 0; row < n; row++)
    for (let b = 0; b < blocks; b++) {
      const at = (b * bits) / 8;
      const byte = zeros?.data[row * zeroBytes + Math.floor(at)] ?? 0;
      const zero = zeros === undefined ? 2 ** (bits - 1) : bits === 8 ? byte : (byte >> (b % 2 ? 4 : 0)) & 15;
      for (let i = 0; i < block; i++) {
        const byteOf = packed[(row * blocks + b) * perBlock + Math.floor((i * bits) / 8)];
        levels[(row * blocks + b) * block + i] = (bits === 8 ? byteOf : (byteOf >> (i % 2 ? 4 : 0)) & 15) - zero;
      }
    }
  const x = c.tensor(0);
  const w = tensorOf(x, levels, [n, blocks, block])
    .mul(scales)
    .reshape([n, blocks * block])
    .narrow(1, 0, k);
  const y = x.matmul(w.transpose());
  return c.has(5) ? y.add(c.tensor(5)) : y;
}

const tensorOf = (like: Tensor, data: Float32Array, shape: number[]): Tensor => makeTensor(data, { shape }).cast(like.dtype);

/** Activation(alpha·A·B + C). */
function fusedGemm(c: Call): Given {
  const y = products.Gemm.run(c) as Tensor;
  const activation = c.text("activation", "");
  const known: Readonly<Record<string, (x: Tensor) => Tensor>> = {
    "": (x) => x,
    Relu: (x) => x.relu(),
    Tanh: (x) => x.tanh(),
    Sigmoid: (x) => x.sigmoid(),
    LeakyRelu: (x) => F.leakyRelu(x, { negativeSlope: c.float("activation_alpha", 0.01) }),
  };
  if (!Object.hasOwn(known, activation)) throw unsupported(`the activation "${activation}"`);
  return known[activation](y);
}

/** Projections of queries, keys and values in one, heads, and a mask over keys: [N, T, E] to [N, T, E]. */
function fusedAttention(c: Call): Given {
  const x = c.tensor(0);
  const heads = c.int("num_heads", 1);
  if (c.has(4) || c.has(5)) throw unsupported("past states and relative positions");
  const all = c.has(2) ? x.matmul(c.tensor(1)).add(c.tensor(2)) : x.matmul(c.tensor(1));
  const [n, steps] = x.shape;
  const size = all.shape[2] / 3;
  const part = (i: number): Tensor =>
    all
      .narrow(2, i * size, size)
      .reshape([n, steps, heads, size / heads])
      .transpose([0, 2, 1, 3]);
  const [q, k, v] = range(3).map(part);
  if (c.has(3) && c.rank(3) !== 2) throw unsupported("a mask that is not [N, T]");
  const mask = c.has(3) ? c.tensor(3).ne(0).reshape([n, 1, 1, steps]) : undefined;
  const scale = c.scalar("scale");
  const y = F.scaledDotProductAttention(q, k, v, { mask, causal: c.flag("unidirectional"), ...(scale ? { scale } : {}) });
  return y.transpose([0, 2, 1, 3]).reshape([n, steps, size]);
}

export const microsoft: Readonly<Record<string, Op>> = {
  [`${DOMAIN}.Gelu`]: own((c) => F.gelu(c.tensor(0))),
  [`${DOMAIN}.FastGelu`]: own(fastGelu, { weights: [1] }),
  [`${DOMAIN}.BiasGelu`]: own((c) => F.gelu(c.tensor(0).add(c.tensor(1))), { weights: [1] }),
  [`${DOMAIN}.QuickGelu`]: own((c) => F.swish(c.tensor(0), { beta: c.float("alpha", 1.702) })),
  [`${DOMAIN}.SkipLayerNormalization`]: own(skip(true), { weights: [2, 3, 4] }),
  [`${DOMAIN}.SkipSimplifiedLayerNormalization`]: own(skip(false), { weights: [2, 3] }),
  [`${DOMAIN}.SimplifiedLayerNormalization`]: own(simplified, { weights: [1] }),
  SimplifiedLayerNormalization: { since: 1, weights: [1], run: simplified },
  [`${DOMAIN}.LayerNormalization`]: own(norms.LayerNormalization.run, { weights: [1, 2] }),
  [`${DOMAIN}.FusedMatMul`]: own(fusedMatmul, { weights: [0, 1] }),
  [`${DOMAIN}.FusedGemm`]: own(fusedGemm, { weights: [0, 1, 2] }),
  [`${DOMAIN}.MatMulNBits`]: own(matmulBits, { host: [1, 3], limits: "weights of 4 and 8 bits" }),
  [`${DOMAIN}.Attention`]: own(fusedAttention, { weights: [1, 2], limits: "no past states or relative positions; masks [N, T]" }),
};
