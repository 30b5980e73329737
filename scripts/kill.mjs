/**
 * @file `node scripts/kill.mjs [kills] [seed] [flags of train...]`: interrupts training runs by kill -9 at random moments and resumes each; all must
 * end in the bits of one that was never interrupted, and no checkpoint may be unreadable. Needs the build.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSafetensors } from "../dist/formats/index.js";
import { root } from "./setup.mjs";

const [kills = 20, seed = 1] = process.argv.slice(2, 4).map(Number);
// Everything that has state: dropout, an average, accumulated gradients, early stopping, a plateau, a validation split.
const usual = [
  "cnn",
  "--epochs",
  "4",
  "--batch-size",
  "16",
  "--ema",
  "0.98",
  "--accumulate",
  "2",
  "--patience",
  "3",
  "--plateau",
  "1",
  "--validation",
  "0.1",
];
const flags = process.argv.length > 4 ? process.argv.slice(4) : [...usual, "--schedule", "cosine", "--save-every", "7", "--tensorboard"];
const folder = mkdtempSync(join(tmpdir(), "nabla-kill-"));
const nabla = [join(root, "dist/cli/main.js")];
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

/** Numbers in [0, 1) that a seed decides (Marsaglia 2003). */
let state = (seed * 2654435761) >>> 0 || 1;
function random() {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) / 2 ** 32;
}

/** Runs to the end or to the kill; gives whether it was killed, and the milliseconds it took. */
function run(args, killAfter) {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...nabla, ...args], { stdio: ["ignore", "ignore", "pipe"] });
    let errors = "";
    child.stderr.on("data", (text) => {
      errors += text;
    });
    const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), killAfter);
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      if (errors !== "" || (code !== 0 && signal !== "SIGKILL")) reject(new Error(`${args.join(" ")}: exit ${code}\n${errors}`));
      else resolve({ killed: signal === "SIGKILL", took: performance.now() - start });
    });
  });
}

/** The model's bytes and the recorded losses of a finished run; both must repeat. */
function result(out) {
  const hash = (name) =>
    createHash("sha256")
      .update(readFileSync(join(out, name)))
      .digest("hex")
      .slice(0, 12);
  return `${hash("model.safetensors")} ${hash("steps.csv")}`;
}

/** Reads every checkpoint there is; throws if one cannot be read. */
function readAll(out) {
  let names = [];
  try {
    names = readdirSync(join(out, "checkpoints")).filter((name) => !name.startsWith("."));
  } catch {
    return 0; // killed before the first
  }
  for (const name of names) readSafetensors(readFileSync(join(out, "checkpoints", name)), name);
  return names.length;
}

const whole = join(folder, "whole");
const { took } = await run(["train", ...flags, "--out", whole]);
const want = result(whole);
console.log(`uninterrupted: ${(took / 1000).toFixed(1)} s, model and losses ${want}`);
let interruptions = 0;
for (let k = 0; k < kills; k++) {
  const out = join(folder, `run-${k}`);
  const moments = [];
  let read = 0;
  for (let args = ["train", ...flags, "--out", out]; ; ) {
    const after = took * (0.1 + 0.9 * random());
    // Every third run is killed twice at least.
    const { killed } = await run(args, moments.length <= (k % 3 === 0 ? 1 : 0) ? after : undefined);
    if (!killed) break;
    moments.push(after);
    interruptions++;
    read += readAll(out);
    // Killed before it wrote its settings, there is nothing to go on with.
    args = readdirSync(folder).includes(`run-${k}`) && readdirSync(out).includes("run.json") ? ["train", "--resume", out] : args;
  }
  const got = result(out);
  const shown = moments.map((ms) => `${(ms / 1000).toFixed(2)} s`).join(", ");
  console.log(
    `run ${k + 1}: killed after ${shown || "nothing: it was done"}; ${read} checkpoints read; ${got === want ? "the same bits" : `DIFFERENT: ${got}`}`,
  );
  if (got !== want) process.exitCode = 1;
  rmSync(out, { recursive: true, force: true });
}
console.log(`${interruptions} kills in ${kills} runs, ${process.exitCode ? "NOT " : ""}all to the same bits`);
if (interruptions === 0) process.exitCode = 1;
