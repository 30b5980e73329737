import { tensor } from "nabla";
import * as nn from "nabla/nn";
import * as optim from "nabla/optim";
import { fit, saveRun } from "nabla/train";

const inputs = Float32Array.from({ length: 80 }, (_, i) => Math.sin(i));
const targets = Int32Array.from({ length: 40 }, (_, i) => (inputs[2 * i] > 0 ? 1 : 0));
const split = { inputs, targets, count: 40 };
const data = { name: "signs", task: "classification", classes: ["no", "yes"], inputShape: [2], train: split, test: split };

/** Trains a new model for some epochs, perhaps from a checkpoint; gives one of its outputs, and a checkpoint of the first epoch. */
async function train(epochs, resume) {
  const model = new nn.Linear(2, 2);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.5 });
  let saved;
  const callback = {
    async onEpoch(_, __, training) {
      saved ??= await saveRun(training);
    },
  };
  await fit(model, data, { optimizer, epochs, batchSize: 10, callbacks: [callback], ...(resume && { resume }) });
  return { output: model.forward(tensor([[1, 0]])).toArray()[0][1], saved };
}

train(3)
  .then(async (whole) => console.log(whole.output === (await train(3, whole.saved)).output))
  .catch((error) => console.log(error.message));
