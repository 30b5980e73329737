/** @file Ranks that are threads of this process, with an optimizer whose state is divided: whole trainings. */
import { afterAll, describe, expect, test } from "vitest";
import { single } from "../../src/distributed/communicator.ts";
import { type FitTask, train } from "../distributed/tasks.ts";
import { onThreads, removeBundle } from "../distributed/threads.ts";

afterAll(removeBundle);

type Trained = Awaited<ReturnType<typeof train>>;

describe("training with an optimizer whose state is divided", () => {
  test.each([
    { optimizer: "adam", clip: false },
    { optimizer: "sgd", accumulate: 2 },
  ] as const)("$optimizer: the bits of an undivided run, and a checkpoint that any number of ranks goes on from", async (task) => {
    const plain: FitTask = { network: "mlp", ...task, saveAt: 5 };
    const { saved: _, ...want } = await train(single(), plain);
    const [first, ...others] = await onThreads<Trained>(4, "train", { ...plain, sharded: true });
    const { saved, ...got } = first!;
    expect(got).toEqual(want);
    for (const other of others) expect(other).toEqual(want);
    // On with two ranks that divide the state, and alone with all of it.
    const rest = { figures: want.figures, weights: want.weights, losses: want.losses.slice(5) };
    const again: FitTask = { network: "mlp", ...task, resume: saved! };
    for (const other of await onThreads<Trained>(2, "train", { ...again, sharded: true })) expect(other).toEqual(rest);
    expect(await train(single(), again)).toEqual(rest);
  });
});
