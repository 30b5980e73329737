/**
 * @file `node scripts/kill.mjs [kills] [seed] [--resume-threads N] [flags of train...]`: interrupts training runs by kill -9 at random moments and
 * resumes each, if wanted on another number of threads; all must end in the bits of one that was never interrupted, and no checkpoint may be
 * unreadable. Flags after a model's name stand for themselves, others are added to the usual ones. Needs the build.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSafetensors } from "../dist/formats/index.js";
import { root } from "./setup.mjs";

const [kills = 20, seed = 1] = process.argv.slice(2, 4).map(Number);
const given = process.argv.slice(4);
const changed = given[0] === "--resume-threads" ? ["--threads", given.splice(0, 2)[1]] : [];
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
  "--schedule",
  "cosine",
  "--save-every",
  "7",
  "--tensorboard",
];
const flags = given.length > 0 && !given[0].startsWith("--") ? given : [...usual, ...given];
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

const checkpointsIn = (out) => {
  try {
    return readdirSync(join(out, "checkpoints")).filter((name) => !name.startsWith("."));
  } catch {
    return []; // killed before the first
  }
};

/**
 * Runs to the end, or to the kill, `share` of a whole training after the process has begun (`from` "start") or has made its first checkpoint (compiling
 * takes longer than this small training). Gives whether it was killed, and the milliseconds from both.
 */
function run(out, args, { share, from, whole } = {}) {
  const before = checkpointsIn(out).join();
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...nabla, ...args], { stdio: ["ignore", "ignore", "pipe"] });
    const began = { start: performance.now(), checkpoint: undefined };
    let [errors, timer] = ["", undefined];
    const arm = (moment) => {
      if (from === moment) timer = setTimeout(() => child.kill("SIGKILL"), share * whole[moment]);
    };
    arm("start");
    const watch = setInterval(() => {
      if (began.checkpoint !== undefined || checkpointsIn(out).join() === before) return;
      began.checkpoint = performance.now();
      arm("checkpoint");
    }, 2);
    child.stderr.on("data", (text) => {
      errors += text;
    });
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      clearInterval(watch);
      const end = performance.now();
      if (errors !== "" || (code !== 0 && signal !== "SIGKILL")) reject(new Error(`${args.join(" ")}: exit ${code}\n${errors}`));
      else resolve({ killed: signal === "SIGKILL", start: end - began.start, checkpoint: end - (began.checkpoint ?? end) });
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
  const names = checkpointsIn(out);
  for (const name of names) readSafetensors(readFileSync(join(out, "checkpoints", name)), name);
  return names.length;
}

const reference = join(folder, "whole");
const whole = await run(reference, ["train", ...flags, "--out", reference]);
const want = result(reference);
const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;
console.log(
  `uninterrupted: ${seconds(whole.start)}, ${seconds(whole.checkpoint)} of it after the first checkpoint; model and losses ${want}`,
);
let [interruptions, read] = [0, 0];
for (let k = 0; interruptions < kills; k++) {
  const out = join(folder, `run-${k}`);
  const moments = [];
  // Every third run is killed twice.
  for (let args = ["train", ...flags, "--out", out]; ; ) {
    const plan = { share: 0.98 * random(), from: random() < 0.25 ? "start" : "checkpoint", whole };
    const { killed } = await run(out, args, moments.length <= (k % 3 === 0 ? 1 : 0) ? plan : undefined);
    if (!killed) break;
    moments.push(`${seconds(plan.share * whole[plan.from])} after ${plan.from === "start" ? "its start" : "its first checkpoint"}`);
    read += readAll(out);
    // Killed before it wrote its settings, there is nothing to go on with.
    args = existsSync(join(out, "run.json")) ? ["train", "--resume", out, ...changed] : args;
  }
  interruptions += moments.length;
  const same = result(out) === want;
  console.log(
    `run ${k + 1}: killed ${moments.join(", ") || "never: it was done before"}; ${same ? "the same bits" : `DIFFERENT: ${result(out)}`}`,
  );
  if (!same) process.exitCode = 1;
  rmSync(out, { recursive: true, force: true });
}
console.log(`${interruptions} kills, ${read} checkpoints read after them; ${process.exitCode ? "NOT " : ""}all runs to the same bits`);
