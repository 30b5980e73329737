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
import { type collectives, type FitTask, type tasks, train } from "../distributed/tasks.ts";

const folder = mkdtempSync(join(tmpdir(), "nabla-mpi-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Within the project, so that the bundle finds its packages.
const place = mkdtempSync(join(import.meta.dirname, "../../node_modules/.nabla-mpi-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));
const script = bundled("rank", join(place, "rank.mjs"));

let runs = 0;

/** A task on so many ranks; gives what each of them gives. */
async function onRanks<T>(launcher: Launcher, size: number, name: keyof typeof tasks & string, task: unknown = {}): Promise<T[]> {
  const out = join(folder, String(runs++));
  mkdirSync(out);
  const { status, stderr } = launch(launcher, size, [await script, name, JSON.stringify(task), out]);
  expect(status, stderr).toBe(0);
  return Array.from({ length: size }, (_, r) => JSON.parse(readFileSync(join(out, `rank-${r}.json`), "utf8")) as T);
}

const cases: readonly FitTask[] = [
  { network: "mlp", optimizer: "adam", accumulate: 2 },
  { network: "cnn", optimizer: "sgd" },
];

for (const launcher of launchers) {
  describe.skipIf(launcher.missing !== undefined)(titleOf(launcher), () => {
    test("collective operations have the bits that ranks alone would have", async () => {
      const size = 4;
      const all = await onRanks<ReturnType<typeof collectives>>(launcher, size, "collectives");
      for (const got of all.slice(1)) {
        expect(got.large).toEqual(all[0]!.large);
        expect(got.small).toEqual(all[0]!.small);
      }
      expect(all.map(({ sent }) => sent)).toEqual([[7], [7], [7], [7]]);
      expect(all[0]!.texts).toEqual([0, 1, 2, 3]);
    });

    test.each(cases)("$network, $optimizer: the same losses, figures and weights on 1, 2 and 4 ranks; nearly on 3", async (task) => {
      const want = JSON.parse(JSON.stringify(await train(single(), task)));
      for (const size of launcher.name === "MPICH" ? [2] : [2, 4])
        for (const got of await onRanks<Awaited<ReturnType<typeof train>>>(launcher, size, "train", task))
          expect(got, `${size}`).toEqual(want);
      // Without random numbers, which are drawn by shard, 3 ranks differ by rounding alone.
      const plain = { ...task, plain: true };
      const exact = await train(single(), plain);
      const [third] = await onRanks<Awaited<ReturnType<typeof train>>>(launcher, 3, "train", plain);
      third!.losses.forEach((loss, i) => {
        expect(Math.abs(loss / exact.losses[i]! - 1), `step ${i}`).toBeLessThan(1e-5);
      });
    });
  });
}

const usable = launchers.filter(({ missing }) => missing === undefined);

describe.skipIf(usable.length === 0)(`what fails${usable.length === 0 ? " (skipped: no mpirun)" : ""}`, () => {
  test.each(usable)("$name: a rank that throws ends all, with one line that names it", async (launcher) => {
    const out = join(folder, `throws-${launcher.name}`);
    mkdirSync(out);
    const { status, stderr } = launch(launcher, 2, [await script, "throws", "{}", out]);
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/rank 1 on \S+, step 3: no more/);
  });

  /** A run of the command on ranks that it starts itself. */
  const nabla = (...args: string[]) =>
    spawnSync(process.execPath, [main, "train", ...args], {
      encoding: "utf8",
      timeout: 120_000,
      env: { ...process.env, NABLA_MPIRUN: usable[0]!.mpirun, NABLA_THREADS: "1" },
    });
  const weightsOf = (run: string): Buffer => readFileSync(join(run, "model.safetensors"));

  test("a killed rank: one clear line, a whole checkpoint, a restart on its own, and the bits of a run that nobody disturbed", async () => {
    const flags = ["mlp", "--data", "digits", "--epochs", "3", "--save-every", "5"];
    const alone = join(folder, "undisturbed");
    expect(nabla(...flags, "--distributed", "--out", alone).status).toBe(0);
    const out = join(folder, "killed");
    const { child, ended } = start(usable[0]!, [...flags, "--ranks", "4", "--restarts", "3", "--out", out]);
    await untilStep(out, 20);
    process.kill(rankOf(child.pid!, 2), "SIGKILL");
    const { status, stderr } = await ended;
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/^nabla: .*(signal 9|exit code 9).*; last checkpoint: step \d+; restart 1 of 3 on 4 ranks$/m);
    expect(weightsOf(out).equals(weightsOf(alone))).toBe(true);
  });

  test("a run whose optimizer is divided goes on undivided with another number of ranks, to the same bits", async () => {
    const flags = ["mlp", "--data", "digits", "--epochs", "2", "--save-every", "4"];
    const whole = join(folder, "whole");
    expect(nabla(...flags, "--distributed", "--out", whole).status).toBe(0);
    const out = join(folder, "fewer");
    const { child, ended } = start(usable[0]!, [...flags, "--ranks", "4", "--shard-optimizer", "--out", out]);
    await untilStep(out, 10);
    process.kill(rankOf(child.pid!, 3), "SIGKILL");
    expect((await ended).status).not.toBe(0);
    expect(nabla("--resume", out, "--ranks", "2").status).toBe(0);
    expect(weightsOf(out).equals(weightsOf(whole))).toBe(true);
  });

  test("a text is learned on two ranks as on one, and rank 0 shows what the model writes", () => {
    const text = join(folder, "text.txt");
    writeFileSync(text, "so it goes on and on and on, as it went.\n".repeat(40));
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

  const disk = join(folder, "disk");
  const unmounted = smallDisk(disk);
  afterAll(() => removeDisk(disk));

  test.skipIf(unmounted !== undefined)(
    `a full disk${unmounted === undefined ? "" : ` (skipped: ${unmounted})`}: the run ends with a line, its checkpoints are whole, and it goes on when there is room`,
    async () => {
      const flags = ["mlp", "--data", "digits", "--epochs", "4", "--save-every", "4"];
      const whole = join(folder, "roomy");
      expect(nabla(...flags, "--distributed", "--out", whole).status).toBe(0);
      const out = join(disk, "run");
      const { status, stderr, afterMs, step, damaged } = await fillUp(usable[0]!, disk, out, [...flags, "--ranks", "2"]);
      expect(status).not.toBe(0);
      expect(stderr).toMatch(/^nabla: rank 0 on \S+: .*no space left on device.*; last checkpoint: step \d+$/im);
      expect(afterMs).toBeLessThan(30_000);
      expect(step).toBeGreaterThanOrEqual(10);
      expect(damaged).toEqual([]);
      const again = nabla("--resume", out, "--ranks", "4");
      expect(again.status, again.stderr).toBe(0);
      expect(weightsOf(out).equals(weightsOf(whole))).toBe(true);
    },
  );

  const openMpi = usable.find(({ name }) => name === "Open MPI");
  const reason = openMpi ? obstacle() : "Open MPI is not installed";

  test.skipIf(reason !== undefined)(
    `a host that is cut off${reason === undefined ? "" : ` (skipped: ${reason})`}: the run ends, names it, and its checkpoints are whole`,
    async () => {
      const agent = raise(folder);
      try {
        const flags = ["mlp", "--data", "digits", "--epochs", "100", "--save-every", "5"];
        const { status, stderr, afterMs, damaged } = await cutOff(openMpi!, agent, join(folder, "cut"), flags);
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
