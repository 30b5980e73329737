/** @file `nabla check`: every model's gradients agree with differences (AD-5); an unknown name gets a suggestion. */
import { afterEach, expect, test, vi } from "vitest";
import { run } from "../../src/cli/program.ts";

afterEach(() => vi.restoreAllMocks());

// The others are in test/slow/check.test.ts.
test.each(["xor"])("%s", async (model) => {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  expect(await run(["check", model, "--entries", "4"])).toBe(0);
  expect(log.mock.calls.flat().join()).toMatch(/^gradients agree: \d+ comparisons, the worst is .* expected .*, found /);
});

test("an unknown model", async () => {
  const error = vi.spyOn(console, "error").mockImplementation(() => {});
  expect(await run(["check", "cn"])).toBe(1);
  expect(error.mock.calls.flat().join()).toMatch(/unknown model "cn"; did you mean "cnn"/);
});
