/**
 * @file What the machine can do at most: multiply-adds out of registers, and bytes per millisecond for as much memory as a kernel touches. With them each
 * kernel has a least time, the roofline of Williams et al. (2009). Measured by kernels of this engine, so it is what 128-bit vectors reach, not the data sheet.
 */
import { processorTime } from "../base/host.ts";
import * as k from "../kernel/build.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Arena } from "./arena.ts";
import { theBackend } from "./backends.ts";

export interface Roofline {
  /** Floating-point operations per millisecond on one thread. */
  readonly flops: number;
  /** Bytes per millisecond, read and written in equal parts, for kernels that touch so many. */
  bandwidth(bytes: number): number;
}

/** Bytes that a probe touches: of the first cache, the second, the third, and what none holds. */
const FOOTPRINTS: readonly number[] = [1 << 14, 1 << 19, 1 << 22, 1 << 27];
const CHAINS = 12;
const ROUNDS = 1 << 14;

/** Probes the machine, in some 50 ms; the arena gives the memory and has it back. */
export function measureRoofline(arena: Arena): Roofline {
  const { lanes } = theBackend().target;
  const vector = lanes.f32;
  const kernels = [multiplyAdds(vector), ...FOOTPRINTS.map((bytes) => moves(bytes / 8, vector))];
  const from = arena.allocate(FOOTPRINTS.at(-1)! / 2);
  const to = arena.allocate(FOOTPRINTS.at(-1)! / 2);
  const program = { kernels, steps: [], bindings: 0 };
  const [adds, ...copies] = theBackend()
    .kernels(program, arena.memory)
    .map((run) => timeOf(() => run(from, to)));
  for (const at of [from, to]) arena.release(at);
  const rates = copies.map((ms, i) => FOOTPRINTS[i]! / ms);
  return {
    flops: (2 * vector * CHAINS * ROUNDS) / adds!,
    bandwidth: (bytes) => rates[FOOTPRINTS.findIndex((most) => bytes <= most)] ?? rates.at(-1)!,
  };
}

/** Independent chains of multiply-adds, as many as hide the latency. */
function multiplyAdds(vector: number): Kernel {
  const start = k.load(0, "f32", k.int(0), { lanes: vector });
  const chains = Array.from({ length: CHAINS }, (_, i) => k.bind(k.mul(start, k.float(i))));
  const factor = k.bind(start);
  const round = k.forLoop(ROUNDS, () => chains.map(({ variable }) => k.set(variable, k.fma(factor.variable, factor.variable, variable))));
  const stores = chains.map(({ variable }, i) => k.store(1, k.int(i * vector), variable));
  const buffers = [
    { dtype: "f32", length: vector, written: false },
    { dtype: "f32", length: vector * CHAINS, written: true },
  ] as const;
  return { name: "multiplyAdds", buffers, body: [factor.statement, ...chains.map((c) => c.statement), round, ...stores] };
}

/** One buffer into another, four vectors a turn. */
function moves(length: number, vector: number): Kernel {
  const body = k.forLoop(
    length,
    (i) =>
      [0, 1, 2, 3].map((n) => {
        const at = k.add(i, k.int(n * vector));
        return k.store(1, at, k.add(k.load(0, "f32", at, { lanes: vector }), k.float(1)));
      }),
    { step: 4 * vector },
  );
  const buffers = [
    { dtype: "f32", length, written: false },
    { dtype: "f32", length, written: true },
  ] as const;
  return { name: "moves", buffers, body: [body] };
}

const SAMPLES = 5;
const LEAST_MS = 3;

/** Milliseconds of one call, the median of several. */
export function timeOf(call: () => void): number {
  const batch = (n: number): number => {
    const [start, used] = [performance.now(), processorTime()];
    for (let i = 0; i < n; i++) call();
    const wall = performance.now() - start;
    // On a busy machine the processor's own time says more, where it is known and fine enough.
    return (wall > 2 ? Math.min(wall, processorTime() - used || wall) : wall) / n;
  };
  // Long enough to reach the optimizing tier.
  for (let i = 0, start = performance.now(); i < 3 || performance.now() - start < 4 * LEAST_MS; i++) call();
  // By doubling: one call may be shorter than the clock can tell.
  let n = 1;
  while (batch(n) * n < LEAST_MS) n *= 2;
  const times = Array.from({ length: SAMPLES }, () => batch(n)).sort((a, b) => a - b);
  return times[SAMPLES >> 1]!;
}
