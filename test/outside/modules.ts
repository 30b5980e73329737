/** @file Adapters of PyTorch's modules: the layer of the same arguments, run with the stored parameters, and differentiated by them and by its inputs. */
import { nn, Tensor } from "nabla";
import { Call, Other, Uncovered } from "./call.ts";
import { type Outcome, replaced, runFunction, type Sample, type SampleFile, thrown } from "./run.ts";

/** A layer, and how it is called. */
interface Layer {
  readonly module: nn.Module;
  readonly run: (c: Call) => Tensor[];
}
type Make = (c: Call) => Layer;

/** The options that were given by name, under our names. */
const named = (c: Call, names: Readonly<Record<string, string>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(names).flatMap(([torch, own]): [string, unknown][] => {
      const given = c.named<unknown>(torch, undefined);
      return given === undefined ? [] : [[own, given]];
    }),
  );
type Unary = nn.Module & { forward(x: Tensor): Tensor };
type Binary = nn.Module & { forward(x: Tensor, y: Tensor): Tensor };
const unary = (module: Unary): Layer => ({ module, run: (c) => [module.forward(c.t(0, "input"))] });
const binary = (module: Binary): Layer => ({ module, run: (c) => [module.forward(c.t(0), c.t(1))] });

const CONV = { stride: "stride", padding: "padding", dilation: "dilation", groups: "groups", bias: "bias" };
type ConvMaker = new (inChannels: number, outChannels: number, kernel: number, options: object) => Unary;
/** A lazy layer has the channels of its input. */
const conv =
  (Kind: ConvMaker, lazy = false): Make =>
  (c) => {
    const channels = lazy ? c.named("channels", 0) : c.at(0, "in_channels", 0);
    const i = lazy ? 0 : 1;
    return unary(new Kind(channels, c.at(i, "out_channels", 0), c.at(i + 1, "kernel_size", 1), named(c, CONV)));
  };
const RECURRENT = { num_layers: "layers", bidirectional: "bidirectional", bias: "bias", batch_first: "batchFirst" };
const sizes = (c: Call): [number, number] => [c.at(0, "input_size", 0), c.at(1, "hidden_size", 0)];
const LOSS = { reduction: "reduction", ignore_index: "ignoreIndex", label_smoothing: "labelSmoothing" };
const weighted = (c: Call, names: Readonly<Record<string, string>>): Record<string, unknown> => named(c, { ...names, weight: "weight" });

/** True hides in PyTorch; here it lets see. */
const seen = (mask: Tensor | undefined): Tensor | undefined => {
  if (mask && mask.dtype !== "bool") throw new Uncovered("a mask of numbers that are added");
  return mask?.not();
};
const masks = (c: Call, mask: string, keys: string): { mask?: Tensor; keyMask?: Tensor } => {
  const [own, ofKeys] = [seen(c.maybe(-1, mask)), seen(c.maybe(-1, keys))];
  return { ...(own ? { mask: own } : {}), ...(ofKeys ? { keyMask: ofKeys } : {}) };
};
/** Batch first, and back. */
const turned = (x: Tensor, batchFirst: boolean): Tensor => (x.rank === 3 && !batchFirst ? x.transpose([1, 0, 2]) : x);

function transformerOptions(c: Call, i: number): { batchFirst: boolean; options: nn.TransformerLayerOptions } {
  const activation = c.at<unknown>(i + 2, "activation", "relu");
  const name = activation instanceof Other ? activation.name : activation;
  if (name !== "relu" && name !== "gelu") throw new Uncovered(`activation ${name}`);
  const eps = c.named<number | undefined>("layer_norm_eps", undefined);
  return {
    batchFirst: c.named("batch_first", false),
    options: {
      hidden: c.at(i, "dim_feedforward", 2048),
      dropout: 0 * c.at(i + 1, "dropout", 0), // the samples were made without
      activation: name,
      normFirst: c.named("norm_first", false),
      bias: c.named("bias", true),
      ...(eps === undefined ? {} : { eps }),
    },
  };
}

const MAKERS: Readonly<Record<string, Make>> = {
  AdaptiveAvgPool2d: (c) => unary(new nn.AdaptiveAvgPool2d(c.at(0, "output_size", 1))),
  AvgPool1d: (c) => unary(new nn.AvgPool1d(c.at(0, "kernel_size", 1))),
  MaxPool2d: (c) => {
    const [kernel, stride, padding] = [c.at<number[]>(0, "", []), c.at<number[]>(1, "", []), c.at<number[]>(2, "", [])];
    if (c.named("return_indices", false)) throw new Uncovered("a layer that returns indices; functional.maxPoolWithIndices does");
    return unary(new nn.MaxPool2d(kernel, { stride, padding }));
  },
  BatchNorm2d: (c) => unary(new nn.BatchNorm2d(c.at(0, "num_features", 1))),
  BatchNorm3d: (c) => unary(new nn.BatchNorm3d(c.at(0, "num_features", 1))),
  Conv1d: conv(nn.Conv1d),
  Conv2d: conv(nn.Conv2d),
  Conv3d: conv(nn.Conv3d),
  ConvTranspose1d: conv(nn.ConvTranspose1d),
  ConvTranspose2d: conv(nn.ConvTranspose2d),
  ConvTranspose3d: conv(nn.ConvTranspose3d),
  LazyConv1d: conv(nn.Conv1d, true),
  LazyConv2d: conv(nn.Conv2d, true),
  LazyConv3d: conv(nn.Conv3d, true),
  LazyConvTranspose1d: conv(nn.ConvTranspose1d, true),
  LazyConvTranspose2d: conv(nn.ConvTranspose2d, true),
  LazyConvTranspose3d: conv(nn.ConvTranspose3d, true),
  ELU: (c) => unary(new nn.ELU(named(c, { alpha: "alpha" }))),
  Hardswish: () => unary(new nn.Hardswish()),
  ReLU: () => unary(new nn.ReLU()),
  Sigmoid: () => unary(new nn.Sigmoid()),
  Linear: (c) => unary(new nn.Linear(c.at(0, "in_features", 1), c.at(1, "out_features", 1), named(c, { bias: "bias" }))),
  Bilinear: (c) => binary(new nn.Bilinear(c.at(0, "", 1), c.at(1, "", 1), c.at(2, "", 1), named(c, { bias: "bias" }))),
  L1Loss: (c) => binary(new nn.L1Loss(named(c, LOSS))),
  NLLLoss: (c) => binary(new nn.NLLLoss(weighted(c, LOSS))),
  CrossEntropyLoss: (c) => binary(new nn.CrossEntropyLoss(weighted(c, LOSS))),
  GaussianNLLLoss: (c) => {
    const module = new nn.GaussianNLLLoss(named(c, LOSS));
    return { module, run: (x) => [module.forward(x.t(0), x.t(1), x.t(2))] };
  },
  Embedding: (c) => unary(new nn.Embedding(c.at(0, "num_embeddings", 1), c.at(1, "embedding_dim", 1))),
  RNNCell: (c) => {
    const module = new nn.RNNCell(...sizes(c), named(c, { bias: "bias", nonlinearity: "nonlinearity" }));
    return { module, run: (x) => [module.forward(x.t(0), x.maybe(1, "hx"))] };
  },
  GRUCell: (c) => {
    const module = new nn.GRUCell(...sizes(c), named(c, { bias: "bias" }));
    return { module, run: (x) => [module.forward(x.t(0), x.maybe(1, "hx"))] };
  },
  LSTMCell: (c) => {
    const module = new nn.LSTMCell(...sizes(c), named(c, { bias: "bias" }));
    return {
      module,
      run: (x) => {
        const { h, c: cell } = module.forward(x.t(0), x.at<[Tensor, Tensor] | undefined>(1, "hx", undefined));
        return [h, cell];
      },
    };
  },
  RNN: (c) => {
    const module = new nn.RNN(...sizes(c), named(c, { ...RECURRENT, nonlinearity: "nonlinearity" }));
    return { module, run: (x) => lists(module.forward(x.t(0), x.maybe(1, "hx"))) };
  },
  GRU: (c) => {
    const module = new nn.GRU(...sizes(c), named(c, RECURRENT));
    return { module, run: (x) => lists(module.forward(x.t(0), x.maybe(1, "hx"))) };
  },
  LSTM: (c) => {
    const module = new nn.LSTM(...sizes(c), { ...named(c, RECURRENT), projSize: c.named("proj_size", 0) });
    return { module, run: (x) => lists(module.forward(x.t(0), x.at<[Tensor, Tensor] | undefined>(1, "hx", undefined))) };
  },
  MultiheadAttention: (c) => {
    const batchFirst = c.named("batch_first", false);
    const module = new nn.MultiHeadAttention(
      c.at(0, "embed_dim", 1),
      c.at(1, "num_heads", 1),
      named(c, { bias: "bias", add_bias_kv: "addBiasKV", add_zero_attn: "addZeroAttention", kdim: "keyFeatures", vdim: "valueFeatures" }),
    );
    const run = (x: Call): Tensor[] => {
      const [q, k, v] = [x.t(0), x.t(1), x.t(2)].map((t) => turned(t, batchFirst)) as [Tensor, Tensor, Tensor];
      const { output, weights } = module.forward(q, k, v, { ...masks(x, "attn_mask", "key_padding_mask"), averageWeights: true });
      return [turned(output, batchFirst), weights];
    };
    return { module, run };
  },
  TransformerEncoderLayer: (c) => {
    const { batchFirst, options } = transformerOptions(c, 2);
    const module = new nn.TransformerEncoderLayer(c.at(0, "d_model", 1), c.at(1, "nhead", 1), options);
    const run = (x: Call): Tensor[] => [
      turned(module.forward(turned(x.t(0), batchFirst), masks(x, "src_mask", "src_key_padding_mask")), batchFirst),
    ];
    return { module, run };
  },
  TransformerDecoderLayer: (c) => {
    const { batchFirst, options } = transformerOptions(c, 2);
    const module = new nn.TransformerDecoderLayer(c.at(0, "d_model", 1), c.at(1, "nhead", 1), options);
    const run = (x: Call): Tensor[] => {
      const [y, memory] = [x.t(0), x.t(1)].map((t) => turned(t, batchFirst)) as [Tensor, Tensor];
      const own = masks(x, "tgt_mask", "tgt_key_padding_mask");
      return [turned(module.forward(y, memory, own, masks(x, "memory_mask", "memory_key_padding_mask")), batchFirst)];
    };
    return { module, run };
  },
  Transformer: (c) => {
    const { batchFirst, options } = transformerOptions(c, -9);
    const hidden = c.named("dim_feedforward", 2048);
    const module = new nn.Transformer(c.at(0, "d_model", 512), c.at(1, "nhead", 8), {
      ...options,
      hidden,
      encoderLayers: c.named("num_encoder_layers", 6),
      decoderLayers: c.named("num_decoder_layers", 6),
    });
    const run = (x: Call): Tensor[] => {
      const [source, target] = [x.t(0), x.t(1)].map((t) => turned(t, batchFirst)) as [Tensor, Tensor];
      const y = module.forward(source, target, {
        source: masks(x, "src_mask", "src_key_padding_mask"),
        target: masks(x, "tgt_mask", "tgt_key_padding_mask"),
        memory: masks(x, "memory_mask", "memory_key_padding_mask"),
      });
      return [turned(y, batchFirst)];
    };
    return { module, run };
  },
};

function lists(result: { output: Tensor; h: Tensor; c?: Tensor }): Tensor[] {
  return [result.output, result.h, ...(result.c ? [result.c] : [])];
}

interface Made {
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
}

function layerOf(file: SampleFile, sample: Sample, make: Make, first: unknown): Layer {
  const made = sample.constructor_arguments as Made;
  const [args, kwargs] = [file.decode(made.args, []), file.decode({ dict: made.kwargs }, [])] as [unknown[], Record<string, unknown>];
  const channels = first instanceof Tensor ? first.shape.at(1) : undefined;
  const call = new Call(args, sample.name.startsWith("Lazy") ? { ...kwargs, channels } : kwargs);
  const layer = make(call);
  const unread = call.unread();
  if (unread.length > 0) throw new Uncovered(`arguments of the constructor that the adapter does not read: ${unread.join(", ")}`);
  layer.module.train(sample.training === true);
  return layer;
}

/** The layer with the stored state: outputs, what it wrote to its buffers, and gradients. */
export function runModule(file: SampleFile, sample: Sample): Outcome {
  const make = MAKERS[sample.name];
  if (!make) return { sample, value: "not covered", why: "no adapter" };
  try {
    const inputs: Tensor[] = [];
    const args = file.decode(sample.args, inputs) as unknown[];
    const kwargs = file.decode({ dict: sample.kwargs }, inputs) as Record<string, unknown>;
    const { module, run } = layerOf(file, sample, make, args[0]);
    const has = new Set(module.namedCells().map(([name]) => name));
    const state = Object.fromEntries(
      Object.entries(sample.state!)
        .filter(([name]) => has.has(name))
        .map(([name, key]) => [name, file.tensor(key)]),
    );
    const parameters = sample.parameters!;
    const missing = parameters.find((name) => !has.has(name));
    if (missing) throw new Error(`${sample.name} has no parameter ${missing}`);
    const leaves = [...inputs, ...parameters.map((name) => state[name]!)];
    return runFunction(file, sample, leaves, (seeds) => {
      const by = new Map<unknown, Tensor>(inputs.map((leaf, i) => [leaf, seeds[i]!]));
      const values = { ...state, ...Object.fromEntries(parameters.map((name, i) => [name, seeds[inputs.length + i]!])) };
      const call = new Call(replaced(args, by) as unknown[], replaced(kwargs, by) as Record<string, unknown>);
      const { result } = nn.functionalCall(module, values, () => run(call));
      const unread = call.unread();
      if (unread.length > 0) throw new Uncovered(`arguments that the adapter does not read: ${unread.join(", ")}`);
      return result;
    });
  } catch (error) {
    return thrown(sample, error);
  }
}
