/**
 * @file Long tests of training on many ranks: networks of the zoo to the same bits on 1, 2 and 4 ranks, twenty killed ranks, five cut networks. Needs the build and an
 * mpirun; `NABLA_KILLS` and `NABLA_CUTS` change the numbers.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundled } from "../distributed/bundle.ts";
import { checkpointsOf, cutOff } from "../distributed/faults.ts";
import { launch, launchers, rankOf, start, untilStep } from "../distributed/launch.ts";
import { lower, obstacle, raise } from "../distributed/netns.ts";

const folder = mkdtempSync(join(tmpdir(), "nabla-mpi-"));
const place = mkdtempSync(join(import.meta.dirname, "../../node_modules/.nabla-mpi-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  rmSync(place, { recursive: true, force: true });
});

const kills = Number(process.env.NABLA_KILLS ?? 20);
const cuts = Number(process.env.NABLA_CUTS ?? 5);
const usable = launchers.filter(({ missing }) => missing === undefined);
const openMpi = usable.find(({ name }) => name === "Open MPI");
const testLoss = (run: string): number => JSON.parse(readFileSync(join(run, "run.json"), "utf8")).testLoss;
const flags = ["mlp", "--data", "digits", "--epochs", "6", "--save-every", "5"];

describe.skipIf(usable.length === 0)(`on many ranks${usable.length === 0 ? " (skipped: no mpirun)" : ""}`, () => {
  test.each(["lenet5", "resnet20"])("%s with Adam and clipping: the same losses and weights on 1, 2 and 4 ranks", async (model) => {
    const script = await bundled("rank", join(place, "rank.mjs"));
    const results = [1, 2, 4].flatMap((size) => {
      const out = join(folder, `${model}-${size}`);
      mkdirSync(out);
      const { status, stderr } = launch(usable[0]!, size, [script, JSON.stringify([["zoo", { model }]]), out]);
      expect(status, stderr).toBe(0);
      return Array.from({ length: size }, (_, r) => readFileSync(join(out, `rank-${r}.json`), "utf8"));
    });
    expect(new Set(results).size).toBe(1);
  });

  test(`${kills} killed ranks: each time a clear line, a whole checkpoint, and in the end the bits of an undisturbed run; on 3 ranks nearly`, async () => {
    const undisturbed = join(folder, "undisturbed");
    expect((await start(usable[0]!, [...flags, "--distributed", "--out", undisturbed]).ended).status).toBe(0);
    const want = readFileSync(join(undisturbed, "model.safetensors"));
    for (let k = 0; k < kills; k++) {
      const out = join(folder, `killed-${k}`);
      const sharded = k % 2 === 1 ? ["--shard-optimizer"] : [];
      const { child, ended } = start(usable[k % usable.length]!, [...flags, ...sharded, "--ranks", "4", "--out", out]);
      await untilStep(out, 10 + ((37 * k) % 100));
      process.kill(rankOf(child.pid!, (7 * k) % 4), "SIGKILL");
      const since = Date.now();
      const { status, stderr } = await ended;
      expect(status, `kill ${k}`).not.toBe(0);
      expect(Date.now() - since).toBeLessThan(30_000);
      expect(stderr).toMatch(/^nabla: .*; last checkpoint: step \d+$/m);
      expect((await checkpointsOf(out)).damaged).toEqual([]);
      const ranks = k % 4 === 3 ? 3 : 2;
      const again = await start(usable[0]!, ["--resume", out, "--ranks", String(ranks)]).ended;
      expect(again.status, again.stderr).toBe(0);
      if (ranks === 2) expect(readFileSync(join(out, "model.safetensors")).equals(want), `kill ${k}`).toBe(true);
      else expect(Math.abs(testLoss(out) / testLoss(undisturbed) - 1), `kill ${k}`).toBeLessThan(1e-5);
    }
  });
});

const reason = openMpi ? obstacle() : "Open MPI is not installed";

describe.skipIf(reason !== undefined)(`across two machines${reason === undefined ? "" : ` (skipped: ${reason})`}`, () => {
  let agent = "";
  beforeAll(() => {
    agent = raise(folder);
  });
  afterAll(lower);

  test(`${cuts} cut networks: each time an end within 30 s that names the machine, a whole checkpoint`, async () => {
    for (let k = 0; k < cuts; k++) {
      const { status, stderr, afterMs, step, damaged } = await cutOff(openMpi!, agent, join(folder, `cut-${k}`), [
        ...flags,
        "--epochs",
        "100",
      ]);
      expect(status, stderr).not.toBe(0);
      expect(afterMs).toBeLessThan(30_000);
      expect(stderr).toMatch(/h2/);
      expect(damaged).toEqual([]);
      expect(step).toBeGreaterThanOrEqual(10);
    }
  });
});
