/**
 * @file Initial values of parameters. An initializer is a function of a shape and a key, so the values follow from `manualSeed` and the order
 * in which layers are made, and from nothing else.
 *
 * Fans are PyTorch's: a weight [out, in, ...kernel] has fanIn = in·Πkernel and fanOut = out·Πkernel. In the symbols of the sources,
 * n_l = fanIn and n_{l+1} = fanOut.
 */
import type { Dtype } from "../base/dtype.ts";
import { formatShape, type Shape, sizeOf } from "../base/shape.ts";
import { normal as drawNormal, uniform as drawUniform, randomKey } from "../math/random.ts";
import { full } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";

export interface InitializerOptions {
  /** A key (u32[2]) to draw from. Default: the next one of the seeded state, `randomKey()`. */
  readonly key?: Tensor;
  /** Default f32. */
  readonly dtype?: Dtype;
}

/** A tensor of the given shape, to start training from. */
export type Initializer = (shape: Shape, options?: InitializerOptions) => Tensor;

export interface Fans {
  readonly fanIn: number;
  readonly fanOut: number;
}

/** How many values enter and leave one unit of a weight [out, in, ...kernel]. @throws {RangeError} for fewer than two axes. */
export function fansOf(shape: Shape): Fans {
  if (shape.length < 2)
    throw new RangeError(`initializer: fans want a shape [out, in, ...kernel], got ${formatShape(shape)}; use constant or normal`);
  const receptive = sizeOf(shape.slice(2));
  return { fanIn: shape[1] * receptive, fanOut: shape[0] * receptive };
}

/** The same number everywhere. */
export function constant(value: number): Initializer {
  return (shape, { dtype = "f32" } = {}) => full(shape, value, dtype);
}

export const zeros: Initializer = constant(0);
export const ones: Initializer = constant(1);

/** U[low, high). */
export function uniform(low: number, high: number): Initializer {
  return (shape, { key, dtype = "f32" } = {}) => drawUniform(key ?? randomKey(), shape, { low, high, dtype });
}

/** N(mean, std²). */
export function normal(mean = 0, std = 1): Initializer {
  return (shape, { key, dtype = "f32" } = {}) =>
    drawNormal(key ?? randomKey(), shape, { dtype })
      .mul(std)
      .add(mean);
}

/** N(0, v) with a variance that depends on the fans. */
function normalWith(variance: (fans: Fans) => number): Initializer {
  return (shape, options) => normal(0, Math.sqrt(variance(fansOf(shape))))(shape, options);
}

/** U[-a, a) with a variance a²/3 that depends on the fans. */
function uniformWith(variance: (fans: Fans) => number): Initializer {
  return (shape, options) => {
    const a = Math.sqrt(3 * variance(fansOf(shape)));
    return uniform(-a, a)(shape, options);
  };
}

const glorot = ({ fanIn, fanOut }: Fans): number => 2 / (fanIn + fanOut);
const he = ({ fanIn }: Fans): number => 2 / fanIn;

/** N(0, 2/(fanIn + fanOut)). Glorot & Bengio (2010), eq. 12: keeps variances both forward and backward, for tanh. */
export const glorotNormal: Initializer = normalWith(glorot);
/** U(±√(6/(fanIn + fanOut))). Glorot & Bengio (2010), eq. 16. */
export const glorotUniform: Initializer = uniformWith(glorot);
/** N(0, 2/fanIn). He et al. (2015), eq. 10: for ReLU, which halves the variance. */
export const heNormal: Initializer = normalWith(he);
/** U(±√(6/fanIn)): the variance of He et al. (2015). */
export const heUniform: Initializer = uniformWith(he);
/** N(0, 1/fanIn): keeps variances forward through linear and SELU units (LeCun et al. 1998, §4.6). */
export const leCunNormal: Initializer = normalWith(({ fanIn }) => 1 / fanIn);
/** U(±√(3/fanIn)): the variance of {@link leCunNormal}. */
export const leCunUniform: Initializer = uniformWith(({ fanIn }) => 1 / fanIn);
/** N(0, 4/(fanIn + fanOut)): He's variance with the mean of both fans, as lecture notes often state it. */
export const heMean: Initializer = normalWith((fans) => 2 * glorot(fans));
/** U(±1/√fanIn): what PyTorch gives Linear and Conv (He's uniform with a = √5). The default here too, so that runs can be compared. */
export const fanInUniform: Initializer = uniformWith(({ fanIn }) => 1 / (3 * fanIn));

/** U(±1/√fanIn) for a bias beside a weight of the given shape: PyTorch's default. */
export function fanInUniformBias(weight: Shape): Initializer {
  const a = 1 / Math.sqrt(fansOf(weight).fanIn);
  return uniform(-a, a);
}
