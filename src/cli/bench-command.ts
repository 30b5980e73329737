/** @file `nabla bench <model>`: how long a network, or that of one's own run, takes on this machine, forward and for a training step, and where the time goes. */
import { existsSync } from "node:fs";
import { columns } from "../base/columns.ts";
import { formatShape } from "../base/shape.ts";
import { compile } from "../function/compile.ts";
import { recordFunction } from "../function/recording.ts";
import { trainingStep } from "../inspect/training-memory.ts";
import { keyOf, manualSeed, normal } from "../math/random.ts";
import type { Layer } from "../nn/module.ts";
import { zeros } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { workOf } from "../runtime/compile.ts";
import { timePasses } from "../runtime/dump.ts";
import { formatProfile, type KernelProfile, profile } from "../runtime/profile.ts";
import { getThreads, setThreads } from "../runtime/wasm/pool.ts";
import { makeOptimizer } from "./optimizers.ts";
import { type Recipe, recipeFor } from "./recipes.ts";
import { networkFrom, networkOf } from "./summary-command.ts";
import { isTrained } from "./trained.ts";

export interface BenchFlags {
  /** Shape of an example, such as [3, 224, 224]. Default the network's own. */
  readonly input?: readonly number[];
  readonly batch: number;
  readonly optimizer: Recipe["optimizer"];
  readonly threads?: number;
  /** How long each of the two is measured. */
  readonly seconds: number;
  /** Only the forward pass. */
  readonly inference?: boolean;
  /** Whether to time every kernel; and to print them. */
  readonly profile?: boolean;
  readonly kernels?: boolean;
  readonly json?: boolean;
}

/** What was measured of one program. Times in ms. */
interface Measured {
  readonly what: "inference" | "training step";
  /** The first call, with compilation. */
  readonly first: number;
  /** Of all others. */
  readonly median: number;
  readonly least: number;
  readonly calls: number;
  readonly examplesPerSecond: number;
  /** Arithmetic of the convolutions and products that the program does, two operations a multiply-add, at the median. */
  readonly gflops: number;
  /** What each pass of the compiler has taken, in the order in which they first ran. */
  readonly passes: Readonly<Record<string, number>>;
}

/** Prints what a network takes; gives the exit code. */
export async function benchCommand(name: string, flags: BenchFlags): Promise<number> {
  if (flags.threads !== undefined) setThreads(flags.threads);
  manualSeed(0);
  const { model, inputShape } = existsSync(name) && isTrained(name) ? await networkFrom(name, flags.input) : networkOf(name, flags.input);
  const x = normal(keyOf(1), [flags.batch, ...inputShape]);
  const measured: Measured[] = [];
  let last: (() => Tensor) | undefined;
  for (const what of flags.inference ? (["inference"] as const) : (["inference", "training step"] as const)) {
    const { run, macs } = what === "inference" ? inference(model, x) : training(model, x, name, flags.optimizer);
    measured.push(await measure(what, run, macs, flags));
    last = run;
  }
  const rows = flags.profile || flags.kernels ? profile(last!) : undefined;
  const about = { model: name, input: x.shape, threads: getThreads() };
  console.log(flags.json ? JSON.stringify({ ...about, measured, kernels: rows }, null, 2) : table(about, measured, rows, flags));
  return 0;
}

interface Work {
  readonly run: () => Tensor;
  readonly macs: number;
}

function work<A extends Tensor[]>(fn: (...inputs: A) => Tensor, inputs: A): Work {
  const program = compile(fn);
  return { run: () => program(...inputs), macs: workOf(recordFunction(fn, inputs).region) };
}

function inference(model: Layer, x: Tensor): Work {
  model.eval();
  return work((images: Tensor) => model.forward(images), [x]);
}

function training(model: Layer, x: Tensor, name: string, rule: Recipe["optimizer"]): Work {
  model.train();
  const optimizer = makeOptimizer(model.namedParameters(), { optimizer: rule, lr: recipeFor(name, { optimizer: rule }).lr });
  return work(trainingStep(model, optimizer), [x, zeros([x.shape[0]], "i32")]);
}

const LEAST_CALLS = 5;

async function measure(what: Measured["what"], run: () => Tensor, macs: number, { batch, seconds }: BenchFlags): Promise<Measured> {
  const timed = (): number => {
    const start = performance.now();
    run();
    return performance.now() - start;
  };
  const { result: first, times: passes } = timePasses(timed);
  const begun = performance.now();
  const times: number[] = [];
  while (times.length < LEAST_CALLS || performance.now() - begun < 1000 * seconds) {
    times.push(timed());
    // Ctrl-C is heard between two calls.
    if (times.length % 16 === 0 || times.at(-1)! > 50) await new Promise((resolve) => setImmediate(resolve));
  }
  times.sort((a, b) => a - b);
  const median = times[times.length >> 1];
  return {
    what,
    first,
    median,
    least: times[0],
    calls: times.length,
    examplesPerSecond: (1000 * batch) / median,
    gflops: (2 * macs) / median / 1e6,
    passes: Object.fromEntries(passes),
  };
}

type About = { readonly model: string; readonly input: readonly number[]; readonly threads: number };

function table(
  { model, input, threads }: About,
  measured: readonly Measured[],
  rows: readonly KernelProfile[] | undefined,
  flags: BenchFlags,
): string {
  const ms = (time: number): string => `${time.toPrecision(time < 1000 ? 3 : 4)} ms`;
  const cells = [
    ["", "median", "least", "first call", "calls", "examples/s", "GFLOP/s"],
    ...measured.map((m) => [
      m.what,
      ms(m.median),
      ms(m.least),
      ms(m.first),
      m.calls.toLocaleString("en-US"),
      Math.round(m.examplesPerSecond).toLocaleString("en-US"),
      m.gflops.toFixed(1),
    ]),
  ];
  const head = `${model} on ${formatShape(input)}, ${threads} ${threads === 1 ? "thread" : "threads"}`;
  const kernels = rows ? ["", `kernels of the ${measured.at(-1)!.what}, on one thread`, formatProfile(rows)] : [];
  const passes = rows ? measured.flatMap((m) => ["", `compilation of the ${m.what}`, ...passTimes(m)]) : [];
  return [head, ...columns(cells), ...passes, ...kernels, ...(rows && flags.kernels ? texts(rows) : [])].join("\n");
}

/** What each pass has taken of the first call. */
function passTimes({ passes, first }: Measured): string[] {
  const rows = Object.entries(passes).map(([name, ms]) => [name, `${ms.toFixed(1)} ms`, `${((100 * ms) / first).toFixed(1)} %`]);
  return columns([["pass", "time", "of the first call"], ...rows]);
}

/** Every kernel once, the slowest first. */
function texts(rows: readonly KernelProfile[]): string[] {
  const slowest = [...rows].sort((a, b) => b.ms * b.calls - a.ms * a.calls);
  return [...new Set(slowest.map((row) => row.text))].flatMap((text) => ["", text]);
}
