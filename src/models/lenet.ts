/**
 * @file LeNet-5: LeCun, Bottou, Bengio & Haffner (1998), "Gradient-based learning applied to document recognition", §II.B, in today's dress:
 * ReLU for the scaled tanh, max pooling for trainable subsampling, a full second convolution, softmax for the RBF units. The input is 28×28;
 * padding 2 gives the paper's 32×32.
 */
import { ReLU } from "../nn/activation.ts";
import { Conv2d } from "../nn/conv.ts";
import { Flatten } from "../nn/flatten.ts";
import { Linear } from "../nn/linear.ts";
import { MaxPool2d } from "../nn/pool.ts";
import { Sequential } from "../nn/sequential.ts";

/** Images [N, 1, 28, 28] to [N, outputs]; 61,706 parameters for 10 outputs. */
export class LeNet5 extends Sequential {
  constructor(outputs = 10) {
    super(
      new Conv2d(1, 6, 5, { padding: 2 }), // [N, 6, 28, 28]
      new ReLU(),
      new MaxPool2d(2), // [N, 6, 14, 14]
      new Conv2d(6, 16, 5), // [N, 16, 10, 10]
      new ReLU(),
      new MaxPool2d(2), // [N, 16, 5, 5]
      new Flatten(), // [N, 400]
      new Linear(400, 120),
      new ReLU(),
      new Linear(120, 84),
      new ReLU(),
      new Linear(84, outputs),
    );
  }
}
