/** @file Every operator that the importer knows, by its name (with its domain before it, except for the standard set). */
import type { Op } from "../call.ts";
import { attentions } from "./attention.ts";
import { controls } from "./control.ts";
import { elementwise } from "./elementwise.ts";
import { images } from "./images.ts";
import { indexed } from "./indexing.ts";
import { losses } from "./losses.ts";
import { microsoft } from "./microsoft.ts";
import { norms } from "./norm.ts";
import { products } from "./products.ts";
import { quantizeds } from "./quantized.ts";
import { quantizedMicrosoft } from "./quantized-microsoft.ts";
import { randoms } from "./random.ts";
import { recurrents } from "./recurrent.ts";
import { reductions } from "./reduce.ts";
import { shapes } from "./shape.ts";
import { signals } from "./signal.ts";
import { texts } from "./text.ts";
import { windowed } from "./windows.ts";

export const FAMILIES: Readonly<Record<string, Readonly<Record<string, Op>>>> = {
  "Elementwise and activations": elementwise,
  Reductions: reductions,
  "Shapes and movement": shapes,
  Products: products,
  "Convolutions and pools": windowed,
  "Normalizations and dropout": norms,
  Recurrent: recurrents,
  Indexing: indexed,
  Images: images,
  "Losses and optimizers": losses,
  Signal: signals,
  "Sequences of words": texts,
  Random: randoms,
  Quantized: quantizeds,
  Attention: attentions,
  "Control flow and sequences": controls,
  "onnxruntime's own": { ...microsoft, ...quantizedMicrosoft },
};

export const OPS: Readonly<Record<string, Op>> = Object.assign({}, ...Object.values(FAMILIES));
