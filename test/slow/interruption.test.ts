/**
 * @file Runs that are killed (kill -9) at random moments, and a disk that fills up, on the built command. `node scripts/kill.mjs 20` kills more.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { readSafetensors } from "../../src/formats/index.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "nabla-disk-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("killed at random moments, every run comes to the same bits, and every checkpoint can be read", () => {
  const seed = Date.now() % 1000;
  const flags = [
    "mlp",
    "--epochs",
    "40",
    "--ema",
    "0.98",
    "--validation",
    "0.1",
    "--plateau",
    "2",
    "--patience",
    "30",
    "--save-every",
    "9",
  ];
  const output = execFileSync(process.execPath, [join(root, "scripts/kill.mjs"), "3", String(seed), ...flags], { encoding: "utf8" });
  console.log(`seed ${seed}\n${output}`);
  expect(output).toMatch(/^\d kills, \d+ checkpoints read after them; all runs to the same bits$/m);
});

/** A disk of 900 kilobytes: four checkpoints, but not a model beside them, if this machine lets us have one. */
function smallDisk(): string | undefined {
  const path = join(folder, "disk");
  mkdirSync(path);
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=900k", "tmpfs", path]);
  return status === 0 ? path : undefined;
}

const disk = smallDisk();
afterAll(() => disk && spawnSync("umount", [disk]));

describe.skipIf(!disk)(`a full disk${disk ? "" : " (skipped: mounting a tmpfs is not allowed here)"}`, () => {
  const nabla = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [join(root, "dist/cli/main.js"), ...args], { encoding: "utf8" });
  const flags = ["mlp", "--epochs", "8", "--keep-last", "8"];
  /** Tensors and losses. */
  const bits = (run: string): unknown[] => [
    [...readSafetensors(readFileSync(join(run, "model.safetensors"))).entries].map(([, { data }]) =>
      Buffer.from(data.buffer).toString("hex"),
    ),
    readFileSync(join(run, "steps.csv"), "utf8"),
  ];

  test("warns and trains on, keeps whole what was saved, and with room again the run ends as it would have", () => {
    const run = join(disk!, "run");
    const full = nabla("train", ...flags, "--out", run);
    expect(full.stderr).toMatch(
      /^warning: cannot write .*step-\d+\.safetensors: ENOSPC.*; training goes on, what was saved before is safe$/m,
    );
    expect(full.stdout).toContain("epoch 8/8");
    expect(full.stderr).toMatch(/^error: cannot write .*ENOSPC/m);
    expect(full.status).toBe(1);
    expect(full.stderr.match(/^warning: /gm)).toHaveLength(1);
    const [, rescued] = /the trained model is in (.*?model\.safetensors); when there is room/.exec(full.stderr)!;
    expect(readSafetensors(readFileSync(rescued)).metadata.model).toBe("mlp");
    rmSync(join(rescued, ".."), { recursive: true });
    expect(JSON.parse(readFileSync(join(run, "run.json"), "utf8")).state).toBe("interrupted");
    const kept = readdirSync(join(run, "checkpoints"));
    expect(kept.length).toBeGreaterThan(1);
    for (const name of kept) readSafetensors(readFileSync(join(run, "checkpoints", name)), name);

    expect(spawnSync("mount", ["-o", "remount,size=64m", disk!]).status).toBe(0);
    expect(nabla("train", "--resume", run).status).toBe(0);
    const whole = join(folder, "whole");
    expect(nabla("train", ...flags, "--out", whole).status).toBe(0);
    expect(bits(run)).toEqual(bits(whole));
    expect(existsSync(join(run, "checkpoints", "step-00000232.safetensors"))).toBe(true);
  });
});

describe("processes", () => {
  const main = join(root, "dist/cli/main.js");
  const start = (args: string[], cwd = folder): ChildProcess =>
    spawn(process.execPath, [main, ...args], { cwd, stdio: ["ignore", "pipe", "pipe"] });
  const ended = (child: ChildProcess): Promise<{ code: number | null; errors: string }> =>
    new Promise((resolve) => {
      let errors = "";
      child.stdout!.resume();
      child.stderr!.on("data", (chunk) => {
        errors += chunk;
      });
      child.on("close", (code) => resolve({ code, errors }));
    });
  const trained = async (run: string): Promise<void> => {
    while (!existsSync(join(run, "steps.csv"))) await new Promise((resolve) => setTimeout(resolve, 20)); // biome-ignore format: one thought
  };
  const state = (run: string): string => JSON.parse(readFileSync(join(run, "run.json"), "utf8")).state;
  const long = ["train", "mlp", "--data", "moons", "--epochs", "100000"];

  test("eight trainings started together have a folder each", async () => {
    const place = mkdtempSync(join(folder, "together-"));
    const eight = Array.from({ length: 8 }, () => ended(start(["train", "mlp", "--data", "moons", "--epochs", "2"], place)));
    expect(await Promise.all(eight)).toEqual(eight.map(() => ({ code: 0, errors: "" })));
    const runs = readdirSync(join(place, "runs")).map((name) => join(place, "runs", name));
    expect(runs.map(state)).toEqual(eight.map(() => "finished"));
    expect(new Set(runs.map((run) => readFileSync(join(run, "steps.csv"), "utf8"))).size).toBe(1);
  });

  test.each([
    ["SIGTERM", 143],
    ["SIGHUP", 129],
    ["SIGINT", 130],
  ] as const)("%s saves and exits with %s", async (signal, code) => {
    // biome-ignore format: a table
    const run = join(folder, signal);
    const child = start([...long, "--out", run]);
    const end = ended(child);
    await trained(run);
    child.kill(signal);
    child.kill(signal); // as `timeout` and `npm` do
    expect(await end).toEqual({ code, errors: "" });
    expect(state(run)).toBe("interrupted");
    expect(readdirSync(join(run, "checkpoints")).length).toBeGreaterThan(0);
  });

  test("an output that nobody reads any more ends a run quietly", async () => {
    const run = join(folder, "pipe");
    const child = start([...long, "--out", run]);
    const end = ended(child);
    child.stdout!.once("data", () => child.stdout!.destroy());
    expect(await end).toEqual({ code: 141, errors: "" });
    expect(state(run)).toBe("interrupted");
  });

  test("one process at a time trains in a folder; --take-over ends the other", async () => {
    const run = join(folder, "shared");
    const first = start([...long, "--out", run]);
    const firstEnd = ended(first);
    await trained(run);
    const refusal = new RegExp(`^error: .*shared: process ${first.pid} is training there already`);
    for (const args of [
      ["train", "--resume", run],
      [...long, "--out", run, "--overwrite"],
    ]) {
      const { code, errors } = await ended(start(args));
      expect(code).toBe(1);
      expect(errors).toMatch(refusal);
    }
    const second = start(["train", "--resume", run, "--take-over"]);
    const secondEnd = ended(second);
    const { code, errors } = await firstEnd;
    expect(code).toBe(1);
    expect(errors).toContain("another process has taken the run over");
    second.kill("SIGKILL");
    await secondEnd;
    expect(spawnSync(process.execPath, [main, "runs", run], { encoding: "utf8" }).stdout).toContain(" interrupted ");
  });
});
