/**
 * @file Random small convolutional networks, and their gradients in f32, compiled, on one thread and on two, beside those in f64: strides, paddings, dilations, groups,
 * activations and pools as they come, so that layouts, phases, cuts and taps left out meet each other.
 */
import "../../src/runtime/evaluate.ts";
import { compile } from "../../src/function/compile.ts";
import { grad } from "../../src/function/derivative.ts";
import { maxPool2d } from "../../src/math/pool.ts";
import { keyOf, normal } from "../../src/math/random.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { getThreads, setThreads } from "../../src/runtime/wasm/pool.ts";
import { Random } from "./random.ts";

interface Layer {
  readonly channels: number;
  readonly outputs: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  readonly groups: number;
  readonly activation: "relu" | "tanh" | "swish" | "none";
  readonly pool: number;
}

interface Net {
  readonly input: readonly [n: number, c: number, height: number, width: number];
  readonly layers: readonly Layer[];
}

function randomNet(random: Random): Net {
  const input = [random.pick([1, 2, 3, 4, 5, 8, 12]), random.pick([1, 2, 3, 4, 6, 8]), random.int(6, 21), random.int(6, 21)] as const;
  const layers: Layer[] = [];
  let [, channels, height, width] = input as readonly number[] as [number, number, number, number];
  for (let i = random.int(1, 3); i > 0 && Math.min(height, width) >= 2; i--) {
    const [kernel, stride, dilation] = [random.pick([1, 2, 3, 5]), random.pick([1, 1, 2, 3]), random.pick([1, 1, 2])];
    const [padding, groups] = [random.int(0, kernel - 1), random.pick([1, 1, channels])];
    const reach = (kernel - 1) * dilation + 1;
    if (Math.min(height, width) + 2 * padding < reach) continue;
    const outputs = groups * random.int(1, groups === 1 ? 9 : 2);
    [height, width] = [height, width].map((size) => Math.floor((size + 2 * padding - reach) / stride) + 1) as [number, number];
    const pool = Math.min(height, width) >= 4 && random.chance(0.5) ? random.pick([2, 3]) : 1;
    [height, width] = [Math.floor(height / pool), Math.floor(width / pool)];
    const activation = random.pick(["relu", "tanh", "swish", "none"] as const);
    layers.push({ channels, outputs, kernel, stride, padding, dilation, groups, activation, pool });
    channels = outputs;
  }
  return { input, layers };
}

const activations: Readonly<Record<Layer["activation"], (x: Tensor) => Tensor>> = {
  relu: (x) => x.relu(),
  tanh: (x) => x.tanh(),
  swish: (x) => x.mul(x.sigmoid()),
  none: (x) => x,
};

/** The mean square of a network's outputs; `args` are its input, and weights and biases of each layer. */
function lossOf({ layers }: Net, [x, ...parameters]: readonly Tensor[]): Tensor {
  const y = layers.reduce((value, { outputs, activation, pool, stride, padding, dilation, groups }, i) => {
    const sums = value
      .conv(parameters[2 * i]!, { stride, padding, dilation, groups })
      .add(parameters[2 * i + 1]!.reshape([1, outputs, 1, 1]));
    const active = activations[activation](sums);
    return pool === 1 ? active : maxPool2d(active, pool);
  }, x!);
  return y.mul(y).mean();
}

/** Far above rounding, far below a wrong element. */
const TOLERANCE = 1e-3;

/** The network of this number: arguments in f64, and the gradient of its loss in all of them. */
export function netOf(seed: number): { net: Net; args: readonly Tensor[]; gradient: (args: readonly Tensor[]) => readonly Tensor[] } {
  const net = randomNet(new Random(seed));
  const draw = (shape: readonly number[], i: number): Tensor => normal(keyOf(1000 * seed + i), shape, { dtype: "f64" });
  const parameters = net.layers.flatMap(({ channels, outputs, kernel, groups }, i) => {
    const fan = (kernel * kernel * channels) / groups;
    return [draw([outputs, channels / groups, kernel, kernel], 2 * i).mul(1 / Math.sqrt(fan)), draw([outputs], 2 * i + 1)];
  });
  const args = [draw(net.input, 99), ...parameters];
  return { net, args, gradient: grad((all: readonly Tensor[]) => lossOf(net, all)) };
}

/** What is wrong with the gradients of the network of this number, if anything. */
export function faultOfNet(seed: number): string | undefined {
  const { net, args, gradient } = netOf(seed);
  const exact = gradient(args).map((g) => Array.from(g.dataSync(), Number));
  const before = getThreads();
  try {
    for (const threads of [1, 2]) {
      setThreads(threads);
      const step = compile((all: readonly Tensor[]) => gradient(all));
      const single = args.map((x) => x.cast("f32"));
      step(single); // threads join in from the second run on
      const found = step(single).map((g) => Array.from(g.dataSync(), Number));
      for (const [i, values] of exact.entries()) {
        const scale = values.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-3);
        const worst = values.reduce((most, v, j) => Math.max(most, Math.abs(v - found[i]![j]!)), 0) / scale;
        if (!(worst < TOLERANCE))
          return `net ${seed}, argument ${i}, ${threads} threads: off by ${worst} of ${scale}: ${JSON.stringify(net)}`;
      }
    }
  } finally {
    setThreads(before);
  }
  return undefined;
}
