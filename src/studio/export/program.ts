/** @file The run of the page as a program: JavaScript that trains the same net on the same points with the library, to the same bits. */
import { type ActivationName, type Config, type OptimizerName, widthsOf } from "../worker/config.ts";

const ACTIVATION: Readonly<Record<ActivationName, string>> = {
  tanh: "new nn.Tanh()",
  ReLU: "new nn.ReLU()",
  sigmoid: "new nn.Sigmoid()",
  "leaky ReLU": "new nn.LeakyReLU({ negativeSlope: 0.1 })",
  ELU: "new nn.ELU()",
  softplus: "new nn.Softplus()",
  linear: "new nn.Identity()",
};

const OPTIMIZER: Readonly<Record<OptimizerName, (lr: number) => string>> = {
  SGD: (lr) => `new optim.SGD(model.parameters(), { lr: ${lr} })`,
  momentum: (lr) => `new optim.SGD(model.parameters(), { lr: ${lr}, momentum: 0.9 })`,
  Nesterov: (lr) => `new optim.SGD(model.parameters(), { lr: ${lr}, momentum: 0.9, nesterov: true })`,
  RMSProp: (lr) => `new optim.RMSProp(model.parameters(), { lr: ${lr} })`,
  Adam: (lr) => `new optim.Adam(model.parameters(), { lr: ${lr} })`,
};

const START: Readonly<Record<Config["initializer"], string>> = {
  "uniform 1/√n": "",
  Glorot: ", { weightInitializer: nn.initializers.glorotUniform, biasInitializer: nn.initializers.zeros }",
  He: ", { weightInitializer: nn.initializers.heNormal, biasInitializer: nn.initializers.zeros }",
  "N(0, 1)": ", { weightInitializer: nn.initializers.normal(), biasInitializer: nn.initializers.zeros }",
};

/** Of points: what the net is given of each, and its label. */
export interface Given {
  readonly inputs: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
}

/** Numbers so that they come back to the same bits. */
const list = (values: ArrayLike<number>): string => Array.from(values, String).join(", ");

/** @param epochs Epochs that the run has taken. */
export function programOf(config: Config, train: Given, epochs: number): string {
  const widths = widthsOf(config);
  const layer = (i: number): string => `  new nn.Linear(${widths[i]}, ${widths[i + 1]}${START[config.initializer]}),`;
  const hidden = config.layers.flatMap(({ activation }, i) => [
    layer(i),
    `  ${ACTIVATION[activation]},`,
    ...(config.dropout > 0 ? [`  new nn.Dropout(${config.dropout}),`] : []),
  ]);
  const squashes = config.loss === "squared error" && config.output === "sigmoid";
  const error = config.loss === "cross-entropy" ? "nn.binaryCrossEntropyWithLogits(outputs, targets)" : "nn.mseLoss(outputs, targets)";
  const n = train.labels.length;
  const order =
    config.batch === 0
      ? `batchSize: ${n}, sampler: { count: ${n}, indices: () => Int32Array.from({ length: ${n} }, (_, i) => i) }`
      : `batchSize: ${Math.min(config.batch, n)}`;
  return `// Made by the Nabla studio: the same run, to the same bits. Save it as train.mjs beside a project that has nabla, and run: node train.mjs
import { manualSeed, nn, optim, tensor, train } from "nabla";

const inputs = Float32Array.of(${list(train.inputs)});
const targets = Float32Array.of(${list(train.labels)});
const split = { inputs, targets, count: ${n} };
const data = { name: "points", train: split, test: split, classes: [], inputShape: [${config.features.length}], task: "regression" };

manualSeed(${config.seed});
const model = new nn.Sequential(
${[...hidden, layer(widths.length - 2), ...(squashes ? ["  new nn.Sigmoid(),"] : [])].join("\n")}
);
${config.weights ? startingWeights(config.weights) : ""}const optimizer = ${OPTIMIZER[config.optimizer](config.lr)};
const strength = { l1: new nn.State(tensor(${config.l1})), l2: new nn.State(tensor(${config.l2})) };
const weights = () => model.parameters().filter((p) => p.shape.length === 2);
const total = (penalty) => weights().map((w) => penalty(w.value)).reduce((a, b) => a.add(b));
const loss = (outputs, targets) =>
  ${error}.add(total(nn.l1Penalty).mul(strength.l1.value)).add(total(nn.l2Penalty).mul(strength.l2.value));

await train.fit(model, data, { optimizer, loss, epochs: ${epochs}, seed: ${config.seed}, checks: false, ${order} });
export const trained = model.parameters().flatMap((p) => Array.from(p.value.dataSync()));
console.log(trained);
`;
}

const startingWeights = (weights: readonly number[]): string => `const start = [${list(weights)}];
for (const p of model.parameters()) {
  const n = p.shape.reduce((a, b) => a * b, 1);
  p.set(tensor(start.splice(0, n)).reshape(p.shape));
}
`;

/** Rows of cells as text; a cell with a comma, a quote or a line end is put in quotes (RFC 4180). */
export const csvOf = (rows: readonly (readonly string[])[]): string =>
  rows.map((row) => `${row.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",")}\n`).join("");
