/**
 * @file Training on processes that mpirun starts, Open MPI's and MPICH's: collective operations, the same bits on 1, 2 and 4 ranks, and what happens when a
 * rank ends or throws.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { single } from "../../src/distributed/communicator.ts";
import { png } from "../data/make-images.ts";
import { tar } from "../data/make-tar.ts";
import { bundled } from "../distributed/bundle.ts";
import { cutOff, fillUp, removeDisk, smallDisk } from "../distributed/faults.ts";
import { type Launcher, launch, launchers, main, rankOf, start, titleOf, untilStep } from "../distributed/launch.ts";
import { lower, obstacle, raise } from "../distributed/netns.ts";
import { buckets, type collectives, type FitTask, type tasks, train } from "../distributed/tasks.ts";
import { sized } from "../size.ts";

const folder = mkdtempSync(join(tmpdir(), "nabla-mpi-"));
const disk = join(folder, "disk");
afterAll(() => {
  // Here, since the hooks of a group do not run when all of its tests are filtered out.
  removeDisk(disk);
  rmSync(folder, { recursive: true, force: true });
});

// Within the project, so that the bundle finds its packages.
const place = mkdtempSync(join(import.meta.dirname, "../../node_modules/.nabla-mpi-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));
const script = bundled("rank", join(place, "rank.mjs"));

let runs = 0;

/** What a start of the ranks gave: how it ended, and for each rank the results of its tasks. */
interface Started {
  readonly status: number | null;
  readonly stderr: string;
  readonly results: readonly (readonly unknown[])[];
}

/** Tasks on so many ranks, in one start. */
async function onRanks(
  launcher: Launcher,
  size: number,
  list: readonly (readonly [keyof typeof tasks & string, unknown])[],
  env: NodeJS.ProcessEnv = {},
): Promise<Started> {
  const out = join(folder, String(runs++));
  mkdirSync(out);
  const { status, stderr } = launch(launcher, size, [await script, JSON.stringify(list), out], env);
  const resultsOf = (rank: number): unknown[] => JSON.parse(readFileSync(join(out, `rank-${rank}.json`), "utf8"));
  return { status, stderr, results: Array.from({ length: size }, (_, r) => resultsOf(r)) };
}

const mlp: FitTask = { network: "mlp", optimizer: "adam", accumulate: 2 };
const cnn: FitTask = { network: "cnn", optimizer: "sgd" };
// Without random numbers, which are drawn by shard, 3 ranks differ by rounding alone.
const PLAIN: readonly FitTask[] = [mlp, cnn].map((task) => ({ ...task, plain: true }));
const sums = ["collectives", {}] as const;
const sentInBuckets = ["buckets", { bytes: 40_000 }] as const;

/** What one process gives, as ranks write it. */
const alone = new Map<FitTask, Promise<Trained>>();
type Trained = Awaited<ReturnType<typeof train>>;
function onOne(task: FitTask): Promise<Trained> {
  let run = alone.get(task);
  if (!run) {
    run = train(single(), task).then((result) => JSON.parse(JSON.stringify(result)));
    alone.set(task, run);
  }
  return run;
}

/** Collective operations and gradients in buckets, on all ranks alike. */
function checkSums(all: readonly (readonly unknown[])[]): void {
  for (const [got, sent] of all as [ReturnType<typeof collectives>, ReturnType<typeof buckets>][]) {
    const [first, firstSent] = all[0] as [ReturnType<typeof collectives>, ReturnType<typeof buckets>];
    expect(got.large).toEqual(first.large);
    expect(got.small).toEqual(first.small);
    expect(got.sent).toEqual([7]);
    expect(got.texts).toEqual(all.map((_, r) => r));
    expect(sent).toEqual(firstSent);
    expect(sent.sent.length).toBe(9);
  }
}

for (const launcher of launchers) {
  describe.skipIf(launcher.missing !== undefined)(titleOf(launcher), () => {
    // What does not depend on the library of messages is tested with the first; nightly with both.
    const own = sized(launcher.name !== "MPICH", true);
    test.each(launcher.name === "MPICH" ? [2] : [2, 4])(
      "%i ranks: sums, gradients in buckets, and the losses, figures and weights of one process; one that throws ends all, with a line that names it",
      async (size) => {
        const tasks = [sums, sentInBuckets, ["train", mlp], ["train", cnn], ["throws", {}]] as const;
        const { status, stderr, results } = await onRanks(launcher, size, tasks);
        expect(status).not.toBe(0);
        expect(stderr).toMatch(/rank 1 on \S+, step 3: no more/);
        checkSums(results);
        const once = JSON.parse(JSON.stringify(buckets(single(), { bytes: 40_000 })));
        for (const [, sent, ofMlp, ofCnn] of results as [unknown, ReturnType<typeof buckets>, Trained, Trained][]) {
          expect(sent.losses).toEqual(once.losses);
          expect(ofMlp).toEqual(await onOne(mlp));
          expect(ofCnn).toEqual(await onOne(cnn));
        }
      },
    );

    test("2 ranks that differ, in their model, their data or a message, are told so", async () => {
      const tasks = (["model", "data", "message"] as const).map((how) => ["differs", { how }] as const);
      const { status, stderr, results } = await onRanks(launcher, 2, tasks);
      expect(status, stderr).toBe(0);
      const [model, data, message] = results[0] as string[];
      expect(model).toMatch(/rank 1 on \S+ has cell 0, weight, of f32\[5, 64\], but rank 0 on \S+ has cell 0, weight, of f32\[4, 64\]/);
      expect(data).toMatch(/rank 1 on \S+ trains on 84 examples .*, but rank 0 on \S+ trains on 90 examples/);
      expect(message).toMatch(/^expected 20 bytes from rank 1, which has sent (32|more); all ranks must have the same model/);
      expect(results[1]![2]).toMatch(/^expected 32 bytes from rank 0, which has sent 20;/);
    });

    test.each(own ? [false, true] : [])(
      "a rank that works alone is waited for, one that has ended its program is not (fast: %s)",
      async (fast) => {
        const { status, stderr, results } = await onRanks(launcher, 2, [["leaves", {}]], {
          NABLA_MPI_PATIENCE: "2",
          ...(fast && { NABLA_TEST_FAST: "1" }),
        });
        expect(status).not.toBe(0);
        expect(stderr).toMatch(/rank 0 has waited [23] s for rank 1, which is at work \(process \d+\)/);
        expect(stderr).toMatch(
          /error: rank 0 on \S+: rank 1 has ended its program while rank 0 waits for it; all ranks must take the same number of steps/,
        );
        expect(results).toEqual([[], []]);
      },
    );

    test.each(own ? [3] : [])("%i ranks: the same sums on each, and nearly the losses of one process", async (size) => {
      const { status, stderr, results } = await onRanks(launcher, size, [
        sums,
        sentInBuckets,
        ...PLAIN.map((task) => ["train", task] as const),
      ]);
      expect(status, stderr).toBe(0);
      checkSums(results);
      for (const [k, task] of PLAIN.entries()) {
        const exact = await onOne(task);
        (results[0]![2 + k] as Trained).losses.forEach((loss, i) => {
          expect(Math.abs(loss / exact.losses[i]! - 1), `${task.network}, step ${i}`).toBeLessThan(1e-5);
        });
      }
    });
  });
}

const usable = launchers.filter(({ missing }) => missing === undefined);

describe.skipIf(usable.length === 0)(`what fails${usable.length === 0 ? " (skipped: no mpirun)" : ""}`, () => {
  /** A run of the command on ranks that it starts itself. */
  const nabla = (...args: string[]) =>
    spawnSync(process.execPath, [main, "train", ...args], {
      encoding: "utf8",
      timeout: 120_000,
      env: { ...process.env, NABLA_MPIRUN: usable[0]!.mpirun, NABLA_THREADS: "1" },
    });
  const weightsOf = (run: string): Buffer => readFileSync(join(run, "model.safetensors"));

  const flags = ["mlp", "--data", "digits", "--epochs", "3", "--save-every", "4"];
  let undisturbed: Buffer | undefined;
  /** The weights of a run of these flags that nobody disturbed, on one rank. */
  function wanted(): Buffer {
    if (!undisturbed) {
      const out = join(folder, "undisturbed");
      const { status, stderr } = nabla(...flags, "--distributed", "--out", out);
      expect(status, stderr).toBe(0);
      undisturbed = weightsOf(out);
    }
    return undisturbed;
  }

  test("a killed rank: one clear line, a whole checkpoint, a restart on its own, and the bits of a run that nobody disturbed", async () => {
    const out = join(folder, "killed");
    const { child, ended } = start(usable[0]!, [...flags, "--ranks", "4", "--restarts", "3", "--out", out]);
    await untilStep(out, 20);
    process.kill(rankOf(child.pid!, 2), "SIGKILL");
    const { status, stderr } = await ended;
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/^nabla: .*(signal 9|exit code 9|rank 2 is gone).*; last checkpoint: step \d+; restart 1 of 3 on 4 ranks$/m);
    expect(weightsOf(out).equals(wanted())).toBe(true);
  });

  test("a run whose optimizer is divided goes on undivided with another number of ranks, to the same bits", async () => {
    const out = join(folder, "fewer");
    const { child, ended } = start(usable[0]!, [...flags, "--ranks", "4", "--shard-optimizer", "--out", out]);
    await untilStep(out, 10);
    process.kill(rankOf(child.pid!, 3), "SIGKILL");
    expect((await ended).status).not.toBe(0);
    expect(nabla("--resume", out, "--ranks", "2").status).toBe(0);
    expect(weightsOf(out).equals(wanted())).toBe(true);
  });

  test("a text is learned on two ranks as on one, and rank 0 shows what the model writes", () => {
    const text = join(folder, "text.txt");
    writeFileSync(text, "so it goes on and on and on, as it went.\n".repeat(16));
    const flags = ["gpt", "--data", text, "--context", "16", "--layers", "1", "--heads", "2", "--features", "16", "--epochs", "1"];
    const [alone, together] = ["text-1", "text-2"].map((name) => join(folder, name));
    expect(nabla(...flags, "--distributed", "--out", alone!).status).toBe(0);
    const { status, stdout, stderr } = nabla(...flags, "--ranks", "2", "--out", together!);
    expect(status, stderr).toBe(0);
    // Open MPI gives the ranks a terminal, where the last line alone has room for it.
    expect(stdout).toMatch(/it writes: \\?"/);
    expect(weightsOf(together!).equals(weightsOf(alone!))).toBe(true);
  });

  test("pictures in shards: the same bits on one rank and on two, which read from threads", () => {
    const shards = join(folder, "shards");
    mkdirSync(shards);
    for (let s = 0; s < 5; s++)
      tar(
        join(shards, `train-${s}.tar`),
        Array.from({ length: 9 + s }, (_, i): [string, Uint8Array | string][] => [
          [`${s}-${i}.png`, png({ width: 6, height: 6, sample: (x, y) => 60 * (i % 3) + 5 * x + 3 * y + s })],
          [`${s}-${i}.cls`, String(i % 3)],
        ]).flat(),
      );
    const flags = ["mlp", "--data", shards, "--epochs", "2", "--batch-size", "16"];
    const [alone, together] = ["shards-1", "shards-2"].map((name) => join(folder, name));
    const first = nabla(...flags, "--distributed", "--out", alone!);
    expect(first.status, first.stderr).toBe(0);
    expect(first.stdout).toContain("5 shards of 9 to 13 images train");
    const { status, stderr } = nabla(...flags, "--workers", "1", "--ranks", "2", "--out", together!);
    expect(status, stderr).toBe(0);
    expect(weightsOf(together!).equals(weightsOf(alone!))).toBe(true);
  });

  const unmounted = smallDisk(disk);

  test.skipIf(unmounted !== undefined)(
    `a full disk${unmounted === undefined ? "" : ` (skipped: ${unmounted})`}: the run ends with a line, its checkpoints are whole, and it goes on when there is room`,
    async () => {
      const out = join(disk, "run");
      const { status, stderr, afterMs, step, damaged } = await fillUp(usable[0]!, disk, out, [...flags, "--ranks", "2"]);
      expect(status).not.toBe(0);
      expect(stderr).toMatch(/^nabla: rank 0 on \S+: .*no space left on device.*; last checkpoint: step \d+$/im);
      expect(afterMs).toBeLessThan(30_000);
      expect(step).toBeGreaterThanOrEqual(10);
      expect(damaged).toEqual([]);
      const again = nabla("--resume", out, "--ranks", "4");
      expect(again.status, again.stderr).toBe(0);
      expect(weightsOf(out).equals(wanted())).toBe(true);
    },
  );

  const openMpi = usable.find(({ name }) => name === "Open MPI");
  const reason = openMpi ? obstacle() : "Open MPI is not installed";

  test.skipIf(reason !== undefined)(
    `a host that is cut off${reason === undefined ? "" : ` (skipped: ${reason})`}: the run ends, names it, and its checkpoints are whole`,
    async () => {
      const agent = raise(folder);
      try {
        const long = ["mlp", "--data", "digits", "--epochs", "100", "--save-every", "5"];
        const { status, stderr, afterMs, damaged } = await cutOff(openMpi!, agent, join(folder, "cut"), long);
        expect(status, stderr).not.toBe(0);
        expect(afterMs).toBeLessThan(30_000);
        expect(stderr).toMatch(/h2/);
        expect(damaged).toEqual([]);
      } finally {
        lower();
      }
    },
  );

  test("several processes without --distributed are told so", () => {
    const { status, stderr } = launch(usable[0]!, 2, [main, "train", "mlp", "--data", "digits", "--out", join(folder, "alone")]);
    expect(status).not.toBe(0);
    expect(stderr).toContain("mpirun has started 2 processes, each of which would train by itself; to train together: --distributed");
  });
});
