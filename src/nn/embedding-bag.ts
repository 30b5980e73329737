/** @file Bags of embeddings: one vector for several integers. */
import { aNumber, type Checks, checkOptions, flag, fn, oneOf } from "../base/check.ts";
import { embeddingBag } from "../math/embedding-bag.ts";
import type { Tensor } from "../ops/tensor.ts";
import type { EmbeddingOptions } from "./embedding.ts";
import { normal } from "./initializers.ts";
import { checkSizes } from "./linear.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

export interface EmbeddingBagLayerOptions extends EmbeddingOptions {
  /** How the rows of a bag become one. Default "mean". */
  readonly mode?: "sum" | "mean" | "max";
  /** Whether offsets have one more element, the end of the last bag. Default false. */
  readonly includeLastOffset?: boolean;
}

const EMBEDDING_BAG_LAYER_OPTIONS: Checks<EmbeddingBagLayerOptions> = {
  paddingIndex: aNumber,
  weightInitializer: fn,
  mode: oneOf("sum", "mean", "max"),
  includeLastOffset: flag,
};

/** Sums, means or maxima of rows of a table: indices [B, L], or a list with offsets, to [B, features]. Weight [count, features]. */
export class EmbeddingBag extends Module {
  readonly weight: Parameter;
  readonly mode: "sum" | "mean" | "max";
  readonly paddingIndex: number | undefined;
  readonly includeLastOffset: boolean;

  constructor(count: number, features: number, options: EmbeddingBagLayerOptions = {}) {
    checkOptions(new.target.name, options, EMBEDDING_BAG_LAYER_OPTIONS);
    const { mode = "mean", includeLastOffset = false, paddingIndex, weightInitializer = normal() } = options;
    super();
    checkSizes("EmbeddingBag", { count, features });
    if (paddingIndex !== undefined && !(Number.isInteger(paddingIndex) && paddingIndex >= -count && paddingIndex < count))
      throw new RangeError(`EmbeddingBag: paddingIndex must be a row of ${count}, got ${paddingIndex}`);
    this.paddingIndex = paddingIndex === undefined || paddingIndex >= 0 ? paddingIndex : paddingIndex + count;
    const table = weightInitializer([count, features]);
    this.weight = new Parameter(
      this.paddingIndex === undefined ? table : table.iotaLike(0).eq(this.paddingIndex).where(0, table),
      "weight",
    );
    [this.mode, this.includeLastOffset] = [mode, includeLastOffset];
    this.guard();
  }

  /** `offsets` as in `functional.embeddingBag`, for a list of indices; weights for mode "sum". */
  forward(index: Tensor, offsets?: Tensor, perSampleWeights?: Tensor): Tensor {
    const { mode, paddingIndex, includeLastOffset } = this;
    return embeddingBag(index, this.weight.value, { mode, paddingIndex, includeLastOffset, offsets, perSampleWeights });
  }

  protected override details(): string {
    const [count, features] = this.weight.shape;
    return `${count} of ${features}, ${this.mode}${this.paddingIndex === undefined ? "" : `, padding index ${this.paddingIndex}`}`;
  }
}
