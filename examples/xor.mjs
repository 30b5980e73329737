/** @file A first program: a network learns exclusive or. Run it with `node examples/xor.mjs` after `npm run build`. */
import { backward, compile, manualSeed, nn, optim, tensor } from "nabla";

manualSeed(1);
const x = tensor([[0, 0], [0, 1], [1, 0], [1, 1]]); // biome-ignore format: a truth table
const y = tensor([[0], [1], [1], [0]]);

const model = new nn.Sequential(new nn.Linear(2, 8), new nn.Tanh(), new nn.Linear(8, 1), new nn.Sigmoid());
const optimizer = new optim.Adam(model.parameters(), { lr: 0.1 });

// Forward, loss, backward and update, recorded once and compiled into one program.
const step = compile((x, y) => {
  const { value, grads } = backward(() => nn.mseLoss(model.forward(x), y), model.parameters());
  optimizer.step(grads);
  return value;
});

for (let i = 0; i <= 200; i++) {
  const loss = await step(x, y).item();
  if (i % 50 === 0) console.log(`step ${i}: loss ${loss.toFixed(5)}`);
}
console.log("predictions:", Array.from(await model.forward(x).data(), (p) => p.toFixed(3)).join(" "));
