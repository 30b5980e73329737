/** @file What ranks do in the tests: each task is called on every rank and gives something that can be sent. */
import "../../src/runtime/evaluate.ts";
import type { Dataset, Split } from "../../src/data/dataset.ts";
import type { Communicator } from "../../src/distributed/communicator.ts";
import { Distributed } from "../../src/distributed/distributed.ts";
import { compile } from "../../src/function/compile.ts";
import { checkpoint, cond, scan } from "../../src/function/control.ts";
import { backward, grad } from "../../src/function/derivative.ts";
import { manualSeed, randomKey } from "../../src/math/random.ts";
import { models } from "../../src/models/registry.ts";
import { augment, flipHorizontal, translate } from "../../src/nn/augment.ts";
import * as nn from "../../src/nn/index.ts";
import { tensor, zeros } from "../../src/ops/create.ts";
import { elementsOf, type Tensor } from "../../src/ops/tensor.ts";
import { Adam } from "../../src/optim/adam.ts";
import { EMA } from "../../src/optim/averaging.ts";
import { cosine } from "../../src/optim/schedules.ts";
import { SGD } from "../../src/optim/sgd.ts";
import { ShardedOptimizer } from "../../src/optim/sharded.ts";
import type { Cell } from "../../src/runtime/cell.ts";
import { saveRun } from "../../src/train/checkpoint.ts";
import { fit } from "../../src/train/fit.ts";
import { syntheticImages } from "./data.ts";

/** A value of rank r at position i, whose sums depend on their order. */
const valueAt = (rank: number, i: number): number => Math.fround(Math.sin(37 * rank + i) * 10 ** ((rank * 5 + i) % 7));

export function collectives(ranks: Communicator): Record<string, number[]> {
  const { rank, size } = ranks;
  const of = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => valueAt(rank, i));
  const small = ranks.allReduce(of(5));
  const large = ranks.allReduce(of(40_003));
  const doubles = ranks.allReduce(Float64Array.of(rank + 0.5, 2));
  const gathered = ranks.allGather(of(3), new Float32Array(3 * size));
  const scattered = ranks.reduceScatter(of(20 * size), new Float32Array(20));
  const sent = ranks.broadcast(Int32Array.of(rank === size - 1 ? 7 : 0), size - 1);
  const half = ranks.split(rank % 2);
  const inHalf = half.allReduce(Float32Array.of(rank + 1));
  const texts = ranks.texts("x".repeat(rank));
  ranks.barrier();
  return {
    small: [...small],
    large: [...large.subarray(0, 10), ...large.subarray(39_990)],
    doubles: [...doubles],
    gathered: [...gathered],
    scattered: [...scattered],
    sent: [...sent],
    half: [half.rank, half.size, ...inHalf],
    texts: texts.map((text) => text.length),
  };
}

/** The gradient of a function with an all-reduce inside: y = (Σ over ranks of w·x)², and on each rank Σ y. */
export function derivative(ranks: Communicator): number[] {
  const distributed = new Distributed(ranks);
  const f = (w: Tensor): Tensor =>
    distributed
      .sum(w.mul(ranks.rank + 1))
      .square()
      .sum();
  const plain = grad(f)(tensor([1, 2]));
  const compiled = compile((w: Tensor) => grad(f)(w))(tensor([1, 2]));
  return [...elementsOf(plain), ...elementsOf(compiled)];
}

/** Sums over the batch inside of loops, branches and blocks that are recomputed: one step of a network, its loss and the gradients. */
export function inRegions(
  ranks: Communicator,
  { region, size = 1 }: { readonly region: "scan" | "cond" | "checkpoint"; readonly size?: number },
): number[] {
  const distributed = new Distributed(ranks);
  manualSeed(5);
  const [first, norm] = [new nn.Linear(3, 4), new nn.BatchNorm1d(4)];
  const block = (x: Tensor): Tensor => norm.forward(x).tanh();
  const shake = (x: Tensor): Tensor => {
    if (region === "checkpoint") return checkpoint(block)(x);
    // The carry is the same for all shards at first, and then each has its own.
    if (region === "scan") return scan((s: Tensor) => [block(x.add(s)), null], zeros([x.shape[0]!, 4]), null, { length: 3 })[0];
    return cond(distributed.sum(x.sum()).lt(size * 1e3), block, (y: Tensor) => y.mul(2), x);
  };
  const parameters = [...first.parameters(), ...norm.parameters()];
  const step = compile(
    distributed.part(16).spread((x: Tensor) => {
      const { value, grads } = backward(() => shake(first.forward(x)).square().mean(), parameters);
      return [distributed.mean(value), ...distributed.average(grads), norm.running_mean!.value];
    }),
  );
  const { from, to } = distributed.part(16);
  const x = Float32Array.from({ length: 48 }, (_, i) => Math.sin(3 * i)).slice(3 * from, 3 * to);
  return [0, 1].flatMap(() => step(tensor(x, { shape: [to - from, 3] })).flatMap((y) => [...elementsOf(y)]));
}

/** A condition that differs between shards, with a sum over the batch behind it. */
export function differingCondition(ranks: Communicator): unknown {
  const distributed = new Distributed(ranks);
  const run = distributed.part(16).spread((x: Tensor) => cond(x.sum().gt(0), (y: Tensor) => distributed.sum(y.sum()), (y: Tensor) => y.sum(), x)); // biome-ignore format: one thought
  return run(tensor(Float32Array.from({ length: 16 }, (_, i) => i - 8)));
}

/** Steps of a network whose gradients are sent in buckets of about so many bytes: the losses, the weights, and how many elements were sent at once, in order. */
export function buckets(
  ranks: Communicator,
  { bytes, fails = -1 }: { readonly bytes: number; readonly fails?: number },
): { losses: number[]; sent: number[]; said: string[] } {
  const sent: number[] = [];
  const start = ranks.start.bind(ranks);
  ranks.start = (x) => {
    if (sent.length === fails) {
      sent.push(0);
      throw new Error("the cable is out");
    }
    sent.push(x.length);
    return start(x);
  };
  const distributed = new Distributed(ranks, 8, false, bytes);
  manualSeed(2);
  const layers = Array.from({ length: 4 }, () => [new nn.Linear(96, 96), new nn.BatchNorm1d(96), new nn.ReLU()]).flat();
  const model = new nn.Sequential(...layers, new nn.Linear(96, 4));
  const optimizer = new SGD(model.parameters(), { lr: 0.1 });
  const step = compile(
    distributed.part(64).spread((x: Tensor) => {
      const { value, grads } = backward(() => model.forward(x).square().mean(), optimizer.parameters);
      optimizer.step(distributed.average(grads));
      return distributed.mean(value);
    }),
  );
  const { from, to } = distributed.part(64);
  const x = tensor(Float32Array.from({ length: 64 * 96 }, (_, i) => Math.sin(i)).slice(96 * from, 96 * to), { shape: [to - from, 96] });
  const losses: number[] = [];
  const said: string[] = [];
  for (let k = 0; k < 3; k++) {
    try {
      losses.push(step(x).itemSync());
    } catch (error) {
      said.push((error as Error).message);
    }
  }
  for (const cell of model.stateDict().values()) losses.push(...elementsOf(cell.value).subarray(0, 50));
  return { losses, sent, said };
}

/** A loop of one's own. */
export function loop(ranks: Communicator): number[] {
  const distributed = new Distributed(ranks);
  manualSeed(3);
  const model = new nn.Linear(4, 1);
  const optimizer = new SGD(model.parameters(), { lr: 0.1 });
  const step = compile(
    distributed.spread((x: Tensor, y: Tensor) => {
      const { value, grads } = backward(() => model.forward(x).sub(y).square().mean(), optimizer.parameters);
      optimizer.step(distributed.average(grads));
      return distributed.mean(value);
    }),
  );
  const x = Float32Array.from({ length: 16 * 4 }, (_, i) => Math.sin(i));
  const y = Float32Array.from({ length: 16 }, (_, i) => Math.cos(i));
  const { from, to } = distributed.part(16);
  const losses: number[] = [];
  for (let k = 0; k < 5; k++)
    losses.push(
      step(tensor(x.slice(4 * from, 4 * to)).reshape([to - from, 4]), tensor(y.slice(from, to)).reshape([to - from, 1])).itemSync(),
    );
  return losses;
}

export interface FitTask {
  readonly network: "mlp" | "small" | "cnn";
  readonly optimizer: "adam" | "sgd";
  readonly fast?: boolean;
  readonly accumulate?: number;
  readonly epochs?: number;
  /** Nothing random. */
  readonly plain?: boolean;
  /** The optimizer's state is divided among the ranks. */
  readonly sharded?: boolean;
  readonly clip?: boolean;
  /** Saved after this step, by rank 0, and as base64. */
  readonly saveAt?: number;
  readonly resume?: string;
}

export function networkOf(name: FitTask["network"], plain = false): nn.Layer {
  if (name === "mlp")
    return new nn.Sequential(new nn.Flatten(), new nn.Linear(64, 20), new nn.ReLU(), new nn.Dropout(plain ? 0 : 0.2), new nn.Linear(20, 4));
  const block = (channels: number, to: number): nn.Layer[] => [
    new nn.Conv2d(channels, to, 3, { padding: 1 }),
    new nn.BatchNorm2d(to),
    new nn.ReLU(),
  ];
  if (name === "small")
    return new nn.Sequential(...block(1, 4), new nn.Dropout(plain ? 0 : 0.1), new nn.AvgPool2d(8), new nn.Flatten(), new nn.Linear(4, 4));
  return new nn.Sequential(...block(1, 6), new nn.MaxPool2d(2), ...block(6, 8), new nn.AvgPool2d(4), new nn.Flatten(), new nn.Linear(8, 4));
}

/** A training run: losses of the steps, figures of the epochs, and the weights. */
export async function train(
  ranks: Communicator,
  task: FitTask,
): Promise<{ losses: number[]; figures: number[]; weights: number[]; saved?: string }> {
  const distributed = new Distributed(ranks, 8, task.fast);
  // Other weights on other ranks: those of rank 0 count.
  manualSeed(1 + ranks.rank);
  const model = networkOf(task.network, task.plain);
  const parameters = [...model.parameters()];
  const whole = task.optimizer === "adam" ? new Adam(parameters, { lr: 0.01 }) : new SGD(parameters, { lr: 0.05, momentum: 0.9 });
  const optimizer = task.sharded ? new ShardedOptimizer(whole, distributed) : whole;
  const losses: number[] = [];
  let saved: string | undefined;
  const history = await fit(model, syntheticImages(84), {
    optimizer,
    epochs: task.epochs ?? 2,
    batchSize: 24,
    ...(task.clip !== false && { clipNorm: 1 }),
    schedule: cosine(optimizer.lr),
    ...(task.resume !== undefined && ranks.rank === 0 && { resume: Uint8Array.from(Buffer.from(task.resume, "base64")) }),
    average: new EMA(parameters, { decay: 0.9 }),
    loss: new nn.CrossEntropyLoss({ weight: tensor([1, 2, 3, 0.5]) }),
    ...(task.accumulate !== undefined && { accumulate: task.accumulate }),
    ...(!task.plain && { augment: (x: Tensor) => augment([flipHorizontal(), translate(1)])(randomKey(), x) }),
    checks: false,
    distributed,
    callbacks: [
      { onStep: ({ loss }) => void losses.push(loss) },
      {
        async onStep({ total }, training) {
          if (total === task.saveAt && ranks.rank === 0) saved = Buffer.from(await saveRun(training)).toString("base64");
        },
      },
    ],
  });
  const figures = history.epochs.flatMap(({ trainLoss, trainAccuracy, testLoss, testAccuracy }) => [
    trainLoss,
    trainAccuracy!,
    testLoss,
    testAccuracy!,
  ]);
  const weights = [...model.stateDict().values()].flatMap((cell) => [...elementsOf(cell.value)]);
  return { losses, figures, weights, ...(saved !== undefined && { saved }) };
}

/** A few steps of a network of the zoo on pictures of noise; gives losses and a digest of the weights. */
export async function zoo(ranks: Communicator, { model: name }: { readonly model: "lenet5" | "resnet20" }): Promise<number[]> {
  manualSeed(1);
  const inputShape = name === "lenet5" ? [1, 28, 28] : [3, 32, 32];
  const model = models[name]!({ inputShape, outputs: 10 });
  const size = inputShape.reduce((n, d) => n * d, 1);
  const splitOf = (count: number): Split => ({
    inputs: Float32Array.from({ length: count * size }, (_, i) => Math.sin(12.9898 * i) * Math.cos(0.37 * (i % 1009))),
    targets: Int32Array.from({ length: count }, (_, i) => (7 * i) % 10),
    count,
  });
  const data: Dataset = {
    name: "noise",
    task: "classification",
    classes: Array.from({ length: 10 }, (_, i) => String(i)),
    inputShape,
    train: splitOf(48),
    test: splitOf(16),
  };
  const losses: number[] = [];
  await fit(model, data, {
    optimizer: new Adam(model.parameters()),
    epochs: 1,
    batchSize: 16,
    clipNorm: 1,
    checks: false,
    traceNaN: false,
    distributed: new Distributed(ranks),
    callbacks: [{ onStep: ({ loss }) => void losses.push(loss) }],
  });
  let digest = 0;
  for (const cell of model.stateDict().values())
    for (const word of new Uint32Array(Float64Array.from(elementsOf(cell.value)).buffer)) digest = (Math.imul(digest, 31) + word) | 0;
  return [...losses, digest];
}

/** Steps with an optimizer whose state is divided, and with the same one alone: losses, weights and state of both. */
export function sharded(
  ranks: Communicator,
  { kind }: { readonly kind: "adam" | "sgd" },
): { divided: number[]; alone: number[]; here: number; undivided: number } {
  const distributed = new Distributed(ranks);
  const make = (parameters: readonly Cell[]): Adam | SGD => {
    const groups = [{ parameters: parameters.slice(0, 1), lr: 0.02 }, { parameters: parameters.slice(1) }];
    return kind === "adam" ? new Adam(groups, { lr: 0.01, weightDecay: 0.1 }) : new SGD(groups, { lr: 0.1, momentum: 0.9, nesterov: true });
  };
  const x = Float32Array.from({ length: 16 * 4 }, (_, i) => Math.sin(i));
  const y = Float32Array.from({ length: 16 }, (_, i) => Math.cos(i));
  const { from, to } = distributed.part(16);
  const own = [tensor(x.slice(4 * from, 4 * to)).reshape([to - from, 4]), tensor(y.slice(from, to)).reshape([to - from, 1])] as const;
  const course = (update: (parameters: readonly Cell[]) => (grads: Tensor[]) => void): number[] => {
    manualSeed(3);
    const model = new nn.Sequential(new nn.Linear(4, 3), new nn.Tanh(), new nn.Linear(3, 1));
    const take = update([...model.parameters()]);
    const step = compile(
      distributed.part(16).spread((a: Tensor, b: Tensor) => {
        const { value, grads } = backward(() => model.forward(a).sub(b).square().mean(), [...model.parameters()]);
        take(grads);
        return distributed.mean(value);
      }),
    );
    const losses = Array.from({ length: 5 }, () => step(...own).itemSync());
    return [...losses, ...[...model.stateDict().values()].flatMap((cell) => [...elementsOf(cell.value)])];
  };
  let optimizer: Adam | SGD | undefined;
  let made: ShardedOptimizer | undefined;
  const alone = course((parameters) => {
    const inner = make(parameters);
    optimizer = inner;
    return (grads) => inner.step(distributed.average(grads));
  });
  const divided = course((parameters) => {
    const outer = new ShardedOptimizer(make(parameters), distributed);
    made = outer;
    return (grads) => outer.stepLocal(grads);
  });
  // Rank 0 alone has the whole state.
  const stateOf = (cells: ReadonlyMap<string, Cell> | undefined): number[] =>
    ranks.rank > 0 ? [] : [...optimizer!.stateDict().keys()].flatMap((name) => [...elementsOf(cells!.get(name)!.value)]);
  divided.push(...stateOf(made!.gather()));
  made!.load(optimizer!.stateDict());
  divided.push(...stateOf(made!.gather()));
  alone.push(...stateOf(optimizer!.stateDict()), ...stateOf(optimizer!.stateDict()));
  return { divided, alone, ...made!.memory };
}

/** Ranks that do not do the same: with other widths, other data, or other messages. Gives what is said of it. */
export async function differs(ranks: Communicator, { how }: { how: "model" | "data" | "message" }): Promise<string> {
  const odd = ranks.rank === 1;
  try {
    if (how === "message") ranks.allReduce(new Float32Array(odd ? 8 : 5));
    else {
      const model = new nn.Sequential(new nn.Flatten(), new nn.Linear(64, how === "model" && odd ? 5 : 4));
      const optimizer = new SGD(model.parameters(), { lr: 0.1 });
      const data = syntheticImages(how === "data" && odd ? 84 : 90);
      await fit(model, data, { optimizer, epochs: 1, batchSize: 16, checks: false, distributed: new Distributed(ranks) });
    }
    return "nothing";
  } catch (error) {
    return (error as Error).message;
  }
}

/** Rank 1 does not speak for a while, and in the end ends its program, without a word to the others or with one less than they expect. */
export async function leaves(ranks: Communicator): Promise<number> {
  const x = Float32Array.of(1);
  const end = Date.now() + (ranks.rank === 1 ? 4000 : 0);
  while (Date.now() < end);
  const [sum] = ranks.allReduce(x);
  if (ranks.rank === 1) process.exit(0);
  ranks.allReduce(x);
  return sum!;
}

/** Rank 1 throws in its third step. */
export async function throws(ranks: Communicator): Promise<void> {
  manualSeed(1);
  const model = networkOf("small");
  await fit(model, syntheticImages(84), {
    optimizer: new SGD(model.parameters(), { lr: 0.1 }),
    epochs: 1,
    batchSize: 16,
    checks: false,
    distributed: new Distributed(ranks),
    callbacks: [
      {
        onStep({ step }) {
          if (step === 2 && ranks.rank === 1) throw new Error("no more");
        },
      },
    ],
  });
}

export const tasks: Readonly<Record<string, (ranks: Communicator, task: never) => unknown>> = {
  collectives,
  buckets,
  derivative,
  differs,
  inRegions,
  leaves,
  loop,
  sharded,
  train,
  throws,
  zoo,
};
