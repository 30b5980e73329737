/** @file The worker of the one file: sessions, instruments and models. The lessons are in the served page: they would make the file a sixteenth larger. */
import { answer } from "./entry.ts";
import { fewLayers } from "./few-layers.ts";
import { Instruments } from "./instruments.ts";
import { ModelDesk } from "./model-desk.ts";

answer({
  instruments: new Instruments(),
  duel: async () => new (await import("./duel.ts")).DuelDesk(),
  models: new ModelDesk(fewLayers),
});
