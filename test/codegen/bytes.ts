/**
 * @file The code that is made for known workloads, as sha256 sums: a change of the compiler that should change no code changes no sum. Nothing runs: the modules are
 * hashed and replaced by functions that do nothing. `npx vitest run --project alone -u test/codegen/bytes.test.ts` and `--project slow -u test/slow/bytes-` write
 * the lists anew, after a change that is meant to change code.
 */
import { createHash } from "node:crypto";
import { vi } from "vitest";
import type { Harness } from "../../bench/harness.ts";
import { groups } from "../../bench/workloads.ts";
import { compile } from "../../src/function/compile.ts";
import { backward } from "../../src/function/derivative.ts";
import { checkBounds } from "../../src/kernel/bounds.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { printKernel } from "../../src/kernel/print.ts";
import { models, zoo } from "../../src/models/index.ts";
import { crossEntropy, mseLoss } from "../../src/nn/index.ts";
import { zeros } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { SGD } from "../../src/optim/index.ts";
import { setBackend } from "../../src/runtime/set-backend.ts";
import { netOf } from "../fuzz/convnets.ts";
import { inputsOf, leaf, randomProgram, record } from "../fuzz/program.ts";

const code = vi.hoisted(() => ({ made: [] as Uint8Array[], kernels: [] as Kernel[] }));

vi.mock("../../src/codegen/wasm/program.ts", async (original) => {
  const { compileProgram } = await original<typeof import("../../src/codegen/wasm/program.ts")>();
  return {
    compileProgram(program: Parameters<typeof compileProgram>[0]): Uint8Array {
      // The same options on every machine.
      const bytes = compileProgram(program, { sharedMemory: true, relaxed: true, leastWork: 40_000 });
      code.made.push(bytes);
      code.kernels.push(...program.kernels);
      return bytes;
    },
  };
});
// A plan that is kept is no code that is made.
vi.mock("../../src/runtime/plans.ts", async (original) => ({
  ...(await original<typeof import("../../src/runtime/plans.ts")>()),
  keepPlan: () => {},
}));
vi.mock("../../src/codegen/wasm/instantiate.ts", async (original) => ({
  ...(await original<typeof import("../../src/codegen/wasm/instantiate.ts")>()),
  compileModule: () => undefined,
  instantiateModule: () => ({ main: () => {}, kernels: [], divided: false }),
}));

/** One sum over all modules that are made while `body` runs, in order. */
function sumOf(body: () => unknown): string {
  code.made.length = 0;
  body();
  const hash = createHash("sha256");
  for (const bytes of code.made) hash.update(bytes);
  if (code.made.length === 0) throw new Error("the workload compiled nothing");
  return hash.digest("hex");
}

/** How many accesses all kernels have that were made so far. */
export const accesses = (): number => code.kernels.reduce((n, kernel) => n + checkBounds(kernel).accesses, 0);

/** Those which are not proved to be inside their buffers, though no index of theirs is looked up in memory. */
export function unprovedAccesses(): string[] {
  return code.kernels.flatMap((kernel) =>
    checkBounds(kernel)
      .unproved.filter(({ lookedUp }) => !lookedUp)
      .map(({ access, buffer }) => `${"kind" in access ? "store to" : "load from"} b${buffer} in ${printKernel(kernel)}`),
  );
}

/** Names and what to run. */
export type Workloads = Readonly<Record<string, () => unknown>>;

/** The sums of workloads by name, as a text. */
export function sumsOf(workloads: Workloads): string {
  const sums = Object.entries(workloads).map(([name, body]) => [name, sumOf(body)]);
  return `${JSON.stringify(Object.fromEntries(sums), undefined, 2)}\n`;
}

/** The workloads of groups of the benchmark, each called once. */
export function benchWorkloads(names: readonly string[] = Object.keys(groups).filter((name) => name !== "cold")): Workloads {
  const found: Record<string, () => unknown> = {};
  const harness = { bench: (w: string, make: () => () => unknown) => (found[`bench ${w}`] = () => make()()), rss: () => {} };
  for (const name of names) groups[name]!(harness as unknown as Harness);
  return found;
}

/** A training step of a model on two examples. */
function trainingStep(name: string, inputShape: readonly number[], memory?: "sqrt"): void {
  const outputs = name === "xor" ? 1 : 10;
  const model = models[name]!({ inputShape, outputs });
  const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
  const step = compile(
    (x, y) => {
      const lossOf = (): Tensor => (name === "xor" ? mseLoss(model.forward(x), y) : crossEntropy(model.forward(x), y));
      const { value, grads } = backward(lossOf, optimizer.parameters);
      optimizer.step(grads);
      return value;
    },
    memory ? { memory } : {},
  );
  step(zeros([2, ...inputShape]), name === "xor" ? zeros([2, 1]) : zeros([2], "i32"));
  step.dispose();
}

/** One network of each family: the smallest. */
const FAMILIES = ["alexnet", "vgg11", "googlenet", "inception_v3", "resnet18", "resnet20", "densenet121", "squeezenet1_1"]
  .concat(["mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small", "nasnet_mobile", "mnasnet0_5", "shufflenet_v2_x0_5"])
  .concat(["efficientnet_b0", "regnet_x_400mf", "convnextv2_atto", "vit_tiny_16"]);

/** The side of the images: for those that take small ones, 32. */
const sideOf = (name: string): number => Math.max(zoo[name]!.leastSmall ?? zoo[name]!.input[1], 32);

export function familyWorkloads(): Workloads {
  const found: Record<string, () => unknown> = {
    "train mlp": () => trainingStep("mlp", [784]),
    "train cnn": () => trainingStep("cnn", [1, 28, 28]),
    "train convnet": () => trainingStep("convnet", [3, 32, 32]),
    "train lenet5": () => trainingStep("lenet5", [1, 28, 28]),
    "train xor": () => trainingStep("xor", [2]),
    "train lenet1": () => trainingStep("lenet1", [1, 28, 28]),
    "train lenet5_1998": () => trainingStep("lenet5_1998", [1, 32, 32]),
    "train convnet in little memory": () => trainingStep("convnet", [3, 32, 32], "sqrt"),
  };
  for (const name of FAMILIES) found[`train ${name}`] = () => trainingStep(name, [3, sideOf(name), sideOf(name)]);
  return found;
}

/** Random programs and random convolutional networks with their gradients. */
export function randomWorkloads(programs: number, nets: number): Workloads {
  const program = (seed: number): void => {
    setBackend("interpreter");
    const made = randomProgram(seed);
    setBackend("wasm");
    const f = compile((x: readonly Tensor[]) => record(made, x));
    f(inputsOf(made).map((id) => leaf(made.nodes[id]!)));
    f.dispose();
  };
  const net = (seed: number): void => {
    const { args, gradient } = netOf(seed);
    const f = compile(gradient);
    f(args.map((x) => x.cast("f32")));
    f.dispose();
  };
  const each = (count: number, body: (seed: number) => unknown) => () => {
    for (let seed = 0; seed < count; seed++) body(seed);
  };
  return { [`${programs} random programs`]: each(programs, program), [`${nets} random networks`]: each(nets, net) };
}
