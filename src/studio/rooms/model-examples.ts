/** @file Models of the room Model to begin with. Each is also a file for Node. */

export interface ModelExample {
  readonly name: string;
  readonly hint: string;
  readonly text: string;
}

export const MODEL_EXAMPLES: readonly ModelExample[] = [
  {
    name: "LeNet-5 of today",
    hint: "Convolutions have few weights and much work; the first dense layer has most weights.",
    text: `import { nn } from "nabla";

export const inputShape = [1, 28, 28];

export default () =>
  new nn.Sequential(
    new nn.Conv2d(1, 6, 5, { padding: 2 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(6, 16, 5),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(400, 120),
    new nn.ReLU(),
    new nn.Linear(120, 84),
    new nn.ReLU(),
    new nn.Linear(84, 10),
  );
`,
  },
  {
    name: "Deep, with sigmoids",
    hint: "The gradient is lost on its way to the first layer. Try ReLU, or nn.Residual around the layers.",
    text: `import { nn } from "nabla";

const hidden = () => [new nn.Linear(32, 32), new nn.Sigmoid()];

export default () =>
  new nn.Sequential(
    new nn.Linear(8, 32),
    new nn.Sigmoid(),
    ...Array.from({ length: 9 }, hidden).flat(),
    new nn.Linear(32, 3),
  );
`,
  },
  {
    name: "Three 3×3 against 7×7",
    hint: "The same field of 7 × 7 with 27 C² weights instead of 49 C². Change C.",
    text: `import { nn } from "nabla";

const C = 16;
export const inputShape = [C, 14, 14];

// One layer instead: new nn.Conv2d(C, C, 7, { bias: false })
export default () =>
  new nn.Sequential(
    new nn.Conv2d(C, C, 3, { bias: false }),
    new nn.Conv2d(C, C, 3, { bias: false }),
    new nn.Conv2d(C, C, 3, { bias: false }),
  );
`,
  },
  {
    name: "AlexNet",
    hint: "W′ = (227 − 11) / 4 + 1 = 55. The first layer has 34,944 weights and biases, which the lecture rounds to 35 K.",
    text: `import { nn } from "nabla";

export const inputShape = [3, 227, 227];

export default () =>
  new nn.Sequential(
    new nn.Conv2d(3, 96, 11, { stride: 4 }),
    new nn.ReLU(),
    new nn.MaxPool2d(3, { stride: 2 }),
    new nn.Conv2d(96, 256, 5, { padding: 2 }),
    new nn.ReLU(),
    new nn.MaxPool2d(3, { stride: 2 }),
    new nn.Conv2d(256, 384, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.Conv2d(384, 384, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.Conv2d(384, 256, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(3, { stride: 2 }),
    new nn.Flatten(),
    new nn.Linear(9216, 4096),
    new nn.ReLU(),
    new nn.Linear(4096, 4096),
    new nn.ReLU(),
    new nn.Linear(4096, 1000),
  );
`,
  },
  {
    name: "VGG-16",
    hint: "138,344,128 weights without biases; three of four are in the first dense layer, 102,760,448. The memory is in the first layers.",
    text: `import { nn } from "nabla";

export const inputShape = [3, 224, 224];

const stages = [[64, 64], [128, 128], [256, 256, 256], [512, 512, 512], [512, 512, 512]];

export default () => {
  const layers = [];
  let before = 3;
  for (const stage of stages) {
    for (const channels of stage) {
      layers.push(new nn.Conv2d(before, channels, 3, { padding: 1 }), new nn.ReLU());
      before = channels;
    }
    layers.push(new nn.MaxPool2d(2));
  }
  return new nn.Sequential(
    ...layers,
    new nn.Flatten(),
    new nn.Linear(512 * 7 * 7, 4096),
    new nn.ReLU(),
    new nn.Linear(4096, 4096),
    new nn.ReLU(),
    new nn.Linear(4096, 1000),
  );
};
`,
  },
  {
    name: "A linear layer in between",
    hint: "1000 → 50 → 1000 without an activation in between: 100,000 weights instead of 1,000,000.",
    text: `import { nn } from "nabla";

// Instead of new nn.Linear(1000, 1000, { bias: false })
export default () =>
  new nn.Sequential(
    new nn.Linear(1000, 50, { bias: false }),
    new nn.Linear(50, 1000, { bias: false }),
  );
`,
  },
  {
    name: "Inception, naive and with 1×1",
    hint: "A convolution of 1 × 1 is a dense layer at every pixel. Here it saves 72 % of the work: 133 million products instead of 482.",
    text: `import { nn } from "nabla";

export const inputShape = [256, 28, 28];

// The way of 5×5. Naive: new nn.Conv2d(256, 96, 5, { padding: 2 })
export default () =>
  new nn.Sequential(
    new nn.Conv2d(256, 64, 1),
    new nn.ReLU(),
    new nn.Conv2d(64, 96, 5, { padding: 2 }),
  );
`,
  },
];
