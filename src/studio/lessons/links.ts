/** @file Where a point of the lectures can be seen to move: the room, and what is set there. */

import { CONVOLUTIONS } from "../rooms/convolve-examples.ts";
import { FLOW_EXAMPLES } from "../rooms/flow-nets.ts";
import { FORMULA_EXAMPLES } from "../rooms/formula-examples.ts";
import { LAND_EXAMPLES } from "../rooms/landscape-examples.ts";
import { MATRICES } from "../rooms/matrices.ts";
import { MODEL_EXAMPLES } from "../rooms/model-examples.ts";
import { PRESETS, viewOf } from "../rooms/presets.ts";
import { TOO_LARGE } from "../rooms/too-large.ts";
import type { Place } from "../state/url.ts";
import { type Config, DEFAULT, FEATURES } from "../worker/config.ts";
import type { CurveName } from "../worker/curve-names.ts";
import { FIRST_NET } from "../worker/deep-net.ts";
import { FIRST_MAPS, MAP_NETS, type MapsChoice } from "../worker/maps-choice.ts";
import { FIRST_MATRIX } from "../worker/matrix-choice.ts";
import { FIRST_DROPOUT, FIRST_FITTING, FIRST_NORMS, FIRST_PENALTIES, type NormLook } from "../worker/norm-choice.ts";

const preset = (name: string): Partial<Place> => {
  const found = PRESETS.find((each) => each.name === name)!;
  return { room: "boundary", config: found.config, view: viewOf(found) };
};

const unit = (curve: CurveName, z: number, a?: number): Partial<Place> => ({
  room: "units",
  view: { ...(curve !== "sigmoid" && { curve }), ...(z !== 1 && { z }), ...(a !== undefined && { a }) },
});

const formula = (name: string, look?: "eliminate"): Partial<Place> => {
  const found = FORMULA_EXAMPLES.find((each) => each.name === name)!;
  return { room: "list", view: { formula: found.text, values: found.values, ...(look && { look }) } };
};

const deep = (name: string): Partial<Place> => {
  const found = FLOW_EXAMPLES.find((each) => each.name === name)!;
  return { room: "flow", ...(found.net !== FIRST_NET && { view: { net: found.net } }) };
};

const matrix = (name: string): Partial<Place> => {
  const found = MATRICES.find((each) => each.name === name)!;
  return { room: "spectra", ...(found.matrix !== FIRST_MATRIX && { view: { matrix: found.matrix } }) };
};

const landscape = (name: string): Partial<Place> => {
  const { land } = LAND_EXAMPLES.find((each) => each.name === name)!;
  return { room: "landscape", ...(Object.keys(land).length > 0 && { view: { land } }) };
};

const written = (name: string): Partial<Place> => {
  const found = MODEL_EXAMPLES.find((each) => each.name === name)!;
  return { room: "model", ...(found !== MODEL_EXAMPLES[0] && { view: { code: found.text } }) };
};

const convolved = (name: string): Partial<Place> => {
  const { look, choice } = CONVOLUTIONS.find((each) => each.name === name)!;
  return {
    room: "convolve",
    view: { ...(look !== "forward" && { look }), ...(choice !== CONVOLUTIONS[0]!.choice && { convolution: choice }) },
  };
};

const maps = (choice: Partial<MapsChoice>): Partial<Place> => ({ room: "maps", view: { maps: { ...FIRST_MAPS, ...choice } } });

const trained = (config: Partial<Config>): Partial<Place> => ({ room: "boundary", config: { ...DEFAULT, ...config } });

const norm = (look: NormLook, view: Readonly<Record<string, unknown>> = {}): Partial<Place> => {
  const all = { ...(look !== "norms" && { look }), ...view };
  return { room: "norm", ...(Object.keys(all).length > 0 && { view: all }) };
};

/** Every feature, so that a penalty has something to remove. */
const ALL_FEATURES: Partial<Config> = { data: "circles", noise: 0.1, features: FEATURES, layers: [] };

/** By the name of the demonstration. */
export const LINKS: Readonly<Record<string, Partial<Place>>> = {
  "xor-exact": preset("Exclusive or, by hand"),
  "xor-training": landscape("A thousand nets 2-2-1"),
  "linear-collapse": preset("Linear layers collapse"),
  "boundary-2-2-2-1": preset("Net 2-2-2-1"),
  "boundary-2-3-2-1": preset("Net 2-3-2-1"),
  "boundary-2-4-2-1": preset("Net 2-4-2-1"),
  warp: preset("Net 2-2-2-1"),
  "linear-boundary": preset("Linear layers collapse"),
  saturation: unit("sigmoid", 5),
  "vanishing-gradient": deep("Ten layers of sigmoids"),
  "marchenko-pastur": matrix("Glorot, square"),
  "orthogonal-initialization": matrix("Orthogonal"),
  "operator-norm": { room: "spectra" },
  "xavier-initialization": matrix("Glorot, square"),
  "he-initialization": matrix("He, 4/(n+m)"),
  rotation: { room: "spectra", view: { w: [0.8, -0.6, 0.6, 0.8] } },
  dilation: { room: "spectra", view: { w: [2, 0, 0, 0.5] } },
  shear: { room: "spectra", view: { w: [1, 1, 0, 1] } },
  "exploding-gradient": deep("Weights too large"),
  "gradient-upper-bound": deep("Orthogonal layers"),
  "gradient-lower-bound": deep("Thirty layers of ReLU, He"),
  sigmoid: unit("sigmoid", 0),
  "sigmoid-derivative": unit("sigmoid", 0),
  "threshold-unit": unit("sigmoid of a z", 0.1, 50),
  "tanh-identity": unit("tanh", 0),
  "relu-family": unit("leaky ReLU", -1, -1),
  "relu-at-zero": unit("ReLU", 0),
  "dead-relu": unit("ReLU", -1),
  "leaky-relu": unit("leaky ReLU", -1),
  elu: unit("ELU", -1),
  softplus: unit("softplus", 0),
  "hard-tanh": unit("hard tanh", 0.5),
  "cosine-units": unit("cosine", 0),
  "radial-basis-units": unit("radial basis", 0),
  "maxout-parameters": unit("maxout", 0, 5),
  paths: formula("Optimal accumulation"),
  "jacobian-accumulation": formula("Optimal accumulation", "eliminate"),
  "chain-rule": formula("Composition"),
  "chain-rule-two-paths": formula("Two ways to C"),
  "forward-and-reverse": formula("A net of two layers", "eliminate"),
  "wengert-list": formula("x y + sin x"),
  "maxout-as-keras": unit("maxout", 0.5, 3),
  "activation-table": unit("tanh", 1),
  tangent: landscape("A tangent is the best line"),
  "relu-sparsity": unit("ReLU", 0),
  translation: preset("Net 2-3-2-1"),
  "relu-keeps-gradient": deep("Thirty layers of ReLU, He"),
  "dead-at-birth": deep("Thirty layers of ReLU, He"),
  "backprop-order": deep("Thirty layers of ReLU, He"),
  "spectral-and-frobenius-norm": matrix("Glorot, square"),
  initializers: matrix("He, 4/(n+m)"),
  "local-and-global-minimum": landscape("A thousand nets 2-2-1"),
  "local-optimum": landscape("Start B: a local minimum"),
  "gradient-descent-slow": landscape("Slow at the end"),
  "directional-derivative": landscape("The slope in a direction"),
  "steepest-descent": landscape("The slope in a direction"),
  optimizers: landscape("Six in a steep valley"),
  "learning-rate-schedules": landscape("Rates that fall"),
  "polynomial-features": trained({ data: "xor", count: 4, noise: 0, features: ["x₁", "x₂", "x₁x₂"], layers: [], lr: 0.1 }),
  underfitting: norm("fitting", { fitting: { ...FIRST_FITTING, degree: 1 } }),
  overfitting: norm("fitting"),
  "early-stopping": { room: "boundary", config: TOO_LARGE },
  "dropout-rates": norm("dropout"),
  "dropout-scaling": norm("dropout"),
  "dropout-ensemble": norm("dropout", { dropout: { ...FIRST_DROPOUT, isLinear: true } }),
  "dropout-against-bagging": norm("bagging"),
  bagging: norm("bagging"),
  ensemble: norm("bagging"),
  "batch-norm": norm("norms"),
  "batch-norm-inference": norm("norms", { norms: { ...FIRST_NORMS, mode: "evaluation", batches: 100 } }),
  "batch-norm-moving-averages": norm("norms", { t: 200 }),
  "layer-norm": norm("norms", { norms: { ...FIRST_NORMS, mode: "layer", eps: 0 } }),
  "l1-sparse-weights": norm("penalties", { penalties: { ...FIRST_PENALTIES, lambda: 0.2 } }),
  "l2-shrinks-weights": norm("penalties", { penalties: { ...FIRST_PENALTIES, kind: "l2" } }),
  "weight-decay": norm("penalties", { penalties: { ...FIRST_PENALTIES, kind: "l2", isInside: false } }),
  "regularizer-gradient": trained({ ...ALL_FEATURES, l1: 0.01 }),
  "backpropagation-equations": formula("A net of two layers"),
  "error-recursion": formula("A net of two layers"),
  "scalar-backpropagation": formula("A net of two layers"),
  "forward-cost": formula("A net of two layers", "eliminate"),
  "reverse-cost": formula("A net of two layers", "eliminate"),
  "alexnet-conv1": written("AlexNet"),
  alexnet: written("AlexNet"),
  "output-size": written("AlexNet"),
  "vgg16-table": written("VGG-16"),
  "vgg16-work": written("VGG-16"),
  "receptive-field": maps({ net: MAP_NETS[1], layer: 4, row: 7, column: 7 }),
  "small-filters": written("Three 3×3 against 7×7"),
  "inception-bottleneck": written("Inception, naive and with 1×1"),
  "one-by-one-convolution": written("Inception, naive and with 1×1"),
  "filter-parameters": written("LeNet-5 of today"),
  "conv-pool-stack": { room: "maps" },
  "linear-layers-save-parameters": written("A linear layer in between"),
  "convolution-65": convolved("The lecture’s window"),
  "kernel-gradient": { room: "convolve", view: { look: "kernel" } },
  "input-gradient": convolved("Where a pixel counts"),
  "pixel-reach": convolved("Where a pixel counts"),
  "convolution-as-matrix-product": convolved("As a matrix"),
  "max-pooling": convolved("A window of 3 × 3"),
  equivariance: convolved("A moved spot"),
  invariance: convolved("Max pooling"),
  "universal-approximation": { room: "approximate" },
  gan: { room: "duel" },
  rail: { room: "decide" },
  crew: { room: "decide", view: { "plan of": "crews" } },
  "synthetic-gradients": { room: "duel", view: { duel: "guesses" } },
  softmax: unit("sigmoid", 1),
  "softmax-temperature": { room: "units", view: { T: 5 } },
};
