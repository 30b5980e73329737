/**
 * @file RegNet: Radosavovic et al. (2020), "Designing network design spaces", §3.3 and Tables 9 and 10. The widths of the blocks are a
 * quantized linear function of depth; Y is X with squeeze and excitation.
 */
import { aNumber, check, checkFields, checkOptions, oneOf } from "../base/check.ts";
import { type Layer, Module } from "../nn/module.ts";
import type { Tensor } from "../ops/tensor.ts";
import {
  Chain,
  ConvNormAct,
  channelMeans,
  dense,
  IMAGE_MODEL_OPTIONS,
  type ImageModelOptions,
  imageSettings,
  makeDivisible,
  SqueezeExcite,
  widen,
} from "./blocks.ts";

/** Depth d, initial width w₀, slope wₐ, quantization wₘ, width of a group. */
type Design = readonly [depth: number, w0: number, wa: number, wm: number, group: number];

/** Designs of Radosavovic et al. (2020) by regime (X, or Y with squeeze and excitation) and multiply-adds. */
export type RegNetDesign = `${"x" | "y"}_${"400mf" | "800mf" | "1_6gf" | "3_2gf" | "8gf" | "16gf" | "32gf"}`;

const DESIGNS: Readonly<Record<RegNetDesign, Design>> = {
  y_400mf: [16, 48, 27.89, 2.09, 8],
  y_800mf: [14, 56, 38.84, 2.4, 16],
  y_1_6gf: [27, 48, 20.71, 2.65, 24],
  y_3_2gf: [21, 80, 42.63, 2.66, 24],
  y_8gf: [17, 192, 76.82, 2.19, 56],
  y_16gf: [18, 200, 106.23, 2.48, 112],
  y_32gf: [20, 232, 115.89, 2.53, 232],
  x_400mf: [22, 24, 24.48, 2.54, 16],
  x_800mf: [16, 56, 35.73, 2.28, 16],
  x_1_6gf: [18, 80, 34.01, 2.25, 24],
  x_3_2gf: [25, 88, 26.31, 2.25, 48],
  x_8gf: [23, 80, 49.56, 2.88, 120],
  x_16gf: [22, 216, 55.59, 2.1, 128],
  x_32gf: [23, 320, 69.86, 2.0, 168],
};

interface Stage {
  readonly width: number;
  readonly depth: number;
  readonly groupWidth: number;
}

/** u_j = w₀ + wₐ·j, rounded to w₀·wₘ^k and to multiples of 8 (eq. 2 to 4); equal neighbours are a stage. */
function stagesOf([depth, w0, wa, wm, group]: Design, scale: number): Stage[] {
  const depths = new Map<number, number>();
  for (let j = 0; j < depth; j++) {
    const capacity = Math.round(Math.log((w0 + wa * j) / w0) / Math.log(wm));
    const width = 8 * roundEven((w0 * wm ** capacity) / 8);
    depths.set(width, (depths.get(width) ?? 0) + 1);
  }
  return [...depths].map(([width, n]) => {
    const groupWidth = Math.min(group, widen(width, scale));
    return { width: makeDivisible(widen(width, scale), groupWidth), depth: n, groupWidth };
  });
}

/** Halves to even numbers, as NumPy and PyTorch round. */
function roundEven(x: number): number {
  return x % 1 === 0.5 ? 2 * Math.round(x / 2) : Math.round(x);
}

const STAGE = { width: aNumber, depth: aNumber, groupWidth: aNumber };

/** 1×1, 3×3 in groups, squeeze and excitation, 1×1; added to the input or its projection. */
class Block extends Module {
  readonly proj: ConvNormAct | undefined;
  readonly f: Chain;

  constructor(channels: number, options: Stage, stride: number, excited: boolean) {
    checkFields(new.target.name, options, STAGE);
    const { width, groupWidth } = options;
    super();
    const plain = { activation: undefined };
    this.proj = stride === 1 && channels === width ? undefined : new ConvNormAct(channels, width, 1, { stride, ...plain });
    this.f = new Chain({
      a: new ConvNormAct(channels, width, 1),
      b: new ConvNormAct(width, width, 3, { stride, groups: width / groupWidth }),
      ...(excited ? { se: new SqueezeExcite(width, Math.round(channels / 4)) } : {}),
      c: new ConvNormAct(width, width, 1, plain),
    });
  }

  forward(x: Tensor): Tensor {
    return (this.proj ? this.proj.forward(x) : x).add(this.f.forward(x)).relu();
  }
}

/** Images [N, 3, 224, 224] to [N, classes]. Any size from 32×32 on; small ones from 16×16. */
export class RegNet extends Module {
  readonly stem: ConvNormAct;
  readonly trunk_output: Chain;
  readonly fc: Layer;

  constructor(design: RegNetDesign, options: ImageModelOptions = {}) {
    check("RegNet: design", design, oneOf(...Object.keys(DESIGNS)));
    checkOptions(new.target.name, options, IMAGE_MODEL_OPTIONS);
    super();
    const { classes, channels, smallImages, width } = imageSettings(options);
    let now = widen(32, width);
    this.stem = new ConvNormAct(channels, now, 3, { stride: smallImages ? 1 : 2 });
    const stages = stagesOf(DESIGNS[design], width).map((stage, i): [string, Layer] => {
      const blocks = Array.from({ length: stage.depth }, (_, j): [string, Layer] => {
        const block = new Block(now, stage, j === 0 ? 2 : 1, design.startsWith("y"));
        now = stage.width;
        return [`block${i + 1}-${j}`, block];
      });
      return [`block${i + 1}`, new Chain(Object.fromEntries(blocks))];
    });
    this.trunk_output = new Chain(Object.fromEntries(stages));
    this.fc = dense(now, classes);
  }

  forward(x: Tensor): Tensor {
    return this.fc.forward(channelMeans(this.trunk_output.forward(this.stem.forward(x))));
  }
}
