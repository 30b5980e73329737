/** @file Stacks of transformer layers (Vaswani et al. 2017) with PyTorch's parameter names, so that its weights load. Batch comes first. */
import { type Checks, checkOptions, flag, positiveInteger } from "../base/check.ts";
import type { Tensor } from "../ops/tensor.ts";
import { withPath } from "../ops/tensor.ts";
import { glorotUniform } from "./initializers.ts";
import { Module } from "./module.ts";
import { ModuleList } from "./module-list.ts";
import { LayerNorm } from "./norm.ts";
import {
  type Masks,
  TRANSFORMER_LAYER_OPTIONS,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
} from "./transformer-layer.ts";

export interface TransformerStackOptions extends TransformerLayerOptions {
  /** Number of layers. Default 6. */
  readonly layers?: number;
  /** A normalization behind the last layer, `norm`. Default false. */
  readonly finalNorm?: boolean;
}

const STACK_OPTIONS: Checks<TransformerStackOptions> = { ...TRANSFORMER_LAYER_OPTIONS, layers: positiveInteger, finalNorm: flag };

/** What both stacks have: their layers and the normalization behind them. */
abstract class Stack<L extends Module> extends Module {
  readonly layers: ModuleList<L>;
  readonly norm: LayerNorm | undefined;

  constructor(features: number, make: (options: TransformerLayerOptions) => L, options: TransformerStackOptions) {
    checkOptions(new.target.name, options, STACK_OPTIONS);
    super();
    const { layers = 6, finalNorm = false, ...own } = options;
    this.layers = new ModuleList(Array.from({ length: layers }, () => make(own)));
    this.norm = finalNorm ? new LayerNorm(features, { eps: own.eps, bias: own.bias }) : undefined;
  }

  protected run(x: Tensor, step: (layer: L, x: Tensor) => Tensor): Tensor {
    let y = x;
    let i = 0;
    for (const layer of this.layers) y = withPath(`layers.${i++}`, () => step(layer, y));
    return this.norm ? this.norm.forward(y) : y;
  }
}

/** {@link TransformerEncoderLayer}s one after another: [N, L, E] to [N, L, E]. Children `layers.0`, ... and `norm`. */
export class TransformerEncoder extends Stack<TransformerEncoderLayer> {
  constructor(features: number, heads: number, options: TransformerStackOptions = {}) {
    super(features, (own) => new TransformerEncoderLayer(features, heads, own), options);
  }

  /** Masks as in the layer. */
  forward(x: Tensor, masks: Masks = {}): Tensor {
    return this.run(x, (layer, y) => layer.forward(y, masks));
  }
}

/** {@link TransformerDecoderLayer}s one after another: [N, L, E] and memory [N, M, E] to [N, L, E]. Children `layers.0`, ... and `norm`. */
export class TransformerDecoder extends Stack<TransformerDecoderLayer> {
  constructor(features: number, heads: number, options: TransformerStackOptions = {}) {
    super(features, (own) => new TransformerDecoderLayer(features, heads, own), options);
  }

  /** Masks as in the layer, of x and of the attention to `memory`. */
  forward(x: Tensor, memory: Tensor, masks: Masks = {}, memoryMasks: Masks = {}): Tensor {
    return this.run(x, (layer, y) => layer.forward(y, memory, masks, memoryMasks));
  }
}

export interface TransformerOptions extends TransformerLayerOptions {
  /** Default 6. */
  readonly encoderLayers?: number;
  /** Default 6. */
  readonly decoderLayers?: number;
}

const TRANSFORMER_OPTIONS: Checks<TransformerOptions> = {
  ...TRANSFORMER_LAYER_OPTIONS,
  encoderLayers: positiveInteger,
  decoderLayers: positiveInteger,
};

/** Masks of the source's self-attention, of the target's, and of the target's attention to the encoded source. */
export interface TransformerMasks {
  readonly source?: Masks;
  readonly target?: Masks;
  readonly memory?: Masks;
}

const anyMasks = { want: "an object { mask, keyMask, causal }", holds: (value: unknown) => typeof value === "object" && value !== null };
const MASKS: Checks<TransformerMasks> = { source: anyMasks, target: anyMasks, memory: anyMasks };

/**
 * Encoder and decoder (Vaswani et al. 2017), each with a normalization behind its last layer: source [N, S, E] and target [N, T, E] to [N, T, E].
 * Children `encoder` and `decoder`. Matrices start as Glorot's uniform. Default 512 features, 8 heads.
 */
export class Transformer extends Module {
  readonly encoder: TransformerEncoder;
  readonly decoder: TransformerDecoder;

  constructor(features = 512, heads = 8, options: TransformerOptions = {}) {
    checkOptions(new.target.name, options, TRANSFORMER_OPTIONS);
    super();
    const { encoderLayers, decoderLayers, ...own } = options;
    this.encoder = new TransformerEncoder(features, heads, { ...own, layers: encoderLayers, finalNorm: true });
    this.decoder = new TransformerDecoder(features, heads, { ...own, layers: decoderLayers, finalNorm: true });
    for (const parameter of this.parameters()) if (parameter.shape.length > 1) parameter.set(glorotUniform(parameter.shape));
  }

  forward(source: Tensor, target: Tensor, masks: TransformerMasks = {}): Tensor {
    checkOptions("Transformer", masks, MASKS);
    return this.decoder.forward(target, this.encoder.forward(source, masks.source), masks.target, masks.memory);
  }
}
