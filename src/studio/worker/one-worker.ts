/** @file The worker of the one file: sessions, and the points of the three lectures that the rooms are about. All five would make the file a third larger. */
import { activations } from "../../demo/activations.ts";
import { backpropagation } from "../../demo/backpropagation.ts";
import { derivatives } from "../../demo/derivatives.ts";
import { networks } from "../../demo/networks.ts";
import { optimizers } from "../../demo/optimizers.ts";
import { answer } from "./entry.ts";
import { fewLayers } from "./few-layers.ts";
import { Instruments } from "./instruments.ts";
import { ModelDesk } from "./model-desk.ts";

answer({
  demos: [...networks, ...derivatives, ...backpropagation, ...activations, ...optimizers],
  instruments: new Instruments(),
  models: new ModelDesk(fewLayers),
});
