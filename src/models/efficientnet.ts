/**
 * @file EfficientNet: Tan & Le (2019), "EfficientNet: rethinking model scaling for convolutional neural networks", Table 1. Depth, width and
 * resolution grow together.
 */
import { aNumber, checkFields, checkOptions } from "../base/check.ts";
import { SiLU } from "../nn/activation.ts";
import { Dropout } from "../nn/dropout.ts";
import { type Layer, Module } from "../nn/module.ts";
import { Sequential } from "../nn/sequential.ts";
import type { Tensor } from "../ops/tensor.ts";
import {
  ConvNormAct,
  channelMeans,
  denseByOutputs,
  IMAGE_MODEL_OPTIONS,
  type ImageModelOptions,
  imageSettings,
  makeDivisible,
  SqueezeExcite,
  StochasticDepth,
} from "./blocks.ts";

/** Table 1 of the baseline B0: expansion, kernel, stride, channels, layers. */
const STAGES = [
  [1, 3, 1, 16, 1],
  [6, 3, 2, 24, 2],
  [6, 5, 2, 40, 2],
  [6, 3, 2, 80, 3],
  [6, 5, 1, 112, 3],
  [6, 5, 2, 192, 4],
  [6, 3, 1, 320, 1],
] as const;

/** Width and depth coefficients, resolution and dropout of B0 to B7 (the authors' code). */
const SCALES = [
  [1, 1, 224, 0.2],
  [1, 1.1, 240, 0.2],
  [1.1, 1.2, 260, 0.3],
  [1.2, 1.4, 300, 0.3],
  [1.4, 1.8, 380, 0.4],
  [1.6, 2.2, 456, 0.4],
  [1.8, 2.6, 528, 0.5],
  [2, 3.1, 600, 0.5],
] as const;

const silu = (): Layer => new SiLU();
type Norm = { readonly eps?: number; readonly momentum?: number };

interface BlockSettings {
  readonly expansion: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dropRate: number;
  readonly norm: Norm;
}

const BLOCK_SETTINGS = { expansion: aNumber, kernel: aNumber, stride: aNumber, dropRate: aNumber };

/** Inverted residual with squeeze and excitation by a quarter of the input channels. */
class MBConv extends Module {
  readonly block: Sequential;
  readonly stochastic_depth: StochasticDepth;
  readonly shortcut: boolean;

  constructor(channels: number, outChannels: number, options: BlockSettings) {
    checkFields(new.target.name, options, BLOCK_SETTINGS);
    const { expansion, kernel, stride, dropRate, norm } = options;
    super();
    const inner = makeDivisible(channels * expansion);
    this.shortcut = stride === 1 && channels === outChannels;
    this.block = new Sequential(
      ...(inner === channels ? [] : [new ConvNormAct(channels, inner, 1, { activation: silu, norm })]),
      new ConvNormAct(inner, inner, kernel, { stride, groups: inner, activation: silu, norm }),
      new SqueezeExcite(inner, Math.max(1, channels >> 2), { activation: silu }),
      new ConvNormAct(inner, outChannels, 1, { activation: undefined, norm }),
    );
    this.stochastic_depth = new StochasticDepth(dropRate);
  }

  forward(x: Tensor): Tensor {
    const y = this.block.forward(x);
    return this.shortcut ? this.stochastic_depth.forward(y).add(x) : y;
  }
}

/** B0 to B7: images [N, 3, r, r] to [N, classes], r = 224 for B0. Any size from 32×32 on; small ones from 16×16. */
export class EfficientNet extends Module {
  readonly features: Sequential;
  readonly classifier: Sequential;

  /** @throws {RangeError} unless `version` is an integer from 0 to 7. */
  constructor(version: number, options: ImageModelOptions = {}) {
    checkOptions(new.target.name, options, IMAGE_MODEL_OPTIONS);
    super();
    if (!SCALES[version]) throw new RangeError(`EfficientNet: want a version from 0 to 7, got ${version}`);
    const { classes, channels, smallImages, width } = imageSettings(options);
    const [wide, deep, , dropRate] = SCALES[version];
    const norm = version >= 5 ? { eps: 0.001, momentum: 0.01 } : {};
    const w = (n: number): number => makeDivisible(n * wide * width);
    const blocks = STAGES.map((stage) => Math.ceil(stage[4] * deep));
    const all = blocks.reduce((a, b) => a + b);
    let [now, done] = [w(32), 0];
    const stem = new ConvNormAct(channels, now, 3, { stride: smallImages ? 1 : 2, activation: silu, norm });
    const stages = STAGES.map(([expansion, kernel, stride, size], i) => {
      const made = Array.from({ length: blocks[i] }, (_, j) => {
        const before = now;
        now = w(size);
        return new MBConv(before, now, { expansion, kernel, stride: j === 0 ? stride : 1, dropRate: (0.2 * done++) / all, norm });
      });
      return new Sequential(...made);
    });
    this.features = new Sequential(stem, ...stages, new ConvNormAct(now, 4 * now, 1, { activation: silu, norm }));
    this.classifier = new Sequential(new Dropout(dropRate), denseByOutputs(4 * now, classes));
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(channelMeans(this.features.forward(x)));
  }
}
