/**
 * @file A deep autoencoder, 784-250-60-10-60-250-784, trained on 2,000 digits of MNIST by Hessian-free optimization and by gradient descent with
 * momentum at five rates, all on the full batch and at equal cost: `node examples/hessian-free.mjs FOLDER [GRADIENTS [DIGITS]]`, FOLDER with the four
 * idx files. A product with the Gauss-Newton matrix counts as two gradients, a loss alone as half of one.
 */
import { backward, compile, data, manualSeed, nn, optim, tensor } from "nabla";

const [folder, gradients = "1500", digits = "2000"] = process.argv.slice(2);
const [budget, count] = [Number(gradients), Number(digits)];
const { train } = await data.mnist(folder);
const x = new nn.State(tensor(train.inputs.slice(0, count * 784), { shape: [count, 784] }));

/** Logistic units but for the code, which is linear; weights start sparse, 15 a unit, from N(0, 1) (Martens 2010, section 5). */
function autoencoder() {
  manualSeed(1);
  const sizes = [784, 250, 60, 10, 60, 250, 784];
  const layers = sizes.slice(1).flatMap((out, i) => {
    const weightInitializer = nn.initializers.sparse(1 - Math.min(15, sizes[i]) / sizes[i], 1);
    const dense = new nn.Linear(sizes[i], out, { weightInitializer, biasInitializer: nn.initializers.zeros });
    return i === 2 || i === 5 ? [dense] : [dense, new nn.Sigmoid()];
  });
  return new nn.Sequential(...layers);
}

/** Cross-entropy of the pixels, summed over an image, mean over images. */
const loss = (logits) => nn.binaryCrossEntropyWithLogits(logits, x.value, { reduction: "sum" }).div(count);
/** Squared distance to the image, mean over images. */
const errorOf = compile((logits) => logits.sigmoid().sub(x.value).square().sum().div(count));
const show = (...cells) => console.log(`| ${cells.join(" | ")} |`);

function hessianFree() {
  const model = autoencoder();
  const method = new optim.HessianFree(model.parameters(), () => model.forward(x.value), loss, { damping: 1 });
  let [cost, steps, last] = [0, 0, Number.NaN];
  while (true) {
    const { next, products, evaluations } = method.step();
    cost += 1 + 2 * products + evaluations / 2;
    if (process.env.VERBOSE) console.log(steps, products, evaluations, next, cost, method.damping);
    if (cost > budget) break;
    [last, steps] = [next, steps + 1];
  }
  return { model, steps, last };
}

function gradientDescent(lr) {
  const model = autoencoder();
  const optimizer = new optim.SGD(model.parameters(), { lr, momentum: 0.9 });
  const step = compile(() => {
    const { value, grads } = backward(() => loss(model.forward(x.value)), optimizer.parameters);
    optimizer.step(grads);
    return value;
  });
  let last = Number.NaN;
  for (let n = 0; n < budget; n++) last = step();
  return { model, steps: budget, last: last.itemSync() };
}

show("method", "steps", "cross-entropy", "squared error", "seconds of CPU");
show("---", "---:", "---:", "---:", "---:");
const methods = [
  ["Hessian-free", hessianFree],
  ...[0.0003, 0.001, 0.002, 0.004, 0.01].map((lr) => [`SGD, momentum 0.9, rate ${lr}`, () => gradientDescent(lr)]),
];
for (const [name, run] of methods) {
  const start = process.cpuUsage().user;
  const { model, steps, last } = run();
  const seconds = (process.cpuUsage().user - start) / 1e6;
  const error = errorOf(model.forward(x.value)).itemSync();
  show(name, steps, last.toFixed(2), error.toFixed(3), seconds.toFixed(0));
}
