/** @file The workloads by group, named and sized as the peers' are, so that rows can stand side by side. */
import { backward, compile, full, functional, nn, optim, softmax, type Tensor, tensor, vjp, zeros } from "nabla";
import type { BenchOptions, Harness } from "./harness.ts";
import { randn } from "./harness.ts";
import { Lstm, lenet, mlp, ResBlock, vgg16, vggSmall, xor } from "./networks.ts";

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
const random = (shape: readonly number[], scale = 1): Tensor => tensor(randn(sizeOf(shape), scale), { shape });
/** Operands live in cells, where the engine keeps them between calls, as the peers' do in theirs. */
const resident = (shape: readonly number[], scale = 1): nn.State => new nn.State(random(shape, scale));
const labels = (n: number): Tensor => tensor(Int32Array.from({ length: n }, (_, i) => (i * 7) % 10));

type Fn = (...x: Tensor[]) => Tensor;

/** A cell that takes results of `like`'s shape, so that they stay with the engine as well. */
const taker = (like: Tensor): nn.State => new nn.State(zeros(like.shape));

/** Compiles `fn` so that its results go to cells. */
function program(fn: () => Tensor[], takers: readonly nn.State[]): () => void {
  return compile((): void => {
    fn().forEach((value, i) => {
      takers[i].set(value);
    });
  });
}

/** A function forward, and forward and backward: value, and cotangents of all operands for a given cotangent of the value. */
function both(harness: Harness, name: string, f: Fn, operands: () => nn.State[]): void {
  harness.bench(`${name}_fwd`, () => {
    const cells = operands();
    const values = (): Tensor[] => cells.map((cell) => cell.value);
    return program(() => [f(...values())], [taker(f(...values()))]);
  });
  harness.bench(`${name}_fb`, () => {
    const cells = operands();
    const values = (): Tensor[] => cells.map((cell) => cell.value);
    const ct = resident(f(...values()).shape);
    const all = (): Tensor[] => {
      const { value, pullback } = vjp(f)(...values());
      return [value, ...pullback(ct.value)];
    };
    return program(all, [ct.value, ...values()].map(taker));
  });
}

type Loss = (outputs: Tensor, targets: Tensor) => Tensor;

type Step = (x: Tensor, y: Tensor) => Tensor;

/** One training step: forward, loss, backward, update. */
function stepOf(model: nn.Layer, optimizer: optim.Optimizer, loss: Loss): Step {
  return (x, y) => {
    const { value, grads } = backward(() => loss(model.forward(x), y), optimizer.parameters);
    optimizer.step(grads);
    return value;
  };
}

const trainStep = (model: nn.Layer, optimizer: optim.Optimizer, loss: Loss): Step => compile(stepOf(model, optimizer, loss));

const crossEntropy: Loss = (outputs, targets) => nn.crossEntropy(outputs, targets);
const sgd = (model: nn.Module): optim.SGD => new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });

/** A classifier's training step on one batch, over and over. */
function train(
  harness: Harness,
  w: string,
  make: () => { model: nn.Layer; optimizer: optim.Optimizer; x: Tensor; y: Tensor },
  options: BenchOptions = {},
): void {
  harness.bench(
    w,
    () => {
      const { model, optimizer, x, y } = make();
      const step = trainStep(model, optimizer, crossEntropy);
      return () => step(x, y);
    },
    options,
  );
}

function gemm(harness: Harness): void {
  for (const n of [128, 256, 512, 1024, 2048]) {
    const make = (): (() => void) => {
      const [a, b] = [resident([n, n]), resident([n, n])];
      return program(() => [a.value.matmul(b)], [taker(a.value)]);
    };
    harness.bench(`gemm_${n}`, make, { gflop: (2 * n ** 3) / 1e9 });
  }
}

const gelu: Fn = (x) => x.mul(0.5).mul(x.add(x.mul(x).mul(x).mul(0.044715)).mul(0.79788456).tanh().add(1));
const layerNorm: Fn = (x, weight, bias) => functional.layerNorm(x, 768, { weight, bias });

function elem(harness: Harness): void {
  both(harness, "gelu_chain", gelu, () => [resident([1 << 22])]);
  // The engine fuses the chain; it has no other GELU.
  both(harness, "gelu_fused", gelu, () => [resident([1 << 22])]);
  both(
    harness,
    "softmax",
    (x) => softmax(x),
    () => [resident([4096, 1000])],
  );
  both(harness, "layernorm", layerNorm, () => [resident([4096, 768]), resident([768]), resident([768])]);
}

function mlpGroup(harness: Harness): void {
  for (const n of [128, 32]) {
    train(harness, `mlp_b${n}`, () => {
      const model = mlp();
      return { model, optimizer: sgd(model), x: random([n, 784]), y: labels(n) };
    });
  }
}

function cold(): void {
  const model = mlp();
  trainStep(model, sgd(model), crossEntropy)(random([128, 784]), labels(128));
  console.log("STEP");
}

function lenetGroup(harness: Harness): void {
  train(harness, "lenet_b64", () => {
    const model = lenet();
    return { model, optimizer: new optim.Adam(model.parameters()), x: random([64, 1, 28, 28]), y: labels(64) };
  });
}

/** Shapes of a net of 25 million parameters: convolutions, matrices, vectors. */
const ADAM_SHAPES: readonly (readonly number[])[] = [
  ...Array<number[]>(8).fill([512, 512, 3, 3]),
  ...Array<number[]>(6).fill([1024, 1024]),
  ...Array<number[]>(14).fill([1024]),
];

/** The update alone, which memory limits: gradient, parameter and two moments are read, and all but the gradient written. */
function adam(harness: Harness): void {
  const make = (): (() => unknown) => {
    const parameters = ADAM_SHAPES.map((shape) => new nn.Parameter(full(shape, 1)));
    const grads = ADAM_SHAPES.map((shape) => new nn.State(full(shape, 0.01)));
    const optimizer = new optim.Adam(parameters);
    return compile(() => optimizer.step(grads.map((grad) => grad.value)));
  };
  harness.bench("adam_25m", make, { bytes: 7 * 4 * ADAM_SHAPES.reduce((n, shape) => n + sizeOf(shape), 0) });
}

// biome-ignore format: a truth table
const xorInputs = (): Tensor => tensor([[0, 0], [0, 1], [1, 0], [1, 1]]);
const xorTargets = (): Tensor => tensor([[0], [1], [1], [0]]);

function xorGroup(harness: Harness): void {
  harness.bench("xor", () => {
    const model = xor();
    const step = trainStep(model, new optim.SGD(model.parameters(), { lr: 0.5 }), nn.mseLoss);
    const [x, y] = [xorInputs(), xorTargets()];
    return () => step(x, y);
  });
}

/** The same step many times in one program: what is left when nobody looks at the loss in between. Times are per step. */
function xorMany(harness: Harness): void {
  const steps = 1000;
  const make = (): (() => unknown) => {
    const model = xor();
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.5 });
    const many = compile(stepOf(model, optimizer, nn.mseLoss), { steps });
    const [x, y] = [xorInputs(), xorTargets()];
    return () => many(x, y);
  };
  harness.bench("xor_many", make, { per: steps });
}

function lstm(harness: Harness): void {
  const make = (): { model: nn.Layer; optimizer: optim.Optimizer; x: Tensor; y: Tensor } => {
    const model = new Lstm();
    return { model, optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }), x: random([32, 64, 64]), y: labels(32) };
  };
  train(harness, "lstm_b32", make, { sec: 3 });
}

/** Name, input [N, C, H, W], weight [O, C/groups, kh, kw], options. */
const CONVOLUTIONS: readonly [string, number[], number[], { padding?: number; stride?: number; groups?: number }][] = [
  ["conv3x3", [8, 64, 56, 56], [64, 64, 3, 3], { padding: 1 }],
  ["conv1x1", [8, 256, 56, 56], [64, 256, 1, 1], {}],
  ["conv7x7", [4, 3, 224, 224], [64, 3, 7, 7], { stride: 2, padding: 3 }],
  ["dw3x3", [8, 128, 56, 56], [128, 1, 3, 3], { padding: 1, groups: 128 }],
];

function conv(harness: Harness): void {
  for (const [name, input, weight, options] of CONVOLUTIONS) {
    const f: Fn = (x, w, b) => x.conv(w, options).add(b.reshape([weight[0], 1, 1]));
    both(harness, name, f, () => [resident(input), resident(weight, 0.05), resident([weight[0]])]);
  }
}

function resblock(harness: Harness): void {
  const make = (): (() => unknown) => {
    const model = new ResBlock();
    const optimizer = sgd(model);
    const [x, ct] = [resident([8, 64, 56, 56]), resident([8, 64, 56, 56])];
    const step = (): Tensor[] => {
      const { grads } = backward(() => model.forward(x.value).mul(ct).sum(), [...optimizer.parameters, x]);
      optimizer.step(grads.slice(0, -1));
      return grads.slice(-1);
    };
    return program(step, [taker(x.value)]);
  };
  harness.bench("resblock_b8", make, { sec: 3 });
}

function vggSmallGroup(harness: Harness): void {
  const make = (): { model: nn.Layer; optimizer: optim.Optimizer; x: Tensor; y: Tensor } => {
    const model = vggSmall();
    return { model, optimizer: sgd(model), x: random([32, 3, 32, 32]), y: labels(32) };
  };
  train(harness, "vgg_small_b32", make, { sec: 4 });
}

function vgg16Inference(harness: Harness): void {
  const make = (): (() => unknown) => {
    const model = vgg16().eval();
    const infer = compile((x: Tensor): Tensor => model.forward(x));
    const x = random([1, 3, 224, 224]);
    return () => infer(x);
  };
  harness.bench("vgg16_inf_b1", make, { sec: 4 });
  harness.rss("vgg16_inf_rss");
}

function vgg16Training(harness: Harness): void {
  const make = (): { model: nn.Layer; optimizer: optim.Optimizer; x: Tensor; y: Tensor } => {
    const model = vgg16();
    return { model, optimizer: sgd(model), x: random([2, 3, 224, 224]), y: labels(2) };
  };
  train(harness, "vgg16_train_b2", make, { sec: 8 });
  harness.rss("vgg16_train_rss");
}

export const groups: Readonly<Record<string, (harness: Harness) => void>> = {
  gemm,
  elem,
  mlp: mlpGroup,
  lenet: lenetGroup,
  adam,
  xor: xorGroup,
  xormany: xorMany,
  lstm,
  conv,
  resblock,
  vggsmall: vggSmallGroup,
  cold,
  vgg16inf: vgg16Inference,
  vgg16train: vgg16Training,
};
