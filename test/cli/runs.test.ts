/** @file The life of a run on the command line: from a file, interrupted, gone on with, looked at, repeated; and what is made of its model. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { run as nabla } from "../../src/cli/program.ts";
import { readEvents, readSafetensors, writeNpy } from "../../src/formats/index.ts";
import { load } from "../../src/onnx/index.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";
import { getThreads, setThreads } from "../../src/runtime/wasm/pool.ts";
import { captureConsole } from "./console.ts";

const { out, err, folder } = captureConsole();
const at = (...names: string[]): string => join(folder, ...names);
const read = (...names: string[]): Buffer => readFileSync(at(...names));
const json = (...names: string[]): Record<string, unknown> => JSON.parse(read(...names).toString());
/** Weights and losses: what must repeat. */
const bits = (name: string): unknown[] => [
  [...readSafetensors(read(name, "model.safetensors")).entries].map(([cell, { data }]) => [cell, Buffer.from(data.buffer).toString("hex")]),
  read(name, "steps.csv").toString(),
];

const flags = [
  "mlp",
  "--hidden",
  "24",
  "--epochs",
  "3",
  "--batch-size",
  "449",
  "--lr",
  "0.02",
  "--ema",
  "0.9",
  "--schedule",
  "cosine",
  "--seed",
  "4",
  "--augment",
  "translate=0.1,erase=0.2",
  "--tensorboard",
];

beforeAll(async () => {
  expect(await nabla(["train", ...flags, "--out", at("whole")])).toBe(0);
});

describe("a run", () => {
  test("is a folder with everything in it", () => {
    expect(readdirSync(at("whole")).sort()).toEqual([
      "checkpoints",
      "config.json",
      "epochs.csv",
      "events.out.tfevents.nabla",
      "model.safetensors",
      "run.json",
      "steps.csv",
    ]);
    expect(json("whole", "config.json")).toMatchObject({
      model: "mlp",
      data: "digits",
      optimizer: "adam",
      lr: 0.02,
      epochs: 3,
      seed: 4,
      ema: 0.9,
    });
    expect(json("whole", "run.json")).toMatchObject({ state: "finished", nabla: "0.1.0", epochs: 3, data: { train: 898, test: 899 } });
    expect(readdirSync(at("whole", "checkpoints"))).toContain("step-00000006.safetensors");
    const events = readEvents(read("whole", "events.out.tfevents.nabla"));
    expect(events.filter(({ scalars }) => "loss" in scalars)).toHaveLength(6);
    expect(events.flatMap(({ scalars }) => ("testLoss" in scalars ? [scalars.epoch] : []))).toEqual([1, 2, 3]);
  });

  test("repeats to the same bits from its configuration, and another seed does not", async () => {
    expect(await nabla(["train", "--config", at("whole", "config.json"), "--out", at("again")])).toBe(0);
    expect(bits("again")).toEqual(bits("whole"));
    expect(await nabla(["train", "--config", at("whole", "config.json"), "--seed", "5", "--out", at("other")])).toBe(0);
    expect(json("other", "config.json").seed).toBe(5);
    expect(bits("other")).not.toEqual(bits("whole"));
  });

  test("that Ctrl-C has ended goes on to the same bits, on other threads too", async () => {
    const running = nabla(["train", ...flags, "--out", at("stopped"), "--save-every", "1"]);
    // As soon as it has taken a step.
    const timer = setInterval(() => {
      if (existsSync(at("stopped", "checkpoints"))) process.emit("SIGINT");
    }, 1);
    expect(await running).toBe(130);
    clearInterval(timer);
    expect(json("stopped", "run.json").state).toBe("interrupted");
    expect(out.at(-2)).toBe(`interrupted; go on with: nabla train --resume ${at("stopped")}`);
    const threads = getThreads();
    expect(await nabla(["train", "--resume", at("stopped"), "--threads", String(threads + 1)])).toBe(0);
    setThreads(threads);
    expect(out.find((line) => line.startsWith("going on after step "))).toBeDefined();
    expect(bits("stopped")).toEqual(bits("whole"));
    expect(readSafetensors(read("stopped", "model.safetensors")).metadata.settings).not.toContain("threads");
    expect(json("stopped", "run.json").state).toBe("finished");
    expect(err).toEqual([]);
  });

  test("that was killed before its first checkpoint starts anew, and one whose newest checkpoint is damaged goes on from the one before", async () => {
    cpSync(at("whole"), at("killed"), { recursive: true });
    const info = { ...json("killed", "run.json"), state: "running", pid: 2 ** 22 + 1 };
    writeFileSync(at("killed", "run.json"), JSON.stringify(info));
    const newest = at("killed", "checkpoints", "step-00000006.safetensors");
    writeFileSync(newest, readFileSync(newest).subarray(0, 2000));
    expect(await nabla(["train", "--resume", at("killed")])).toBe(0);
    expect(err[0]).toMatch(/^warning: passed over a damaged checkpoint: step-00000006\.safetensors: truncated file/);
    expect(out).toContain("going on after step 4");
    expect(bits("killed")).toEqual(bits("whole"));

    writeFileSync(at("killed", "run.json"), JSON.stringify(info));
    rmSync(at("killed", "checkpoints"), { recursive: true });
    expect(await nabla(["train", "--resume", at("killed")])).toBe(0);
    expect(out).toContain("no checkpoint yet: starting anew");
    expect(bits("killed")).toEqual(bits("whole"));
  });

  test("that is finished can be made longer, where the rate does not depend on the length", async () => {
    const short = ["train", "mlp", "--data", "moons", "--hidden", "4", "--epochs", "2", "--batch-size", "250"];
    expect(await nabla([...short, "--out", at("short")])).toBe(0);
    expect(await nabla(["train", "--resume", at("short"), "--epochs", "4"])).toBe(0);
    expect(json("short", "config.json").epochs).toBe(4);
    expect(await nabla([...short, "--epochs", "4", "--out", at("long")])).toBe(0);
    expect(read("short", "steps.csv")).toEqual(read("long", "steps.csv"));
  });

  test("stops early with the best weights, and says so", async () => {
    const early = [
      "--data",
      "moons",
      "--hidden",
      "8",
      "--batch-size",
      "70",
      "--epochs",
      "60",
      "--lr",
      "0.5",
      "--patience",
      "1",
      "--validation",
      "0.3",
    ];
    expect(await nabla(["train", "mlp", ...early, "--out", at("early")])).toBe(0);
    expect(out.find((line) => line.startsWith("stopped: validationLoss has not improved in 2 epochs; epoch "))).toBeDefined();
    expect(json("early", "run.json")).toMatchObject({ state: "finished", reason: expect.stringContaining("was best") });
    const [head] = read("early", "epochs.csv").toString().split("\n");
    expect(head).toBe("step,epoch,trainLoss,trainAccuracy,validationLoss,validationAccuracy,testLoss,testAccuracy,seconds");
  });
});

describe("looking back", () => {
  test("replay computes the exact bits of a step, from the seed or from a checkpoint", async () => {
    expect(await nabla(["replay", at("whole"), "--step", "2"])).toBe(0);
    expect(out[0]).toBe("step 2 (epoch 1, step 2 of it), from the seed");
    expect(out[1]).toMatch(/^loss \d\.\d+, the recorded bits; lr [\d.e-]+; weights after it [0-9a-f]{16}$/);
    expect(await nabla(["replay", at("whole"), "--step", "6", "--out", at("step6.safetensors")])).toBe(0);
    expect(out[2]).toBe("step 6 (epoch 3, step 2 of it), from step 4");
    expect(readSafetensors(read("step6.safetensors")).metadata.model).toBe("mlp");
    // A record that says otherwise is noticed.
    cpSync(at("whole"), at("forged"), { recursive: true });
    writeFileSync(
      at("forged", "steps.csv"),
      read("whole", "steps.csv")
        .toString()
        .replace(/^2,.*$/m, "2,0.125,0.001"),
    );
    expect(await nabla(["replay", at("forged"), "--step", "2"])).toBe(1);
    expect(out.at(-1)).toContain("recorded was 0.125");
  });

  test("runs is a table of what there is", async () => {
    expect(await nabla(["runs", folder])).toBe(0);
    expect(out[0]).toMatch(/^run +state +epochs +test +parameters +trained +settings +started$/);
    const row = out.find((line) => line.startsWith(at("whole")))!;
    expect(row).toMatch(/ finished +3\/3 +\d\d\.\d % +1,810 /);
    expect(row).toContain("adam, lr 0.02, batch 449, seed 4");
    out.length = 0;
    mkdirSync(at("empty"));
    expect(await nabla(["runs", at("empty")])).toBe(0);
    expect(out).toEqual([`no runs in ${at("empty")}`]);
  });

  test("evaluate measures everything usual, of a run, a model file or a checkpoint", async () => {
    const report = at("report.json");
    expect(await nabla(["evaluate", at("whole"), "--json", report])).toBe(0);
    expect(out[0]).toContain("on the 899 examples of digits, test split");
    expect(out.join("\n")).toMatch(/accuracy +\d\d\.\d %\ntop-5 +\d\d\.\d %\nROC-AUC +0\.\d{4} /);
    expect(out.join("\n")).toMatch(/ precision +recall +F1 +examples\n0 /);
    const { accuracy, confusion } = json("report.json") as { accuracy: number; confusion: number[][] };
    expect(accuracy).toBe(json("whole", "run.json").testAccuracy);
    expect(confusion.flat().reduce((a, b) => a + b)).toBe(899);
    const [checkpoint] = readdirSync(at("whole", "checkpoints"));
    expect(await nabla(["evaluate", at("whole", "checkpoints", checkpoint), "--split", "train"])).toBe(0);
    expect(out.some((line) => line.includes("on the 898 examples of digits, train split"))).toBe(true);
  });

  test("predict names the classes of examples and arrays, export writes the model alone", async () => {
    expect(await nabla(["predict", at("whole"), "--example", "0,5", "--top", "2"])).toBe(0);
    expect(out[0]).toMatch(/^digits 0 \(8\): \d \(\d+\.\d %\), \d \(\d+\.\d %\)$/);
    const several = { shape: [2, 1, 8, 8], data: new Float32Array(128).fill(0.5), dtype: "f4" };
    writeFileSync(at("two.npy"), writeNpy(several as unknown as Parameters<typeof writeNpy>[0]));
    out.length = 0;
    expect(await nabla(["predict", at("whole"), at("two.npy"), "--json"])).toBe(0);
    const [first, second] = out.map((line) => JSON.parse(line));
    expect(first.input).toBe(`${at("two.npy")}[0]`);
    expect(first.classes).toHaveLength(10);
    expect(first.classes.reduce((sum: number, c: { probability: number }) => sum + c.probability, 0)).toBeCloseTo(1, 5);
    expect(second.classes).toEqual(first.classes);
    expect(await nabla(["export", at("whole"), at("out.safetensors")])).toBe(0);
    expect([...readSafetensors(read("out.safetensors")).entries.keys()][0]).toBe("1.weight");
    expect(await nabla(["export", at("whole"), at("out.onnx")])).toBe(0);
    const again = await load(read("out.onnx"));
    const rows = (again.forward(tensor(several.data, { shape: several.shape })) as Tensor).dataSync();
    const shares = Array.from(rows.subarray(0, 10), Math.exp);
    const top = first.classes[0].probability;
    expect(Math.max(...shares) / shares.reduce((a, b) => a + b, 0)).toBeCloseTo(top, 4);
  });

  test("a table's new rows, in their own units", async () => {
    const rows = Array.from({ length: 60 }, (_, i) => `${i % 10},${["red", "blue"][i % 2]},${(i % 10) * 3 + (i % 2) * 5}`);
    writeFileSync(at("paint.csv"), `size,colour,price\n${rows.join("\n")}\n`);
    expect(
      await nabla([
        "train",
        "mlp",
        "--data",
        at("paint.csv"),
        "--task",
        "regression",
        "--epochs",
        "60",
        "--hidden",
        "16",
        "--batch-size",
        "12",
        "--lr",
        "0.01",
        "--out",
        at("paint"),
      ]),
    ).toBe(0);
    writeFileSync(at("new.csv"), "colour,size\nblue,4\n");
    out.length = 0;
    expect(await nabla(["predict", at("paint"), at("new.csv")])).toBe(0);
    const [, value] = /line 2: (-?[\d.]+)$/.exec(out[0])!;
    expect(Math.abs(Number(value) - 17)).toBeLessThan(2);
    expect(await nabla(["evaluate", at("paint")])).toBe(0);
    expect(out.join("\n")).toMatch(/MAE +[\d.e-]+\nRMSE +[\d.e-]+\nR² +(0\.9|1\.0)/);
  });
});

describe("before a run", () => {
  test("one batch, by heart or once, saves nothing", async () => {
    const before = readdirSync(folder);
    expect(await nabla(["train", "mlp", "--fast-dev-run", "--out", at("nothing")])).toBe(0);
    expect(out.at(-1)).toMatch(/^everything runs: one batch trained \(loss 2\.\d+\), one tested \(loss 2\.\d+\); nothing is saved$/);
    expect(await nabla(["train", "mlp", "--overfit-one-batch", "--out", at("nothing")])).toBe(0);
    expect(out.at(-1)).toMatch(/^one batch learned by heart: loss 2\.\d+ to 0\.\d+ in \d+ steps \(a constant answer: 2\.\d+\)$/);
    expect(await nabla(["train", "mlp", "--overfit-one-batch", "--lr", "1e-9"])).toBe(1);
    // What is measured, then why, then what to try.
    expect(out.join("\n")).toMatch(/^one batch is not learned: loss .*\n(.*\n)*?.* try: a larger learning rate/m);
    expect(readdirSync(folder)).toEqual(before);
  });

  test("find-lr draws the loss and suggests a rate", async () => {
    expect(await nabla(["find-lr", "mlp", "--optimizer", "sgd", "--steps", "40"])).toBe(0);
    expect(out.at(-1)).toMatch(/^mlp on digits with sgd: the loss falls fastest at lr 0\.\d+; try --lr 0\.\d+$/);
    expect(out.some((line) => /▲/.test(line))).toBe(true);
    expect(out.filter((line) => /[⠁-⣿]/.test(line)).length).toBeGreaterThan(5);
  });
});
