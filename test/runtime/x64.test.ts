/** @file Machine code as a backend: what it runs, what JavaScript runs in between, and what the profiler shows of it. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import "../../src/runtime/evaluate.ts";
import { compile } from "../../src/function/compile.ts";
import { scan } from "../../src/function/control.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { profile } from "../../src/runtime/profile.ts";
import { setBackend } from "../../src/runtime/set-backend.ts";
import { linearMemory } from "../../src/runtime/wasm/memory.ts";
import { poolOf, setThreads } from "../../src/runtime/wasm/pool.ts";
import { x64 } from "../../src/runtime/x64/backend.ts";
import { levelOf } from "../../src/runtime/x64/processor.ts";
import "../../src/runtime/x64/register.ts";
import { openSystem, type System } from "../../src/runtime/x64/system.ts";
import { Team } from "../../src/runtime/x64/team.ts";

const obstacle = x64.obstacle();

test("what a processor can do is decided from its words", () => {
  const avx2 = [(1 << 12) | (1 << 27) | (1 << 28), (1 << 5) | (1 << 8), 0b110] as const;
  const wide = ((1 << 16) | (1 << 17) | (1 << 30) | (1 << 31)) >>> 0;
  expect(levelOf(avx2)).toBe("avx2");
  expect(levelOf([avx2[0], (avx2[1] | wide) >>> 0, 0b11100110])).toBe("avx512");
  // A system that does not keep the upper registers.
  expect(levelOf([avx2[0], (avx2[1] | wide) >>> 0, 0b110])).toBe("avx2");
  expect(levelOf([0, 0, 0])).toBeUndefined();
});

describe.skipIf(obstacle !== undefined)(`machine code (${obstacle ?? "x64"})`, () => {
  beforeAll(() => setBackend("x64"));
  afterAll(() => setBackend("wasm"));

  const numbers = Float32Array.from({ length: 100 }, (_, i) => i / 10 - 5);

  test("runs a program with the host's functions between its kernels", () => {
    const f = compile((x: Tensor) => x.mul(2).add(1).abs().pow(tensor(1.5)).sum());
    const want = numbers.reduce((sum, x) => sum + Math.abs(2 * x + 1) ** 1.5, 0);
    expect(f(tensor(numbers)).dataSync()[0]).toBeCloseTo(want, 1);
  });

  test("runs loops of steps, with and without the host's functions inside", () => {
    const plain = compile((x: Tensor) => scan((c: Tensor, row: Tensor) => [c.add(row), c.mul(row)], tensor([1, 2]), x));
    const [carry, rows] = plain(
      tensor([
        [1, 1],
        [2, 2],
        [3, 3],
      ]),
    ) as [Tensor, Tensor];
    expect([...carry.dataSync()]).toEqual([7, 8]);
    expect([...rows.dataSync()]).toEqual([1, 2, 4, 6, 12, 15]);
    const hosted = compile((x: Tensor) => scan((c: Tensor, row: Tensor) => [c.pow(row), c], tensor([2, 3]), x));
    const [last] = hosted(
      tensor([
        [2, 2],
        [0.5, 0.5],
        [3, 1],
      ]),
    ) as [Tensor, Tensor];
    expect([...last.dataSync()].map((n) => Math.fround(n))).toEqual([8, 3]);
  });

  test("shows each kernel's code", () => {
    const f = compile((x: Tensor) => x.matmul(x));
    const x = tensor(Float32Array.from({ length: 64 * 64 }, (_, i) => i % 7)).reshape([64, 64]);
    const [row] = profile(() => f(x));
    expect(row!.code).toMatch(/vfmadd231ps zmm\d+,zmm\d+,zmm\d+/);
    expect(row!.code).toMatch(/^0 values on the stack/);
  });

  // A system without large pages does not note the wish.
  test.skipIf(!existsSync("/sys/kernel/mm/transparent_hugepage"))("asks the system for large pages for the arena", () => {
    const arena = (openSystem() as System).addressOf(x64.memory().buffer).toString(16);
    const parts = readFileSync("/proc/self/smaps", "utf8").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
    const own = parts.find((part) => part.startsWith(`${arena}-`));
    expect(own).toMatch(/^VmFlags:.* hg\b/m);
  });

  test("a process that ends waits for a thread that loads koffi", async () => {
    const folder = mkdtempSync(join(tmpdir(), "nabla-koffi-"));
    const [begun, done, slow] = ["begun", "done", "slow.cjs"].map((name) => join(folder, name)) as [string, string, string];
    const write = (file: string): string => `require("node:fs").writeFileSync(${JSON.stringify(file)}, "");`;
    const wait = "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);";
    const system = openSystem() as System;
    writeFileSync(slow, `${write(begun)} ${wait} module.exports = require(${JSON.stringify(system.file)}); ${write(done)}`);
    const { version, functions } = system;
    const slower: System = {
      version,
      functions,
      file: slow,
      addressOf: (buffer) => system.addressOf(buffer),
      preferLargePages: (address, bytes) => system.preferLargePages(address, bytes),
      place: (code) => system.place(code),
    };
    const others = new Set(process.listeners("exit"));
    setThreads(2);
    try {
      new Team(slower, poolOf(linearMemory())).share(() => {}, true)(0);
      while (!existsSync(begun)) await new Promise((resolve) => setTimeout(resolve, 5));
      expect(existsSync(done)).toBe(false);
      for (const listener of process.listeners("exit")) if (!others.has(listener)) listener.call(process, 0);
      expect(existsSync(done)).toBe(true);
    } finally {
      setThreads(1);
      rmSync(folder, { recursive: true });
    }
  });
});
