/** @file Settings that the lectures talk about, by name. */
import { type Config, DEFAULT } from "../worker/config.ts";

export interface Preset {
  readonly name: string;
  readonly config: Config;
  /** The view that shows it: boundary, warp or collapse. */
  readonly look?: "warp" | "collapse";
  /** Of the warp: the stage that shows it; the last one if absent. */
  readonly stage?: number;
  /** What to see. */
  readonly text: string;
}

const keras = (width: number, lr: number): Config => ({
  ...DEFAULT,
  data: "rings",
  count: 400,
  noise: 0,
  layers: [
    { units: width, activation: "tanh" },
    { units: 2, activation: "tanh" },
  ],
  loss: "squared error",
  optimizer: "SGD",
  lr,
  batch: 1,
});

const xor = { ...DEFAULT, data: "xor", count: 4, noise: 0, output: "linear", loss: "squared error" } as const;

export const PRESETS: readonly Preset[] = [
  { name: "Spirals", config: DEFAULT, text: "Two hidden layers of eight units unwind two spirals." },
  {
    name: "Exclusive or, by hand",
    config: { ...xor, layers: [{ units: 2, activation: "ReLU" }], weights: [1, 1, 1, 1, 0, -1, 1, -2, 0] },
    text: "W = 1, c = (0, −1), w = (1, −2), b = 0: two ReLU units give 0, 1, 1, 0 exactly, and the loss is 0 before any training.",
  },
  {
    name: "Exclusive or, trained",
    config: { ...xor, layers: [{ units: 2, activation: "ReLU" }], initializer: "N(0, 1)", optimizer: "SGD", lr: 0.1 },
    text: "The same net from random weights: a quarter of the starts reach a loss of 0, the others end at 1/8, 1/6 or 1/4. Try other seeds.",
  },
  {
    name: "Net 2-2-2-1",
    config: keras(2, 0.001),
    look: "warp",
    text: "Two folds cannot enclose the disc: the plane is bent, and one side stays open.",
  },
  {
    name: "Net 2-3-2-1",
    config: keras(3, 0.005),
    look: "warp",
    stage: 3,
    text: "Three units lift the plane into space, where a flat cut separates disc and ring.",
  },
  {
    name: "Net 2-4-2-1",
    config: keras(4, 0.005),
    look: "warp",
    stage: 3,
    text: "Four units: the picture shows the three directions in which the points spread most.",
  },
  {
    name: "Linear layers collapse",
    config: {
      ...DEFAULT,
      data: "circles",
      noise: 0.1,
      layers: [
        { units: 6, activation: "linear" },
        { units: 5, activation: "linear" },
      ],
    },
    look: "collapse",
    text: "Without an activation the stack is one layer, W′x + b′: the boundary is a line, however deep the net.",
  },
  {
    name: "Linear against ReLU",
    config: { ...DEFAULT, data: "circles", noise: 0.1, layers: [{ units: 6, activation: "ReLU" }] },
    text: "With a bend in every unit six lines enclose the disc.",
  },
];

/** What the room's own controls are set to. */
export const viewOf = ({ look, stage }: Preset): Readonly<Record<string, unknown>> => ({ ...(look && { look }), ...(stage && { stage }) });
