/**
 * @file Long runs in flat memory: 100,000 steps, 2,000 models and 3,000 compiled functions (`npm run test:nightly`; a fiftieth of that in the slow suite). The
 * blocks in use, the JavaScript heap and the array buffers at the end are what they were after a tenth of the way.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { compile } from "../../src/function/compile.ts";
import { backward } from "../../src/function/derivative.ts";
import { Linear } from "../../src/nn/linear.ts";
import { full, tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { Adam } from "../../src/optim/adam.ts";
import { theArena } from "../../src/runtime/backends.ts";
import { sized } from "../size.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const MIB = 2 ** 20;

interface Use {
  readonly blocks: number;
  readonly heap: number;
  readonly buffers: number;
}

/** What is in use once all garbage is gone: a collection, and turns of the event loop for the finalizers, until nothing more goes. */
async function use(): Promise<Use> {
  let last = Number.POSITIVE_INFINITY;
  for (;;) {
    collect();
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setTimeout(resolve, 1));
    const { heapUsed: heap, arrayBuffers: buffers } = process.memoryUsage();
    const now = { blocks: theArena().used, heap, buffers };
    if (now.blocks + now.buffers + now.heap >= last - MIB / 4) return now;
    last = now.blocks + now.buffers + now.heap;
  }
}

/** Runs `once` n times; what is in use at the end must be what was in use after a tenth of them. */
async function soak(n: number, once: (i: number) => void, heap: number = 16 * MIB): Promise<void> {
  const turnEvery = Math.max(1, Math.floor(n / 200));
  const upTo = async (from: number, to: number): Promise<Use> => {
    for (let i = from; i < to; i++) {
      once(i);
      if (i % turnEvery === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    return use();
  };
  const first = Math.ceil(n / 10);
  const before = await upTo(0, first);
  const after = await upTo(first, n);
  const report = `${n} rounds: ${JSON.stringify({ before, after })}`;
  expect(after.blocks - before.blocks, report).toBeLessThan(MIB / 4);
  expect(after.heap - before.heap, report).toBeLessThan(heap);
  expect(after.buffers - before.buffers, report).toBeLessThan(4 * MIB);
}

function trainer(width: number): { step: (x: Tensor) => Tensor; dispose: () => void } {
  const model = new Linear(width, width);
  const optimizer = new Adam(model.parameters());
  const step = compile((x: Tensor) => {
    const { value, grads } = backward(() => model.forward(x).square().mean(), model.parameters());
    optimizer.step(grads);
    return value;
  });
  const dispose = (): void => {
    for (const thing of [model, optimizer, step]) thing.dispose();
  };
  return { step, dispose };
}

test("of training steps, some of whose results are read", async () => {
  const { step } = trainer(8);
  const x = full([4, 8], 1);
  await soak(sized(2_000, 100_000), (i) => {
    const loss = step(x);
    if (i % 10 === 0) expect(Number.isFinite(loss.itemSync())).toBe(true);
  });
});

test("of models that are trained for two steps and dropped; every other one is disposed of", async () => {
  await soak(sized(40, 2_000), (i) => {
    const width = 32 + (i % 8);
    const { step, dispose } = trainer(width);
    step(full([2, width], 1));
    expect(Number.isFinite(step(full([2, width], 1)).itemSync())).toBe(true);
    if (i % 2 === 0) dispose();
  });
});

test("of compiled functions with constants, all different; every third one is disposed of", async () => {
  const x = tensor([1, 2, 3]);
  const once = (i: number): void => {
    const constant = tensor(new Float32Array(1000 + i).fill(i));
    const f = compile((y: Tensor): Tensor => constant.mul(y.sum()).add(i).max());
    expect(f(x).itemSync()).toBe(7 * i);
    if (i % 3 === 0) f.dispose();
  };
  // Plans of the functions compiled last are kept (runtime/plans.ts): some 40 MB, which 3,000 functions fill; after 12,000 it is no more (measured 2026-11-30).
  await soak(sized(60, 3_000), once, 48 * MIB);
});
