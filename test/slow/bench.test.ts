/** @file The benchmarks as the harness of the peers starts them: one JSON line per workload, STEP and nothing else for the cold start. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { constantsIn } from "../../scripts/bench-target.mjs";
import { CHROMIUM } from "../../scripts/page.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const start = (command: string, ...args: string[]) => spawnSync(command, args, { cwd: root, encoding: "utf8" });
const peer = (...args: string[]) => start(join(root, "bench/peer"), ...args);

test("the constants of the target are derived again, each beside the one that is stored", () => {
  const script = (...args: string[]) => start(process.execPath, "scripts/bench.mjs", "--target", ...args);
  const { stdout, status } = script("fold", "shortSum", "--sec", "0.1");
  expect(status).toBe(0);
  expect(stdout).toMatch(
    /^costs\.fold +stored 6, measured (nothing|6|3|12) with softmax_fwd \(3: (same code|[\d.]+), 12: (same code|[\d.]+)\)$/m,
  );
  expect(stdout).toMatch(/^tiling\.shortSum +stored 64, measured nothing with dw3x3_fwd \(32: same code, 128: same code\)$/m);
  expect(script("spin").stderr).toMatch(/^bench: unknown constant "spin" \(known: iteration, latency, .*\)\n$/);
  // Every constant names a workload that there is.
  const text = readFileSync(join(root, "src/kernel/target.ts"), "utf8");
  const known = readFileSync(join(root, "bench/workloads.ts"), "utf8");
  for (const { workload } of constantsIn(text)) {
    const name = /^(?:gemm|mlp_b)_?\d+$/.test(workload) ? workload.replace(/\d+$/, "") : workload.replace(/_(fwd|fb)$/, "");
    expect(known, workload).toContain(name);
  }
});

describe("bench", () => {
  beforeAll(() => {
    // Builds the package and the benchmarks if they are stale.
    expect(start(process.execPath, "scripts/bench.mjs", "--help")).toMatchObject({ status: 0 });
  });

  test("a workload is one JSON line with the agreed keys", () => {
    const { stdout, status } = peer("--only", "xor", "--backend", "wasm", "--threads", "1", "--jsonl");
    expect(status).toBe(0);
    const row = JSON.parse(stdout);
    expect(Object.keys(row)).toEqual(["peer", "threads", "w", "median_ms", "min_ms", "n"]);
    expect(row).toMatchObject({ peer: "nabla-wasm", threads: 1, w: "xor" });
    expect(row.median_ms).toBeGreaterThan(0);
  });

  test("the cold start prints STEP and nothing else", () => {
    expect(peer("--only", "cold").stdout).toBe("STEP\n");
  });

  test("what the engine cannot do is a row with an error", () => {
    // No machine code is made for a processor of another kind.
    const env = { ...process.env, NABLA_CPU: "sse" };
    const { stdout } = spawnSync(join(root, "bench/peer"), ["--only", "xor", "--backend", "x64", "--jsonl"], {
      cwd: root,
      encoding: "utf8",
      env,
    });
    expect(JSON.parse(stdout)).toMatchObject({
      peer: "nabla-x64",
      w: "xor",
      error: expect.any(String),
    });
  });

  const inPage = (...args: string[]) => start(process.execPath, "scripts/bench.mjs", "--browser", ...args);

  test.skipIf(!existsSync(CHROMIUM))("the page gives the same rows, on two threads too (skipped where Chromium is not installed)", () => {
    const { stdout, stderr, status } = inPage("--only", "xor,mlp", "--threads", "2", "--jsonl");
    expect([stderr, status]).toEqual(["", 0]);
    const rows = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(rows.map(({ w }) => w)).toEqual(["xor", "mlp_b128", "mlp_b32"]);
    for (const row of rows) {
      expect(Object.keys(row)).toEqual(["peer", "threads", "w", "median_ms", "min_ms", "n"]);
      expect(row).toMatchObject({ peer: "nabla-browser", threads: 2 });
      expect(row.median_ms).toBeGreaterThan(0);
    }
  });

  test.skipIf(!existsSync(CHROMIUM))("the page names the groups it has (skipped where Chromium is not installed)", () => {
    const { stdout, stderr, status } = inPage("--only", "gem");
    expect([stdout, status]).toEqual(["", 1]);
    expect(stderr).toMatch(/^bench: unknown group "gem" \(known: gemm, elem, mlp, .*\)\n$/);
  });

  test("an unknown group is an error that names the known ones", () => {
    const { stdout, stderr, status } = peer("--only", "gem");
    expect([stdout, status]).toEqual(["", 1]);
    expect(stderr).toMatch(/^bench: unknown group "gem" \(known: gemm, elem, mlp, .*\)\n$/);
  });
});
