import * as nn from "nabla/nn";
import * as optim from "nabla/optim";
import { fit } from "nabla/train";

const split = { inputs: new Float32Array(8).map((_, i) => i % 3), targets: Int32Array.of(0, 1, 0, 1), count: 4 };
const data = { name: "four", task: "classification", classes: ["no", "yes"], inputShape: [2], train: split, test: split };
const model = new nn.Linear(2, 2);
const callbacks = [{ onEnd: (_, training) => training.save() }];
fit(model, data, { optimizer: new optim.SGD(model.parameters(), { lr: 0.5 }), epochs: 1, callbacks }).catch(({ message }) =>
  console.log(message),
);
