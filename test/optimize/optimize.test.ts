/**
 * @file Tape to tape with the same meaning: what simplification and merging remove, and what they must leave.
 */
import { afterEach, describe, expect, test, vi } from "vitest";
import { runPasses } from "../../src/base/passes.ts";
import "../../src/runtime/evaluate.ts";
import { compile } from "../../src/function/compile.ts";
import { checkpoint } from "../../src/function/control.ts";
import { grad } from "../../src/function/derivative.ts";
import { recordFunction } from "../../src/function/recording.ts";
import { tensor, zeros } from "../../src/ops/create.ts";
import { placeholderOf } from "../../src/ops/region.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { multiplyAdds } from "../../src/optimize/work.ts";
import { timePasses, watcher } from "../../src/runtime/dump.ts";
import { optimize, TAPE_PASSES, tidy } from "../../src/runtime/passes.ts";
import { verification } from "../../src/runtime/verification.ts";
import { tapeOfRegion } from "../../src/tape/tape.ts";
import { verifyRegion } from "../../src/tape/verify.ts";

const opsOf = (fn: (...args: Tensor[]) => unknown, pass: typeof optimize, ...shapes: number[][]): string[] => {
  const region = pass(
    recordFunction(
      fn,
      shapes.map((s) => zeros(s)),
    ).region,
  );
  verifyRegion(region);
  return tapeOfRegion(region).map((i) => i.op.name);
};

test("neutral elements and movement that cancels disappear", () => {
  expect(opsOf((x) => x!.add(0).mul(1).div(1).neg().neg(), tidy, [3])).toEqual([]);
  expect(opsOf((x) => x!.transpose().transpose(), tidy, [3, 2])).toEqual([]);
  expect(opsOf((x) => x!.reshape([6]).reshape([2, 3]).exp(), tidy, [3, 2])).toEqual(["reshape", "exp"]);
  expect(opsOf((x) => x!.transpose([1, 2, 0]).transpose([1, 2, 0]), tidy, [2, 3, 4])).toEqual(["transpose"]);
});

test("a float product with zero stays, since 0 · NaN is NaN", () => {
  expect(opsOf((x) => x!.mul(0), tidy, [3])).toContain("mul");
});

test("equal work is done once, also with operands exchanged", () => {
  expect(opsOf((x, y) => x!.mul(y!).add(y!.mul(x!)), tidy, [3], [3])).toEqual(["mul", "add"]);
  expect(opsOf((x) => x!.exp().add(x!.exp()), tidy, [3]).filter((name) => name === "exp")).toHaveLength(1);
});

test("a checkpoint's recomputation is not merged with the first computation", () => {
  const block = (x: Tensor): Tensor => x.sin().exp().sin();
  const count = (fn: (x: Tensor) => unknown, name: string): number =>
    opsOf(fn as (...args: Tensor[]) => unknown, optimize, [3]).filter((n) => n === name).length;
  const both = (f: (x: Tensor) => Tensor) => (x: Tensor) => [f(x), grad((y: Tensor) => f(y).sum())(x)];
  expect(count(both(block), "exp")).toBe(1);
  expect(count(both(checkpoint(block)), "exp")).toBe(2);
});

test("definitions are expanded: only primitives with kernels are left", () => {
  expect(opsOf((x) => x!.maxWithIndex(0).indices, optimize, [3])).not.toContain("maxWithIndex");
});

test("long sums with few results are cut into slices; others stay", () => {
  const sums = (fn: (...args: Tensor[]) => unknown, ...shapes: number[][]): string[] =>
    opsOf(fn, optimize, ...shapes).filter((name) => name !== "reshape");
  expect(sums((x) => x!.sum(), [1 << 17])).toEqual(["sum", "sum"]);
  expect(sums((x) => x!.sum([0, 2]), [64, 6, 1000])).toEqual(["sum", "sum"]);
  expect(sums((x) => x!.max(0), [70_000, 3])).toEqual(["max", "max"]);
  expect(sums((x, y) => x!.dot(y!, "i,i->"), [1 << 16], [1 << 16])).toEqual(["dot", "sum"]);
  expect(sums((x) => x!.sum(), [1000])).toEqual(["sum"]);
  expect(sums((x) => x!.sum(0), [1000, 500])).toEqual(["sum"]);
  expect(sums((x) => x!.sum(), [65_537])).toEqual(["sum"]);
});

test("slices are combined to what the sum is", () => {
  const x = tensor(
    Float32Array.from({ length: 40 * 5 * 700 }, (_, i) => (i % 17) - 8),
    { shape: [40, 5, 700] },
  );
  const elements = [...x.dataSync()];
  const want = Array.from({ length: 5 }, (_, c) => {
    const all = elements.filter((_, i) => Math.floor(i / 700) % 5 === c);
    return [all.reduce((a, b) => a + b, 0), Math.max(...all), Math.min(...all)];
  });
  for (const [c, [total, high, low]] of want.entries()) {
    expect(x.sum([0, 2]).dataSync()[c]).toBe(total);
    expect(x.max([0, 2]).dataSync()[c]).toBe(high);
    expect(x.min([0, 2]).dataSync()[c]).toBe(low);
  }
  const flat = x.reshape([40, 3500]);
  expect(flat.dot(flat, "ij,ij->").itemSync()).toBe(elements.reduce((a, b) => a + b * b, 0));
  expect(flat.dot(flat, "ij,ij->i").sum().itemSync()).toBe(elements.reduce((a, b) => a + b * b, 0));
});

test("input gradients of padded convolutions multiply what reaches the input, nothing for the padding or between strides", () => {
  const dx = (options: { stride: number; padding: number }) => (x: Tensor, w: Tensor) => grad((x: Tensor) => x.conv(w, options).sum())(x);
  const work = (options: { stride: number; padding: number }, side: number): number =>
    multiplyAdds(optimize(recordFunction(dx(options), [zeros([2, 3, side, side]), zeros([4, 3, 7, 7])]).region));
  // Every input sees all taps with stride 1; with stride 2 its phase of them: a quarter on average.
  expect(work({ stride: 1, padding: 3 }, 10)).toBe(2 * 3 * 4 * 100 * 49);
  expect(work({ stride: 2, padding: 3 }, 10)).toBe(2 * 3 * 4 * 25 * 49);
  expect(work({ stride: 2, padding: 0 }, 10)).toBe(2 * 3 * 4 * 25 * 49);
  expect(work({ stride: 3, padding: 2 }, 12)).toBe(2 * 3 * 4 * 16 * 49);
});

describe("passes can be watched", () => {
  const twice = (x: Tensor): Tensor => x.add(0).exp().mul(x.exp());
  const x = tensor([1, 2]);
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    verification.on = false;
  });

  test("dump gives a function the list after every pass, in order", () => {
    const seen: [string, string][] = [];
    compile(twice, { dump: (pass, text) => seen.push([pass, text]) })(x);
    const names = seen.map(([pass]) => pass);
    const tapePasses = TAPE_PASSES.filter(({ stage }) => stage !== "loops").flatMap(({ passes }) => passes.map(([name]) => name));
    expect(names.filter((name) => tapePasses.includes(name))).toEqual(tapePasses);
    expect(names.indexOf("schedule")).toBeGreaterThan(names.indexOf("split-concats"));
    const list = (pass: string): string => seen.find(([name]) => name === pass)![1];
    expect(list("simplify")).not.toContain("add");
    expect(list("simplify").match(/exp/g)).toHaveLength(2);
    expect(list("merge").match(/exp/g)).toHaveLength(1);
    expect(list("schedule")).toMatch(/^kernel /);
  });

  test("dump shows the passes that order sums, before the schedule", () => {
    const seen: [string, string][] = [];
    const loss = (x: Tensor): Tensor => x.exp().sum(1);
    compile(loss, { dump: (pass, text) => seen.push([pass, text]) })(zeros([40, 4001]));
    const names = seen.map(([pass]) => pass);
    expect(names.slice(names.indexOf("fuse-loops"), names.indexOf("schedule"))).toEqual(["fuse-loops", "block-sums"]);
    const loops = (pass: string): number => {
      const texts = seen.filter(([name]) => name === pass).map(([, text]) => text);
      return texts.join("\n").split(/\bfor /).length - 1;
    };
    expect(loops("block-sums")).toBeGreaterThan(loops("fuse-loops"));
    expect(loops("schedule")).toBe(loops("block-sums"));
  });

  test("dump by name, and NABLA_DUMP, print what they name", () => {
    const error = vi.spyOn(console, "error").mockImplementation(() => {});
    compile(twice, { dump: "merge, schedule" })(x);
    expect(error.mock.calls.map(([text]) => text.split(":")[0])).toEqual([...Array(4).fill("after merge"), "after schedule"]);
    vi.stubEnv("NABLA_DUMP", "crop");
    compile(twice)(x);
    expect(error.mock.calls.at(-1)![0]).toMatch(/^after crop:\ncrop\(%0: f32\[2\]\) \{/);
    expect(error).toHaveBeenCalledTimes(7);
    vi.stubEnv("NABLA_DUMP", "corp");
    expect(() => compile(twice)(x)).toThrow(/^NABLA_DUMP has no pass "corp"; it takes "all", or names out of simplify, merge, crop/);
  });

  test("a name without a pass, or something else, is refused when the function is compiled", () => {
    expect(() => compile(twice, { dump: "simplfy" })).toThrow(
      /^compile: dump has no pass "simplfy"; it takes "all", or names out of simplify/,
    );
    expect(() => compile(twice, { dump: true as never })).toThrow(/^compile: dump must be .* got true/);
  });

  test("verification names the pass after which a list is malformed", () => {
    verification.on = true;
    const bad = placeholderOf({ shape: [2], dtype: "f32" });
    const region = { inputs: [], outputs: [bad.sin()] };
    const watch = watcher(undefined)!;
    expect(() => tidy(region, { watch })).toThrow(/after the pass simplify: .*placeholder value is not among the inputs/s);
  });

  test("each pass is timed, and the times are no more than the whole", () => {
    // A clock that goes on by 1 at every look, so that nothing depends on the machine.
    let now = 0;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => now++);
    const { times } = timePasses(() => compile(twice)(x));
    clock.mockRestore();
    expect([...times.keys()].slice(0, 4)).toEqual(["simplify", "merge", "crop", "sparsify"]);
    for (const name of ["schedule", "code", "share"]) expect(times.get(name), name).toBeGreaterThan(0);
    expect([...times.values()].reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(now);
    expect(watcher(undefined)).toBeUndefined();
  });

  test("the time of a pass is without that of passes within it", () => {
    let now = 0;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => now);
    const told: [string, number][] = [];
    const watch = (name: string, _: object, ms: number): void => void told.push([name, ms]);
    const takes = (ms: number) => (y: object) => {
      now += ms;
      return y;
    };
    const fails = (): object => {
      now += 100;
      throw new Error("no");
    };
    runPasses(
      [
        [
          "outer",
          (y) => {
            now += 1;
            expect(() => runPasses([["fails", fails]], y, 0, watch)).toThrow("no");
            runPasses([["inner", takes(10)]], runPasses([["inner", takes(20)]], y, 0, watch), 0, watch);
            return y;
          },
        ],
        ["next", takes(5)],
      ],
      {},
      0,
      watch,
    );
    clock.mockRestore();
    expect(told).toEqual([
      ["inner", 20],
      ["inner", 10],
      ["outer", 1],
      ["next", 5],
    ]);
  });
});
