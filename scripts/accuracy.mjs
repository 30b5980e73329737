/**
 * @file `node scripts/accuracy.mjs [--seeds 1,2,3] [name...]`: the commands of docs/accuracy.md, each over some seeds, and the rows of its table.
 * MNIST, Fashion-MNIST and the tables are looked for in ../shared/data, or in the folder that NABLA_DATA names. Needs the build.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./setup.mjs";

const data = process.env.NABLA_DATA ?? join(root, "../shared/data");
const images = (name) => ["--data", name, "--data-dir", join(data, name)];
const table = (name) => ["mlp", "--data", join(data, "sklearn", `${name}.csv`)];

const experiments = {
  digits: ["cnn"],
  lenet5: ["lenet5", ...images("mnist")],
  cosine: ["lenet5-cosine", ...images("mnist")],
  mlp: ["mlp", ...images("mnist"), "--hidden", "800", "--epochs", "12"],
  mnist: ["convnet", ...images("mnist")],
  fashion: ["convnet", ...images("fashion-mnist")],
  resnet20: [
    ...["resnet20", ...images("fashion-mnist"), "--image-size", "32", "--epochs", "20", "--batch-size", "128", "--augment", "flip,crop=4"],
    ...["--optimizer", "sgd", "--lr", "0.1", "--schedule", "one-cycle", "--weight-decay", "0.0005"],
  ],
  ...Object.fromEntries(["iris", "wine", "breast_cancer", "diabetes"].map((name) => [name, table(name)])),
};

const args = process.argv.slice(2);
const seeds = args[0] === "--seeds" ? args.splice(0, 2)[1].split(",") : ["1", "2", "3"];
const folder = mkdtempSync(join(tmpdir(), "nabla-accuracy-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

/** Accuracy in percent, or the loss of a regression, after the last epoch; seconds of training. */
function run(flags, seed) {
  const json = join(folder, "report.json");
  const out = ["--seed", seed, "--json", json, "--out", join(folder, "run"), "--overwrite"];
  execFileSync(process.execPath, [join(root, "dist/cli/main.js"), "train", ...flags, ...out]);
  const { epochs, testAccuracy } = JSON.parse(readFileSync(json, "utf8"));
  return {
    score: testAccuracy === null ? epochs.at(-1).testLoss : 100 * testAccuracy,
    seconds: epochs.reduce((sum, epoch) => sum + epoch.seconds, 0),
  };
}

console.log("| experiment | by seed | mean | spread | seconds a seed |\n| --- | --- | --- | --- | --- |");
// Hours: only when it is named.
const usual = Object.keys(experiments).filter((name) => name !== "resnet20");
for (const name of args.length > 0 ? args : usual) {
  const results = seeds.map((seed) => run(experiments[name], seed));
  const scores = results.map(({ score }) => score);
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const text = [
    scores.map((score) => score.toFixed(2)).join(", "),
    mean(scores).toFixed(2),
    (Math.max(...scores) - Math.min(...scores)).toFixed(2),
  ];
  console.log(`| ${[name, ...text, mean(results.map(({ seconds }) => seconds)).toFixed(0)].join(" | ")} |`);
}
