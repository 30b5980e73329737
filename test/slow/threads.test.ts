/** @file Threads of the built package in a process of their own: it ends when its work is done, costs nothing while it waits, and heeds its settings. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { hasMachineCode } from "../machine-code.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

const program = `
import { compile, getThreads, nn, setThreads, tensor } from "./dist/node.js";
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const x = new nn.State(tensor(Float32Array.from({ length: 65536 }, (_, i) => Math.sin(i) / 16), { shape: [256, 256] }));
const step = compile(() => x.set(x.value.matmul(x.value).add(x.value).tanh()));
`;

interface Run {
  readonly out: string;
  readonly err: string;
  readonly status: number | null;
}

/** Runs a script after the lines above; gives what it printed. */
function runNode(script: string, env: Record<string, string>): Run {
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=module", "--eval", program + script], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, ...env },
    timeout: 60_000,
  });
  return { out: stdout.trim(), err: stderr, status };
}

describe.each(hasMachineCode ? ["wasm", "x64"] : ["wasm"])("a process with threads, on %s", (backend) => {
  const node = (script: string, env: Record<string, string> = {}): Run => runNode(script, { NABLA_BACKEND: backend, ...env });

  beforeAll(() => {
    if (!existsSync(join(root, "dist/index.js"))) throw new Error("dist is missing: npm run build");
  });

  test("ends by itself, at once or later", () => {
    expect(node(`setThreads(3); for (let i = 0; i < 5; i++) step(); console.log("done");`)).toMatchObject({
      out: "done",
      err: "",
      status: 0,
    });
    const later = node(`setThreads(3); for (let i = 0; i < 50; i++) { step(); await pause(5); } console.log("done");`);
    expect(later).toMatchObject({ out: "done", err: "", status: 0 });
  });

  test("ends with process.exit and with an error in the middle of its work", () => {
    expect(node(`setThreads(2); setTimeout(() => process.exit(3), 300); while (true) { step(); await pause(0); }`)).toMatchObject({
      status: 3,
    });
    expect(node(`setThreads(2); for (let i = 0; i < 50; i++) step(); throw new Error("mine");`)).toMatchObject({ status: 1 });
  });

  test("uses no processor while it waits", () => {
    const { out } = node(`
      setThreads(4);
      for (let i = 0; i < 20; i++) { step(); await pause(10); }
      await pause(200);
      const before = process.cpuUsage();
      await pause(1000);
      const { user, system } = process.cpuUsage(before);
      console.log((user + system) / 1000);
    `);
    expect(Number(out)).toBeLessThan(150);
  });

  test("takes the number of threads from its environment, and says what is wrong with it", () => {
    expect(node("console.log(getThreads());", { NABLA_THREADS: "3" }).out).toBe("3");
    expect(node("step();", { NABLA_THREADS: "many" }).err).toContain("NABLA_THREADS: want a whole number of threads from 1 to 64, got NaN");
  });

  test("gives the same bits for any number of threads", () => {
    const hash = `
      for (let i = 0; i < 30; i++) { step(); if (i % 10 === 2) await pause(60); }
      console.log([...new Uint32Array(x.value.dataSync().buffer)].reduce((a, b) => (Math.imul(a, 31) + b) | 0, 0));
    `;
    const [one, two, three] = ["1", "2", "3"].map((threads) => node(hash, { NABLA_THREADS: threads }).out);
    expect(Number(one)).not.toBe(0);
    expect([two, three]).toEqual([one, one]);
  });

  test("may be that of a Worker, whose long steps keep nobody's event loop from turning", () => {
    const { out, err } = node(`
      const { Worker } = process.getBuiltinModule("node:worker_threads");
      const work = async (url) => {
        const { compile, getThreads, setThreads, tensor } = await import(url);
        setThreads(2);
        const product = compile((x) => x.matmul(x).sum());
        const x = tensor(Float32Array.from({ length: 768 * 768 }, (_, i) => Math.sin(i)), { shape: [768, 768] });
        let sum;
        for (let i = 0; i < 20; i++) sum = product(x).itemSync();
        return [sum, getThreads()];
      };
      const url = new URL("dist/node.js", "file://" + process.cwd() + "/").href;
      const code = "(" + work + ")(" + JSON.stringify(url) + ").then((made) => process.getBuiltinModule('node:worker_threads').parentPort.postMessage(made))";
      let ticks = 0;
      const timer = setInterval(() => ticks++, 2);
      const worker = new Worker(code, { eval: true });
      const made = await new Promise((done, failed) => worker.on("message", done).on("error", failed));
      clearInterval(timer);
      await worker.terminate();
      const own = await work(url);
      console.log(made[0] === own[0], made[1], ticks > 20);
    `);
    expect(err).toBe("");
    expect(out).toBe("true 2 true");
  });

  test.runIf(backend === "x64")("goes on alone, and says so, where a thread cannot run", () => {
    const { out, err } = node(`
      const { Worker } = process.getBuiltinModule("node:worker_threads");
      const on = Worker.prototype.on;
      Worker.prototype.on = function (event, listener) { setTimeout(() => listener(new Error("no memory for a stack")), 50); return on.call(this, event, listener); };
      setThreads(3);
      step(); step();
      await pause(200);
      step(); step();
      console.log(getThreads());
    `);
    expect(err).toContain("nabla: one thread computes: this host starts no workers (no memory for a stack)");
    expect(out).toBe("1");
  });

  test.runIf(backend === "wasm")("a thread that dies is an error of the next step, and another takes its place", () => {
    const { out, err } = node(`
      const { Worker } = process.getBuiltinModule("node:worker_threads");
      const workers = [];
      const post = Worker.prototype.postMessage;
      Worker.prototype.postMessage = function (message) { if (!workers.includes(this)) workers.push(this); return post.call(this, message); };
      setThreads(2);
      step(); step();
      await pause(200);
      workers[0].emit("error", new Error("out of memory"));
      try { step(); } catch (error) { console.log(error.message); }
      step(); step();
      await pause(200);
      step();
      console.log(workers.length);
    `);
    expect(err).toBe("");
    expect(out.split("\n")).toEqual(["a thread has failed: out of memory", "2"]);
  });
});
