/** @file What is said to the engine while the compiler is cold. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";

const v8 = process.getBuiltinModule("node:v8");
const flags: string[] = [];
let cold: <T>(fn: () => T) => T;

beforeEach(async () => {
  flags.length = 0;
  vi.spyOn(v8, "setFlagsFromString").mockImplementation((flag) => void flags.push(flag));
  vi.resetModules(); // the time that was spent
  ({ cold } = await import("../../src/base/host.ts"));
});
afterEach(() => vi.restoreAllMocks());

test("the optimizer is off while cold work runs, once for nested work, and on again afterwards, also after an error", () => {
  expect(cold(() => cold(() => [...flags]))).toEqual(["--no-opt"]);
  expect(flags).toEqual(["--no-opt", "--opt"]);
  const fail = (): never => {
    throw new Error("no such luck");
  };
  expect(() => cold(fail)).toThrow("no such luck");
  expect(flags).toEqual(["--no-opt", "--opt", "--no-opt", "--opt"]);
});

test("after a second of such work the engine is left alone", () => {
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  for (const ms of [600, 600, 600]) {
    cold(() => {
      now += ms;
    });
  }
  expect(flags).toEqual(["--no-opt", "--opt", "--no-opt", "--opt"]);
});

test("a host whose flags are others, or that has none, does the work all the same", () => {
  vi.spyOn(v8, "setFlagsFromString").mockImplementation(() => {
    throw new Error("not implemented");
  });
  expect(cold(() => 1)).toBe(1);
  vi.spyOn(process, "getBuiltinModule").mockImplementation(() => undefined as never);
  expect(cold(() => 2)).toBe(2);
});
