/**
 * @file Adapters of the golden group `recurrent_attention`.
 */
import { functional as F, type Tensor } from "nabla";
import type { Adapter, Attributes, Group, Values } from "./adapter.ts";

/** Weights of each layer and direction in PyTorch's order and names. */
function recurrentWeights(x: Values, { num_layers, bidirectional }: Attributes): F.RecurrentWeights[] {
  return Array.from({ length: num_layers }, (_, layer) => (bidirectional ? ["", "_reverse"] : [""]).map((side) => `l${layer}${side}`))
    .flat()
    .map((suffix) => ({
      weightIh: x[`weight_ih_${suffix}`]!,
      weightHh: x[`weight_hh_${suffix}`]!,
      biasIh: x[`bias_ih_${suffix}`],
      biasHh: x[`bias_hh_${suffix}`],
    }));
}

const shape = ({ bidirectional, batch_first }: Attributes): F.RecurrentOptions => ({ bidirectional, batchFirst: batch_first });

const cellWeights = (x: Values): F.RecurrentWeights => ({
  weightIh: x.weight_ih!,
  weightHh: x.weight_hh!,
  biasIh: x.bias_ih,
  biasHh: x.bias_hh,
});

const rnn =
  (nonlinearity: "tanh" | "relu"): Adapter =>
  (x, a) => {
    const { output, h } = F.rnn(x.x!, x.h0, recurrentWeights(x, a), { ...shape(a), nonlinearity });
    return { out: output, hn: h };
  };

const attention = (x: Values, prefix = ""): F.AttentionParameters => ({
  inProjWeight: x[`${prefix}in_proj_weight`],
  inProjBias: x[`${prefix}in_proj_bias`],
  outProjWeight: x[`${prefix}out_proj.weight`]!,
  outProjBias: x[`${prefix}out_proj.bias`],
});

export const recurrentAttention: Group = {
  // Sizes, told by the parameters; the cases are without dropout.
  remarks: ["input_size", "hidden_size", "embed_dim", "d_model", "dim_feedforward", "bias", "dropout"],
  adapters: {
    rnn_tanh: rnn("tanh"),
    rnn_relu: rnn("relu"),
    lstm(x, a) {
      const { output, h, c } = F.lstm(x.x!, x.h0 && x.c0 && [x.h0, x.c0], recurrentWeights(x, a), shape(a));
      return { out: output, hn: h, cn: c };
    },
    gru(x, a) {
      const { output, h } = F.gru(x.x!, x.h0, recurrentWeights(x, a), shape(a));
      return { out: output, hn: h };
    },
    rnn_cell: (x) => ({ h: F.rnnCell(x.x!, x.h!, cellWeights(x)) }),
    lstm_cell: (x) => ({ ...F.lstmCell(x.x!, [x.h!, x.c!], cellWeights(x)) }),
    gru_cell: (x) => ({ h: F.gruCell(x.x!, x.h!, cellWeights(x)) }),
    scaled_dot_product_attention({ q, k, v, mask }, { causal, scale }) {
      const options = { mask, causal, scale };
      return { out: F.scaledDotProductAttention(q!, k!, v!, options), weights: F.attentionWeights(q!, k!, options) };
    },
    multihead_attention(x, { num_heads, batch_first }) {
      const swap = (t: Tensor): Tensor => (batch_first === false ? t.moveAxis(0, 1) : t);
      const [q, k, v] = [x.q!, x.k!, x.v!].map(swap) as [Tensor, Tensor, Tensor];
      const { output, weights } = F.multiHeadAttention(q, k, v, attention(x), { heads: num_heads, mask: x.mask });
      return { out: swap(output), weights };
    },
    transformer_encoder_layer(x, { nhead, activation, norm_first }) {
      const parameters = {
        selfAttention: attention(x, "self_attn."),
        feedForward: { weight1: x["linear1.weight"]!, bias1: x["linear1.bias"], weight2: x["linear2.weight"]!, bias2: x["linear2.bias"] },
        norm1: { weight: x["norm1.weight"], bias: x["norm1.bias"] },
        norm2: { weight: x["norm2.weight"], bias: x["norm2.bias"] },
      };
      return F.transformerEncoderLayer(x.x!, parameters, { heads: nhead, activation, normFirst: norm_first });
    },
  },
};
