/** @file What people get wrong around a run, and the one line that each mistake gets. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { run as nabla } from "../../src/cli/program.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/index.ts";
import { captureConsole } from "./console.ts";

const { err, folder } = captureConsole();
const at = (...names: string[]): string => join(folder, ...names);
const config = (name: string, content: unknown): string => {
  writeFileSync(at(name), typeof content === "string" ? content : JSON.stringify(content));
  return at(name);
};

/** A copy of the finished run with something changed. */
function changed(name: string, change: (info: Record<string, unknown>) => Record<string, unknown>, file = "run.json"): string {
  cpSync(at("run"), at(name), { recursive: true });
  const path = at(name, file);
  writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, "utf8")))));
  return at(name);
}

/** The model's file with other metadata. */
function relabelled(name: string, metadata: Record<string, string>): string {
  const file = readSafetensors(readFileSync(at("run", "model.safetensors")));
  writeFileSync(at(name), writeSafetensors(file.entries, { ...file.metadata, ...metadata }));
  return at(name);
}

beforeAll(async () => {
  expect(await nabla(["train", "mlp", "--hidden", "8", "--epochs", "1", "--batch-size", "449", "--out", at("run")])).toBe(0);
  expect(
    await nabla([
      "train",
      "mlp",
      "--data",
      "moons",
      "--hidden",
      "8",
      "--epochs",
      "1",
      "--batch-size",
      "500",
      "--schedule",
      "cosine",
      "--out",
      at("moons"),
    ]),
  ).toBe(0);
});

const mistakes: readonly (readonly [what: string, args: () => string[], message: string | RegExp])[] = [
  // Settings.
  ["no model", () => ["train"], "error: want a model to train, a name that nabla info lists, such as lenet5 or resnet18"],
  ["an unknown model", () => ["train", "lenet"], /^error: unknown model "lenet"; did you mean "lenet5"\?/],
  ["an unknown option", () => ["train", "mlp", "--patients", "3"], "error: unknown option '--patients' (Did you mean --patience?)"],
  ["an unknown command", () => ["evalute", "x"], "error: unknown command 'evalute' (Did you mean evaluate?)"],
  [
    "negative epochs",
    () => ["train", "mlp", "--epochs", "-3"],
    "error: option '--epochs <n>' argument '-3' is invalid. Want a positive integer.",
  ],
  [
    "half a batch",
    () => ["train", "mlp", "--batch-size", "0.5"],
    "error: option '--batch-size <n>' argument '0.5' is invalid. Want a positive integer.",
  ],
  ["a rate of zero", () => ["train", "mlp", "--lr", "0"], "error: option '--lr <x>' argument '0' is invalid. Want a number above 0."],
  [
    "an average that never forgets",
    () => ["train", "mlp", "--ema", "1"],
    "error: option '--ema <x>' argument '1' is invalid. Want a number between 0 and 1.",
  ],
  [
    "everything held out",
    () => ["train", "mlp", "--validation", "1"],
    "error: option '--validation <x>' argument '1' is invalid. Want a number between 0 and 1.",
  ],
  [
    "a negative weight decay",
    () => ["train", "mlp", "--weight-decay", "-1"],
    "error: option '--weight-decay <x>' argument '-1' is invalid. Want a number >= 0.",
  ],
  [
    "a negative patience",
    () => ["train", "mlp", "--patience", "-1"],
    "error: option '--patience <epochs>' argument '-1' is invalid. Want an integer from 0 to 2^53 - 1.",
  ],
  [
    "no checkpoint to keep",
    () => ["train", "mlp", "--keep-last", "0"],
    "error: option '--keep-last <n>' argument '0' is invalid. Want a positive integer.",
  ],
  [
    "an optimizer with a typing error",
    () => ["train", "mlp", "--optimizer", "adamv"],
    /unknown optimizer "adamv"; did you mean "adam"\?|did you mean "adamw"\?/,
  ],
  ["a schedule that there is not", () => ["train", "mlp", "--schedule", "cosin"], /unknown schedule "cosin"; did you mean "cosine"\?/],
  ["an option without its value", () => ["train", "mlp", "--epochs"], "error: option '--epochs <n>' argument missing"],
  [
    "a monitor that the run does not have",
    () => [
      "train",
      "mlp",
      "--data",
      "moons",
      "--hidden",
      "8",
      "--batch-size",
      "250",
      "--patience",
      "1",
      "--monitor",
      "validationLoss",
      "--epochs",
      "1",
      "--out",
      at("no-monitor"),
    ],
    "error: this run has no validationLoss to watch; it has trainLoss, trainAccuracy, testLoss, testAccuracy",
  ],
  [
    "a model for other data",
    () => ["train", "lenet5", "--data", "digits"],
    "error: lenet5: want inputs [1, 28, 28], the data have [1, 8, 8]",
  ],
  [
    "a rate that is far too high",
    () => [
      "train",
      "mlp",
      "--data",
      "moons",
      "--hidden",
      "8",
      "--batch-size",
      "100",
      "--optimizer",
      "sgd",
      "--lr",
      "1e30",
      "--out",
      at("nan"),
    ],
    /^error: the loss became (NaN|Infinity) in epoch 1, step \d: .* makes .* out of finite operands; try a smaller learning rate \(it is 1e\+30\) error: too-fast in \S+: .* try: .*$/,
  ],
  [
    "an augmentation that there is not",
    () => ["train", "cnn", "--augment", "rotte=3"],
    /^error: unknown augmentation "rotte"; did you mean "rotate"\?/,
  ],
  [
    "an augmentation by nothing",
    () => ["train", "cnn", "--augment", "rotate="],
    "error: augment: want a number >= 0 for rotate, as in rotate=10, got ",
  ],
  [
    "an augmentation of points",
    () => ["train", "mlp", "--data", "moons", "--augment", "flip"],
    "error: augment: is for images, the data have inputs [2]",
  ],
  [
    "a translation in pixels",
    () => ["train", "cnn", "--augment", "translate=2"],
    /^error: augment: translate=2: translate: want a share of the image from 0 to 1, got 2/,
  ],
  [
    "hidden layers for a network that has its own",
    () => ["train", "cnn", "--hidden", "20"],
    "error: hidden: is for mlp; the layers of cnn are its own",
  ],
  [
    "a hidden layer of nothing",
    () => ["train", "mlp", "--hidden", "800,,10"],
    /^error: option '--hidden <sizes>' argument '800,,10' is invalid\. Want integers from 1, with commas between\.$/,
  ],
  [
    "hidden layers that are no list",
    () => ["train", "--config", config("hidden.json", { model: "mlp", hidden: 800 })],
    /^error: .*hidden\.json: hidden is 800\. Want integers from 1, with commas between\.$/,
  ],
  // Configuration files.
  [
    "a configuration that is not there",
    () => ["train", "--config", at("none.json")],
    /^error: cannot read the configuration .*none\.json: ENOENT/,
  ],
  ["a configuration that is no JSON", () => ["train", "--config", config("a.json", "{epochs: 3}")], /^error: .*a\.json: is not JSON: /],
  [
    "a configuration that is a list",
    () => ["train", "--config", config("b.json", [1])],
    /^error: .*b\.json: want a JSON object of settings$/,
  ],
  [
    "a setting that there is not",
    () => ["train", "--config", config("c.json", { model: "mlp", epoch: 3 })],
    /^error: .*c\.json: unknown setting "epoch"; did you mean "epochs"\?/,
  ],
  [
    "a setting of the wrong kind",
    () => ["train", "--config", config("d.json", { model: "mlp", epochs: "3" })],
    /^error: .*d\.json: epochs is "3"\. Want a positive integer\.$/,
  ],
  [
    "a switch that is a number",
    () => ["train", "--config", config("e.json", { model: "mlp", tensorboard: 1 })],
    /^error: .*e\.json: tensorboard is 1\. Want true or false\.$/,
  ],
  [
    "an unknown choice in a file",
    () => ["train", "--config", config("f.json", { model: "mlp", backend: "webgpu" })],
    /^error: .*f\.json: backend is "webgpu"\. It is an unknown backend "webgpu" \(known: auto, wasm, x64, interpreter\)\.$/,
  ],
  // Going on.
  ["resume of nothing", () => ["train", "--resume", at("nowhere")], /^error: .*nowhere: is no folder of a run: it has no config\.json/],
  [
    "resume with another rate",
    () => ["train", "--resume", at("moons"), "--lr", "0.5"],
    /^error: .*moons: was started with --lr 0\.001, not 0\.5; a run that goes on keeps its settings; for another run: --config .*moons\/config\.json$/,
  ],
  [
    "resume with another model",
    () => ["train", "cnn", "--resume", at("run")],
    /^error: .*run: was started with --model "mlp", not "cnn"; /,
  ],
  [
    "resume longer under a schedule",
    () => ["train", "--resume", at("moons"), "--epochs", "9"],
    /^error: .*moons: was started with --epochs 1, not 9; its learning rate follows "cosine" over 1 epochs; /,
  ],
  [
    "resume into another folder",
    () => ["train", "--resume", at("run"), "--out", at("x")],
    "error: --resume goes on with a run as it is; leave out --out",
  ],
  [
    "resume after the data have changed",
    () => [
      "train",
      "--resume",
      changed("data", (info) => ({ ...info, state: "killed", data: { name: "digits", train: 800, test: 899, sha256: "0" } })),
    ],
    /^error: .*data: the data set digits has changed since the run was started \(800 \+ 899 examples then, 898 \+ 899 now\)$/,
  ],
  [
    "resume of a run that trains",
    () => ["train", "--resume", changed("busy", (info) => ({ ...info, state: "running", pid: process.ppid }))],
    /^error: .*busy: process \d+ is training there already$/,
  ],
  ["resume of a run with a damaged record", () => ["train", "--resume", brokenRecord()], /^error: .*broken\/run\.json: is not JSON: /],
  [
    "a checkpoint of another model in the run's place",
    () => ["train", "--resume", swapped()],
    /^error: checkpoint: is not a checkpoint of this model and these settings: misshapen model\.1\.weight \(want \[8, 2\], got \[8, 64\]\), /,
  ],
  [
    "a new run where one is unfinished",
    () => ["train", "mlp", "--out", changed("unfinished", (info) => ({ ...info, state: "interrupted" }))],
    /^error: .*unfinished: holds an unfinished run; go on with --resume .*unfinished, or start over with --overwrite$/,
  ],
  [
    "a folder that cannot be written",
    () => ["train", "xor", "--epochs", "1", "--out", join(config("file", ""), "below")],
    /^error: cannot write .*config\.json: /,
  ],
  // Trained models.
  [
    "evaluate of nothing",
    () => ["evaluate", at("none.safetensors")],
    /^error: no file .*none\.safetensors; want the folder of a run, or the file of a model$/,
  ],
  [
    "a truncated model",
    () => ["evaluate", config("cut.safetensors", readFileSync(at("run", "model.safetensors")).subarray(0, 900).toString("latin1"))],
    /^error: .*cut\.safetensors: truncated file/,
  ],
  [
    "a file that is no model",
    () => ["predict", config("text.safetensors", "hello, this is only a text"), at("a.npy")],
    /^error: .*text\.safetensors: header too long/,
  ],
  [
    "a model of nobody",
    () => ["evaluate", stranger()],
    /^error: .*stranger\.safetensors: does not say which model it is; want a file that nabla train has written$/,
  ],
  [
    "a model with another one's name",
    () => ["evaluate", relabelled("wrong.safetensors", { model: "cnn" })],
    /^error: .*wrong\.safetensors: loadStateDict: the entries do not fit Cnn: missing /,
  ],
  [
    "a model of a later version",
    () => ["evaluate", relabelled("later.safetensors", { model: "resnet5" })],
    /^error: .*later\.safetensors: unknown model "resnet5"/,
  ],
  ["a folder without a model", () => ["evaluate", bareFolder()], /^error: .*bare: has neither a model\.safetensors nor a checkpoint/],
  [
    "a data set with other inputs",
    () => ["evaluate", at("run"), "--data", "moons"],
    /^error: .*model\.safetensors: takes inputs \[1, 8, 8\], moons has \[2\]$/,
  ],
  [
    "a split that there is not",
    () => ["evaluate", at("run"), "--split", "dev"],
    "error: option '--split <name>' argument 'dev' is invalid. Want one of test, train.",
  ],
  [
    "nothing to predict",
    () => ["predict", at("run")],
    "error: want something to predict: files, or --example with positions in the test split",
  ],
  [
    "an example that there is not",
    () => ["predict", at("run"), "--example", "899"],
    "error: --example 899: digits has 899 test examples, 0 to 898",
  ],
  [
    "a position that is none",
    () => ["predict", at("run"), "--example", "1,x"],
    "error: option '--example <positions>' argument '1,x' is invalid. Want integers from 0, with commas between.",
  ],
  [
    "a file of an unknown kind",
    () => ["predict", at("run"), "photo.gif"],
    /^error: photo\.gif: images in the format gif are not read, convert it to PNG or JPEG; want a file ending in \.png, \.jpg, /,
  ],
  ["an image that is not there", () => ["predict", at("run"), at("none.png")], /^error: no file .*none\.png/],
  ["an image that is damaged", () => ["predict", at("run"), config("bad.png", "no image")], /^error: .*bad\.png: /],
  [
    "an image for a model of points",
    () => ["predict", at("moons"), config("bad.png", "no image")],
    /^error: .*bad\.png: is an image, but the model takes inputs \[2\], no images$/,
  ],
  [
    "a table for a model of images",
    () => ["predict", at("run"), config("t.csv", "a\n1\n")],
    /^error: .*t\.csv: is a table, but the model takes inputs \[1, 8, 8\] that came from none; want a \.npy file of that shape/,
  ],
  [
    "an export in another format",
    () => ["export", at("run"), "model.pb"],
    "error: model.pb: want a name that ends in .safetensors or .onnx, the formats that are written",
  ],
  ["a step that the run does not have", () => ["replay", at("run"), "--step", "9"], /^error: .*run: has 2 steps, there is no step 9$/],
  ["replay without a step", () => ["replay", at("run")], "error: required option '--step <n>' not specified"],
  ["runs of nowhere", () => ["runs", at("nowhere")], /^error: no folder .*nowhere; runs are made by nabla train$/],
  [
    "a time of nothing",
    () => ["bench", "xor", "--seconds", "0"],
    "error: option '--seconds <s>' argument '0' is invalid. Want a number above 0.",
  ],
  ["too few rates", () => ["find-lr", "mlp", "--steps", "3"], "error: findLearningRate: steps must be an integer >= 10, got 3"],
];

/** The run on moons with a checkpoint of the run on digits. */
function swapped(): string {
  const path = changed("swapped", (info) => info);
  cpSync(at("moons"), path, { recursive: true });
  const info = JSON.parse(readFileSync(join(path, "run.json"), "utf8"));
  writeFileSync(join(path, "run.json"), JSON.stringify({ ...info, state: "interrupted" }));
  return path;
}

function brokenRecord(): string {
  const path = changed("broken", (info) => info);
  writeFileSync(join(path, "run.json"), "{");
  return path;
}

function bareFolder(): string {
  mkdirSync(at("bare"), { recursive: true });
  return at("bare");
}

/** Weights without a word about them. */
function stranger(): string {
  const { entries } = readSafetensors(readFileSync(at("run", "model.safetensors")));
  writeFileSync(at("stranger.safetensors"), writeSafetensors(entries));
  return at("stranger.safetensors");
}

test.each(mistakes)("%s", async (_, args, message) => {
  const given = args();
  err.length = 0;
  expect(await nabla(given)).toBe(1);
  expect(err).toHaveLength(1);
  if (typeof message === "string") expect(err[0]).toBe(message);
  else expect(err[0]).toMatch(message);
  expect(err[0]).not.toContain("\n");
});

test("there are enough of them", () => {
  expect(mistakes.length).toBeGreaterThanOrEqual(25);
});
