/**
 * @file Vision Transformer: Dosovitskiy et al. (2021), "An image is worth 16x16 words", Table 1; the tiny and small ones are those of Touvron et
 * al. (2021), "Training data-efficient image transformers", Table 1. No convolution but the cutting into patches.
 */
import { aNumber, type Checks, check, checkOptions, flag, oneOf } from "../base/check.ts";
import { gelu } from "../math/activation.ts";
import { MultiHeadAttention } from "../nn/attention.ts";
import { Conv2d } from "../nn/conv.ts";
import { Dropout } from "../nn/dropout.ts";
import { glorotUniform, leCunNormal, normal, zeros } from "../nn/initializers.ts";
import { Linear } from "../nn/linear.ts";
import { Module } from "../nn/module.ts";
import { LayerNorm } from "../nn/norm.ts";
import { Parameter } from "../nn/parameter.ts";
import { concatenate } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Chain, type ImageModelOptions, imageSettings } from "./blocks.ts";

/** Patch size, features, layers, heads. */
/** Names of the published sizes: base or large, and the side of a patch in pixels. */
export type VitVersion = "tiny_16" | "small_16" | "b_16" | "b_32" | "l_16" | "l_32";

const SIZES = {
  tiny_16: [16, 192, 12, 3],
  small_16: [16, 384, 12, 6],
  b_16: [16, 768, 12, 12],
  b_32: [32, 768, 12, 12],
  l_16: [16, 1024, 24, 16],
  l_32: [32, 1024, 24, 16],
} as const satisfies Record<VitVersion, readonly number[]>;

const norm = (features: number): LayerNorm => new LayerNorm(features, { eps: 1e-6 });

/** Two dense layers with GELU between, as children 0 and 3. */
class Mlp extends Module {
  readonly 0: Linear;
  readonly 3: Linear;

  constructor(features: number, hidden: number) {
    super();
    const start = { weightInitializer: glorotUniform, biasInitializer: normal(0, 1e-6) };
    this[0] = new Linear(features, hidden, start);
    this[3] = new Linear(hidden, features, start);
  }

  forward(x: Tensor): Tensor {
    return this[3].forward(gelu(this[0].forward(x)));
  }
}

/** Attention and a small net per token, each normalized before and added to what came in (eq. 2 and 3). */
class EncoderLayer extends Module {
  readonly ln_1: LayerNorm;
  readonly self_attention: MultiHeadAttention;
  readonly ln_2: LayerNorm;
  readonly mlp: Mlp;

  constructor(features: number, heads: number) {
    super();
    this.ln_1 = norm(features);
    this.self_attention = new MultiHeadAttention(features, heads);
    this.ln_2 = norm(features);
    this.mlp = new Mlp(features, 4 * features);
  }

  forward(x: Tensor): Tensor {
    const y = this.self_attention.forward(this.ln_1.forward(x)).output.add(x);
    return this.mlp.forward(this.ln_2.forward(y)).add(y);
  }
}

/** Adds the position, then the layers: [N, L, E] to [N, L, E]. */
export class VitEncoder extends Module {
  readonly pos_embedding: Parameter;
  readonly layers: Chain;
  readonly ln: LayerNorm;

  constructor(tokens: number, [, features, layers, heads]: readonly [patch: number, features: number, layers: number, heads: number]) {
    super();
    this.pos_embedding = new Parameter(normal(0, 0.02)([1, tokens, features]), "pos_embedding");
    const named = Array.from({ length: layers }, (_, i) => [`encoder_layer_${i}`, new EncoderLayer(features, heads)]);
    this.layers = new Chain(Object.fromEntries(named));
    this.ln = norm(features);
  }

  forward(x: Tensor): Tensor {
    return this.ln.forward(this.layers.forward(x.add(this.pos_embedding)));
  }
}

export interface VitOptions extends Omit<ImageModelOptions, "width"> {
  /** Side of the images, which the learnt positions fix. Default 224, 32 with `smallImages`. */
  readonly imageSize?: number;
  /** Rate of dropout before the classifier. Default 0. */
  readonly dropout?: number;
}

const VIT_OPTIONS: Checks<VitOptions> = { classes: aNumber, channels: aNumber, smallImages: flag, imageSize: aNumber, dropout: aNumber };

/** Images [N, 3, size, size] to [N, classes]. ViT-B/16 has 86,567,656 parameters. With `smallImages` patches have 4×4 pixels. */
export class VisionTransformer extends Module {
  readonly class_token: Parameter;
  readonly conv_proj: Conv2d;
  readonly encoder: VitEncoder;
  readonly heads: Chain;
  readonly imageSize: number;
  readonly #dropout: Dropout;

  /** @throws {RangeError} if patches do not tile the images. */
  constructor(version: VitVersion, options: VitOptions = {}) {
    check(`${new.target.name}: version`, version, oneOf(...Object.keys(SIZES)));
    checkOptions(new.target.name, options, VIT_OPTIONS);
    super();
    const { classes, channels, smallImages } = imageSettings(options);
    const { imageSize = smallImages ? 32 : 224, dropout = 0 } = options;
    const size = SIZES[version];
    const patch = smallImages ? 4 : size[0];
    if (imageSize % patch !== 0) throw new RangeError(`VisionTransformer: patches of ${patch} pixels do not tile images of ${imageSize}`);
    const features = size[1];
    this.imageSize = imageSize;
    this.#dropout = new Dropout(dropout);
    this.class_token = new Parameter(zeros([1, 1, features]), "class_token");
    this.conv_proj = new Conv2d(channels, features, patch, { stride: patch, weightInitializer: leCunNormal, biasInitializer: zeros });
    this.encoder = new VitEncoder((imageSize / patch) ** 2 + 1, size);
    // torchvision starts the head at 0, for training on; from scratch that costs only the first step.
    this.heads = new Chain({ head: new Linear(features, classes, { weightInitializer: zeros, biasInitializer: zeros }) });
  }

  /** @throws {RangeError} for images of another size than the learnt positions have. */
  forward(x: Tensor): Tensor {
    const [n, , height, width] = x.shape;
    if (height !== this.imageSize || width !== this.imageSize) {
      const [want, got] = [this.imageSize, `${height}x${width}`];
      throw new RangeError(`VisionTransformer: want images of ${want}x${want}, got ${got}; resize them, or set imageSize`);
    }
    const patches = this.conv_proj.forward(x).flatten(2).transpose([0, 2, 1]); // [N, L, E]
    const first = this.class_token.value.broadcastTo([n, 1, patches.shape[2]]);
    const y = this.encoder.forward(concatenate([first, patches], 1)).select(1, 0);
    return this.heads.forward(this.training ? this.#dropout.forward(y) : y);
  }
}
