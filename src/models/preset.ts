/**
 * @file How images were prepared for the published weights of each network: torchvision's (its first weights, where it has several), and for the
 * rest those of the authors or of timm.
 */
import { check, oneOf, optional, positiveInteger } from "../base/check.ts";
import type { ImageFilter } from "../data/image.ts";
import { IMAGENET } from "../data/imagenet.ts";
import type { ImagePreparation, Standardization } from "../data/preprocessing.ts";
import { zoo } from "./zoo.ts";

/** What is done to an image before a network sees it. */
export interface Preset {
  readonly image: ImagePreparation;
  /** None for the networks for digits, which take 0 to 1. */
  readonly inputs?: Standardization;
}

const HALF: Standardization = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };

interface Deviation {
  readonly shorterSide?: number;
  readonly filter?: ImageFilter;
  readonly inputs?: Standardization;
}

const bicubic = (shorterSide?: number): Deviation => ({ shorterSide, filter: "bicubic" });

/** Where a network (or all whose names begin so) is not tested with a shorter side of 256 for 224, bilinear, and ImageNet's colours. */
const DEVIATIONS: readonly (readonly [name: string, deviation: Deviation])[] = [
  // Both were trained by TensorFlow on -1 to 1; torchvision transforms its input back to that.
  ["googlenet", { inputs: HALF }],
  ["inception_v3", { shorterSide: 342, inputs: HALF }],
  ["nasnet_mobile", { inputs: HALF }],
  ["mnasnet0_75", { shorterSide: 232 }],
  ["mnasnet1_3", { shorterSide: 232 }],
  ["shufflenet_v2_x1_5", { shorterSide: 232 }],
  ["shufflenet_v2_x2_0", { shorterSide: 232 }],
  ["resnext101_64x4d", { shorterSide: 232 }],
  ["efficientnet_b0", bicubic(256)],
  ["efficientnet_b1", bicubic(256)],
  ["efficientnet_b2", bicubic(288)],
  ["efficientnet_b3", bicubic(320)],
  ["efficientnet_b4", bicubic(384)],
  ["efficientnet_", bicubic()],
  ["convnext_tiny", { shorterSide: 236 }],
  ["convnext_small", { shorterSide: 230 }],
  ["convnext_", { shorterSide: 232 }],
  ["convnextv2_", bicubic(256)],
  ["vit_l_16", { shorterSide: 242 }],
];

/** The preparation of images for a network of the zoo; another size than its own keeps the proportion of the shorter side to the crop. */
export function presetOf(name: string, side?: number): Preset {
  check("presetOf: name", name, oneOf(...Object.keys(zoo)));
  check("presetOf: side", side, optional(positiveInteger));
  const [channels, height] = zoo[name].input;
  const size = side ?? height;
  if (channels === 1 || height < 64) return { image: { width: size, height: size, channels } };
  const deviation = DEVIATIONS.find(([prefix]) => name.startsWith(prefix))?.[1] ?? {};
  const { shorterSide = Math.max(256, height), filter, inputs = IMAGENET } = deviation;
  const scaled = Math.max(size, Math.round((shorterSide * size) / height));
  return { image: { width: size, height: size, channels, shorterSide: scaled, ...(filter && { filter }) }, inputs };
}
