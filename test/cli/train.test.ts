/** @file `nabla train` and `nabla info` as a user meets them: output, files, exit codes, and one clear line for every mistake. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { quickerBackend } from "../../src/cli/info-command.ts";
import { scheduleOf } from "../../src/cli/optimizers.ts";
import { run } from "../../src/cli/program.ts";
import { readSafetensors } from "../../src/formats/index.ts";
import * as optim from "../../src/optim/index.ts";
import { backendName } from "../../src/runtime/backends.ts";
import { setBackend } from "../../src/runtime/set-backend.ts";
import { getThreads, setThreads } from "../../src/runtime/wasm/pool.ts";
import { x64 } from "../../src/runtime/x64/backend.ts";

const folder = mkdtempSync(join(tmpdir(), "nabla-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let out: string[];
let err: string[];

beforeEach(() => {
  out = [];
  err = [];
  vi.spyOn(console, "log").mockImplementation((line: string) => void out.push(...String(line).split("\n")));
  vi.spyOn(console, "error").mockImplementation((line: string) => void err.push(line));
  vi.spyOn(process.stderr, "write").mockImplementation((text) => Boolean(err.push(String(text).trimEnd())));
  vi.spyOn(process.stdout, "write").mockImplementation((text) => Boolean(out.push(...String(text).trimEnd().split("\n"))));
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Runs the command with its files in a folder of the test's own. */
const nabla = (...args: string[]): Promise<number> =>
  run([...args, ...(args[0] === "train" ? ["--out", join(folder, "run"), "--overwrite"] : [])]);

test("schedules by name give rates by step, those of nabla/optim", () => {
  const [lr, epochs, steps] = [0.2, 4, 10];
  const rates = (schedule: string, more: object = {}): number[] => {
    const found = scheduleOf({ schedule: schedule as "cosine", lr, epochs, ...more }, steps);
    return [0, 10, 20, 39].map((t) => Number((found?.(t, epochs * steps) ?? lr).toPrecision(6)));
  };
  const of = (f: (t: number, steps?: number) => number): number[] => [0, 10, 20, 39].map((t) => Number(f(t, 40).toPrecision(6)));
  expect(rates("constant")).toEqual([0.2, 0.2, 0.2, 0.2]);
  expect(rates("cosine", { scheduleOptions: ["min=0.1"] })).toEqual(of(optim.cosine(lr, { min: 0.02 })));
  expect(rates("one-cycle", { scheduleOptions: ["rise=0.5"] })).toEqual(of(optim.oneCycle(lr, { rise: 0.5 })));
  expect(rates("linear")).toEqual([0.2, 0.15, 0.1, 0.005]);
  expect(rates("step", { scheduleOptions: ["size=2", "gamma=0.5"] })).toEqual([0.2, 0.2, 0.1, 0.1]);
  expect(rates("multi-step", { scheduleOptions: ["milestones=1:2", "gamma=0.5"] })).toEqual([0.2, 0.1, 0.05, 0.05]);
  expect(rates("exponential", { scheduleOptions: ["gamma=0.5"] })).toEqual(of((t) => lr * 0.5 ** (t / 10)));
  expect(rates("polynomial", { scheduleOptions: ["power=2"] })).toEqual(of(optim.polynomial(lr, { power: 2 })));
  expect(rates("cosine-restarts", { scheduleOptions: ["period=2"] })).toEqual(of(optim.cosineWithRestarts(lr, { steps: 20 })));
  expect(rates("cyclic", { scheduleOptions: ["period=2"] })).toEqual(of(optim.cyclic({ min: 0.02, max: 0.2, up: 10 })));
  expect(rates("constant", { warmUp: 0.5 })).toEqual([0, 0.1, 0.2, 0.2]);
  expect(rates("linear", { warmUp: 0.5 })).toEqual([0, 0.075, 0.1, 0.005]);
});

describe("training", () => {
  test("digits: a line per epoch, the result, the worst pairs, three mistaken digits, a model", async () => {
    const json = join(folder, "new", "out.json");
    expect(await nabla("train", "mlp", "--epochs", "2", "--seed", "3", "--json", json)).toBe(0);
    expect(out[0]).toBe("mlp (17,226 parameters) on digits (898 + 899 examples): adam, lr 0.001, batch 32, 2 epochs, seed 3, wasm");
    expect(out[1]).toMatch(
      /^epoch 1\/2 {2}loss \d\.\d{4} {2}accuracy \d+\.\d % {2}test loss \d\.\d{4} {2}accuracy \d+\.\d % {2}[\d,]+ examples\/s {2}\d+ s left$/,
    );
    expect(out[2]).toMatch(/^epoch 2\/2 .* examples\/s$/);
    expect(out[3]).toMatch(/^test accuracy \d\d\.\d %$/);
    expect(out[4]).toMatch(/^mistaken most often: \d for \d \(\d+\), \d for \d \(\d+\), \d for \d \(\d+\)$/);
    expect(out[5]).toMatch(/^\d taken for \d {6}\d taken for \d {6}\d taken for \d *$/);
    expect(out.slice(6, 14).every((line) => /^[ .:\-=+*#%@]+$/.test(line))).toBe(true);
    expect(out[14]).toMatch(
      /^under-fitting: the training loss is still \d\d % of that of a constant answer \(gap -?\d\.\d{3} in loss, -?\d+\.\d points of accuracy\); what helps: train longer, /,
    );
    expect(out[15]).toBe(`saved ${join(folder, "run", "model.safetensors")}`);
    const { entries, metadata } = readSafetensors(readFileSync(join(folder, "run", "model.safetensors")));
    expect([...entries.keys()]).toEqual(["1.weight", "1.bias", "3.weight", "3.bias", "5.weight", "5.bias"]);
    expect(metadata).toMatchObject({ model: "mlp", data: "digits", outputs: "10" });
    expect(JSON.parse(metadata.description)).toMatchObject({ inputShape: [1, 8, 8], task: "classification" });
    expect(err).toEqual([]);

    // --json has exactly the agreed keys, and leaves no temporary file.
    const report = JSON.parse(readFileSync(json, "utf8"));
    expect(Object.keys(report)).toEqual([
      "model",
      "data",
      "backend",
      "threads",
      "seed",
      "parameters",
      "epochs",
      "testAccuracy",
      "examplesPerSecond",
    ]);
    expect(report).toMatchObject({ model: "mlp", data: "digits", backend: "wasm", threads: getThreads(), seed: 3, parameters: 17_226 });
    expect(report.epochs).toHaveLength(2);
    expect(Object.keys(report.epochs[0])).toEqual(["trainLoss", "trainAccuracy", "testLoss", "testAccuracy", "seconds"]);
    expect(report.testAccuracy).toBe(report.epochs[1].testAccuracy);
    expect(report.testAccuracy).toBeGreaterThan(0.5);
    expect(readdirSync(join(folder, "new"))).toEqual(["out.json"]);
  });

  test("--threads is heeded and reported, and changes nothing else", async () => {
    const reports = [];
    for (const threads of ["1", "2"]) {
      const json = join(folder, `threads-${threads}.json`);
      expect(await nabla("train", "mlp", "--epochs", "1", "--batch-size", "449", "--threads", threads, "--json", json)).toBe(0);
      const { epochs, ...report } = JSON.parse(readFileSync(json, "utf8"));
      expect(report.threads).toBe(Number(threads));
      reports.push({ ...epochs[0], seconds: 0 });
    }
    expect(reports[1]).toEqual(reports[0]);
    setThreads(1);
  });

  test("the same seed gives the same run", async () => {
    const losses = async (seed: string): Promise<number[]> => {
      const json = join(folder, "repeat.json");
      await nabla(
        "train",
        "mlp",
        "--data",
        "moons",
        "--hidden",
        "8",
        "--batch-size",
        "250",
        "--epochs",
        "1",
        "--seed",
        seed,
        "--json",
        json,
      );
      return JSON.parse(readFileSync(json, "utf8")).epochs.map((e: { trainLoss: number }) => e.trainLoss);
    };
    const first = await losses("5");
    expect(await losses("5")).toEqual(first);
    expect(await losses("6")).not.toEqual(first);
  });

  test("xor is regression: a loss and no accuracy", async () => {
    const json = join(folder, "xor.json");
    expect(await nabla("train", "xor", "--epochs", "60", "--json", json)).toBe(0);
    expect(out.at(-3)).toMatch(/^test MAE 0\.\d+, RMSE 0\.\d+, R² [01]\.\d+ \(loss \d\.\d\de-\d\)$/);
    const report = JSON.parse(readFileSync(json, "utf8"));
    expect(report.testAccuracy).toBeNull();
    expect(report.epochs.at(-1).testLoss).toBeLessThan(1e-3);
  });

  test("the interpreter trains the same network", async () => {
    const json = join(folder, "interpreter.json");
    try {
      expect(await nabla("train", "xor", "--epochs", "3", "--backend", "interpreter", "--json", json)).toBe(0);
      expect(JSON.parse(readFileSync(json, "utf8")).backend).toBe("interpreter");
    } finally {
      setBackend("wasm");
    }
    expect(backendName()).toBe("wasm");
  });

  test("Ctrl-C finishes the step, saves, and exits with 130", async () => {
    const running = nabla("train", "mlp", "--data", "moons", "--hidden", "8", "--batch-size", "250", "--epochs", "100000");
    // Before the run listens, the signal would be lost.
    const signal = setInterval(() => {
      if (process.listenerCount("SIGINT") === 0) return;
      clearInterval(signal);
      process.emit("SIGINT");
    }, 100);
    expect(await running).toBe(130);
    const path = join(folder, "run");
    expect(out.slice(-2)).toEqual([
      `interrupted; go on with: nabla train --resume ${path}`,
      `saved ${join(folder, "run", "model.safetensors")}`,
    ]);
    expect(existsSync(join(folder, "run", "model.safetensors"))).toBe(true);
    expect(process.listenerCount("SIGINT")).toBe(0);
  });
});

describe("mistakes are one line on stderr and exit code 1", () => {
  test.each([
    [
      ["train", "lenet"],
      /^error: unknown model "lenet"; did you mean "lenet\d"\? \(known: mlp, cnn, convnet, gpt, lenet5, lenet5-cosine, xor, [^\n]*, \.\.\. and \d+ more, see nabla info\)$/,
    ],
    [["train", "transformer"], /^error: unknown model "transformer" \(known: mlp, cnn, convnet, gpt, lenet5, lenet5-cosine, xor, /],
    [["train", "mlp", "--data", "digit"], /^error: unknown data set "digit"; did you mean "digits"\? \(known: digits, /],
    [["train", "lenet5", "--data-dir", join(folder, "nowhere")], `error: mnist: no folder ${join(folder, "nowhere")}`],
    [["train", "lenet5", "--data", "digits"], "error: lenet5: want inputs [1, 28, 28], the data have [1, 8, 8]"],
    [["train", "mlp", "--epochs", "0"], "error: option '--epochs <n>' argument '0' is invalid. Want a positive integer."],
    [["train", "mlp", "--batch-size", "many"], "error: option '--batch-size <n>' argument 'many' is invalid. Want a positive integer."],
    [["train", "mlp", "--lr", "-1"], "error: option '--lr <x>' argument '-1' is invalid. Want a number above 0."],
    [["train", "mlp", "--seed", "1.5"], "error: option '--seed <n>' argument '1.5' is invalid. Want an integer from 0 to 2^53 - 1."],
    [
      ["train", "mlp", "--optimizer", "adan"],
      /^error: option '--optimizer <name>' argument 'adan' is invalid\. It is an unknown optimizer "adan"; did you mean "adam"\? \(known: sgd, adam, adamw, /,
    ],
    [["train", "mlp", "--epoch", "3"], "error: unknown option '--epoch' (Did you mean --epochs?)"],
    [["trian", "mlp"], "error: unknown command 'trian' (Did you mean train?)"],
    [["train"], "error: want a model to train, a name that nabla info lists, such as lenet5 or resnet18"],
  ])("%j", async (args, message) => {
    expect(await nabla(...args)).toBe(1);
    expect(err).toHaveLength(1);
    if (typeof message === "string") expect(err[0]).toBe(message);
    else expect(err[0]).toMatch(message);
    expect(err[0]).not.toContain("\n");
  });

  test("files that are not what they should be", async () => {
    const broken = join(folder, "broken");
    mkdirSync(broken);
    const fails = async (content: Uint8Array, message: RegExp): Promise<void> => {
      err = [];
      writeFileSync(join(broken, "train-images-idx3-ubyte"), content);
      expect(await nabla("train", "lenet5", "--data-dir", broken)).toBe(1);
      expect(err).toHaveLength(1);
      expect(err[0]).toMatch(message);
    };
    await fails(Uint8Array.of(1, 2, 3, 4, 0, 0, 0, 0), /^error: .*train-images-idx3-ubyte.*magic/);
    await fails(Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 9, 0, 0, 0, 28, 0, 0, 0, 28, 5), /^error: .*train-images-idx3-ubyte/);
  });

  test("a folder that cannot be made", async () => {
    const file = join(folder, "a-file");
    writeFileSync(file, "");
    expect(await run(["train", "xor", "--epochs", "1", "--out", join(file, "below")])).toBe(1);
    expect(err[0]).toMatch(/^error: cannot write .*config\.json: /);
  });
});

describe("info and help", () => {
  test("info names version, backend, features, models and data sets", async () => {
    expect(await nabla("info")).toBe(0);
    const text = out.join("\n");
    expect(text).toMatch(/^nabla +\d+\.\d+\.\d+$/m);
    expect(text).toMatch(/^backend +wasm \((x64 works here and is faster|not x64: .+)/m);
    expect(text).toMatch(/^features +.*SIMD/m);
    expect(text).toMatch(new RegExp(`^threads +${getThreads()} `, "m"));
    expect(text).toMatch(/^models +mlp, cnn, convnet, gpt, lenet5, lenet5-cosine, xor, lenet1, .*resnet18, .*vit_l_32$/m);
  });

  test("a training of a minute or more says that machine code would be faster, where it works", () => {
    const { obstacle } = x64;
    try {
      Object.assign(x64, { obstacle: () => undefined });
      expect(quickerBackend(60)).toMatch(/^x64 works here and is faster than wasm; .*--backend auto/);
      expect(quickerBackend(59)).toBeUndefined();
      Object.assign(x64, { obstacle: () => "this processor has no AVX2" });
      expect(quickerBackend(60)).toBeUndefined();
    } finally {
      Object.assign(x64, { obstacle });
    }
  });

  test("help and version exit with 0", async () => {
    expect(await run(["--help"])).toBe(0);
    expect(out.join("\n")).toContain("train [options] [model]");
    out = [];
    expect(await run(["--version"])).toBe(0);
    expect(out[0]).toMatch(/^\d+\.\d+\.\d+$/);
  });
});
