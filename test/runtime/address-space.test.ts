/** @file Hosts that reserve little address space for the arena, or none: limited by the shell, or played by a WebAssembly.Memory that refuses. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "rolldown";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { Arena } from "../../src/runtime/arena.ts";
import { LinearMemory } from "../../src/runtime/wasm/memory.ts";

afterEach(() => vi.unstubAllGlobals());

/** A host that reserves at most so many MiB. */
function reserveAtMost(mib: number): void {
  const { Memory } = WebAssembly;
  class Limited extends Memory {
    constructor(wanted: WebAssembly.MemoryDescriptor) {
      if (wanted.maximum! * 65536 > mib * 2 ** 20) throw new RangeError("WebAssembly.Memory(): could not allocate memory");
      super(wanted);
    }
  }
  vi.stubGlobal("WebAssembly", Object.assign(Object.create(WebAssembly), { Memory: Limited }));
}

test.each([
  [2000, 1024],
  [300, 256],
  [100, 64],
])("a host that reserves %i MiB gives a memory of %i MiB, and the refusal says why it ends there", (limit, given) => {
  reserveAtMost(limit);
  const arena = new Arena(new LinearMemory());
  expect([arena.most, arena.memory.shared]).toEqual([given * 2 ** 20, true]);
  const why = `the memory ends at ${given} MiB, since the host reserved no more address space (see ulimit -v)`;
  expect(() => arena.checkCouldHold(2 ** 31, 0)).toThrow(why);
  arena.allocate(given * 2 ** 20 - 2 ** 20);
  expect(() => arena.allocate(2 ** 31)).toThrow("out of memory");
});

test("a host that reserves nothing: the cause and the remedies are named", () => {
  reserveAtMost(1);
  expect(() => new Arena(new LinearMemory())).toThrow(
    /^the host refused to reserve address space .* 4096 MiB, 1024 MiB, 256 MiB, 64 MiB .* ulimit -v/,
  );
});

test("a host without WebAssembly gets a plain memory, for the interpreter", () => {
  vi.stubGlobal("WebAssembly", undefined);
  const arena = new Arena(new LinearMemory());
  expect(arena.allocate(16)).toBeGreaterThanOrEqual(0);
});

const BASH = "/bin/bash";
const limited = existsSync(BASH) && spawnSync(BASH, ["-c", "ulimit -v 6000000"]).status === 0;

describe.skipIf(!limited)("a process under ulimit -v (skipped where bash or ulimit is missing)", () => {
  const folder = mkdtempSync(join(tmpdir(), "address-space-"));
  const module = join(folder, "arena.mjs");
  beforeAll(() =>
    build({
      input: fileURLToPath(new URL("../../src/runtime/wasm/memory.ts", import.meta.url)),
      output: { file: module },
      logLevel: "silent",
    }),
  );
  afterAll(() => rmSync(folder, { recursive: true }));

  /** What a process that may use so many KiB of addresses says of its arena. */
  function under(kib: number, ...flags: string[]): string {
    const script = `import(${JSON.stringify(module)}).then(({ LinearMemory }) => console.log(new LinearMemory().most)).catch((error) => console.log(error.message))`;
    const command = `ulimit -v ${kib}; exec "$@"`;
    const run = spawnSync(BASH, ["-c", command, "bash", process.execPath, ...flags, "-e", script], { encoding: "utf8" });
    return run.stdout + run.stderr;
  }

  test("6 GB: the cause is named", () => expect(under(6_000_000)).toMatch(/^the host refused to reserve address space .*ulimit -v/));
  test.skipIf(!process.allowedNodeEnvironmentFlags.has("--disable-wasm-trap-handler"))("and the remedy helps", () =>
    expect(Number(under(6_000_000, "--disable-wasm-trap-handler"))).toBeGreaterThanOrEqual(2 ** 26),
  );
  test("16 GiB are enough", () => expect(Number(under(2 ** 24))).toBeGreaterThanOrEqual(2 ** 26));
});
