/** @file `nabla bench`: times of a forward pass and of a training step, kernels on demand, and one line for each wrong call. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { run } from "../../src/cli/program.ts";
import { getThreads, setThreads } from "../../src/runtime/wasm/pool.ts";

const threads = getThreads();
afterEach(() => {
  vi.restoreAllMocks();
  setThreads(threads);
});

async function output(...argv: string[]): Promise<string> {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  expect(await run(["bench", ...argv, "--seconds", "0.05", "--threads", "1"])).toBe(0);
  return log.mock.calls.flat().join("\n");
}

describe("nabla bench", () => {
  test("a line for the forward pass and one for a training step", async () => {
    const [about, head, forward, step, ...rest] = (await output("xor", "--batch", "4")).split("\n");
    expect(about).toBe("xor on [4, 2], 1 thread");
    expect(head).toMatch(/^ +median +least +first call +calls +examples\/s +GFLOP\/s$/);
    expect(forward).toMatch(/^inference( +[\d.]+ ms){3}( +[\d,]+){2} +[\d.]+$/);
    expect(step).toMatch(/^training step( +[\d.]+ ms){3}( +[\d,]+){2} +[\d.]+$/);
    expect(rest).toEqual([]);
  });

  test("as JSON: rates that belong to the times, and every kernel", async () => {
    const { model, input, measured, kernels } = JSON.parse(
      await output("xor", "--batch", "8", "--optimizer", "sgd", "--profile", "--json"),
    );
    expect([model, input]).toEqual(["xor", [8, 2]]);
    expect(measured.map(({ what }: { what: string }) => what)).toEqual(["inference", "training step"]);
    for (const { median, least, first, calls, examplesPerSecond } of measured) {
      expect(least).toBeLessThanOrEqual(median);
      expect(first).toBeGreaterThan(0);
      expect(calls).toBeGreaterThanOrEqual(5);
      expect(examplesPerSecond).toBeCloseTo(8000 / median, 3);
    }
    expect(kernels.length).toBeGreaterThan(0);
    expect(kernels[0].text).toMatch(/^kernel /);
    expect(Object.keys(measured[1].passes)).toEqual(expect.arrayContaining(["simplify", "expand", "schedule", "code"]));
    for (const ms of Object.values(measured[1].passes)) expect(ms).toBeLessThan(measured[1].first);
  });

  test("inference alone, with its kernels", async () => {
    const text = await output("mlp", "--input", "1x8x8", "--batch", "2", "--inference", "--kernels");
    expect(text).not.toContain("training step");
    expect(text).toContain("\nkernels of the inference, on one thread\n");
    expect(text).toMatch(/\ncompilation of the inference\npass +time +of the first call\nsimplify +[\d.]+ ms +[\d.]+ %\n/);
    expect(text).toMatch(/\nkernel dot/);
  });

  test("wrong calls are one line", async () => {
    const error = vi.spyOn(console, "error").mockImplementation(() => {});
    expect(await run(["bench", "lenet6"])).toBe(1);
    expect(await run(["bench", "lenet5", "--input", "3x32x32"])).toBe(1);
    expect(error.mock.calls.flat()).toEqual([
      expect.stringMatching(/^error: unknown model "lenet6"; did you mean "lenet5"\?/),
      "error: lenet5: want inputs [1, 28, 28], the data have [3, 32, 32]",
    ]);
  });
});
