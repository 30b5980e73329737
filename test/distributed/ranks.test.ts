/** @file Ranks that are threads of this process: collective operations, and training to the same bits on 1, 2, 4 and 8 of them. */
import { spawn } from "node:child_process";
import { afterAll, describe, expect, test, vi } from "vitest";
import { single } from "../../src/distributed/communicator.ts";
import { distribute } from "../../src/distributed/distributed.ts";
import { ownProcess, Presence } from "../../src/distributed/presence.ts";
import { shareOf } from "../../src/distributed/processors.ts";
import { sized } from "../size.ts";
import { type buckets, collectives, derivative, differingCondition, type FitTask, inRegions, loop, sharded, train } from "./tasks.ts";
import { onThreads, removeBundle } from "./threads.ts";

afterAll(removeBundle);

/** The sum of f32 in the tree that the ranks promise. */
function tree(x: readonly number[]): number {
  if (x.length === 1) return x[0]!;
  let left = 1;
  while (2 * left < x.length) left *= 2;
  return Math.fround(tree(x.slice(0, left)) + tree(x.slice(left)));
}

const valueAt = (rank: number, i: number): number => Math.fround(Math.sin(37 * rank + i) * 10 ** ((rank * 5 + i) % 7));
const sumAt = (size: number, i: number): number => tree(Array.from({ length: size }, (_, r) => valueAt(r, i)));

describe("ranks that do not do the same are told what differs", () => {
  test("another model", async () => {
    const [first, second] = await onThreads<string>(2, "differs", { how: "model" });
    expect(second).toContain("rank 1 on ");
    expect(first).toMatch(
      /rank 1 on \S+ has cell 0, weight, of f32\[5, 64\], but rank 0 on \S+ has cell 0, weight, of f32\[4, 64\]; all ranks must have the same model/,
    );
  });

  test("other data", async () => {
    const [first] = await onThreads<string>(2, "differs", { how: "data" });
    expect(first).toMatch(/rank 1 on \S+ trains on 84 examples of 1x8x8 of 4 classes, .*, but rank 0 on \S+ trains on 90 examples/);
  });

  test("a message of another length", async () => {
    const [first, second] = await onThreads<string>(2, "differs", { how: "message" });
    expect(first).toMatch(/^expected 20 bytes from rank 1, which has sent 32; all ranks must have the same model/);
    expect(second).toMatch(/^expected 32 bytes from rank 0, which has sent 20;/);
  });
});

describe("what is known of another rank's process", () => {
  const machine = "host pid:[1] net:[1]";

  test("whether it runs, on the same machine", async () => {
    const own = await ownProcess();
    const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60000)"]);
    const pid = child.pid!;
    const presence = new Presence([own, own.replace(/\d+$/, String(pid)), `elsewhere\n${pid}`], 0);
    expect([0, 1, 2].map((rank) => presence.of(rank))).toEqual(["at work", "at work", "unknown"]);
    const ended = new Promise((resolve) => child.on("exit", resolve));
    child.kill("SIGKILL");
    await ended;
    expect(presence.of(1)).toBe("gone");
  });

  test("a container is a machine of its own, also under the same name", () => {
    const said = [`${machine}\n${process.pid}`, `host pid:[2] net:[1]\n${process.pid}`];
    expect(new Presence(said, 0).of(1)).toBe("unknown");
  });
});

describe("collective operations", () => {
  test.each([1, 2, 3, 4, 8])("on %i ranks: sums in one binary tree", async (size) => {
    const all = size === 1 ? [collectives(single())] : await onThreads<ReturnType<typeof collectives>>(size, "collectives");
    const places = [...Array.from({ length: 10 }, (_, i) => i), ...Array.from({ length: 13 }, (_, i) => 39_990 + i)];
    all.forEach((got, rank) => {
      expect(got.small).toEqual([0, 1, 2, 3, 4].map((i) => sumAt(size, i)));
      expect(got.large).toEqual(places.map((i) => sumAt(size, i)));
      expect(got.doubles).toEqual([(size * size) / 2, 2 * size]);
      expect(got.gathered).toEqual(Array.from({ length: 3 * size }, (_, i) => valueAt(Math.floor(i / 3), i % 3)));
      expect(got.scattered).toEqual(Array.from({ length: 20 }, (_, i) => sumAt(size, 20 * rank + i)));
      expect(got.sent).toEqual([7]);
      const mates = Array.from({ length: size }, (_, r) => r).filter((r) => r % 2 === rank % 2);
      expect(got.half).toEqual([mates.indexOf(rank), mates.length, mates.reduce((sum, r) => sum + r + 1, 0)]);
      expect(got.texts).toEqual(Array.from({ length: size }, (_, r) => r));
    });
  });

  test.each([1, 2, 4])("on %i ranks an all-reduce transposes to itself", async (size) => {
    // On each rank s = Σ (r + 1)·w and f = Σ s²; what all ranks minimize together is size·f, and rank r's share of its gradient is size·2s·(r + 1).
    const all = size === 1 ? [derivative(single())] : await onThreads<number[]>(size, "derivative");
    const weight = (size * (size + 1)) / 2;
    all.forEach((got, rank) => {
      const want = [1, 2].map((w) => size * 2 * weight * w * (rank + 1));
      expect(got).toEqual([...want, ...want]);
    });
  });

  test.each(["scan", "cond", "checkpoint"] as const)(
    "sums over the batch inside of %s have the same bits on any number of ranks",
    async (region) => {
      const want = inRegions(single(), { region });
      expect(want.every(Number.isFinite)).toBe(true);
      for (const size of sized([2], [2, 8]))
        for (const got of await onThreads<number[]>(size, "inRegions", { region })) expect(got).toEqual(want);
    },
  );

  test("a condition that differs between shards, with a sum over the batch behind it, is refused", () => {
    expect(() => differingCondition(single())).toThrow(
      "shards: cond has a sum over the batch inside, in which all shards must meet, but its condition differs between them; make the condition a sum too, as distributed.sum(x) gives it",
    );
  });

  test("a loop of one's own has the same bits on 1, 2 and 4 ranks", async () => {
    const want = loop(single());
    expect(want.at(-1)).toBeLessThan(want[0]!);
    for (const size of [2, 4]) for (const got of await onThreads<number[]>(size, "loop")) expect(got).toEqual(want);
  });
});

describe("gradients in buckets", () => {
  type Buckets = ReturnType<typeof buckets>;

  test.each(sized([2, 3], [2, 3, 8]))(
    "on %i ranks: the bits of gradients that are sent all at once, in the same order on all ranks",
    async (size) => {
      const on = (bytes: number): Promise<Buckets[]> => onThreads<Buckets>(size, "buckets", { bytes });
      const [first, ...others] = await on(0);
      expect(first!.sent).toEqual([]);
      const all = await on(40_000);
      for (const { losses } of [...others, ...all]) expect(losses).toEqual(first!.losses);
      // Of five layers two fill a bucket, the last ones first; three steps.
      const sent = all[0]!.sent.slice(0, 3);
      expect(sent.reduce((a, b) => a + b)).toBe(4 * (96 * 96 + 3 * 96) + 4 * 97);
      for (const each of all) expect(each.sent).toEqual([...sent, ...sent, ...sent]);
    },
  );

  test("a failure while gradients are on their way ends the step, and the next one says that the ranks are out of step", async () => {
    for (const { said } of await onThreads<Buckets>(2, "buckets", { bytes: 40_000, fails: 1 })) {
      expect(said[0]).toContain("the cable is out");
      expect(said[1]).toContain("a step before this one has failed while gradients were on their way");
      expect(said[2]).toContain("start all ranks again, from a checkpoint");
    }
  });
});

test("processes that Slurm has started without MPI are told how to start", async () => {
  vi.stubEnv("SLURM_STEP_NUM_TASKS", "4");
  try {
    await expect(distribute()).rejects.toThrow("mpi: srun has started 4 processes without telling them how to find each other");
    expect((await distribute({ communicator: single() })).size).toBe(1);
  } finally {
    vi.unstubAllEnvs();
  }
});

describe("processors of the ranks of one machine", () => {
  test.each([
    [
      ["0-7", "0-7"],
      [4, 4],
    ],
    [
      ["0-3", "4-7"],
      [4, 4],
    ],
    [
      ["0", "1"],
      [1, 1],
    ],
    [
      ["0-1", "0-1", "0-1"],
      [1, 1, 1],
    ],
    [
      ["0-2", "0-2", "0-2"],
      [1, 1, 1],
    ],
    [
      ["0-7", "0-3,9"],
      [6, 3],
    ],
    [
      ["0-5", "0-5", "6-7"],
      [3, 3, 2],
    ],
  ])("%j", (lists, want) => {
    expect(lists.map((_, own) => shareOf(lists, own))).toEqual(want);
  });

  test("a container's quota is divided too", () => {
    expect(shareOf(["0-15", "0-15"], 1, 8)).toBe(4);
  });
});

describe("an optimizer whose state is divided", () => {
  test.each(["adam", "sgd"] as const)("%s: the bits of the one alone, on 1, 2 and 3 ranks", async (kind) => {
    const one = sharded(single(), { kind });
    expect(one.divided).toEqual(one.alone);
    for (const size of [2, 3]) {
      for (const got of await onThreads<ReturnType<typeof sharded>>(size, "sharded", { kind })) {
        expect(got.divided, `${size} ranks`).toEqual(got.alone);
        // Rank 0 alone has the whole state.
        if (size === 2) expect(one.alone.slice(0, got.alone.length)).toEqual(got.alone);
        expect(got.here).toBeLessThan(got.undivided / size + 40);
      }
    }
  });
});

type Trained = Awaited<ReturnType<typeof train>>;

// More of it: test/slow/ranks.test.ts, and on processes test/slow/mpi.test.ts.
const cases: readonly FitTask[] = [{ network: "small", optimizer: "adam", epochs: 1 }];

describe("training", () => {
  test.each(cases)("$network, $optimizer, the same bits on 1 and 2 ranks", async (task) => {
    const want = await train(single(), task);
    expect(want.losses.length).toBe(4);
    expect(want.figures.every(Number.isFinite)).toBe(true);
    for (const size of [2]) {
      for (const got of await onThreads<Trained>(size, "train", task)) expect(got, `${size} ranks`).toEqual(want);
    }
  });
});
