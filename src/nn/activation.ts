/** @file Activation functions as layers, elementwise on any shape. Formulas and defaults are those of the functions of the same names. */
import { aNumber, checkFields, checkOptions } from "../base/check.ts";
import * as F from "../math/activation.ts";
import { GELU_OPTIONS, GLU_OPTIONS, HARD_TANH_OPTIONS, SOFTPLUS_OPTIONS } from "../math/options.ts";
import type { Tensor } from "../ops/tensor.ts";
import { Module } from "./module.ts";

/** max(0, x); its derivative at 0 is 0. */
export class ReLU extends Module {
  forward(x: Tensor): Tensor {
    return F.relu(x);
  }
}

/** min(max(0, x), 6). */
export class ReLU6 extends Module {
  forward(x: Tensor): Tensor {
    return F.relu6(x);
  }
}

/** tanh x. */
export class Tanh extends Module {
  forward(x: Tensor): Tensor {
    return F.tanh(x);
  }
}

/** 1/(1 + e⁻ˣ). */
export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return F.sigmoid(x);
  }
}

/** log σ(x). */
export class LogSigmoid extends Module {
  forward(x: Tensor): Tensor {
    return F.logSigmoid(x);
  }
}

/** x·σ(x). */
export class SiLU extends Module {
  forward(x: Tensor): Tensor {
    return F.silu(x);
  }
}

/** x·tanh(softplus x) (Misra 2019). */
export class Mish extends Module {
  forward(x: Tensor): Tensor {
    return F.mish(x);
  }
}

/** λ·elu(x, α) with the constants under which activations keep mean 0 and variance 1 (Klambauer et al. 2017). */
export class SELU extends Module {
  forward(x: Tensor): Tensor {
    return F.selu(x);
  }
}

/** x/(1 + |x|). */
export class Softsign extends Module {
  forward(x: Tensor): Tensor {
    return F.softsign(x);
  }
}

/** x - tanh x. */
export class Tanhshrink extends Module {
  forward(x: Tensor): Tensor {
    return F.tanhShrink(x);
  }
}

/** x/6 + ½ kept within [0, 1]. */
export class Hardsigmoid extends Module {
  forward(x: Tensor): Tensor {
    return F.hardSigmoid(x);
  }
}

/** x·(x + 3 kept within [0, 6])/6 (Howard et al. 2019). */
export class Hardswish extends Module {
  forward(x: Tensor): Tensor {
    return F.hardSwish(x);
  }
}

/** |x|: absolute value rectification (Jarrett et al. 2009). */
export class Absolute extends Module {
  forward(x: Tensor): Tensor {
    return F.absolute(x);
  }
}

/** cos x. */
export class Cosine extends Module {
  forward(x: Tensor): Tensor {
    return F.cosine(x);
  }
}

/** The linear activation: x itself. */
export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}

/** An activation with settings, which its printed form shows. */
abstract class Configured<O extends object> extends Module {
  readonly options: O;
  readonly #apply: (x: Tensor, options: O) => Tensor;

  constructor(apply: (x: Tensor, options: O) => Tensor, options: O) {
    super();
    this.options = options;
    this.#apply = apply;
  }

  forward(x: Tensor): Tensor {
    return this.#apply(x, this.options);
  }

  protected override details(): string {
    return Object.entries(this.options)
      .filter(([, value]) => typeof value !== "function")
      .map(([name, value]) => `${name} ${value}`)
      .join(", ");
  }
}

const NEGATIVE_SLOPE = { negativeSlope: aNumber };

/** max(0, x) + α·min(0, x). Default α (`negativeSlope`) 0.01. */
export class LeakyReLU extends Configured<{ readonly negativeSlope?: number }> {
  constructor(options: { readonly negativeSlope?: number } = {}) {
    checkOptions(new.target.name, options, NEGATIVE_SLOPE);
    super(F.leakyRelu, options);
  }
}

const ALPHA = { alpha: aNumber };

/** x where positive, else α(eˣ - 1) (Clevert et al. 2016). Default α 1. */
export class ELU extends Configured<{ readonly alpha?: number }> {
  constructor(options: { readonly alpha?: number } = {}) {
    checkOptions(new.target.name, options, ALPHA);
    super(F.elu, options);
  }
}

/** x where positive, else α(e^(x/α) - 1) (Barron 2017). Default α 1. */
export class CELU extends Configured<{ readonly alpha?: number }> {
  constructor(options: { readonly alpha?: number } = {}) {
    checkOptions(new.target.name, options, ALPHA);
    super(F.celu, options);
  }
}

/** xΦ(x) (Hendrycks & Gimpel 2016), or its approximation by tanh. */
export class GELU extends Configured<F.GeluOptions> {
  constructor(options: F.GeluOptions = {}) {
    checkOptions(new.target.name, options, GELU_OPTIONS);
    super(F.gelu, options);
  }
}

const BETA = { beta: aNumber };

/** x·σ(βx) (Ramachandran et al. 2017). Default β 1. */
export class Swish extends Configured<{ readonly beta?: number }> {
  constructor(options: { readonly beta?: number } = {}) {
    checkOptions(new.target.name, options, BETA);
    super(F.swish, options);
  }
}

/** log(1 + e^βx)/β. Default β 1. */
export class Softplus extends Configured<F.SoftplusOptions> {
  constructor(options: F.SoftplusOptions = {}) {
    checkOptions(new.target.name, options, SOFTPLUS_OPTIONS);
    super(F.softplus, options);
  }
}

/** x kept within [minVal, maxVal]. Default [-1, 1]. */
export class Hardtanh extends Configured<F.HardTanhOptions> {
  constructor(options: F.HardTanhOptions = {}) {
    checkOptions(new.target.name, options, HARD_TANH_OPTIONS);
    super(F.hardTanh, options);
  }
}

const LAMBDA = { lambda: aNumber };

/** x moved towards 0 by λ, 0 within [-λ, λ]. Default λ ½. */
export class Softshrink extends Configured<{ readonly lambda?: number }> {
  constructor(options: { readonly lambda?: number } = {}) {
    checkOptions(new.target.name, options, LAMBDA);
    super(F.softShrink, options);
  }
}

/** x, but 0 within [-λ, λ]. Default λ ½. */
export class Hardshrink extends Configured<{ readonly lambda?: number }> {
  constructor(options: { readonly lambda?: number } = {}) {
    checkOptions(new.target.name, options, LAMBDA);
    super(F.hardShrink, options);
  }
}

/** The first half along an axis (default the last) times σ of the second (Dauphin et al. 2017). */
export class GLU extends Configured<F.GluOptions> {
  constructor(options: F.GluOptions = {}) {
    checkOptions(new.target.name, options, GLU_OPTIONS);
    super(F.glu, options);
  }
}

/** x where above `threshold`, else `value`. */
export class Threshold extends Configured<{ readonly threshold: number; readonly value: number }> {
  constructor(threshold: number, value: number) {
    super(F.threshold, { threshold, value });
  }
}

/** {@link LeakyReLU} with slopes that are random in [lower, upper] while training, their middle in evaluation (Xu et al. 2015). Default ⅛ and ⅓. */
export class RReLU extends Module {
  readonly lower: number;
  readonly upper: number;

  constructor(lower: number = 1 / 8, upper: number = 1 / 3) {
    super();
    checkFields("RReLU", { lower, upper }, { lower: aNumber, upper: aNumber });
    if (!(lower <= upper)) throw new RangeError(`RReLU: want lower <= upper, got ${lower} and ${upper}`);
    [this.lower, this.upper] = [lower, upper];
  }

  forward(x: Tensor): Tensor {
    return F.rrelu(x, { lower: this.lower, upper: this.upper, training: this.training });
  }
}
