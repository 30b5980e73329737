/** @file The networks that are timed, the same as the peers'. */
import { nn, ones, scan, type Tensor, zeros } from "nabla";

const { Conv2d, Flatten, initializers, Linear, MaxPool2d, Module, Parameter, ReLU, Sequential, Sigmoid, State, Tanh } = nn;

export const mlp = (): nn.Sequential =>
  new Sequential(new Linear(784, 512), new ReLU(), new Linear(512, 256), new ReLU(), new Linear(256, 10));

export const xor = (): nn.Sequential => new Sequential(new Linear(2, 2), new Tanh(), new Linear(2, 1), new Sigmoid());

export const lenet = (): nn.Sequential =>
  new Sequential(
    new Conv2d(1, 6, 5, { padding: 2 }),
    new ReLU(),
    new MaxPool2d(2),
    new Conv2d(6, 16, 5),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Linear(400, 120),
    new ReLU(),
    new Linear(120, 84),
    new ReLU(),
    new Linear(84, 10),
  );

/** 3×3 convolutions with ReLU by channel counts; 0 stands for pooling. */
function features(plan: readonly number[]): nn.Layer[] {
  let channels = 3;
  return plan.flatMap((next) => {
    if (next === 0) return [new MaxPool2d(2)];
    const layers = [new Conv2d(channels, next, 3, { padding: 1 }), new ReLU()];
    channels = next;
    return layers;
  });
}

export const vggSmall = (): nn.Sequential =>
  new Sequential(...features([64, 64, 0, 128, 128, 0, 256, 256, 0]), new Flatten(), new Linear(4096, 10));

const VGG16 = [64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0];
export const vgg16 = (): nn.Sequential =>
  new Sequential(
    ...features(VGG16),
    new Flatten(),
    new Linear(25088, 4096),
    new ReLU(),
    new Linear(4096, 4096),
    new ReLU(),
    new Linear(4096, 1000),
  );

/** Batch normalization in training mode, with running statistics: Ioffe & Szegedy (2015). */
class BatchNorm2d extends Module {
  readonly weight: nn.Parameter;
  readonly bias: nn.Parameter;
  readonly mean: nn.State;
  readonly variance: nn.State;

  constructor(channels: number) {
    super();
    this.weight = new Parameter(ones([channels]));
    this.bias = new Parameter(zeros([channels]));
    this.mean = new State(zeros([channels]));
    this.variance = new State(ones([channels]));
  }

  forward(x: Tensor): Tensor {
    const axes = [0, 2, 3];
    const mean = x.mean(axes, { keepDims: true });
    const centred = x.sub(mean);
    const variance = centred.square().mean(axes, { keepDims: true });
    const channels = this.weight.shape[0];
    const n = x.size / channels;
    this.mean.set(this.mean.value.mul(0.9).add(mean.reshape([channels]).mul(0.1)));
    this.variance.set(this.variance.value.mul(0.9).add(variance.reshape([channels]).mul((0.1 * n) / (n - 1))));
    const scale = this.weight.value.reshape([channels, 1, 1]).mul(variance.add(1e-5).sqrt().recip());
    return centred.mul(scale).add(this.bias.value.reshape([channels, 1, 1]));
  }
}

export class ResBlock extends Module {
  readonly c1: nn.Conv2d = new Conv2d(64, 64, 3, { padding: 1, bias: false });
  readonly c2: nn.Conv2d = new Conv2d(64, 64, 3, { padding: 1, bias: false });
  readonly b1: BatchNorm2d = new BatchNorm2d(64);
  readonly b2: BatchNorm2d = new BatchNorm2d(64);

  forward(x: Tensor): Tensor {
    return this.b2
      .forward(this.c2.forward(this.b1.forward(this.c1.forward(x)).relu()))
      .add(x)
      .relu();
  }
}

/** One LSTM layer and a dense layer on its last state: [N, T, 64] to [N, 10]. All steps' inputs are projected at once. */
export class Lstm extends Module {
  readonly wi: nn.Parameter = new Parameter(initializers.fanInUniform([512, 64]));
  readonly wh: nn.Parameter = new Parameter(initializers.fanInUniform([512, 128]));
  readonly bi: nn.Parameter = new Parameter(zeros([512]));
  readonly bh: nn.Parameter = new Parameter(zeros([512]));
  readonly head: nn.Linear = new Linear(128, 10);

  forward(x: Tensor): Tensor {
    const projected = x.dot(this.wi, "nti,oi->tno").add(this.bi).add(this.bh); // [T, N, 512]
    const start = zeros([x.shape[0], 128]);
    const step = ([h, c]: [Tensor, Tensor], xi: Tensor): [[Tensor, Tensor], []] => {
      const gates = xi.add(h.dot(this.wh, "nh,oh->no"));
      const gate = (i: number): Tensor => gates.narrow(1, 128 * i, 128);
      const next = gate(1)
        .sigmoid()
        .mul(c)
        .add(gate(0).sigmoid().mul(gate(2).tanh()));
      return [[gate(3).sigmoid().mul(next.tanh()), next], []];
    };
    const [[h]] = scan(step, [start, start] as [Tensor, Tensor], projected);
    return this.head.forward(h);
  }
}
