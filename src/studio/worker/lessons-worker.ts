/**
 * @file The worker of the served page that computes the points of all five lectures; loaded when the lessons are opened. The two plans of operations research stay with
 * `nabla demo`: their solver would make this file ten times as large.
 */
import { digitImages } from "../../data/digits.ts";
import { activations } from "../../demo/activations.ts";
import { backpropagation } from "../../demo/backpropagation.ts";
import { convolution } from "../../demo/convolution.ts";
import { derivatives } from "../../demo/derivatives.ts";
import { famousNetworks } from "../../demo/famous-networks.ts";
import { networks } from "../../demo/networks.ts";
import { notes } from "../../demo/notes.ts";
import { optimizers } from "../../demo/optimizers.ts";
import { regularization } from "../../demo/regularization.ts";
import { units } from "../../demo/units.ts";
import { MultiHeadAttention } from "../../nn/attention.ts";
import { Conv1d } from "../../nn/conv.ts";
import { Embedding } from "../../nn/embedding.ts";
import { GRU, LSTM, RNN } from "../../nn/recurrent.ts";
import { answer } from "./entry.ts";
import { FEW, layersOf } from "./few-layers.ts";
import { Instruments } from "./instruments.ts";
import { ModelDesk } from "./model-desk.ts";

answer({
  demos: [
    ...networks,
    ...derivatives,
    ...backpropagation,
    ...convolution,
    ...famousNetworks,
    ...notes,
    ...units,
    ...regularization,
    ...activations,
    ...optimizers,
  ],
  instruments: new Instruments(digitImages),
  duel: async () => new (await import("./duel.ts")).DuelDesk(),
  models: new ModelDesk(layersOf({ ...FEW, Conv1d, Embedding, GRU, LSTM, MultiHeadAttention, RNN })),
});
