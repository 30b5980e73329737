/** @file Points of the lecture on convolutional networks: the sizes and the work of the famous networks. */
import { blueprint, parameterCount } from "../inspect/cost.ts";
import { type Summary, summary } from "../inspect/summary.ts";
import { conv2d } from "../math/conv.ts";
import { keyOf, normal } from "../math/random.ts";
import { zoo } from "../models/zoo.ts";
import { Conv2d, GlobalAvgPool, Linear } from "../nn/index.ts";
import type { Demo } from "./demo.ts";
import { distance, draw, item } from "./values.ts";

const tables = new Map<string, Summary>();

/** The table of a network, whose weights nobody draws. */
function tableOf(name: string): Summary {
  const known = tables.get(name);
  if (known) return known;
  const table = summary(blueprint(() => zoo[name]!.make()).eval(), zoo[name]!.input);
  tables.set(name, table);
  return table;
}

const parametersOf = (name: string): number => tableOf(name).totals.parameters;

export const famousNetworks: readonly Demo[] = [
  {
    name: "top-5-error",
    shows: "top-1 counts the best class alone, top-5 whether the right one is among the best five",
    document: "S2",
    rows: ["SUM-2"],
    run() {
      const scores = normal(keyOf(8), [1000, 20]);
      const targets = scores.argsort(1, { descending: true }).narrow(1, 3, 1);
      const ranked = scores.argsort(1, { descending: true });
      const within = (k: number): number => item(ranked.narrow(1, 0, k).eq(targets).cast("f32").sum(1).mean());
      return {
        facts: [
          { what: "the right class is always fourth: top-1 error", value: 1 - within(1), expected: 1 },
          { what: "top-3 error", value: 1 - within(3), expected: 1 },
          { what: "top-5 error", value: 1 - within(5), expected: 0 },
        ],
      };
    },
  },
  {
    name: "alexnet-conv1",
    shows: "AlexNet's first layer: 55 x 55 x 96 from 227 pixels, 34,944 parameters (the slide: 35 K)",
    document: "S2",
    rows: ["CNN-2", "ZOO-alexnet"],
    run() {
      const [first] = tableOf("alexnet_lecture").rows.filter(({ layer }) => layer === "Conv2d");
      return {
        facts: [
          { what: "side of the maps", value: first!.outputShape[2]!, expected: 55 },
          { what: "maps", value: first!.outputShape[1]!, expected: 96 },
          { what: "parameters", value: first!.parameters, expected: 34944 },
        ],
      };
    },
  },
  {
    name: "alexnet",
    shows: "the lecture's AlexNet, layer by layer: 55, 27, 27, 13, 13, 13, 13, 6; 62,378,344 parameters",
    document: "S2",
    rows: ["ZOO-alexnet"],
    run() {
      const table = tableOf("alexnet_lecture");
      const lines = table.rows.filter(({ layer }) => ["Conv2d", "MaxPool2d"].includes(layer));
      return {
        facts: [
          ...[55, 27, 27, 13, 13, 13, 13, 6].map((side, i) => ({
            what: `${lines[i]!.name}: side`,
            value: lines[i]!.outputShape[2]!,
            expected: side,
          })),
          { what: "parameters", value: table.totals.parameters, expected: 62378344 },
        ],
        text: String(table),
      };
    },
  },
  {
    name: "vgg-columns",
    shows: "VGG A to E in millions of parameters: 133, 133, 134, 138, 144",
    document: "S2",
    rows: ["ZOO-vgg"],
    run: () => ({
      facts: (
        [
          ["A", "vgg11", 133],
          ["A-LRN", "vgg11_lrn", 133],
          ["B", "vgg13", 133],
          ["C", "vgg16_1x1", 134],
          ["D", "vgg16", 138],
          ["E", "vgg19", 144],
        ] as const
      ).map(([column, name, millions]) => ({ what: `column ${column}`, value: parametersOf(name) / 1e6, expected: millions, within: 0.5 })),
    }),
  },
  {
    name: "vgg16-table",
    shows: "VGG-16 line by line: 138,344,128 parameters without biases, 102,760,448 of them in the first dense layer",
    document: "S2",
    rows: ["SUM-1", "ZOO-vgg"],
    run() {
      const { rows, totals } = tableOf("vgg16");
      const dense = rows.filter(({ layer }) => layer === "Linear");
      const maps = rows.filter(({ layer }) => layer === "Conv2d").reduce((n, row) => n + row.activations, 0);
      const others = dense.reduce((n, row) => n + row.activations, 0);
      return {
        facts: [
          { what: "parameters without biases", value: totals.parameters - totals.biases, expected: 138344128 },
          { what: "with biases", value: totals.parameters, expected: 138357544 },
          { what: "first dense layer, without biases", value: dense[0]!.parameters - dense[0]!.biases, expected: 102760448 },
          {
            what: "share of the parameters in dense layers",
            value: dense.reduce((n, row) => n + row.parameters, 0) / totals.parameters,
            least: 0.85,
          },
          { what: "share of the activations of layers with weights in convolutions", value: maps / (maps + others), least: 0.99 },
        ],
        text: String(tableOf("vgg16")),
      };
    },
  },
  {
    name: "vgg16-work",
    shows:
      "VGG-16 down to 28 x 28: the slide prints 7,485 MFLOP, which are all convolutions of VGG-11; exact are 9,335 M multiply-accumulates",
    document: "S2",
    rows: ["SUM-1"],
    run() {
      const macs = (name: string, keep: (row: Summary["rows"][number]) => boolean): number =>
        tableOf(name)
          .rows.filter(keep)
          .reduce((n, row) => n + row.macs, 0) / 1e6;
      return {
        facts: [
          {
            what: "VGG-16 down to 28 x 28, millions",
            value: macs("vgg16", ({ outputShape: s }) => s.length === 4 && s[3]! >= 56),
            expected: 9335,
            within: 1,
          },
          { what: "convolutions of VGG-11, millions", value: macs("vgg11", ({ layer }) => layer === "Conv2d"), expected: 7485, within: 1 },
        ],
      };
    },
  },
  {
    name: "googlenet-stem",
    shows: "GoogLeNet's stem, from 224 to 28 pixels: 418 MFLOP on the slide, 478 M multiply-accumulates exactly",
    document: "S2",
    rows: ["SUM-1", "ZOO-googlenet"],
    run() {
      const stem = tableOf("googlenet").rows.filter(({ name }) => /^conv[123]\./.test(name));
      return {
        facts: [
          {
            what: "millions of multiply-accumulates",
            value: stem.reduce((n, row) => n + row.macs, 0) / 1e6,
            expected: 478,
            within: 0.5,
            note: "the slide prints 418",
          },
        ],
      };
    },
  },
  {
    name: "googlenet-parameters",
    shows: "GoogLeNet: 5 million on the slide, 6,624,904 exactly; 9.2 times fewer than AlexNet (slide: 12), 20.9 than VGG-16 (27)",
    document: "S2",
    rows: ["SUM-1", "ZOO-googlenet"],
    run: () => ({
      facts: [
        { what: "parameters without auxiliary heads", value: parametersOf("googlenet"), expected: 6624904 },
        { what: "AlexNet has so many times more", value: parametersOf("alexnet") / parametersOf("googlenet"), expected: 9.2, within: 0.05 },
        { what: "VGG-16", value: parametersOf("vgg16") / parametersOf("googlenet"), expected: 20.9, within: 0.05 },
      ],
    }),
  },
  {
    name: "inception-bottleneck",
    shows: "1 x 1 convolutions before the expensive ones save most of an inception module's work",
    document: "S2",
    rows: ["ZOO-googlenet"],
    run: () => ({
      facts: [
        { what: "multiply-accumulates of the net of naive modules, millions", value: tableOf("googlenet_naive").totals.macs / 1e6 },
        { what: "with bottlenecks", value: tableOf("googlenet").totals.macs / 1e6 },
        { what: "times less", value: tableOf("googlenet_naive").totals.macs / tableOf("googlenet").totals.macs, least: 3 },
      ],
    }),
  },
  {
    name: "one-by-one-convolution",
    shows: "a 1 x 1 convolution is the same dense layer at each pixel",
    document: "S2",
    rows: ["CNN-4"],
    run() {
      const [x, w] = [draw(1, 2, 64, 5, 5), draw(2, 32, 64)];
      const dense = w.dot(x, "oc,nchw->nohw");
      return {
        facts: [
          { what: "largest difference", value: distance(conv2d(x, w.reshape([32, 64, 1, 1])), dense), expected: 0, within: 1e-12 },
          {
            what: "weights of 32 filters on 64 channels",
            value: parameterCount(new Conv2d(64, 32, 1, { bias: false })),
            expected: 64 * 32,
          },
        ],
      };
    },
  },
  {
    name: "global-average-pooling",
    shows: "the mean of each map instead of dense layers: no parameters, where VGG-16's first dense layer has 103 million",
    document: "S2",
    rows: ["CNN-4"],
    run: () => ({
      facts: [
        { what: "parameters of global average pooling", value: new GlobalAvgPool().parameters().length, expected: 0 },
        { what: "of GoogLeNet's one dense layer", value: parameterCount(blueprint(() => new Linear(1024, 1000))), expected: 1025000 },
        {
          what: "of VGG-16's three",
          value: tableOf("vgg16")
            .rows.filter(({ layer }) => layer === "Linear")
            .reduce((n, row) => n + row.parameters, 0),
          expected: 123642856,
        },
      ],
    }),
  },
  {
    name: "auxiliary-heads",
    shows: "GoogLeNet's two auxiliary classifiers bring gradient to lower layers in training, and are dropped afterwards",
    document: "S2",
    rows: ["ZOO-googlenet"],
    run() {
      const [plain, training] = [false, true].map((auxiliary) => {
        const model = blueprint(() => zoo.googlenet!.make({ auxiliary }));
        return parameterCount(model);
      }) as [number, number];
      return {
        facts: [
          { what: "parameters without them", value: plain, expected: 6624904 },
          { what: "with them", value: training, expected: 13004888 },
        ],
      };
    },
  },
];
