/**
 * @file A real training beside PyTorch: `node bench/resnet20.mjs FOLDER [--seeds 1,2,3] [--epochs 2] [--threads 2] [--backend x64]`, and `python3 bench/resnet20.py` with
 * the same arguments but the backend. ResNet-20 (He et al. 2016, §4.2) on the Fashion-MNIST files of FOLDER, as they are: batches of 128, SGD with momentum 0.9 and weight
 * decay 5e-4, a rate that falls from 0.1 to 0 in a line, weights drawn as the paper's authors do. Prints accuracy on the test split, and seconds from the first
 * step to the last evaluation, compilation and everything else of Nabla's included. Needs the build.
 */
import { parseArgs } from "node:util";
import { data, manualSeed, models, optim, setBackend, setThreads, train } from "../dist/node.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: "string", default: "1,2,3" },
    epochs: { type: "string", default: "2" },
    threads: { type: "string", default: "2" },
    backend: { type: "string", default: "x64" },
  },
});
await setBackend(values.backend);
setThreads(Number(values.threads));
const images = await data.mnist(positionals[0]);
for (const seed of values.seeds.split(",").map(Number)) {
  manualSeed(seed);
  const model = models.models.resnet20({ inputShape: images.inputShape, outputs: 10 });
  const start = performance.now();
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9, weightDecay: 5e-4 });
  const epochs = Number(values.epochs);
  const { epochs: history } = await train.fit(model, images, {
    optimizer,
    epochs,
    batchSize: 128,
    seed,
    schedule: optim.polynomial(0.1, { power: 1 }),
  });
  const seconds = (performance.now() - start) / 1000;
  const { testAccuracy, trainLoss: loss } = history.at(-1);
  console.log(JSON.stringify({ seed, epochs, accuracy: 100 * testAccuracy, loss, seconds: Number(seconds.toFixed(1)) }));
}
