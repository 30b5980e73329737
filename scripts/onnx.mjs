/**
 * @file `npm run onnx -- FOLDER [--compiled] [--backend B] [--json FILE]`: runs a folder of cases in ONNX's layout (rtol 1e-3, atol 1e-7) and counts them by operator.
 */
import { existsSync, statSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { findCases, tally } from "./onnx-cases.mjs";
import { setUp } from "./setup.mjs";

const USAGE = "usage: npm run onnx -- FOLDER [--compiled] [--backend wasm|interpreter] [--json FILE] [--list]";
const SECONDS = 120;

function fail(message) {
  console.error(`onnx: ${message}`);
  process.exit(1);
}

function argumentsOf() {
  try {
    const options = {
      compiled: { type: "boolean", default: false },
      backend: { type: "string" },
      json: { type: "string" },
      list: { type: "boolean", default: false },
    };
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    if (positionals.length !== 1) fail(`want one folder, got ${positionals.length}; ${USAGE}`);
    return { ...values, folder: positionals[0] };
  } catch (error) {
    return fail(`${error.message.split("\n")[0]}; ${USAGE}`);
  }
}

const { folder, compiled, backend, json, list } = argumentsOf();
if (!existsSync(folder) || !statSync(folder).isDirectory()) fail(`there is no folder ${folder}`);
if (backend !== undefined && !["wasm", "interpreter"].includes(backend)) fail(`--backend is wasm or interpreter, got ${backend}`);
const cases = findCases(folder);
if (cases.length === 0) fail(`no cases in ${folder}: want folders with model.onnx and test_data_set_0/input_0.pb`);
await setUp();

/** A thread that is ready for cases. */
function start() {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./onnx-worker.mjs", import.meta.url), { workerData: { compiled, backend } });
    worker.once("message", () => resolve(worker));
    worker.once("error", reject);
  });
}

/** The result of a case, and whether the thread can go on. */
function runIn(worker, path) {
  return new Promise((resolve) => {
    const name = path.split(/[/\\]/).at(-1);
    const done = (result, isAlive) => {
      clearTimeout(timer);
      worker.removeAllListeners();
      resolve({ result, isAlive });
    };
    const gone = (why) => done({ name, op: name.replace(/^test_/, ""), outcome: "failed", why }, false);
    const timer = setTimeout(() => gone(`took more than ${SECONDS} s`), SECONDS * 1000);
    worker.once("message", (result) => done(result, true));
    worker.once("error", (error) => gone(String(error.message).split("\n")[0]));
    worker.once("exit", () => gone("the thread ended"));
    worker.postMessage(path);
  });
}

const results = [];
let worker = await start();
for (const path of cases) {
  const { result, isAlive } = await runIn(worker, path);
  results.push(result);
  if (list && result.outcome !== "passed") console.log(`${result.outcome} ${result.name}: ${result.why}`);
  if (isAlive) continue;
  await worker.terminate();
  worker = await start();
}
await worker.terminate();

const count = (outcome) => results.filter((result) => result.outcome === outcome).length;
if (json) writeFileSync(json, `${JSON.stringify({ ops: tally(results) }, null, 2)}\n`);
console.log(`${results.length} cases: ${count("passed")} passed, ${count("failed")} failed, ${count("unsupported")} unsupported`);
