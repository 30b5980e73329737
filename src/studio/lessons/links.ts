/** @file Where a point of the lectures can be seen to move: the room, and what is set there. */

import { FLOW_EXAMPLES } from "../rooms/flow-nets.ts";
import { FORMULA_EXAMPLES } from "../rooms/formula-examples.ts";
import { MATRICES } from "../rooms/matrices.ts";
import { PRESETS, viewOf } from "../rooms/presets.ts";
import type { Place } from "../state/url.ts";
import type { CurveName } from "../worker/curve-names.ts";
import { FIRST_NET } from "../worker/deep-net.ts";
import { FIRST_MATRIX } from "../worker/matrix-choice.ts";

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

/** By the name of the demonstration. */
export const LINKS: Readonly<Record<string, Partial<Place>>> = {
  "xor-exact": preset("Exclusive or, by hand"),
  "xor-training": preset("Exclusive or, trained"),
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
  softmax: unit("sigmoid", 1),
  "softmax-temperature": { room: "units", view: { T: 5 } },
};
