/** @file The training loop that comes with the package: a network of one's own on the embedded digits, saved and loaded again. */
import { data, manualSeed, nn, optim, train } from "nabla";

manualSeed(1);
const digits = await data.digits();
const make = () => new nn.Sequential(new nn.Flatten(), new nn.Linear(64, 64), new nn.ReLU(), new nn.Dropout(0.2), new nn.Linear(64, 10));

const model = make();
console.log(String(model));
await train.fit(model, digits, {
  optimizer: new optim.Adam(model.parameters(), { lr: 3e-3 }),
  epochs: 20,
  schedule: optim.cosine(3e-3),
  callbacks: [
    {
      onEpoch: ({ testAccuracy }, { epoch }) => {
        if (epoch % 5 === 0) console.log(`epoch ${epoch}: test accuracy ${(100 * testAccuracy).toFixed(1)} %`);
      },
    },
  ],
});

const copy = make();
train.loadModel(copy, await train.saveModel(model));
console.log("the copy:", await train.evaluate(copy, digits));
