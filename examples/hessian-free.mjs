/**
 * @file A deep autoencoder trained by Hessian-free optimization and by gradient descent with momentum at five rates, all on the full batch, from the
 * same weights and at equal cost. A product with the Gauss-Newton matrix counts as two gradients, a loss alone as half of one.
 *
 *     node examples/hessian-free.mjs FOLDER [GRADIENTS]   784-250-60-10-60-250-784 on 2,000 digits of MNIST, whose four idx files are in FOLDER
 *     node examples/hessian-free.mjs digits [GRADIENTS]   64-60-30-6-30-60-64 on 500 digits that come with the package
 */
import { backward, compile, data, manualSeed, nn, optim, tensor } from "nabla";

const [source = "digits", gradients = "1200"] = process.argv.slice(2);
const budget = Number(gradients);
const small = source === "digits";
const { train } = small ? await data.digits() : await data.mnist(source);
const sizes = small ? [64, 60, 30, 6, 30, 60, 64] : [784, 250, 60, 10, 60, 250, 784];
const count = small ? 500 : 2000;
const x = new nn.State(tensor(train.inputs.slice(0, count * sizes[0]), { shape: [count, sizes[0]] }));

/** Logistic units but for the code, which is linear; weights start sparse, 15 to a unit, from N(0, 1) (Martens 2010, section 5). */
function autoencoder() {
  manualSeed(1);
  const layers = sizes.slice(1).flatMap((to, i) => {
    const weightInitializer = nn.initializers.sparse(1 - Math.min(15, sizes[i]) / sizes[i], 1);
    const dense = new nn.Linear(sizes[i], to, { weightInitializer, biasInitializer: nn.initializers.zeros });
    return i === 2 || i === 5 ? [dense] : [dense, new nn.Sigmoid()];
  });
  return new nn.Sequential(...layers);
}

/** Cross-entropy of the pixels, summed over an image, mean over images. */
const loss = (logits) => nn.binaryCrossEntropyWithLogits(logits, x.value, { reduction: "sum" }).div(count);
/** Squared distance to the image, mean over images. */
const errorOf = (logits) => logits.sigmoid().sub(x.value).square().sum().div(count).itemSync();

/** Chosen as a rate is: more damping where losses and so curvatures are larger, and a looser stop than the default, which saves products early. */
const settings = { preconditioner: 1, ...(small ? { damping: 3, tolerance: 0.03 } : { damping: 30, tolerance: 0.01 }) };

function hessianFree() {
  const model = autoencoder();
  const method = new optim.HessianFree(model.parameters(), () => model.forward(x.value), loss, settings);
  let [cost, steps, last, products] = [0, 0, Number.NaN, 0];
  while (true) {
    const before = model.parameters().map(({ value }) => value);
    const report = method.step();
    cost += report.gradients + 2 * report.products + report.evaluations / 2;
    if (cost > budget) {
      model.parameters().forEach((parameter, i) => {
        parameter.set(before[i]); // the step that went over the budget does not count
      });
      return { model, steps: `${steps} (${products} products)`, last };
    }
    [last, steps, products] = [report.next, steps + 1, products + report.products];
  }
}

function gradientDescent(lr) {
  const model = autoencoder();
  const optimizer = new optim.SGD(model.parameters(), { lr, momentum: 0.9 });
  const step = compile(() => {
    const { value, grads } = backward(() => loss(model.forward(x.value)), optimizer.parameters);
    optimizer.step(grads);
    return value;
  });
  for (let n = 0; n < budget; n++) step();
  return { model, steps: budget, last: loss(model.forward(x.value)).itemSync() };
}

const show = (...cells) => console.log(`| ${cells.join(" | ")} |`);
show("method", "steps", "cross-entropy", "squared error", "seconds of CPU");
show("---", "---:", "---:", "---:", "---:");
const rates = small ? [0.003, 0.01, 0.03, 0.1, 0.3] : [0.001, 0.002, 0.004, 0.01, 0.02];
const methods = [["Hessian-free", hessianFree], ...rates.map((lr) => [`SGD, momentum 0.9, rate ${lr}`, () => gradientDescent(lr)])];
for (const [name, run] of methods) {
  const start = process.cpuUsage().user;
  const { model, steps, last } = run();
  const seconds = (process.cpuUsage().user - start) / 1e6;
  show(name, steps, last.toFixed(2), errorOf(model.forward(x.value)).toFixed(3), seconds.toFixed(0));
}
