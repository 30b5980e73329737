/** @file Attention layers (Vaswani et al. 2017) with PyTorch's parameter names. In masks true means "may attend". Batch comes first. */
import * as F from "../math/attention.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Dropout } from "./dropout.ts";
import { glorotUniform, zeros } from "./initializers.ts";
import { checkSizes, Linear } from "./linear.ts";
import { inputError, Module } from "./module.ts";
import { LayerNorm } from "./norm.ts";
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
}

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
  readonly out_proj: Linear;
  readonly features: number;
  readonly heads: number;
  readonly #dropout: Dropout | undefined;

  /** @throws {RangeError} unless the heads divide the features. */
  constructor(features: number, heads: number, options: MultiHeadAttentionOptions = {}) {
    super();
    const { dropout = 0, bias = true, keyFeatures = features, valueFeatures = features } = options;
    checkSizes("MultiHeadAttention", { features, heads, keyFeatures, valueFeatures });
    if (features % heads !== 0) throw new RangeError(`MultiHeadAttention: ${heads} heads do not divide ${features} features`);
    [this.features, this.heads, this.#dropout] = [features, heads, dropout === 0 ? undefined : new Dropout(dropout)];
    if (keyFeatures === features && valueFeatures === features) {
      this.in_proj_weight = new Parameter(glorotUniform([3 * features, features]), "in_proj_weight");
    } else {
      this.q_proj_weight = new Parameter(glorotUniform([features, features]), "q_proj_weight");
      this.k_proj_weight = new Parameter(glorotUniform([features, keyFeatures]), "k_proj_weight");
      this.v_proj_weight = new Parameter(glorotUniform([features, valueFeatures]), "v_proj_weight");
    }
    this.in_proj_bias = bias ? new Parameter(zeros([3 * features]), "in_proj_bias") : undefined;
    this.out_proj = new Linear(features, features, { bias, biasInitializer: zeros });
  }

  /** The parameters as the function of the same name takes them. */
  get projections(): F.AttentionParameters {
    return {
      inProjWeight: this.in_proj_weight,
      qProjWeight: this.q_proj_weight,
      kProjWeight: this.k_proj_weight,
      vProjWeight: this.v_proj_weight,
      inProjBias: this.in_proj_bias,
      outProjWeight: this.out_proj.weight,
      outProjBias: this.out_proj.bias,
    };
  }

  /** Dropout of the attention weights, while training. */
  get onWeights(): ((weights: Tensor) => Tensor) | undefined {
    return this.#dropout && this.training ? (weights) => this.#dropout!.forward(weights) : undefined;
  }

  /** Keys and values default to the queries: self-attention. `mask` [Lq, Lk] or [N, Lq, Lk], `keyMask` [N, Lk], `causal` hides the future. */
  forward(
    q: Tensor,
    k: Tensor = q,
    v: Tensor = k,
    options: Pick<F.MultiHeadOptions, "mask" | "keyMask" | "causal"> = {},
  ): { output: Tensor; weights: Tensor } {
    if (q.rank !== 3 || q.shape[2] !== this.features)
      throw inputError("MultiHeadAttention", `[batch, length, ${this.features}]`, q.shape, "batch comes first");
    return F.multiHeadAttention(q, k, v, this.projections, { ...options, heads: this.heads, onWeights: this.onWeights });
  }

  protected override details(): string {
    return `${this.features}, ${this.heads} heads`;
  }
}

export interface TransformerEncoderLayerOptions {
  /** Width of the feed-forward net. Default 2048, as in PyTorch. */
  readonly hidden?: number;
  /** Default 0.1. */
  readonly dropout?: number;
  /** Of the feed-forward net. Default "relu". */
  readonly activation?: F.TransformerLayerOptions["activation"];
  /** Normalize before each part instead of after it. Default false. */
  readonly normFirst?: boolean;
  /** ε of the normalizations. Default 1e-5. */
  readonly eps?: number;
}

/**
 * Self-attention and a feed-forward net, each with a residual and layer normalization: [N, L, E] to [N, L, E]. Children `self_attn`, `linear1`,
 * `linear2`, `norm1`, `norm2`.
 */
export class TransformerEncoderLayer extends Module {
  readonly self_attn: MultiHeadAttention;
  readonly linear1: Linear;
  readonly linear2: Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly activation: NonNullable<F.TransformerLayerOptions["activation"]>;
  readonly normFirst: boolean;
  readonly #dropout: Dropout | undefined;

  constructor(features: number, heads: number, options: TransformerEncoderLayerOptions = {}) {
    super();
    const { hidden = 2048, dropout = 0.1, activation = "relu", normFirst = false, eps = 1e-5 } = options;
    this.self_attn = new MultiHeadAttention(features, heads, { dropout });
    this.linear1 = new Linear(features, hidden);
    this.linear2 = new Linear(hidden, features);
    [this.norm1, this.norm2] = [new LayerNorm(features, { eps }), new LayerNorm(features, { eps })];
    [this.activation, this.normFirst, this.#dropout] = [activation, normFirst, dropout === 0 ? undefined : new Dropout(dropout)];
  }

  forward(x: Tensor, options: Pick<F.MultiHeadOptions, "mask" | "keyMask" | "causal"> = {}): Tensor {
    const { self_attn: attention, linear1, linear2, norm1, norm2, activation, normFirst } = this;
    if (x.rank !== 3 || x.shape[2] !== attention.features)
      throw inputError("TransformerEncoderLayer", `[batch, length, ${attention.features}]`, x.shape, "batch comes first");
    const parameters = {
      selfAttention: attention.projections,
      feedForward: { weight1: linear1.weight, bias1: linear1.bias, weight2: linear2.weight, bias2: linear2.bias },
      norm1,
      norm2,
    };
    const dropout = this.#dropout && this.training ? (y: Tensor) => this.#dropout!.forward(y) : undefined;
    const { heads, onWeights } = attention;
    return F.transformerEncoderLayer(x, parameters, { ...options, heads, onWeights, activation, normFirst, eps: norm1.eps, dropout });
  }
}
