/**
 * @file Runs that are killed (kill -9) at random moments, and a disk that fills up, on the built command. `node scripts/kill.mjs 20` kills more.
 */
import { execFileSync, spawnSync } from "node:child_process";
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
