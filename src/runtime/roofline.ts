/**
 * @file Measures the peak rates of the machine: multiply-adds from registers, and bytes per millisecond by the amount of memory that a kernel touches. They give
 * each kernel a least time (roofline model: Williams et al. 2009). They are measured with kernels of this engine, so they are what its vectors reach, not the
 * data sheet.
 */
import { processorTime } from "../base/host.ts";
import * as k from "../kernel/build.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Arena } from "./arena.ts";
import { theBackend } from "./backends.ts";

/** The peak rates of the machine. */
export interface Roofline {
  /** Floating-point operations per millisecond on one thread. */
  readonly flops: number;
  /** Bytes per millisecond, half of them read and half written, for kernels that touch this many bytes. */
  bandwidth(bytes: number): number;
}

/** Bytes that the probes touch: within the first, second and third cache, and more than any cache. */
const FOOTPRINTS: readonly number[] = [1 << 14, 1 << 19, 1 << 22, 1 << 27];
const CHAINS = 12;
const ROUNDS = 1 << 14;

/** Measures the machine, in some 50 ms, with temporary memory from the arena. */
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

/** Adds 1 to one buffer and stores it in another, four vectors per iteration. */
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
    // On a busy machine the processor time of this process is more accurate, if the host knows it at a fine enough resolution.
    return (wall > 2 ? Math.min(wall, processorTime() - used || wall) : wall) / n;
  };
  // Runs long enough for the engine's optimizing tier.
  for (let i = 0, start = performance.now(); i < 3 || performance.now() - start < 4 * LEAST_MS; i++) call();
  // The number of calls is doubled until they take long enough for the clock.
  let n = 1;
  while (batch(n) * n < LEAST_MS) n *= 2;
  const times = Array.from({ length: SAMPLES }, () => batch(n)).sort((a, b) => a - b);
  return times[SAMPLES >> 1]!;
}
