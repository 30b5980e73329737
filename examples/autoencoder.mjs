/**
 * @file An autoencoder: the digits of 64 pixels through a code of 8 numbers and back, against the best that a linear code of 8 numbers can do
 * (principal components), and a digit before and after. `hessian-free.mjs` trains a deeper one.
 */
import { backward, compile, data, linalg, manualSeed, nn, optim, random, tensor } from "nabla";

const CODE = 8;
manualSeed(1);
const { train, test } = await data.digits();
const [x, unseen] = [train, test].map(({ inputs, count }) => tensor(inputs, { shape: [count, 64] }));

const encoder = new nn.Sequential(new nn.Linear(64, 64), new nn.ReLU(), new nn.Linear(64, CODE));
const decoder = new nn.Sequential(new nn.Linear(CODE, 64), new nn.ReLU(), new nn.Linear(64, 64), new nn.Sigmoid());
const model = new nn.Sequential(encoder, decoder);
const optimizer = new optim.Adam(model.parameters(), { lr: 3e-3 });
const [steps, batch] = [1500, 128];
const step = compile((key) => {
  const examples = x.take(random.uniform(key, [batch], { high: train.count }).floor().cast("i32"));
  const { value, grads } = backward(() => nn.mseLoss(model.forward(examples), examples), optimizer.parameters);
  optimizer.step(grads);
  return value;
});
const rate = optim.cosine(3e-3, { steps });
for (let i = 0; i < steps; i++) {
  optimizer.lr = rate(i);
  step(random.keyOf(i));
}

/** Mean squared error per pixel of unseen digits through the first components of those seen. */
const mean = x.mean(0);
const components = linalg.svd(x.sub(mean)).vt.slice([0, 0], [CODE, 64]);
const linear = unseen.sub(mean).matmul(components.transpose()).matmul(components).add(mean);
const errorOf = (y) => nn.mseLoss(y, unseen).itemSync();
export const errors = {
  autoencoder: errorOf(model.forward(unseen)),
  components: errorOf(linear),
  mean: errorOf(mean.broadcastTo(unseen.shape)),
};
for (const [name, error] of Object.entries(errors)) console.log(`${name.padEnd(12)} ${error.toFixed(4)}`);

const pictures = [unseen, model.forward(unseen)].map((y) => y.select(0, 0).dataSync());
for (let row = 0; row < 8; row++) {
  const line = (pixels) => Array.from(pixels.slice(8 * row, 8 * row + 8), (p) => " .:-=+*#@"[Math.min(8, Math.floor(9 * p))]).join("");
  console.log(pictures.map(line).join("   "));
}
