/** @file The self-test of machine code: what passes, each way in which it fails, and what is remembered of it. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import "../../src/runtime/evaluate.ts";
import { AVX2_MACHINE, AVX512_MACHINE } from "../../src/codegen/x64/target.ts";
import { BACKENDS, backendName, choice } from "../../src/runtime/backends.ts";
import { setBackend } from "../../src/runtime/set-backend.ts";
import { x64 } from "../../src/runtime/x64/backend.ts";
import { levelOfFlags } from "../../src/runtime/x64/processor.ts";
import { CHILD, selfTest } from "../../src/runtime/x64/self-test.ts";
import "../../src/runtime/x64/register.ts";
import { hasMachineCode } from "../machine-code.ts";

test("what a processor can do is read from the system's flags", () => {
  const flags = "flags\t\t: fpu avx fma bmi2 avx2";
  expect(levelOfFlags(`model name\t: a\n${flags}`)).toBe("avx2");
  expect(levelOfFlags(`${flags} avx512f avx512dq avx512bw avx512vl`)).toBe("avx512");
  expect(levelOfFlags(`${flags} avx512f avx512dq avx512bw`)).toBe("avx2");
  expect(levelOfFlags("flags\t: avx fma bmi2")).toBeUndefined();
  expect(levelOfFlags("")).toBeUndefined();
});

describe.skipIf(!hasMachineCode)("the self-test", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "nabla-self-test-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const failing = (text: string, timeout = 60_000): string | undefined => selfTest(AVX512_MACHINE, { folder, text, timeout });
  const never = 'process.stdout.write("ran again")';

  test.each([AVX512_MACHINE, AVX2_MACHINE])("passes, once", (machine) => {
    expect(selfTest(machine, { folder })).toBeUndefined();
    expect(readdirSync(folder)).toHaveLength(1);
    expect(selfTest(machine, { folder, text: never })).toBeUndefined();
  });

  test("is run apart for each kind of machine", () => {
    expect(selfTest(AVX512_MACHINE, { folder })).toBeUndefined();
    expect(selfTest(AVX2_MACHINE, { folder, text: never })).toContain("ran again");
    expect(readdirSync(folder)).toHaveLength(2);
  });

  test("remembers that it failed, and says what to do", () => {
    const reason = failing('throw new Error("no such instruction")');
    expect(reason).toContain("its self-test failed: ");
    expect(reason).toContain("no such instruction");
    const [file] = readdirSync(folder);
    expect(reason).toContain(`to run it again, remove ${join(folder, file!)}`);
    expect(selfTest(AVX512_MACHINE, { folder })).toBe(reason);
  });

  test("notices a crash, an end without a word, and a process that never ends", () => {
    const crash = 'process.kill(process.pid, "SIGSEGV"); setTimeout(() => {}, 10_000)';
    for (const [text, reason, timeout] of [
      [crash, "it crashed (SIGSEGV)"],
      ["process.exit(3)", "it ended with 3"],
      ["for (;;);", "it did not end within 0.5 s", 500],
      ['process.stdout.write("passed"); process.exitCode = 4', "passed"],
    ] as const) {
      expect(failing(text, timeout)).toContain(`its self-test failed: ${reason}`);
      rmSync(join(folder, readdirSync(folder)[0]!));
    }
  });

  test("notices a single wrong bit", () => {
    const turned = 'if (name === "integers") memory[offsets[1] + 4] ^= 1; const wrong';
    expect(failing(CHILD.replace("const wrong", turned))).toContain("kernel integers gives other numbers than the interpreter");
  });

  test("says where no process can be started, and where nothing can be remembered", () => {
    expect(selfTest(AVX512_MACHINE, { folder, program: join(folder, "none") })).toMatch(/it could not be started \(.*ENOENT\)/);
    expect(selfTest(AVX512_MACHINE, { folder: "/dev/null/nabla" })).toMatch(/^its self-test cannot be run: ENOTDIR/);
  });

  test("is run again where the file of what it found is damaged", () => {
    expect(selfTest(AVX512_MACHINE, { folder })).toBeUndefined();
    const file = join(folder, readdirSync(folder)[0]!);
    const whole = readFileSync(file, "utf8");
    for (const damaged of ["", whole.slice(0, 40), "null", whole.replace("nabla ", "nabla 9")]) {
      writeFileSync(file, damaged);
      expect(selfTest(AVX512_MACHINE, { folder, text: never })).toContain("ran again");
      writeFileSync(file, damaged);
      expect(selfTest(AVX512_MACHINE, { folder })).toBeUndefined();
      expect(readFileSync(file, "utf8")).toBe(whole);
    }
  });
});

describe("auto", () => {
  const obstacle = x64.obstacle;
  afterEach(() => {
    Object.assign(x64, { obstacle });
    setBackend("wasm");
  });

  test("takes machine code where it works, else WebAssembly", () => {
    setBackend("auto");
    expect(backendName()).toBe(x64.obstacle() === undefined ? "x64" : "wasm");
    Object.assign(x64, { obstacle: () => "its self-test failed: it crashed" });
    setBackend("auto");
    expect(backendName()).toBe("wasm");
    expect(choice.initial()).toBe(BACKENDS.get("wasm"));
  });

  test("takes WebAssembly in another thread, which may be terminated while it loads koffi", () => {
    const found = process.getBuiltinModule.bind(process);
    const asked = vi.fn(obstacle);
    Object.assign(x64, { obstacle: asked });
    const isMainThread = false;
    vi.spyOn(process, "getBuiltinModule").mockImplementation(((id: string) =>
      id === "node:worker_threads" ? { isMainThread } : found(id)) as typeof process.getBuiltinModule);
    setBackend("auto");
    vi.restoreAllMocks();
    expect(backendName()).toBe("wasm");
    expect(asked).not.toHaveBeenCalled();
  });
});
