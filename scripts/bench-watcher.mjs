/**
 * @file `npm run bench -- --watcher [NAME ...] [--epochs N]`: what `inspect.Watcher` adds to a training (docs/inspect.md), of LeNet-5 and ResNet-20. Trainings
 * with and without it go in turns. A line for each network: median seconds of both, their ratio, the looks taken, and the share that the watcher counts itself.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "./setup.mjs";

const ROUNDS = 5;

const NETWORKS = {
  lenet5: { inputShape: [1, 28, 28], count: 6400, make: ({ LeNet5 }) => new LeNet5() },
  resnet20: { inputShape: [3, 32, 32], count: 1280, make: ({ CifarResNet }) => new CifarResNet(20) },
};

/** Images of waves: what they show does not matter for the time. */
function images(name, inputShape, count) {
  const size = inputShape.reduce((a, b) => a * b, 1);
  const split = (n) => ({
    inputs: Float32Array.from({ length: n * size }, (_, i) => Math.sin(i * 12.9898) * Math.cos(i * 0.7233)),
    targets: Int32Array.from({ length: n }, (_, i) => i % 10),
    count: n,
  });
  return { name, task: "classification", inputShape, classes: Array.from("0123456789"), train: split(count), test: split(64) };
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

async function overhead(nabla, name, epochs) {
  const { inspect, manualSeed, models, optim, train } = nabla;
  const { inputShape, count, make } = NETWORKS[name];
  const data = images(name, inputShape, count);
  const run = async (watcher) => {
    manualSeed(0);
    const model = make(models);
    const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
    const start = performance.now();
    await train.fit(model, data, { optimizer, epochs, batchSize: 64, callbacks: watcher ? [watcher] : [] });
    return (performance.now() - start) / 1000;
  };
  const [plain, watched, shares, looks] = [[], [], [], []];
  for (let round = 0; round < ROUNDS; round++) {
    const watcher = new inspect.Watcher({ onFinding: () => {} });
    const seconds = await run(watcher);
    watched.push(seconds);
    shares.push(watcher.spent / 1000 / seconds);
    looks.push(watcher.looks);
    plain.push(await run());
  }
  const [a, b] = [median(plain), median(watched)];
  return { network: name, plain: a, watched: b, ratio: b / a, looks: median(looks), share: median(shares) };
}

export async function benchWatcher(args) {
  const { values, positionals } = parseArgs({
    args: args.filter((arg) => arg !== "--watcher"),
    allowPositionals: true,
    options: { epochs: { type: "string", default: "4" } },
  });
  const names = positionals.length > 0 ? positionals : Object.keys(NETWORKS);
  const epochs = Number(values.epochs);
  if (!Number.isInteger(epochs) || epochs < 1) throw new Error(`--epochs must be a positive integer, got ${values.epochs}`);
  const unknown = names.find((name) => !(name in NETWORKS));
  if (unknown) throw new Error(`unknown network ${unknown}; want ${Object.keys(NETWORKS).join(" or ")}`);
  const nabla = await import(join(root, "dist/index.js"));
  for (const name of names) {
    const { plain, watched, ratio, looks, share } = await overhead(nabla, name, epochs);
    const line = `${plain.toFixed(2)} s, watched ${watched.toFixed(2)} s, ratio ${ratio.toFixed(3)}; ${looks} looks, ${(100 * share).toFixed(1)} % by its own count`;
    console.log(`${name.padEnd(10)}${line}`);
  }
}
