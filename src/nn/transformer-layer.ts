/** @file Layers of a transformer (Vaswani et al. 2017) with PyTorch's parameter names, made of child modules, so that hooks see every part. */

import { aNumber, type Checks, checkOptions, either, flag, fn, oneOf } from "../base/check.ts";
import { formatShape } from "../base/shape.ts";
import { gelu, relu } from "../math/activation.ts";
import type { MultiHeadOptions } from "../math/attention.ts";
import type { Tensor } from "../ops/tensor.ts";
import { MultiHeadAttention } from "./attention.ts";
import { Dropout } from "./dropout.ts";
import { Linear } from "./linear.ts";
import { inputError, Module } from "./module.ts";
import { LayerNorm } from "./norm.ts";

export interface TransformerLayerOptions {
  /** Width of the feed-forward net. Default 2048, as in PyTorch. */
  readonly hidden?: number;
  /** Rate of dropout of attention weights, inside the feed-forward net, and of each part's result. Default 0.1. */
  readonly dropout?: number;
  /** Of the feed-forward net. Default "relu". */
  readonly activation?: "relu" | "gelu" | ((x: Tensor) => Tensor);
  /** Normalize before each part instead of after it. Default false. */
  readonly normFirst?: boolean;
  /** ε of the normalizations. Default 1e-5. */
  readonly eps?: number;
  /** Whether attention, dense layers and normalizations have biases. Default true. */
  readonly bias?: boolean;
}

export const TRANSFORMER_LAYER_OPTIONS: Checks<TransformerLayerOptions> = {
  hidden: aNumber,
  dropout: aNumber,
  activation: either(oneOf("relu", "gelu"), fn),
  normFirst: flag,
  eps: aNumber,
  bias: flag,
};

/** `mask` [L, L], [N, L, L] or one for each head; `keyMask` [N, L], or [L] of an example without a batch; `causal` hides the future. True means "may attend"; floats are added to the scores. */
export type Masks = Pick<MultiHeadOptions, "mask" | "keyMask" | "causal">;

/** What encoder and decoder layers have in common. */
abstract class TransformerLayer extends Module {
  readonly self_attn: MultiHeadAttention;
  readonly linear1: Linear;
  readonly linear2: Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly dropout: Dropout | undefined;
  readonly normFirst: boolean;
  readonly #activation: (x: Tensor) => Tensor;

  constructor(features: number, heads: number, options: TransformerLayerOptions) {
    checkOptions(new.target.name, options, TRANSFORMER_LAYER_OPTIONS);
    super();
    const { hidden = 2048, dropout = 0.1, activation = "relu", normFirst = false, eps = 1e-5, bias = true } = options;
    this.self_attn = new MultiHeadAttention(features, heads, { dropout, bias });
    this.linear1 = new Linear(features, hidden, { bias });
    this.linear2 = new Linear(hidden, features, { bias });
    [this.norm1, this.norm2] = [new LayerNorm(features, { eps, bias }), new LayerNorm(features, { eps, bias })];
    [this.normFirst, this.dropout] = [normFirst, dropout === 0 ? undefined : new Dropout(dropout)];
    this.#activation = activation === "relu" ? relu : activation === "gelu" ? gelu : activation;
  }

  protected check(x: Tensor, remedy = "batch comes first"): void {
    const { features } = this.self_attn;
    if ((x.rank !== 3 && x.rank !== 2) || x.shape.at(-1) !== features)
      throw inputError(this.constructor.name, `[batch, length, ${features}]`, x.shape, remedy);
  }

  #drop(x: Tensor): Tensor {
    return this.dropout ? this.dropout.forward(x) : x;
  }

  /** x + part(norm x), or norm(x + part x). */
  protected residual(x: Tensor, norm: LayerNorm, part: (x: Tensor) => Tensor): Tensor {
    return this.normFirst ? x.add(this.#drop(part(norm.forward(x)))) : norm.forward(x.add(this.#drop(part(x))));
  }

  protected feedForward(x: Tensor): Tensor {
    return this.linear2.forward(this.#drop(this.#activation(this.linear1.forward(x))));
  }
}

/**
 * Self-attention and a feed-forward net, each with a residual and layer normalization: [N, L, E] to [N, L, E], or [L, E] to [L, E]. Children `self_attn`,
 * `linear1`, `linear2`, `norm1`, `norm2`.
 */
export class TransformerEncoderLayer extends TransformerLayer {
  constructor(features: number, heads: number, options: TransformerLayerOptions = {}) {
    checkOptions(new.target.name, options, TRANSFORMER_LAYER_OPTIONS);
    super(features, heads, options);
  }

  /** `mask` [L, L] or [N, L, L], `keyMask` [N, L], `causal` hides the future. @throws {RangeError} unless x is [N, L, E] or [L, E]. */
  forward(x: Tensor, masks: Masks = {}): Tensor {
    this.check(x);
    const attended = this.residual(x, this.norm1, (y) => this.self_attn.forward(y, y, y, masks).output);
    return this.residual(attended, this.norm2, (y) => this.feedForward(y));
  }
}

/**
 * Self-attention, attention to an encoder's output, and a feed-forward net, each with a residual and layer normalization: [N, L, E] and memory
 * [N, M, E] to [N, L, E], or all without N. Children `self_attn`, `multihead_attn`, `linear1`, `linear2`, `norm1` to `norm3`.
 */
export class TransformerDecoderLayer extends TransformerLayer {
  readonly multihead_attn: MultiHeadAttention;
  readonly norm3: LayerNorm;

  constructor(features: number, heads: number, options: TransformerLayerOptions = {}) {
    checkOptions(new.target.name, options, TRANSFORMER_LAYER_OPTIONS);
    super(features, heads, options);
    this.multihead_attn = new MultiHeadAttention(features, heads, { dropout: options.dropout ?? 0.1, bias: options.bias });
    this.norm3 = new LayerNorm(features, { eps: options.eps, bias: options.bias });
  }

  /** Masks as in the encoder layer, of x and of the attention to `memory`. @throws {RangeError} unless both are [N, length, E], or both [length, E]. */
  forward(x: Tensor, memory: Tensor, masks: Masks = {}, memoryMasks: Masks = {}): Tensor {
    this.check(x);
    this.check(memory, "this is the memory");
    if (x.rank !== memory.rank)
      throw new RangeError(
        `${this.constructor.name}: x ${formatShape(x.shape)} and memory ${formatShape(memory.shape)} must both have a batch, or neither`,
      );
    const attended = this.residual(x, this.norm1, (y) => this.self_attn.forward(y, y, y, masks).output);
    const informed = this.residual(attended, this.norm2, (y) => this.multihead_attn.forward(y, memory, memory, memoryMasks).output);
    return this.residual(informed, this.norm3, (y) => this.feedForward(y));
  }
}
