/**
 * @file Weights that are computed from other parameters: weight and spectral normalization of a layer that has a `weight`. As in PyTorch they
 * change the layer itself: the parameter `weight` gives way to others, from which it follows at every use.
 */
import { aNumber, type Checks, checkOptions, integer } from "../base/check.ts";
import type { Dtype } from "../base/dtype.ts";
import type { Shape } from "../base/shape.ts";
import { normalize } from "../math/distance.ts";
import { weightNorm } from "../math/normalization.ts";
import { normal, randomKey } from "../math/random.ts";
import type { Tensor, TensorLike } from "../ops/tensor.ts";
import { freeSlot, guardSlot, removeSlot } from "../runtime/slots.ts";
import { leaveOpen } from "../runtime/watch.ts";
import { kind } from "./kinds.ts";
import { checkModule, type Module } from "./module.ts";
import { Parameter, State } from "./parameter.ts";

/** What stands in a layer where its weight was. */
class Derived {
  readonly shape: Shape;
  readonly dtype: Dtype;
  readonly #compute: () => Tensor;

  constructor({ shape, dtype }: Parameter, compute: () => Tensor) {
    [this.shape, this.dtype, this.#compute] = [shape, dtype, compute];
  }

  get value(): Tensor {
    return this.#compute();
  }
}

function weightOf(what: string, layer: Module): Parameter {
  checkModule(`${what}: the layer`, layer);
  const { weight } = layer as { readonly weight?: unknown };
  if (weight instanceof Parameter && weight.shape.length >= 2) return weight;
  throw new TypeError(
    `${what}: ${layer.constructor.name} has no parameter \`weight\` of two or more axes; give a dense or convolutional layer`,
  );
}

const DERIVED = kind(
  "computed from other parameters",
  (value) => value instanceof Derived,
  () => "set those, or call nn.removeReparameterization(layer) before you assign",
);

function replaceWeight(layer: Module, weight: Parameter, compute: () => Tensor, cells: Readonly<Record<string, Parameter | State>>): void {
  leaveOpen(layer); // what is added here may be removed
  freeSlot(layer, "weight");
  Object.assign(layer, { weight: new Derived(weight, compute), ...cells });
  guardSlot(layer, "weight", DERIVED);
}

const AXIS = { axis: integer };

/**
 * The layer with weight g·v/‖v‖ (Salimans & Kingma 2016): parameters `weight_g` [size of `axis`, 1, ...] and `weight_v`, which start so that
 * the weight stays what it is. Lengths are over every axis but `axis`, default 0.
 */
export function withWeightNorm<M extends Module>(layer: M, options: { readonly axis?: number } = {}): M {
  checkOptions("withWeightNorm", options, AXIS);
  const { axis = 0 } = options;
  const weight = weightOf("withWeightNorm", layer);
  const rest = weight.shape.map((_, i) => i).filter((i) => i !== axis);
  const weight_g = new Parameter(weight.value.square().sum(rest, { keepDims: true }).sqrt(), "weight_g");
  const weight_v = new Parameter(weight.value, "weight_v");
  replaceWeight(layer, weight, () => weightNorm(weight_v.value, weight_g.value, { axis }), { weight_g, weight_v });
  return layer;
}

/** Options of {@link withSpectralNorm}. */
export interface SpectralNormOptions {
  /** Power iterations at every use while training. Default 1. */
  readonly iterations?: number;
  /** Least divisor of a length. Default 1e-12. */
  readonly eps?: number;
  /** The axis of outputs. Default 0. */
  readonly axis?: number;
}

const SPECTRAL_NORM_OPTIONS: Checks<SpectralNormOptions> = { iterations: aNumber, eps: aNumber, axis: integer };

/**
 * The layer with weight W/σ, σ = uᵀWv the largest singular value by power iteration (Miyato et al. 2018, Alg. 1), one step at every use while
 * training: parameter `weight_orig`; state `weight_u`, `weight_v`. To the derivative u and v are constants.
 */
export function withSpectralNorm<M extends Module>(layer: M, options: SpectralNormOptions = {}): M {
  checkOptions("withSpectralNorm", options, SPECTRAL_NORM_OPTIONS);
  const { iterations = 1, eps = 1e-12, axis = 0 } = options;
  const weight = weightOf("withSpectralNorm", layer);
  const weight_orig = new Parameter(weight.value, "weight_orig");
  const rows = weight.shape[axis];
  const unit = (n: number): Tensor => normalize(normal(randomKey(), [n], { dtype: weight.dtype }), { axis: 0, eps });
  const weight_u = new State(unit(rows), { label: "weight_u" });
  const weight_v = new State(unit(weight.value.size / rows), { label: "weight_v" });
  const compute = (): Tensor => {
    const matrix = weight_orig.value.moveAxis(axis, 0).flatten(1);
    const constant = matrix.stopGradient();
    let [u, v] = [weight_u.value, weight_v.value];
    for (let i = 0; layer.training && i < iterations; i++) {
      v = normalize(u.dot(constant, "o,oi->i"), { axis: 0, eps });
      u = normalize(constant.dot(v, "oi,i->o"), { axis: 0, eps });
    }
    if (layer.training) {
      weight_u.set(u);
      weight_v.set(v);
    }
    return weight_orig.value.div(u.dot(matrix.dot(v, "oi,i->o"), "o,o->"));
  };
  replaceWeight(layer, weight, compute, { weight_orig, weight_u, weight_v });
  return layer;
}

/** Makes a derived weight a parameter of its present value again; returns the layer. */
export function removeReparameterization<M extends Module>(layer: M): M {
  checkModule("removeReparameterization: the layer", layer);
  const { weight } = layer as { readonly weight?: TensorLike };
  if (!(weight instanceof Derived)) throw new TypeError(`removeReparameterization: the weight of ${layer.constructor.name} is its own`);
  const mode = layer.training;
  const value = layer.eval() && weight.value;
  for (const name of ["weight_g", "weight_v", "weight_u", "weight_orig"]) removeSlot(layer, name);
  freeSlot(layer, "weight");
  Object.assign(layer, { weight: new Parameter(value, "weight") });
  return layer.train(mode);
}
