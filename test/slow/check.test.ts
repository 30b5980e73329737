/** @file `nabla check` of the larger models: the gradients of all layers that they are made of agree with differences (AD-5). */
import { expect, test, vi } from "vitest";
import { run } from "../../src/cli/program.ts";

test.each(["lenet1", "mlp", "cnn", "convnet", "lenet5"])("%s", async (model) => {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  expect(await run(["check", model, "--entries", "20"])).toBe(0);
  expect(log.mock.calls.flat().join()).toMatch(/^gradients agree: \d+ comparisons, the worst is .* expected .*, found /);
  log.mockRestore();
});
