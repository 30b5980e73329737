/** @file AdamW: Loshchilov & Hutter (2019), "Decoupled weight decay regularization", Algorithm 2. */
import { ADAM_DEFAULTS, Adam, type AdamOptions } from "./adam.ts";
import type { DecayKind, Trainable } from "./optimizer.ts";

/** p ← (1 - lr·λ)p, then Adam's step without decay in its gradient. Defaults of Adam, but λ = 0.01. */
export class AdamW extends Adam {
  protected override readonly decay: DecayKind = "decoupled";

  constructor(parameters: Trainable<AdamOptions>, options: AdamOptions = {}) {
    super(parameters, options, { ...ADAM_DEFAULTS, weightDecay: 0.01 });
  }
}
