/**
 * @file What recomputation buys: the gradient of an MLP of 64 layers with everything kept, with checkpoints by hand every 8 layers, along the
 * binomial plan (only states are stored) and a mixed one (or whole steps), and with the compiler choosing. Scratch memory against products.
 */
import { checkpoint, checkpointChain, compile, grad, random } from "nabla";

const [depth, width, batch, block] = [64, 32, 256, 8];
const params = Array.from({ length: depth }, () => ({
  w: random.normal(random.randomKey(), [width, width]).mul(0.15),
  b: random.normal(random.randomKey(), [width]).mul(0.1),
}));
const x = random.normal(random.randomKey(), [batch, width]);

/** The gradient of a loss over a chain of layers, each a function of the one before. */
const gradient = (chain) =>
  grad((params, x) => {
    const layers = params.map(
      ({ w, b }) =>
        (h) =>
          h.matmul(w).add(b).tanh(),
    );
    return chain(layers, x).square().sum();
  });

const run = (layers, x) => layers.reduce((h, layer) => layer(h), x);
const blocks = (layers, x) => (layers.length === 0 ? x : blocks(layers.slice(block), checkpoint((h) => run(layers.slice(0, block), h))(x)));
const binomial = (slots) => (layers, x) => checkpointChain(layers, x, slots);

const table = [
  ["everything kept", compile(gradient(run))],
  ["checkpoints by hand, every 8", compile(gradient(blocks))],
  ["binomial, 16 slots", compile(gradient(binomial(16)))],
  ["binomial, 8 slots", compile(gradient(binomial(8)))],
  ["binomial, 4 slots", compile(gradient(binomial(4)))],
  ["mixed, 16 slots", compile(gradient((layers, x) => checkpointChain(layers, x, { slots: 16, internal: 1 })))],
  ['memory: "1MB"', compile(gradient(run), { memory: "1MB" })],
  ['memory: "sqrt"', compile(gradient(run), { memory: "sqrt" })],
  ['memory: "600KB"', compile(gradient(run), { memory: "600KB" })],
];

const product = batch * width * width;
console.log(`${"".padEnd(30)}${"scratch".padStart(10)}${"products".padStart(10)}${"more".padStart(8)}`);
let plain;
for (const [name, step] of table) {
  await step(params, x)[0].w.data();
  const { scratch, work } = step.footprint;
  plain ??= work;
  const more = `${(100 * (work / plain - 1)).toFixed(0)} %`;
  console.log(
    `${name.padEnd(30)}${`${(scratch / 1024).toFixed(0)} KiB`.padStart(10)}${String(work / product).padStart(10)}${more.padStart(8)}`,
  );
}

try {
  compile(gradient(run), { memory: "100KB" })(params, x);
} catch (error) {
  console.log(error.message);
}
