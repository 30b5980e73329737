/** @file Functions run by the interpreter on plans for machines of any width: 4, 8 and 16 lanes, with tails that overlap or are masked. */
import "../../src/runtime/evaluate.ts";
import { allocate, type byteSize, isFloat, type TypedArray, viewOf } from "../../src/base/dtype.ts";
import { sizeOf } from "../../src/base/shape.ts";
import { recordFunction } from "../../src/function/recording.ts";
import { vmap } from "../../src/function/vmap.ts";
import { checkBounds } from "../../src/kernel/bounds.ts";
import { interpret } from "../../src/kernel/interpret.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { type Target, WASM, withLanes } from "../../src/kernel/target.ts";
import { verifyKernel } from "../../src/kernel/verify.ts";
import { fromArray } from "../../src/ops/create.ts";
import type { Op, Sample } from "../../src/ops/op.ts";
import { registry } from "../../src/ops/registry.ts";
import { record, type Tensor } from "../../src/ops/tensor.ts";
import { optimize } from "../../src/runtime/passes.ts";
import { setBackend } from "../../src/runtime/set-backend.ts";
import { schedule } from "../../src/schedule/schedule.ts";
import { netOf } from "../fuzz/convnets.ts";
import { expected, inputsOf, leaf, randomProgram, record as recordProgram, tolerance } from "../fuzz/program.ts";
import { Random } from "../fuzz/random.ts";

export const TARGETS: readonly Target[] = [4, 8, 16].flatMap((lanes) => [
  withLanes(WASM, lanes, "overlap"),
  withLanes(WASM, lanes, "mask"),
]);

type Fn = (args: readonly Tensor[]) => readonly Tensor[];

/** The elements of a function's results, and its kernels. */
export function runOn(target: Target, fn: Fn, args: readonly Tensor[]): { results: TypedArray[]; kernels: readonly Kernel[] } {
  const { region, inputs } = recordFunction((x: readonly Tensor[]) => [...fn(x)], [args]);
  const rest = [...args];
  const given = inputs.map((role) => (role === "argument" ? rest.shift()! : role.current).dataSync());
  const inScratch = (list: readonly unknown[]) => list.map(() => ({ kind: "scratch" }) as const);
  const { program, scratch, ...places } = schedule(
    optimize(region, { target }),
    inScratch(region.inputs),
    inScratch(region.outputs),
    0,
    target,
  );
  for (const kernel of program.kernels) verifyKernel(kernel, target);
  const table = Math.ceil(scratch / 8) * 8;
  const buffer = new ArrayBuffer(table + 8);
  const view = (dtype: TypedArrayOf, shape: readonly number[], at: number) => viewOf(dtype, buffer, at, sizeOf(shape));
  region.inputs.forEach((x, i) => {
    if (sizeOf(x.shape) > 0) view(x.dtype, x.shape, places.inputs[i]!).set(given[i]!);
  });
  interpret(program, { buffer }, table);
  const results = region.outputs.map(({ dtype, shape }, i) => {
    const copy = allocate(dtype, sizeOf(shape));
    if (copy.length > 0) copy.set(view(dtype, shape, places.outputs[i]!));
    return copy;
  });
  return { results, kernels: program.kernels };
}

type TypedArrayOf = Parameters<typeof byteSize>[0];

/** Where results depart from what they should be by more than `bound`; undefined if they do not. */
function departure(got: readonly TypedArray[], want: readonly ArrayLike<number>[], bound: number): string | undefined {
  for (const [n, values] of got.entries()) {
    const at = values.findIndex((v, i) => {
      const w = want[n]![i]!;
      return !(Object.is(v, w) || v === w || (Number.isNaN(v) && Number.isNaN(w)) || Math.abs(v - w) <= bound * (1 + Math.abs(w)));
    });
    if (at >= 0) return `result ${n}, element ${at}: ${values[at]}, expected ${want[n]![at]}`;
  }
  return undefined;
}

/** Samples that have regions of f64, or none that can be drawn in f32. */
const inF32 = ({ operands, params, regions }: Sample): Sample | undefined => {
  if (regions || operands.length === 0) return undefined;
  const given = params as { dtype?: string } | undefined;
  return {
    operands: operands.map((x) => (x.dtype === "f64" ? { ...x, dtype: "f32" } : x)),
    params: (given?.dtype === "f64" ? { ...given, dtype: "f32" } : params) as never,
  };
};

export const SAMPLES: readonly { readonly name: string; readonly op: Op; readonly own: Sample; readonly sample: Sample }[] =
  registry.flatMap((op) =>
    op.samples.flatMap((own, i) => {
      const sample = inF32(own);
      return sample ? [{ name: `${op.name} #${i}`, op, own, sample }] : [];
    }),
  );

/** Examples in a batch: enough for vectors of sixteen, with a rest. */
const BATCH = 21;

/** What is wrong with an op on batches of f32 operands, in vectors of a target, beside f64, in scalars. */
export function faultOfSample({ name, op, own, sample }: (typeof SAMPLES)[number], target: Target): string | undefined {
  const random = new Random(name.length);
  const args = sample.operands.map(({ shape, dtype, domain }) => {
    const [low, high] = domain ?? (isFloat(dtype) ? [-2, 2] : [0, 4]);
    const draw = (): number => low + ((high - low) * random.int(0, 1 << 20)) / (1 << 20);
    const elements = allocate(dtype, BATCH * sizeOf(shape)).map(() => (isFloat(dtype) ? Math.fround(draw()) : Math.floor(draw())));
    return fromArray(elements, { shape: [BATCH, ...shape], dtype });
  });
  const batched =
    (params: unknown): Fn =>
    (x) =>
      vmap((...one: Tensor[]) => record(op, one, params as never, []))(...x);
  const wide = args.map((x, i) => x.cast(own.operands[i]!.dtype));
  setBackend("interpreter");
  try {
    const want = batched(own.params)(wide).map((y) => Float64Array.from(y.dataSync(), Number));
    const fault = departure(runOn(target, batched(sample.params), args).results, want, 2e-3);
    return fault && `${name} on ${target.name}: ${fault}`;
  } finally {
    setBackend("wasm");
  }
}

/** What is wrong with a random program. */
export function faultOfProgram(seed: number, target: Target): string | undefined {
  setBackend("interpreter");
  try {
    const program = randomProgram(seed);
    const args = inputsOf(program).map((id) => leaf(program.nodes[id]!));
    const { results } = runOn(target, (x) => recordProgram(program, x), args);
    const lowest = program.nodes.some(({ type }) => type.dtype === "f32") ? "f32" : "f64";
    const want = expected(program);
    for (const [n, id] of program.outputs.entries()) {
      const fault = departure([results[n]!], [want[n]!], tolerance(program.nodes[id]!.type.dtype, lowest));
      if (fault) return `program ${seed} on ${target.name}: ${fault}`;
    }
    return undefined;
  } finally {
    setBackend("wasm");
  }
}

/** What is wrong with the gradients of a random convolutional network. */
export function faultOfNetwork(seed: number, target: Target): string | undefined {
  setBackend("interpreter");
  try {
    const { args, gradient } = netOf(seed);
    const want = gradient(args).map((g) => Float64Array.from(g.dataSync(), Number));
    const { results } = runOn(
      target,
      gradient,
      args.map((x) => x.cast("f32")),
    );
    const fault = departure(results, want, 2e-3);
    return fault && `network ${seed} on ${target.name}: ${fault}`;
  } finally {
    setBackend("wasm");
  }
}

/** Accesses of kernels that are not proved to stay inside their buffers although their indices are made of counters. */
export function unprovedAccesses(kernels: readonly Kernel[]): string[] {
  return kernels.flatMap((kernel) =>
    checkBounds(kernel)
      .unproved.filter(({ lookedUp }) => !lookedUp)
      .map(({ access, buffer }) => `${kernel.name}: ${"kind" in access ? "store to" : "load from"} b${buffer}`),
  );
}
