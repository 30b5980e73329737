import { distributions, manualSeed, summary, tensor, zeros } from "nabla";
import { look } from "nabla/inspect";
import * as models from "nabla/models";
import * as nn from "nabla/nn";
import * as optim from "nabla/optim";

/** What is said of classes, line by line: a page that is minified must say the same. */
manualSeed(1);
const model = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Dropout(0.5), new nn.Linear(8, 3));
const said = (fn) => {
  try {
    return fn();
  } catch (error) {
    return error.message;
  }
};

async function run() {
  const bias = model.namedParameters().find(([name]) => name === "0.bias")[1];
  bias.set(bias.value.sub(50));
  const x = tensor(
    Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)),
    { shape: [16, 4] },
  );
  const y = tensor(
    Int32Array.from({ length: 16 }, (_, i) => i % 3),
    { shape: [16] },
  );
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
  const { findings, sites } = await look(model, { x, y });
  const lines = [
    model,
    summary(model, [4]),
    summary(new models.LeNet5(10), [1, 28, 28]),
    optimizer,
    bias,
    new distributions.Normal(0, 1),
    sites.sites.map(({ name, op }) => `${name}: ${op}`),
    findings.map(({ where, cause, remedies }) => [where, cause, ...remedies].join("; ")),
    said(() => new nn.Dropout(2)),
    said(() => model.forward(zeros([2, 5]))),
    said(() => new nn.Conv2d(1, 2, 3, { pading: 1 })),
    said(() => new optim.SGD(model.parameters(), { lr: -1 })),
    said(() => new optim.EMA([])),
    said(() => new nn.Sequential(model, "relu")),
  ];
  for (const line of lines) console.log(String(line));
}

run();
