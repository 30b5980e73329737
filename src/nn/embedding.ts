/** @file Embedding: a learnt vector for each integer. */

import { aNumber, type Checks, checkOptions, fn } from "../base/check.ts";
import { isFloat } from "../base/dtype.ts";
import { formatType } from "../base/shape.ts";
import { embedding } from "../math/indexing.ts";
import { checkTensors } from "../ops/check.ts";
import type { Tensor } from "../ops/tensor.ts";
import { type Initializer, normal } from "./initializers.ts";
import { checkSizes } from "./linear.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

export interface EmbeddingOptions {
  /** A row that starts at 0 and gets no gradient: that of padding. */
  readonly paddingIndex?: number;
  /** Initial weight. Default N(0, 1), as in PyTorch. */
  readonly weightInitializer?: Initializer;
}

const EMBEDDING_OPTIONS: Checks<EmbeddingOptions> = { paddingIndex: aNumber, weightInitializer: fn };

/** Rows of a table at integer indices: [...] to [..., features]. Weight [count, features]. */
export class Embedding extends Module {
  readonly weight: Parameter;
  readonly paddingIndex: number | undefined;

  constructor(count: number, features: number, options: EmbeddingOptions = {}) {
    checkOptions(new.target.name, options, EMBEDDING_OPTIONS);
    const { paddingIndex, weightInitializer = normal() } = options;
    super();
    checkSizes("Embedding", { count, features });
    if (paddingIndex !== undefined && !(Number.isInteger(paddingIndex) && paddingIndex >= -count && paddingIndex < count))
      throw new RangeError(`Embedding: paddingIndex must be a row of ${count}, got ${paddingIndex}`);
    const table = weightInitializer([count, features]);
    const at = paddingIndex === undefined || paddingIndex >= 0 ? paddingIndex : paddingIndex + count;
    this.weight = new Parameter(at === undefined ? table : table.iotaLike(0).eq(at).where(0, table), "weight");
    this.paddingIndex = at;
    this.guard();
  }

  /** @throws {TypeError} unless the indices are integers. */
  forward(index: Tensor): Tensor {
    checkTensors(this.constructor.name, { index });
    if (isFloat(index.dtype)) throw new TypeError(`Embedding: want integer indices, got ${formatType(index)}; convert with .cast("i32")`);
    return embedding(index, this.weight.value, { paddingIndex: this.paddingIndex });
  }

  protected override details(): string {
    const [count, features] = this.weight.shape;
    return `${count} of ${features}${this.paddingIndex === undefined ? "" : `, padding index ${this.paddingIndex}`}`;
  }
}
