/**
 * @file Attention (Vaswani et al. 2017): scaled dot products, several heads, and the layers of a transformer made of them. In masks true means
 * "may attend"; a query that may attend to nothing gets zeros.
 */

import { checkOptions } from "../base/check.ts";
import { formatShape } from "../base/shape.ts";
import { checkTensors } from "../ops/check.ts";
import { decay, ratio } from "../ops/elementwise.ts";
import type { Tensor, TensorLike } from "../ops/tensor.ts";
import { gelu, relu } from "./activation.ts";
import { linear } from "./linear.ts";
import { layerNorm } from "./normalization.ts";
import { ATTENTION_OPTIONS, DECODER_LAYER_OPTIONS, MULTI_HEAD_OPTIONS, TRANSFORMER_LAYER_OPTIONS } from "./options.ts";

export interface AttentionOptions {
  /** Bool (true: may attend), or floats that are added to the scores; broadcast to [..., Lq, Lk]. */
  readonly mask?: Tensor;
  /** Query i sees keys 0..i only. Default false. */
  readonly causal?: boolean;
  /** Factor of the scores. Default 1/√d. */
  readonly scale?: number;
  /** Applied to the weights, such as dropout. */
  readonly onWeights?: (weights: Tensor) => Tensor;
}

/** Softmax over the last axis of scores of which some are -∞; where all are, as a mask can make them, zeros. */
function shares(scores: Tensor, masked: boolean): Tensor {
  const top = scores.max(-1, { keepDims: true }).stopGradient();
  const e = scores.sub(masked ? top.eq(Number.NEGATIVE_INFINITY).where(0, top) : top).unary(decay);
  const total = e.sum(-1, { keepDims: true });
  return e.binary(ratio, masked ? total.eq(0).where(1, total) : total);
}

/** softmax(scale·q·kᵀ + mask) over the keys: q [..., Lq, d] and k [..., Lk, d] to [..., Lq, Lk]. */
export function attentionWeights(q: Tensor, k: Tensor, options: AttentionOptions = {}): Tensor {
  checkTensors("attentionWeights", { q, k });
  checkOptions("attentionWeights", options, ATTENTION_OPTIONS);
  const { mask, causal = false, scale } = options;
  const d = q.shape[q.rank - 1];
  if (q.rank < 2 || k.rank < 2 || k.shape[k.rank - 1] !== d)
    throw new RangeError(
      `attention: want queries [..., Lq, d] and keys [..., Lk, d], got ${formatShape(q.shape)} and ${formatShape(k.shape)}`,
    );
  const swap = k.shape
    .map((_, i) => i)
    .with(-1, k.rank - 2)
    .with(-2, k.rank - 1);
  let scores = q.mul(scale ?? 1 / Math.sqrt(d)).matmul(k.transpose(swap));
  if (mask) scores = mask.dtype === "bool" ? mask.where(scores, Number.NEGATIVE_INFINITY) : scores.add(mask);
  if (causal) scores = scores.iotaLike(-1).le(scores.iotaLike(-2)).where(scores, Number.NEGATIVE_INFINITY);
  return shares(scores, mask !== undefined);
}

/** softmax(q·kᵀ/√d)·v: q [..., Lq, d], k [..., Lk, d], v [..., Lk, e] to [..., Lq, e]. */
export function scaledDotProductAttention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  checkTensors("scaledDotProductAttention", { q, k, v });
  checkOptions("scaledDotProductAttention", options, ATTENTION_OPTIONS);
  const weights = attentionWeights(q, k, options);
  return (options.onWeights ? options.onWeights(weights) : weights).matmul(v);
}

// ---- several heads ------------------------------------------------------------------------------------------------------------------

/** Projections of multi-head attention for E features; queries, keys and values are stacked in `inProjWeight`, or come apart. */
export interface AttentionParameters {
  /** [3E, E]. */
  readonly inProjWeight?: TensorLike;
  /** [E, E], [E, keys' features], [E, values' features]: instead of `inProjWeight`. */
  readonly qProjWeight?: TensorLike;
  readonly kProjWeight?: TensorLike;
  readonly vProjWeight?: TensorLike;
  /** [3E]. */
  readonly inProjBias?: TensorLike;
  /** [1, 1, E] each: one more key and its value, the same for all examples, which every query may attend to. */
  readonly biasK?: TensorLike;
  readonly biasV?: TensorLike;
  /** [E, E]. */
  readonly outProjWeight: TensorLike;
  /** [E]. */
  readonly outProjBias?: TensorLike;
}

/** Options of {@link multiHeadAttention}. */
export interface MultiHeadOptions extends Omit<AttentionOptions, "scale"> {
  readonly heads: number;
  /** Bool [N, Lk]: keys that count, such as those that are not padding. Floats are added to the scores. */
  readonly keyMask?: Tensor;
  /** One more key and value of zeros (behind `biasK`), which every query may attend to. Default false. */
  readonly zeroAttention?: boolean;
  /** `weights` [N, Lq, Lk] is the mean over the heads. Default false: [N, heads, Lq, Lk]. */
  readonly averageWeights?: boolean;
}

/** [N, L, E] to [N, heads, L, E/heads]. */
function splitHeads(x: Tensor, heads: number): Tensor {
  const [n, l, e] = x.shape;
  return x.reshape([n, l, heads, e / heads]).moveAxis(2, 1);
}

function projections(
  q: Tensor,
  w: Omit<AttentionParameters, "outProjWeight" | "outProjBias">,
): [weight: Tensor, bias: Tensor | undefined][] {
  const e = q.shape[q.rank - 1];
  const bias = w.inProjBias === undefined ? undefined : q.operand(w.inProjBias);
  const stacked = w.inProjWeight === undefined ? undefined : q.operand(w.inProjWeight);
  const apart = [w.qProjWeight, w.kProjWeight, w.vProjWeight];
  return apart.map((own, i) => {
    const weight = stacked ? stacked.narrow(0, i * e, e) : own === undefined ? undefined : q.operand(own);
    if (!weight) throw new TypeError("multiHeadAttention: want inProjWeight, or qProjWeight, kProjWeight and vProjWeight");
    return [weight, bias?.narrow(0, i * e, e)];
  });
}

/**
 * Multi-head attention of q [N, Lq, E] over k and v [N, Lk, E]: `output` [N, Lq, E] and the heads' `weights` [N, heads, Lq, Lk]. Head h works
 * on features h·E/heads and up. `mask` is [Lq, Lk], [N, Lq, Lk], or one for each head: [N·heads, Lq, Lk] or [N, heads, Lq, Lk]. Added keys come
 * last; masks do not have them.
 */
export function multiHeadAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  parameters: AttentionParameters,
  options: MultiHeadOptions,
): { output: Tensor; weights: Tensor } {
  checkTensors("multiHeadAttention", { q, k, v });
  checkOptions("multiHeadAttention", options, MULTI_HEAD_OPTIONS, "heads");
  const { context, weights } = multiHeadContext(q, k, v, parameters, options);
  return { output: linear(context, parameters.outProjWeight, parameters.outProjBias), weights };
}

/** {@link multiHeadAttention} before its last projection: `context` [N, Lq, E], the heads side by side. */
export function multiHeadContext(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  parameters: Omit<AttentionParameters, "outProjWeight" | "outProjBias">,
  options: MultiHeadOptions,
): { context: Tensor; weights: Tensor } {
  checkTensors("multiHeadContext", { q, k, v });
  checkOptions("multiHeadContext", options, MULTI_HEAD_OPTIONS);
  const { heads, onWeights, zeroAttention = false, averageWeights = false } = options;
  const e = q.shape[q.rank - 1];
  if (q.rank !== 3 || k.rank !== 3 || v.rank !== 3 || e % heads !== 0) {
    throw new RangeError(
      `multiHeadAttention: want q, k, v [batch, length, features] with features a multiple of ${heads} heads, got ${[q, k, v].map((t) => formatShape(t.shape)).join(", ")}`,
    );
  }
  const projected = projections(q, parameters).map(([weight, bias], i) => linear([q, k, v][i], weight, bias));
  const longer = [undefined, parameters.biasK, parameters.biasV].map((bias, i) => withKeys(projected[i], bias, i > 0 && zeroAttention));
  const [pq, pk, pv] = longer.map((x) => splitHeads(x, heads));
  const added = pk.shape[2] - k.shape[1];
  const all = attentionWeights(pq, pk, masksOf(q, k, options, added));
  const apart = (onWeights ? onWeights(all) : all).matmul(pv); // [N, heads, Lq, E/heads]
  return { context: apart.moveAxis(1, 2).reshape([q.shape[0], q.shape[1], e]), weights: averageWeights ? all.mean(1) : all };
}

/** Keys or values [N, L, E] followed by one that is learnt and one of zeros. */
function withKeys(x: Tensor, bias: TensorLike | undefined, zero: boolean): Tensor {
  const [n, , e] = x.shape;
  const learnt = bias === undefined ? [] : [x.operand(bias).reshape([1, 1, e]).cast(x.dtype).broadcastTo([n, 1, e])];
  const zeros = zero ? [x.constantOf({ shape: [n, 1, e], dtype: x.dtype }, 0)] : [];
  return x.concat([...learnt, ...zeros], 1);
}

/** Masks of all kinds as one that broadcasts to [N, heads, Lq, Lk + added]; the added keys are seen by all. */
function masksOf(
  q: Tensor,
  k: Tensor,
  { heads, mask, keyMask, causal = false }: MultiHeadOptions,
  added: number,
): Pick<AttentionOptions, "mask" | "causal"> {
  const [n, lq] = q.shape;
  const lk = k.shape[1];
  // [N, Lq, Lk] is the same for all heads, [N·heads, Lq, Lk] has one for each.
  const perHead =
    mask?.rank !== 3
      ? mask
      : heads > 1 && mask.shape[0] === n * heads
        ? mask.reshape([n, heads, ...mask.shape.slice(1)])
        : mask.unsqueeze(1);
  const keys = keyMask?.reshape([keyMask.shape[0], 1, 1, keyMask.shape[1]]);
  const both = combine(perHead, keys);
  if (added === 0) return { mask: both, causal };
  const square = q.constantOf({ shape: [lq, lk], dtype: "bool" }, 1);
  const past = causal ? combine(both, square.iotaLike(-1).le(square.iotaLike(-2))) : both;
  if (!past) return {};
  const whole = past.broadcastTo([...past.shape.slice(0, -1), lk]);
  return {
    mask: whole.concat([q.constantOf({ shape: whole.shape.with(-1, added), dtype: whole.dtype }, whole.dtype === "bool" ? 1 : 0)], -1),
  };
}

/** Two masks, each of either kind, as one. */
function combine(a: Tensor | undefined, b: Tensor | undefined): Tensor | undefined {
  if (!a || !b) return a ?? b;
  if (a.dtype === "bool") return b.dtype === "bool" ? a.and(b) : a.where(b, Number.NEGATIVE_INFINITY);
  return b.dtype === "bool" ? b.where(a, Number.NEGATIVE_INFINITY) : a.add(b);
}

// ---- transformer layers -------------------------------------------------------------------------------------------------------------

/** Scale and shift of a layer normalization, [E]. */
export interface NormParameters {
  readonly weight?: TensorLike;
  readonly bias?: TensorLike;
}

/** Two dense layers. */
export interface FeedForwardParameters {
  /** [hidden, E] */
  readonly weight1: TensorLike;
  readonly bias1?: TensorLike;
  /** [E, hidden] */
  readonly weight2: TensorLike;
  readonly bias2?: TensorLike;
}

/** Parameters of {@link transformerEncoderLayer}, of E features. */
export interface EncoderLayerParameters {
  readonly selfAttention: AttentionParameters;
  readonly feedForward: FeedForwardParameters;
  readonly norm1: NormParameters;
  readonly norm2: NormParameters;
}

/** Parameters of {@link transformerDecoderLayer}, of E features. */
export interface DecoderLayerParameters extends EncoderLayerParameters {
  readonly crossAttention: AttentionParameters;
  readonly norm3: NormParameters;
}

export interface TransformerLayerOptions extends MultiHeadOptions {
  /** Of the feed-forward net. Default "relu". */
  readonly activation?: "relu" | "gelu" | ((x: Tensor) => Tensor);
  /** Normalize before each part instead of after it. Default false. */
  readonly normFirst?: boolean;
  /** ε of the normalizations. Default 1e-5. */
  readonly eps?: number;
  /** Applied to the result of each part and inside the feed-forward net. */
  readonly dropout?: (x: Tensor) => Tensor;
}

const same = (x: Tensor): Tensor => x;

function feedForward(x: Tensor, w: FeedForwardParameters, { activation = "relu", dropout = same }: TransformerLayerOptions): Tensor {
  const phi = activation === "relu" ? relu : activation === "gelu" ? gelu : activation;
  return linear(dropout(phi(linear(x, w.weight1, w.bias1))), w.weight2, w.bias2);
}

/** x + part(norm x), or norm(x + part x). */
function residual(x: Tensor, part: (x: Tensor) => Tensor, norm: NormParameters, options: TransformerLayerOptions): Tensor {
  const { normFirst = false, eps = 1e-5, dropout = same } = options;
  const normalized = (y: Tensor): Tensor => layerNorm(y, y.shape[y.rank - 1], { weight: norm.weight, bias: norm.bias, eps });
  return normFirst ? x.add(dropout(part(normalized(x)))) : normalized(x.add(dropout(part(x))));
}

/** Self-attention and a feed-forward net, each with a residual and layer normalization: [N, L, E] to [N, L, E]. */
export function transformerEncoderLayer(x: Tensor, w: EncoderLayerParameters, options: TransformerLayerOptions): Tensor {
  checkTensors("transformerEncoderLayer", { x });
  checkOptions("transformerEncoderLayer", options, TRANSFORMER_LAYER_OPTIONS, "heads");
  const { heads, mask, keyMask, causal, onWeights } = options;
  const own = { heads, mask, keyMask, causal, onWeights };
  const attended = residual(x, (y) => multiHeadAttention(y, y, y, w.selfAttention, own).output, w.norm1, options);
  return residual(attended, (y) => feedForward(y, w.feedForward, options), w.norm2, options);
}

/** Options of {@link transformerDecoderLayer}. */
export interface DecoderLayerOptions extends TransformerLayerOptions {
  /** Mask and key mask of the attention to `memory`. */
  readonly memoryMask?: Tensor;
  readonly memoryKeyMask?: Tensor;
}

/** Self-attention, attention to an encoder's `memory` [N, M, E], and a feed-forward net: [N, L, E] to [N, L, E]. */
export function transformerDecoderLayer(x: Tensor, memory: Tensor, w: DecoderLayerParameters, options: DecoderLayerOptions): Tensor {
  checkTensors("transformerDecoderLayer", { x, memory });
  checkOptions("transformerDecoderLayer", options, DECODER_LAYER_OPTIONS, "heads");
  const { heads, mask, keyMask, causal, onWeights, memoryMask, memoryKeyMask } = options;
  const own = { heads, mask, keyMask, causal, onWeights };
  const cross = { heads, onWeights, mask: memoryMask, keyMask: memoryKeyMask };
  const attended = residual(x, (y) => multiHeadAttention(y, y, y, w.selfAttention, own).output, w.norm1, options);
  const informed = residual(attended, (y) => multiHeadAttention(y, memory, memory, w.crossAttention, cross).output, w.norm2, options);
  return residual(informed, (y) => feedForward(y, w.feedForward, options), w.norm3, options);
}

/** Sinusoidal positions [length, E] (Vaswani et al. 2017, §3.5): sin(t/10000^(2i/E)) at feature 2i, the cosine at 2i + 1. */
export function sinusoidalPositions(like: Tensor, length: number, features: number): Tensor {
  checkTensors("sinusoidalPositions", { like });
  const shape = [length, features];
  const base = like.constantOf({ shape, dtype: like.dtype }, 0);
  const time = base.iotaLike(0).cast(like.dtype);
  const feature = base.iotaLike(1);
  const pair = feature.div(2).mul(2).cast(like.dtype);
  const angle = time.mul(pair.mul(-Math.log(10000) / features).exp());
  return feature.rem(2).eq(0).where(angle.sin(), angle.cos());
}
