/**
 * @file One network of the zoo, for scripts/zoo.mjs: a training step at batch 2 and native size, 20 steps on 8 small fixed images, evaluation twice.
 * The last line of its output is a JSON record.
 */
import { arange, backward, compile, manualSeed, models, nn, optim, random } from "../dist/index.js";

const name = process.argv[2];
const entry = models.zoo[name];
const MIB = 2 ** 20;

/** A compiled training step, and what it costs. */
function trainer(model, optimizer, options) {
  return compile((x, labels) => {
    const { value, grads } = backward(
      () => (model.loss ? model.loss(x, labels) : nn.crossEntropy(model.forward(x), labels)),
      model.parameters(),
    );
    optimizer.step(grads);
    return value;
  }, options);
}

/** Batch 2 at the size the network was made for. Where the plan does not fit, it is told to recompute. */
function nativeStep() {
  let refused = "";
  for (const memory of [undefined, 3.6e9, 3e9, 2e9, 1e9]) {
    manualSeed(1);
    const model = entry.make({ classes: entry.classes, channels: entry.input[0] });
    const step = trainer(model, new optim.SGD(model.parameters(), { lr: 1e-3 }), memory === undefined ? {} : { memory });
    const x = random.normal(random.keyOf(7), [2, ...entry.input]);
    try {
      const [first, second] = [step(x, arange(2)).itemSync(), step(x, arange(2)).itemSync()];
      if (!Number.isFinite(first) || !Number.isFinite(second)) throw new Error(`the loss is ${first}, then ${second}`);
      return { scratchMiB: step.footprint.scratch / MIB, budget: memory ?? null };
    } catch (error) {
      if (!/memory|does not fit|bytes/i.test(error.message)) throw error;
      refused = error.message;
    }
  }
  return { refused };
}

/** Bytes of weights and two moments that leave room for a step in 4 GiB. */
const MOST_STATE = 3.2e9;

/** Adam, or SGD for those whose moments are too large for it. */
function optimizerFor(model) {
  const bytes = 4 * model.parameters().reduce((n, { shape }) => n + shape.reduce((size, d) => size * d, 1), 0);
  return 3 * bytes <= MOST_STATE
    ? { name: "adam", optimizer: new optim.Adam(model.parameters(), { lr: 1e-3 }) }
    : { name: "sgd", optimizer: new optim.SGD(model.parameters(), { lr: 1e-2 }) };
}

/** Cross-entropy on 8 fixed images of 10 classes before each of 20 steps. */
function smallSteps() {
  manualSeed(2);
  const small = entry.leastSmall !== undefined;
  const side = small ? Math.max(16, entry.leastSmall) : entry.input[1];
  const model = entry.make({ classes: 10, channels: entry.input[0], smallImages: small, imageSize: side });
  const { name: rule, optimizer } = optimizerFor(model);
  const step = trainer(model, optimizer);
  const x = random.normal(random.keyOf(8), [8, entry.input[0], side, side]);
  const losses = Array.from({ length: 20 }, () => step(x, arange(8)).itemSync());
  model.eval();
  const forward = compile((images) => model.forward(images));
  const [a, b] = [forward(x).dataSync(), forward(x).dataSync()];
  const end = (losses[17] + losses[18] + losses[19]) / 3;
  return { before: losses[0], after: end, falls: end < losses[0], deterministic: a.every((v, i) => Object.is(v, b[i])), optimizer: rule };
}

// In processes of their own, so that neither finds the arena full of the other's weights.
const part = process.argv[3] === "native" ? nativeStep() : smallSteps();
console.log(JSON.stringify({ name, ...part }));
