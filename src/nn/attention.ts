/** @file Multi-head attention (Vaswani et al. 2017) with PyTorch's parameter names. In masks true means "may attend". Batch comes first. */

import { aNumber, type Checks, checkOptions, flag } from "../base/check.ts";
import * as F from "../math/attention.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Dropout } from "./dropout.ts";
import { glorotNormal, glorotUniform, zeros } from "./initializers.ts";
import { checkSizes, Linear } from "./linear.ts";
import { inputError, Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

export interface MultiHeadAttentionOptions {
  /** Rate of dropout on the attention weights while training. Default 0. */
  readonly dropout?: number;
  /** Whether projections have biases. Default true. */
  readonly bias?: boolean;
  /** Features of keys. Default those of queries. */
  readonly keyFeatures?: number;
  /** Features of values. Default those of queries. */
  readonly valueFeatures?: number;
  /** One more key and value, learnt, which every query may attend to: parameters `bias_k` and `bias_v` [1, 1, E]. Default false. */
  readonly addBiasKV?: boolean;
  /** One more key and value of zeros. Default false. */
  readonly addZeroAttention?: boolean;
}

const MULTI_HEAD_ATTENTION_OPTIONS: Checks<MultiHeadAttentionOptions> = {
  dropout: aNumber,
  bias: flag,
  keyFeatures: aNumber,
  valueFeatures: aNumber,
  addBiasKV: flag,
  addZeroAttention: flag,
};

/**
 * Attention in several heads: queries [N, Lq, E] over keys [N, Lk, E] and values [N, Lk, E] to `output` [N, Lq, E] and the heads' `weights`
 * [N, heads, Lq, Lk]. Parameters `in_proj_weight` [3E, E] (or `q_proj_weight`, `k_proj_weight`, `v_proj_weight` where features differ),
 * `in_proj_bias` [3E], `out_proj`. Weights start as Glorot's uniform, biases at 0.
 */
export class MultiHeadAttention extends Module {
  readonly in_proj_weight: Parameter | undefined;
  readonly q_proj_weight: Parameter | undefined;
  readonly k_proj_weight: Parameter | undefined;
  readonly v_proj_weight: Parameter | undefined;
  readonly in_proj_bias: Parameter | undefined;
  readonly bias_k: Parameter | undefined;
  readonly bias_v: Parameter | undefined;
  readonly out_proj: Linear;
  readonly features: number;
  readonly heads: number;
  readonly addZeroAttention: boolean;
  readonly dropout: Dropout | undefined;

  /** @throws {RangeError} unless the heads divide the features. */
  constructor(features: number, heads: number, options: MultiHeadAttentionOptions = {}) {
    checkOptions(new.target.name, options, MULTI_HEAD_ATTENTION_OPTIONS);
    super();
    const { dropout = 0, bias = true, keyFeatures = features, valueFeatures = features } = options;
    const { addBiasKV = false, addZeroAttention = false } = options;
    checkSizes("MultiHeadAttention", { features, heads, keyFeatures, valueFeatures });
    if (features % heads !== 0) throw new RangeError(`MultiHeadAttention: ${heads} heads do not divide ${features} features`);
    [this.features, this.heads, this.dropout] = [features, heads, dropout === 0 ? undefined : new Dropout(dropout)];
    if (keyFeatures === features && valueFeatures === features) {
      this.in_proj_weight = new Parameter(glorotUniform([3 * features, features]), "in_proj_weight");
    } else {
      this.q_proj_weight = new Parameter(glorotUniform([features, features]), "q_proj_weight");
      this.k_proj_weight = new Parameter(glorotUniform([features, keyFeatures]), "k_proj_weight");
      this.v_proj_weight = new Parameter(glorotUniform([features, valueFeatures]), "v_proj_weight");
    }
    this.in_proj_bias = bias ? new Parameter(zeros([3 * features]), "in_proj_bias") : undefined;
    if (addBiasKV) {
      this.bias_k = new Parameter(glorotNormal([1, 1, features]), "bias_k");
      this.bias_v = new Parameter(glorotNormal([1, 1, features]), "bias_v");
    }
    this.addZeroAttention = addZeroAttention;
    this.out_proj = new Linear(features, features, { bias, biasInitializer: zeros });
    this.guard("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_bias", "bias_k", "bias_v");
  }

  /**
   * Keys and values default to the queries: self-attention. `mask` [Lq, Lk], [N, Lq, Lk] or one for each head [N·heads, Lq, Lk], `keyMask` [N, Lk],
   * `causal` hides the future, `averageWeights` gives the mean of the weights over the heads. Without a batch all is without the axis N.
   */
  forward(
    q: Tensor,
    k: Tensor = q,
    v: Tensor = k,
    options: Pick<F.MultiHeadOptions, "mask" | "keyMask" | "causal" | "averageWeights"> = {},
  ): { output: Tensor; weights: Tensor } {
    if (q.rank === 2 && k.rank === 2 && v.rank === 2) {
      const { keyMask } = options;
      const batched = this.forward(
        q.unsqueeze(0),
        k.unsqueeze(0),
        v.unsqueeze(0),
        keyMask ? { ...options, keyMask: keyMask.unsqueeze(0) } : options,
      );
      return { output: batched.output.squeeze(0), weights: batched.weights.squeeze(0) };
    }
    if (q.rank !== 3 || q.shape[2] !== this.features)
      throw inputError("MultiHeadAttention", `[batch, length, ${this.features}]`, q.shape, "batch comes first");
    const parameters = {
      inProjWeight: this.in_proj_weight,
      qProjWeight: this.q_proj_weight,
      kProjWeight: this.k_proj_weight,
      vProjWeight: this.v_proj_weight,
      inProjBias: this.in_proj_bias,
      biasK: this.bias_k,
      biasV: this.bias_v,
    };
    const { dropout, heads, addZeroAttention: zeroAttention } = this;
    const onWeights = dropout && ((weights: Tensor): Tensor => dropout.forward(weights));
    const { context, weights } = F.multiHeadContext(q, k, v, parameters, { ...options, heads, onWeights, zeroAttention });
    return { output: this.out_proj.forward(context), weights };
  }

  protected override details(): string {
    return `${this.features}, ${this.heads} heads`;
  }
}
