/** @file How gradients flow through a deep net, or through the net of the run: what the room Flow shows, by the instruments of the library. */
import { type Flow, flow } from "../../inspect/flow.ts";
import { SiteProgram, type SiteReading } from "../../inspect/site-program.ts";
import { manualSeed } from "../../math/random.ts";
import { BatchNorm1d } from "../../nn/batch-norm.ts";
import { Linear } from "../../nn/linear.ts";
import type { Layer } from "../../nn/module.ts";
import { LayerNorm } from "../../nn/norm.ts";
import { Residual } from "../../nn/residual.ts";
import { Sequential } from "../../nn/sequential.ts";
import { fromArray } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { type Config, readConfig, widthsOf } from "./config.ts";
import { type DeepNet, readNet } from "./deep-net.ts";
import { featuresOf } from "./features.ts";
import { INITIALIZER } from "./initializers.ts";
import { ACTIVATION, Net } from "./net.ts";
import { type Points, pointsFor, unpacked } from "./points.ts";

/** One of the nets of the room. Of the run: its configuration, and its weights and points as they are now. */
export type FlowQuestion =
  | { readonly net: unknown }
  | { readonly config: unknown; readonly weights: ArrayLike<number>; readonly points: readonly number[] };

/** A factor of the product: what the gradient is multiplied by on its way back. */
export interface FlowFactor {
  /** Layer that it belongs to, from 1. */
  readonly layer: number;
  readonly kind: Flow["steps"][number]["kind"];
  /** Median over the examples, and where it must lie; the same numbers where nothing is known but what was measured. */
  readonly gain: number;
  readonly low: number;
  readonly high: number;
  readonly isBounded: boolean;
}

export interface FlowAnswer {
  readonly examples: number;
  readonly widths: readonly number[];
  /** Median ‖δ‖ behind each layer, and what the products of the bounds allow there. */
  readonly layers: readonly { readonly gradient: number; readonly upper: number; readonly lower: number }[];
  readonly factors: readonly FlowFactor[];
  readonly ratio: number;
  readonly slope: number;
  readonly bounds: Pick<Flow["bounds"], "of" | "truth" | "upper" | "lower"> & { readonly vacuous?: string };
  /** The largest slopes of all activations, multiplied. */
  readonly activations: number;
  readonly verdict: Flow["verdict"];
  readonly cause?: string;
  readonly remedies: readonly string[];
  /** Multiplications of the product of the layers' matrices: from the left, vector by matrix; and all matrices first. */
  readonly vectorFirst: number;
  readonly matrixFirst: number;
}

/** The points that a deep net is asked about. */
const QUESTIONED = 128;

interface Studied {
  readonly key: string;
  readonly program: SiteProgram;
  readonly fill: (question: FlowQuestion) => void;
}

/** Compiled once for each kind of net: other weights compile nothing. */
export class FlowDesk {
  #studied: Studied | undefined;

  async ask(question: FlowQuestion): Promise<FlowAnswer> {
    const own = "net" in question;
    const net = own ? readNet(question.net) : undefined;
    const config = own ? undefined : readConfig(question.config).config;
    const key = JSON.stringify(net ? [net.depth, net.width, net.activation, net.norm, net.residual] : kindOf(config!));
    if (this.#studied?.key !== key) {
      this.#studied?.program.dispose();
      this.#studied = net ? deepNet(net, key) : netOfRun(config!, key);
    }
    this.#studied.fill(question);
    const points = own ? pointsFor(readConfig({ count: QUESTIONED }).config).train : unpacked(question.points);
    const reading = await this.#studied.program.read(batchOf(points, config?.features));
    return answerOf(reading, net ? [2, ...new Array<number>(net.depth).fill(net.width), 1] : widthsOf(config!));
  }
}

function batchOf({ xy, labels }: Points, features = readConfig({}).config.features): { x: Tensor; y: Tensor } {
  const n = labels.length;
  return {
    x: fromArray(featuresOf(xy, features), { shape: [n, features.length], dtype: "f32" }),
    y: fromArray(labels.slice(), { shape: [n, 1], dtype: "f32" }),
  };
}

/** What a net is compiled for; its weights, rates and points are not in it. */
const kindOf = ({ features, layers, output, loss }: Config): unknown => [features, layers, output, loss];

function netOfRun(config: Config, key: string): Studied {
  const net = new Net({ ...config, dropout: 0 });
  const fill = (question: FlowQuestion): void => {
    if ("weights" in question) net.setWeights(question.weights);
  };
  return { key, program: new SiteProgram(net.model, net.error), fill };
}

/** A linear loss: it pulls each output towards its class with the same force, so that what is seen is the net's doing. A loss that saturates would hide a gradient that explodes. */
const towards = (outputs: Tensor, targets: Tensor): Tensor => targets.mul(2).sub(1).mul(outputs).mean().neg();

function deepNet({ depth, width, activation, norm, residual }: DeepNet, key: string): Studied {
  const linears = Array.from({ length: depth + 1 }, (_, i) => new Linear(i === 0 ? 2 : width, i === depth ? 1 : width));
  const norms: Readonly<Record<DeepNet["norm"], () => Layer[]>> = {
    none: () => [],
    "layer norm": () => [new LayerNorm(width)],
    "batch norm": () => [new BatchNorm1d(width)],
  };
  const blocks = linears.slice(0, depth).flatMap((linear, i): Layer[] => {
    const parts = [linear, ...norms[norm](), ACTIVATION[activation]()];
    // The first layer changes the width: nothing can be added there.
    return residual && i > 0 ? [new Residual(new Sequential(...parts))] : parts;
  });
  const model = new Sequential(...blocks, linears.at(-1)!);
  model.train();
  const fill = (question: FlowQuestion): void => {
    if (!("net" in question)) return;
    const { seed, initializer, scale } = readNet(question.net);
    manualSeed(seed);
    for (const { weight, bias } of linears) {
      weight.set(INITIALIZER[initializer](weight.shape).mul(scale));
      bias!.set(bias!.value.mul(0));
    }
  };
  return { key, program: new SiteProgram(model, towards), fill };
}

function answerOf(reading: SiteReading, widths: readonly number[]): FlowAnswer {
  const found = flow(reading);
  const linear = new Set(reading.list.sites.filter(({ kind }) => kind === "linear").map(({ index }) => index));
  let layer = 1;
  const factors = found.steps.map((step): FlowFactor => {
    if (linear.has(step.site)) layer++;
    const { low, high } = step.whiskers ?? { low: step.gain, high: step.gain };
    return { layer, kind: step.kind, gain: step.gain, low, high, isBounded: step.whiskers !== undefined };
  });
  const slopes = reading.at.flatMap(({ slopes: each }) => (each ? [each.most] : []));
  const { of, truth, upper, lower, vacuous } = found.bounds;
  return {
    examples: found.examples,
    widths,
    layers: boundsAlong(found, factors),
    factors,
    ratio: found.ratio,
    slope: found.slope,
    bounds: { of, truth, upper, lower, ...(vacuous !== undefined && { vacuous }) },
    activations: slopes.reduce((a, b) => a * b, 1),
    verdict: found.verdict,
    ...(found.cause !== undefined && { cause: found.cause }),
    remedies: found.remedies,
    ...productCosts(widths),
  };
}

/** From the last layer back: the median gradient, and the medians of the bounds' factors multiplied. */
function boundsAlong({ gradients }: Flow, factors: readonly FlowFactor[]): FlowAnswer["layers"] {
  const last = gradients.at(-1)?.norm ?? Number.NaN;
  let [upper, lower] = [last, last];
  const layers = [{ gradient: last, upper, lower }];
  for (let l = gradients.length - 1; l >= 1; l--) {
    // Between layer l and the one behind it: the weights of that, then what follows layer l.
    for (const { layer, kind, low, high } of factors) {
      if (kind === "linear" ? layer !== l + 1 : layer !== l) continue;
      upper *= high;
      lower *= low;
    }
    layers.unshift({ gradient: gradients[l - 1]!.norm, upper, lower });
  }
  return layers;
}

/** Multiplications for the product of the layers behind the first: a row vector from the loss by each matrix, or the matrices by each other from the input on. */
function productCosts(widths: readonly number[]): { vectorFirst: number; matrixFirst: number } {
  let [vectorFirst, matrixFirst] = [0, 0];
  for (let l = 2; l < widths.length; l++) {
    vectorFirst += widths[l]! * widths[l - 1]!;
    if (l > 2) matrixFirst += widths[l]! * widths[l - 1]! * widths[1]!;
  }
  return { vectorFirst, matrixFirst };
}
