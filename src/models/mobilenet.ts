/**
 * @file MobileNets. v1: Howard et al. (2017), Table 1. v2: Sandler et al. (2018), "Inverted residuals and linear bottlenecks", Table 2.
 * v3: Howard et al. (2019), "Searching for MobileNetV3", Tables 1 and 2. Convolutions fall apart into depthwise 3×3 and pointwise 1×1.
 */
import { check, checkOptions, oneOf } from "../base/check.ts";
import { Hardsigmoid, Hardswish, ReLU, ReLU6 } from "../nn/activation.ts";
import { BatchNorm2d } from "../nn/batch-norm.ts";
import { Dropout } from "../nn/dropout.ts";
import { type Layer, Module } from "../nn/module.ts";
import { Sequential } from "../nn/sequential.ts";
import type { Tensor } from "../ops/tensor.ts";
import {
  ConvNormAct,
  channelMeans,
  conv,
  dense,
  IMAGE_MODEL_OPTIONS,
  type ImageModelOptions,
  imageSettings,
  makeDivisible,
  SqueezeExcite,
} from "./blocks.ts";

/** Features, the mean, a classifier: what the three versions share. */
abstract class MobileNet extends Module {
  abstract readonly features: Sequential;
  abstract readonly classifier: Layer;

  forward(x: Tensor): Tensor {
    return this.classifier.forward(channelMeans(this.features.forward(x)));
  }
}

// ---- v1 -----------------------------------------------------------------------------------------------------------------------------

/** Channels and stride of the depthwise separable layers. */
const V1 = [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
  ...Array.from({ length: 5 }, () => [512, 1] as const),
  [1024, 2],
  [1024, 1],
] as const;

/** Images [N, 3, 224, 224] to [N, classes]; 4,231,976 parameters at width 1. Any size from 32×32 on; small ones from 16×16. */
export class MobileNetV1 extends MobileNet {
  readonly features: Sequential;
  readonly classifier: Layer;

  constructor(options: ImageModelOptions = {}) {
    checkOptions(new.target.name, options, IMAGE_MODEL_OPTIONS);
    super();
    const { classes, channels, smallImages, width } = imageSettings(options);
    let now = makeDivisible(32 * width);
    const stem = new ConvNormAct(channels, now, 3, { stride: smallImages ? 1 : 2 });
    const layers = V1.flatMap(([size, stride]) => {
      const depthwise = new ConvNormAct(now, now, 3, { stride, groups: now });
      const pointwise = new ConvNormAct(now, makeDivisible(size * width), 1);
      now = makeDivisible(size * width);
      return [depthwise, pointwise];
    });
    this.features = new Sequential(stem, ...layers);
    this.classifier = dense(now, classes);
  }
}

// ---- v2 -----------------------------------------------------------------------------------------------------------------------------

const relu6 = (): Layer => new ReLU6();

/** 1×1 up, depthwise 3×3, 1×1 down without activation; added to the input where shapes agree. */
class InvertedResidual extends Module {
  readonly conv: Sequential;
  readonly shortcut: boolean;

  constructor(channels: number, outChannels: number, stride: number, expansion: number) {
    super();
    const inner = Math.round(channels * expansion);
    this.shortcut = stride === 1 && channels === outChannels;
    this.conv = new Sequential(
      ...(expansion === 1 ? [] : [new ConvNormAct(channels, inner, 1, { activation: relu6 })]),
      new ConvNormAct(inner, inner, 3, { stride, groups: inner, activation: relu6 }),
      conv(inner, outChannels, 1),
      new BatchNorm2d(outChannels),
    );
  }

  forward(x: Tensor): Tensor {
    const y = this.conv.forward(x);
    return this.shortcut ? x.add(y) : y;
  }
}

/** Expansion t, channels c, blocks n, stride s. */
const V2 = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/** Images [N, 3, 224, 224] to [N, classes]; 3,504,872 parameters at width 1. Any size from 32×32 on; small ones from 16×16. */
export class MobileNetV2 extends MobileNet {
  readonly features: Sequential;
  readonly classifier: Sequential;

  constructor(options: ImageModelOptions = {}) {
    checkOptions(new.target.name, options, IMAGE_MODEL_OPTIONS);
    super();
    const { classes, channels, smallImages, width } = imageSettings(options);
    const last = makeDivisible(1280 * Math.max(1, width));
    let now = makeDivisible(32 * width);
    const stem = new ConvNormAct(channels, now, 3, { stride: smallImages ? 1 : 2, activation: relu6 });
    const blocks = V2.flatMap(([t, c, n, s]) =>
      Array.from({ length: n }, (_, i) => {
        const before = now;
        now = makeDivisible(c * width);
        return new InvertedResidual(before, now, i === 0 ? s : 1, t);
      }),
    );
    this.features = new Sequential(stem, ...blocks, new ConvNormAct(now, last, 1, { activation: relu6 }));
    this.classifier = new Sequential(new Dropout(0.2), dense(last, classes));
  }
}

// ---- v3 -----------------------------------------------------------------------------------------------------------------------------

/** Kernel, expanded and output channels, squeeze and excitation, nonlinearity, stride. */
type V3Row = readonly [kernel: number, expanded: number, out: number, se: 0 | 1, activation: "RE" | "HS", stride: number];

/** Sizes of MobileNetV3. */
export type MobileNetV3Version = "large" | "small";

const V3: Readonly<Record<MobileNetV3Version, { rows: readonly V3Row[]; hidden: number }>> = {
  large: {
    hidden: 1280,
    rows: [
      [3, 16, 16, 0, "RE", 1],
      [3, 64, 24, 0, "RE", 2],
      [3, 72, 24, 0, "RE", 1],
      [5, 72, 40, 1, "RE", 2],
      [5, 120, 40, 1, "RE", 1],
      [5, 120, 40, 1, "RE", 1],
      [3, 240, 80, 0, "HS", 2],
      [3, 200, 80, 0, "HS", 1],
      [3, 184, 80, 0, "HS", 1],
      [3, 184, 80, 0, "HS", 1],
      [3, 480, 112, 1, "HS", 1],
      [3, 672, 112, 1, "HS", 1],
      [5, 672, 160, 1, "HS", 2],
      [5, 960, 160, 1, "HS", 1],
      [5, 960, 160, 1, "HS", 1],
    ],
  },
  small: {
    hidden: 1024,
    rows: [
      [3, 16, 16, 1, "RE", 2],
      [3, 72, 24, 0, "RE", 2],
      [3, 88, 24, 0, "RE", 1],
      [5, 96, 40, 1, "HS", 2],
      [5, 240, 40, 1, "HS", 1],
      [5, 240, 40, 1, "HS", 1],
      [5, 120, 48, 1, "HS", 1],
      [5, 144, 48, 1, "HS", 1],
      [5, 288, 96, 1, "HS", 2],
      [5, 576, 96, 1, "HS", 1],
      [5, 576, 96, 1, "HS", 1],
    ],
  },
};

const V3_NORM = { eps: 0.001, momentum: 0.01 };
const hardswish = (): Layer => new Hardswish();

/** {@link InvertedResidual} with squeeze and excitation, and the nonlinearity by row. */
class InvertedResidualV3 extends Module {
  readonly block: Sequential;
  readonly shortcut: boolean;

  constructor(channels: number, [kernel, expanded, out, se, kind, stride]: V3Row) {
    super();
    const activation = kind === "HS" ? hardswish : (): Layer => new ReLU();
    const excite = { gate: (): Layer => new Hardsigmoid() };
    this.shortcut = stride === 1 && channels === out;
    this.block = new Sequential(
      ...(expanded === channels ? [] : [new ConvNormAct(channels, expanded, 1, { activation, norm: V3_NORM })]),
      new ConvNormAct(expanded, expanded, kernel, { stride, groups: expanded, activation, norm: V3_NORM }),
      ...(se ? [new SqueezeExcite(expanded, makeDivisible(expanded >> 2), excite)] : []),
      new ConvNormAct(expanded, out, 1, { activation: undefined, norm: V3_NORM }),
    );
  }

  forward(x: Tensor): Tensor {
    const y = this.block.forward(x);
    return this.shortcut ? y.add(x) : y;
  }
}

/** Images [N, 3, 224, 224] to [N, classes]; 5,483,032 (large) and 2,542,856 (small) parameters. Any size from 32×32 on; small ones from 16×16. */
export class MobileNetV3 extends MobileNet {
  readonly features: Sequential;
  readonly classifier: Sequential;

  constructor(version: MobileNetV3Version, options: ImageModelOptions = {}) {
    check(`${new.target.name}: version`, version, oneOf(...Object.keys(V3)));
    checkOptions(new.target.name, options, IMAGE_MODEL_OPTIONS);
    super();
    const { classes, channels, smallImages, width } = imageSettings(options);
    const { rows, hidden } = V3[version];
    const w = (n: number): number => makeDivisible(n * width);
    const norm = V3_NORM;
    let now = w(16);
    const stem = new ConvNormAct(channels, now, 3, { stride: smallImages ? 1 : 2, activation: hardswish, norm });
    const blocks = rows.map(([kernel, expanded, out, se, kind, stride]) => {
      const block = new InvertedResidualV3(now, [kernel, w(expanded), w(out), se, kind, stride]);
      now = w(out);
      return block;
    });
    this.features = new Sequential(stem, ...blocks, new ConvNormAct(now, 6 * now, 1, { activation: hardswish, norm }));
    this.classifier = new Sequential(dense(6 * now, w(hidden)), new Hardswish(), new Dropout(0.2), dense(w(hidden), classes));
  }
}
