/**
 * @file `npm run bench -- --watcher [NAME ...] [--epochs N]`: what `inspect.Watcher` adds to a training (docs/inspect.md), of LeNet-5 and ResNet-20. A busy machine
 * makes whole runs differ by more than that, so it is put together of what can be measured there: the shortest step, of runs without a watcher, with one, and with one that looks
 * four times, in turns; and the watcher's time by its own clock.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "./setup.mjs";

const ROUNDS = 2;

const NETWORKS = {
  lenet5: { inputShape: [1, 28, 28], count: 6400, epochs: 4, make: ({ LeNet5 }) => new LeNet5() },
  resnet20: { inputShape: [3, 32, 32], count: 640, epochs: 2, make: ({ CifarResNet }) => new CifarResNet(20) },
};

/** Images of waves, whose length is the class: a run that learns nothing would be looked at whatever it costs. */
function images(name, inputShape, count) {
  const [, , side] = inputShape;
  const size = inputShape.reduce((a, b) => a * b, 1);
  const pixel = (i) => Math.sin(((i % side) * (1 + (Math.floor(i / size) % 10))) / 5 + Math.floor(i / size)) + 0.3 * Math.sin(i * 12.9898);
  const split = (n, from = 0) => ({
    inputs: Float32Array.from({ length: n * size }, (_, i) => pixel(i + from * size)),
    targets: Int32Array.from({ length: n }, (_, i) => i % 10),
    count: n,
  });
  return { name, task: "classification", inputShape, classes: Array.from("0123456789"), train: split(count), test: split(60, count) };
}

/** A run, by its callbacks: milliseconds of each step, between what the watcher does, and of the whole. */
async function measured({ manualSeed, models, optim, train }, { make, epochs, data }, watcher) {
  manualSeed(0);
  const model = make(models);
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
  const times = [];
  const start = performance.now();
  let from = start;
  const before = { onStep: () => void times.push(performance.now() - from) };
  const behind = {
    onStep: () => {
      from = performance.now();
    },
  };
  await train.fit(model, data, { optimizer, epochs, batchSize: 64, callbacks: watcher ? [before, watcher, behind] : [before, behind] });
  // The first step compiles.
  return { times: times.slice(1), whole: performance.now() - start };
}

async function overhead(nabla, name, given) {
  const { inputShape, count, ...network } = NETWORKS[name];
  const epochs = given ?? network.epochs;
  const run = (watcher) => measured(nabla, { ...network, epochs, data: images(name, inputShape, count) }, watcher);
  const quarter = Math.max(1, Math.floor((epochs * count) / 64 / 4));
  const watcherOf = (every) =>
    new nabla.inspect.Watcher({ every, onFinding: (finding) => console.log(nabla.inspect.findingText(finding)) });
  const [plain, watched, looked, shares] = [[], [], [], []];
  let looks = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const [usual, often] = [watcherOf("5%"), watcherOf(quarter)];
    plain.push(...(await run()).times);
    const { times, whole } = await run(usual);
    watched.push(...times);
    shares.push(usual.spent / (whole - usual.spent));
    looks = usual.looks;
    looked.push(...(await run(often)).times);
  }
  return { plain: Math.min(...plain), watched: Math.min(...watched), looked: Math.min(...looked), share: Math.min(...shares), looks };
}

export async function benchWatcher(args) {
  const { values, positionals } = parseArgs({
    args: args.filter((arg) => arg !== "--watcher"),
    allowPositionals: true,
    options: { epochs: { type: "string" } },
  });
  const names = positionals.length > 0 ? positionals : Object.keys(NETWORKS);
  const epochs = values.epochs === undefined ? undefined : Number(values.epochs);
  if (epochs !== undefined && !(Number.isInteger(epochs) && epochs >= 1))
    throw new Error(`--epochs must be a positive integer, got ${values.epochs}`);
  const unknown = names.find((name) => !Object.hasOwn(NETWORKS, name));
  if (unknown) throw new Error(`unknown network ${unknown}; want ${Object.keys(NETWORKS).join(" or ")}`);
  const nabla = await import(join(root, "dist/index.js"));
  for (const name of names) {
    const { plain, watched, looked, share, looks } = await overhead(nabla, name, epochs);
    const ms = (value) => `${value.toPrecision(3)} ms`;
    const steps = `a step ${ms(plain)}, watched ${ms(watched)}, with four looks ${ms(looked)}`;
    console.log(
      `${name.padEnd(10)}${steps}; ${looks} looks, ${(100 * share).toFixed(1)} %; together ${((watched / plain) * (1 + share)).toFixed(3)}`,
    );
  }
}
