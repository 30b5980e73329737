/**
 * @file How nets learn a boundary that is no line: 2-2-2-1, 2-3-2-1 and 2-4-2-1 with tanh, tanh and a sigmoid, mean squared error and plain stochastic
 * gradient descent, on a disc inside a ring. Stacked linear layers are one linear layer; two folds cannot enclose the disc, three can; and a maxout
 * layer learns its activation. Prints the plane as each net divides it.
 */
import { backward, compile, functional, manualSeed, nn, optim, random, scan, tensor } from "nabla";

/** Points in a disc (1) and in a ring around it (0), half of them each. */
function rings(count, seed) {
  const [a, b] = random.split(random.keyOf(seed), 2);
  const inside = random
    .uniform(a, [count])
    .iotaLike(0)
    .lt(count / 2);
  const radius = inside.where(random.uniform(a, [count], { high: 0.8 }), random.uniform(a, [count], { low: 1.4, high: 2.2 }));
  const angle = random.uniform(b, [count], { high: 2 * Math.PI });
  const x = radius
    .mul(angle.cos())
    .unsqueeze(1)
    .concat([radius.mul(angle.sin()).unsqueeze(1)], 1);
  const order = random.permutation(b, count); // disc and ring in turns
  return { x: x.take(order), y: inside.cast("f32").unsqueeze(1).take(order) };
}

/** One example after the other, all of them `epochs` times, in one program. */
function train(model, { x, y }, lr, epochs) {
  const optimizer = new optim.SGD(model.parameters(), { lr });
  const epoch = compile((x, y) => {
    const step = (carry, [xi, yi]) => {
      const { grads } = backward(() => nn.mseLoss(model.forward(xi.unsqueeze(0)), yi.unsqueeze(0)), optimizer.parameters);
      optimizer.step(grads);
      return [carry, []];
    };
    return scan(step, tensor(0), [x, y])[0];
  });
  for (let i = 0; i < epochs; i++) epoch(x, y);
}

const accuracy = (model, { x, y }) => model.forward(x).gt(0.5).eq(y.gt(0.5)).cast("f32").mean().itemSync();

/** The square [-2.4, 2.4]², # where the net says disc. */
function draw(model) {
  const [rows, columns] = [13, 27];
  const points = Array.from({ length: rows * columns }, (_, i) => [
    -2.4 + (4.8 * (i % columns)) / (columns - 1),
    2.4 - (4.8 * Math.floor(i / columns)) / (rows - 1),
  ]);
  const says = model.forward(tensor(points)).dataSync();
  return Array.from({ length: rows }, (_, r) =>
    Array.from({ length: columns }, (_, c) => (says[r * columns + c] > 0.5 ? "#" : ".")).join(""),
  );
}

manualSeed(1);
const data = rings(400, 1);
const tanhNet = (width) => {
  const dense = (from, to) =>
    new nn.Linear(from, to, { weightInitializer: nn.initializers.glorotUniform, biasInitializer: nn.initializers.zeros });
  return new nn.Sequential(dense(2, width), new nn.Tanh(), dense(width, 2), new nn.Tanh(), dense(2, 1), new nn.Sigmoid());
};
const nets = [
  ["linear, linear, sigmoid", new nn.Sequential(new nn.Linear(2, 8), new nn.Linear(8, 1), new nn.Sigmoid()), 0.005],
  ["2-2-2-1", tanhNet(2), 0.001],
  ["2-3-2-1", tanhNet(3), 0.005],
  ["2-4-2-1", tanhNet(4), 0.005],
  ["maxout of 4 pieces", new nn.Sequential(new nn.Maxout(2, 2, 4), new nn.Linear(2, 1), new nn.Sigmoid()), 0.005],
];

export const accuracies = {};
for (const [name, model, lr] of nets) {
  train(model, data, lr, 3000);
  accuracies[name] = accuracy(model, data);
  console.log(`${name}: ${(100 * accuracies[name]).toFixed(1)} %\n${draw(model).join("\n")}`);
}

// Maxout as Keras code has it, W of shape [k, in, out]: max over k of x·W + b. Its parameters are k times a dense layer's.
const [k, features, units] = [3, 4, 2];
const layer = new nn.Maxout(features, units, k);
const w = layer.linear.weight.value.reshape([units, k, features]).transpose([1, 2, 0]);
const b = layer.linear.bias.value.reshape([units, k]).transpose();
const x = random.normal(random.keyOf(2), [5, features]);
const byHand = x.dot(w, "ni,kio->nko").add(b.unsqueeze(0)).max(1);
export const maxoutError = functional.mseLoss(layer.forward(x), byHand).itemSync();
