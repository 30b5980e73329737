/**
 * @file `npm run onnx -- FOLDER [--compiled] [--backend B] [--json FILE]`: runs a folder of cases in ONNX's layout (rtol 1e-3, atol 1e-7) and counts them by operator.
 */
import { existsSync, statSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { findCases, tally } from "./onnx-cases.mjs";
import { setUp } from "./setup.mjs";

const USAGE = "usage: npm run onnx -- FOLDER [--compiled] [--backend wasm|interpreter|x64] [--json FILE] [--list]";
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
if (backend !== undefined && !["wasm", "interpreter", "x64"].includes(backend))
  fail(`--backend is wasm, interpreter or x64, got ${backend}`);
const cases = findCases(folder);
if (cases.length === 0) fail(`no cases in ${folder}: want folders with model.onnx and test_data_set_0/input_0.pb`);
await setUp();

/** A thread that runs one case after another. */
class Runner {
  #worker;
  #settle;

  constructor() {
    this.#worker = new Worker(new URL("./onnx-worker.mjs", import.meta.url), { workerData: { compiled, backend } });
    this.#worker.on("message", (message) => this.#settle?.({ message }));
    this.#worker.on("error", (error) => this.#settle?.({ fault: String(error?.message ?? error).split("\n")[0] }));
    this.#worker.on("exit", () => this.#settle?.({ fault: "the thread ended" }));
  }

  /** What the thread says next, or what went wrong with it. */
  #next() {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve({ fault: `took more than ${SECONDS} s` }), SECONDS * 1000);
      this.#settle = (outcome) => {
        clearTimeout(timer);
        resolve(outcome);
      };
    });
  }

  /** @throws {Error} if the thread does not start. */
  async ready() {
    const { fault } = await this.#next();
    if (fault) fail(fault);
    return this;
  }

  run(path) {
    const next = this.#next();
    this.#worker.postMessage(path);
    return next;
  }

  end() {
    this.#settle = undefined;
    return this.#worker.terminate();
  }
}

const results = [];
let runner = await new Runner().ready();
for (const path of cases) {
  const name = path.split(/[/\\]/).at(-1);
  const { message, fault } = await runner.run(path);
  const result = message ?? { name, op: name.replace(/^test_/, ""), outcome: "failed", why: fault };
  results.push(result);
  if (list && result.outcome !== "passed") console.log(`${result.outcome} ${result.name}: ${result.why}`);
  if (!fault) continue;
  await runner.end();
  runner = await new Runner().ready();
}
await runner.end();

const count = (outcome) => results.filter((result) => result.outcome === outcome).length;
if (json) writeFileSync(json, `${JSON.stringify({ ops: tally(results) }, null, 2)}\n`);
console.log(`${results.length} cases: ${count("passed")} passed, ${count("failed")} failed, ${count("unsupported")} unsupported`);
