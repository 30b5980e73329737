/** @file Normalization of one example: layer, RMS, group, instance, and of responses. Batch normalization is in `batch-norm.ts`. */
import { aNumber, type Checks, check, checkOptions, flag, integer, numbers, share } from "../base/check.ts";
import { formatShape, type Shape } from "../base/shape.ts";
import * as F from "../math/normalization.ts";
import { LOCAL_RESPONSE_NORM_OPTIONS } from "../math/options.ts";
import { checkTensors } from "../ops/check.ts";
import { full } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { ones, zeros } from "./initializers.ts";
import { checkSizes } from "./linear.ts";
import { inputError, Module } from "./module.ts";
import { Parameter, State } from "./parameter.ts";

export interface NormOptions {
  /** ε, added to the variance. Default 1e-5. */
  readonly eps?: number;
  /** Whether a scale and a shift are learnt. Default true. */
  readonly affine?: boolean;
  /** Whether there is a shift. Default true. */
  readonly bias?: boolean;
}

const NORM_OPTIONS: Checks<NormOptions> = { eps: aNumber, affine: flag, bias: flag };

/** What a norm learns, and its ε, out of a layer. */
const affineOf = <W, B>({
  weight,
  bias,
  eps,
}: {
  readonly weight: W;
  readonly bias: B;
  readonly eps: number;
}): { weight: W; bias: B; eps: number } => ({
  weight,
  bias,
  eps,
});

/** A module with a scale that starts at 1 and a shift that starts at 0. */
abstract class Affine extends Module {
  readonly weight: Parameter | undefined;
  readonly bias: Parameter | undefined;
  readonly eps: number;

  constructor(shape: Shape, options: NormOptions) {
    checkOptions(new.target.name, options, NORM_OPTIONS);
    const { eps = 1e-5, affine = true, bias = true } = options;
    super();
    check(`${new.target.name}: the shape`, shape, numbers);
    checkSizes(new.target.name, Object.fromEntries(shape.map((d, i) => [`size ${i}`, d])));
    this.eps = eps;
    this.weight = affine ? new Parameter(ones(shape), "weight") : undefined;
    this.bias = affine && bias ? new Parameter(zeros(shape), "bias") : undefined;
    this.guard("weight", "bias");
  }

  /** Settings that differ from PyTorch's defaults. */
  protected rest(): string {
    return `${this.eps === 1e-5 ? "" : `, eps ${this.eps}`}${this.weight ? "" : ", not affine"}`;
  }
}

const asShape = (shape: number | Shape): Shape => (typeof shape === "number" ? [shape] : shape);

/** (x - μ)/√(σ² + ε)·weight + bias over the last axes, which have `normalizedShape` (Ba et al. 2016). Weight and bias of that shape. */
export class LayerNorm extends Affine {
  readonly normalizedShape: Shape;

  constructor(normalizedShape: number | Shape, options: NormOptions = {}) {
    checkOptions(new.target.name, options, NORM_OPTIONS);
    super(asShape(normalizedShape), options);
    this.normalizedShape = asShape(normalizedShape);
  }

  /** @throws {RangeError} unless the last axes of x have `normalizedShape`. */
  forward(x: Tensor): Tensor {
    return F.layerNorm(x, this.normalizedShape, affineOf(this));
  }

  protected override details(): string {
    return `${formatShape(this.normalizedShape)}${this.rest()}`;
  }
}

const RMS_NORM = { eps: aNumber, affine: flag };

/** x/√(mean x² + ε)·weight over the last axes (Zhang & Sennrich 2019). Weight of `normalizedShape`. Default ε 1e-6. */
export class RMSNorm extends Affine {
  readonly normalizedShape: Shape;

  constructor(normalizedShape: number | Shape, options: Omit<NormOptions, "bias"> = {}) {
    checkOptions(new.target.name, options, RMS_NORM);
    super(asShape(normalizedShape), { eps: 1e-6, ...options, bias: false });
    this.normalizedShape = asShape(normalizedShape);
  }

  /** @throws {RangeError} unless the last axes of x have `normalizedShape`. */
  forward(x: Tensor): Tensor {
    return F.rmsNorm(x, this.normalizedShape, affineOf(this));
  }

  protected override details(): string {
    return `${formatShape(this.normalizedShape)}${this.rest()}`;
  }
}

/** A normalization with one scale and shift per channel of [N, C, ...]. */
abstract class ChannelNorm extends Affine {
  readonly channels: number;

  constructor(channels: number, options: NormOptions) {
    checkOptions(new.target.name, options, NORM_OPTIONS);
    super([channels], options);
    this.channels = channels;
  }

  protected check(x: Tensor): void {
    if (x.rank < 2 || x.shape[1] !== this.channels)
      throw inputError(this.constructor.name, `[batch, ${this.channels}, ...]`, x.shape, "channels come second");
  }

  protected override details(): string {
    return `${this.channels}${this.rest()}`;
  }
}

/** {@link LayerNorm} over the channels of [N, C, ...] (Liu et al. 2022). Weight and bias [C]. Default ε 1e-6. */
export class LayerNormChannelsFirst extends ChannelNorm {
  constructor(channels: number, options: NormOptions = {}) {
    checkOptions(new.target.name, options, NORM_OPTIONS);
    super(channels, { eps: 1e-6, ...options });
  }

  forward(x: Tensor): Tensor {
    checkTensors(this.constructor.name, { x });
    this.check(x);
    return F.layerNormChannelsFirst(x, affineOf(this));
  }
}

/** Normalization over groups of neighbouring channels and all of space, [N, C, ...] (Wu & He 2018). Weight and bias [C]. */
export class GroupNorm extends ChannelNorm {
  readonly numGroups: number;

  /** @throws {RangeError} unless numGroups divides the channels. */
  constructor(numGroups: number, channels: number, options: NormOptions = {}) {
    checkOptions(new.target.name, options, NORM_OPTIONS);
    super(channels, options);
    checkSizes("GroupNorm", { numGroups });
    if (channels % numGroups !== 0) throw new RangeError(`GroupNorm: ${channels} channels do not divide into ${numGroups} groups`);
    this.numGroups = numGroups;
  }

  forward(x: Tensor): Tensor {
    checkTensors(this.constructor.name, { x });
    this.check(x);
    return F.groupNorm(x, this.numGroups, affineOf(this));
  }

  protected override details(): string {
    return `${this.numGroups} groups of ${this.channels}${this.rest()}`;
  }
}

export interface InstanceNormOptions extends NormOptions {
  /** Whether running statistics are kept, which evaluation then uses. Default false. */
  readonly trackRunningStats?: boolean;
  /** Share of the newest batch in the running statistics. Default 0.1. */
  readonly momentum?: number;
}

const INSTANCE_NORM_OPTIONS: Checks<InstanceNormOptions> = { ...NORM_OPTIONS, trackRunningStats: flag, momentum: share };

/**
 * Normalization of each channel of each example over space, [N, C, ...] (Ulyanov et al. 2016), in any number of dimensions. Default not affine. With
 * `trackRunningStats` state `running_mean`, `running_var` (unbiased) [C] and `num_batches_tracked`, as PyTorch has it.
 */
export class InstanceNorm extends ChannelNorm {
  readonly running_mean: State | undefined;
  readonly running_var: State | undefined;
  readonly num_batches_tracked: State | undefined;
  readonly momentum: number;

  constructor(channels: number, options: InstanceNormOptions = {}) {
    checkOptions(new.target.name, options, INSTANCE_NORM_OPTIONS);
    const { trackRunningStats = false, momentum = 0.1, ...rest } = options;
    super(channels, { affine: false, ...rest });
    this.momentum = momentum;
    if (!trackRunningStats) return;
    this.running_mean = new State(zeros([channels]), { label: "running_mean" });
    this.running_var = new State(ones([channels]), { label: "running_var" });
    this.num_batches_tracked = new State(full([], 0, "i32"), { label: "num_batches_tracked" });
    this.guard();
  }

  /** @throws {RangeError} unless x is [N, C, ...], with more than one value per channel where its own statistics count. */
  forward(x: Tensor): Tensor {
    checkTensors(this.constructor.name, { x });
    this.check(x);
    const { running_mean: runningMean, running_var: runningVar } = this;
    if (runningMean && !this.training) return F.batchNorm(x, { ...affineOf(this), runningMean, runningVar, training: false }).y;
    if (x.size <= x.shape[0] * x.shape[1])
      throw inputError(
        "InstanceNorm",
        `[batch, ${this.channels}, ...size] with more than one value per channel`,
        x.shape,
        "a single value has no spread",
      );
    if (runningMean && runningVar) this.#follow(x, runningMean, runningVar);
    return F.instanceNorm(x, affineOf(this));
  }

  #follow(x: Tensor, runningMean: State, runningVar: State): void {
    const { mean, variance } = F.instanceStatistics(x.stopGradient());
    for (const [cell, now] of [
      [runningMean, mean],
      [runningVar, variance],
    ] as const) {
      cell.set(
        cell.value
          .mul(1 - this.momentum)
          .add(now.mul(this.momentum))
          .cast("f32"),
      );
    }
  }

  protected override rest(): string {
    return `${super.rest()}${this.running_mean ? ", running statistics" : ""}`;
  }
}

const GLOBAL_RESPONSE_NORM = { channelAxis: integer, eps: aNumber };

/** weight·(x·n) + bias + x with n the lengths of the channels over their mean (Woo et al. 2023, §3.2). Weight and bias [C] start at 0. */
export class GlobalResponseNorm extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly channelAxis: number;
  readonly eps: number;

  /** Default channels second; `channelAxis` -1 for [N, H, W, C]. Default ε 1e-6. */
  constructor(channels: number, options: { readonly channelAxis?: number; readonly eps?: number } = {}) {
    checkOptions(new.target.name, options, GLOBAL_RESPONSE_NORM);
    const { channelAxis = 1, eps = 1e-6 } = options;
    super();
    checkSizes("GlobalResponseNorm", { channels });
    [this.channelAxis, this.eps] = [channelAxis, eps];
    this.weight = new Parameter(zeros([channels]), "weight");
    this.bias = new Parameter(zeros([channels]), "bias");
    this.guard();
  }

  forward(x: Tensor): Tensor {
    checkTensors(this.constructor.name, { x });
    if (x.shape.at(this.channelAxis) !== this.weight.shape[0])
      throw inputError(
        "GlobalResponseNorm",
        `with ${this.weight.shape[0]} channels on axis ${this.channelAxis}`,
        x.shape,
        "see channelAxis",
      );
    return F.globalResponseNorm(x, { ...affineOf(this), channelAxis: this.channelAxis });
  }
}

/** x/(k + α/size·Σ x²)^β, the sum over `size` neighbouring channels of [N, C, ...] (Krizhevsky et al. 2012, §3.3, in PyTorch's form). */
export class LocalResponseNorm extends Module {
  readonly size: number;
  readonly options: F.LocalResponseNormOptions;

  /** Default α 1e-4, β 0.75, k 1. */
  constructor(size: number, options: F.LocalResponseNormOptions = {}) {
    checkOptions(new.target.name, options, LOCAL_RESPONSE_NORM_OPTIONS);
    super();
    checkSizes("LocalResponseNorm", { size });
    [this.size, this.options] = [size, options];
  }

  forward(x: Tensor): Tensor {
    return F.localResponseNorm(x, this.size, this.options);
  }

  protected override details(): string {
    return [`${this.size}`, ...Object.entries(this.options).map(([name, value]) => `${name} ${value}`)].join(", ");
  }
}
