import { tensor } from "nabla";
import * as nn from "nabla/nn";
import * as optim from "nabla/optim";
import { fit } from "nabla/train";

const inputs = Float32Array.from({ length: 80 }, (_, i) => Math.sin(i));
const targets = Int32Array.from({ length: 40 }, (_, i) => (inputs[2 * i] > 0 ? 1 : 0));
const split = { inputs, targets, count: 40 };
const model = new nn.Linear(2, 2);
const optimizer = new optim.SGD(model.parameters(), { lr: 0.5 });
const data = { name: "signs", task: "classification", classes: ["no", "yes"], inputShape: [2], train: split, test: split };
const answer = () => model.forward(tensor([[1, 0]])).argmax(1);
fit(model, data, { optimizer, epochs: 20, batchSize: 10 }).then(() => console.log(answer().itemSync()));
