/**
 * @file `npm run bench -- --onnx [NAME ...] [--threads N] [--runs N]`: one image or sentence through networks that `nabla/onnx` exports, by Nabla and by onnxruntime-web
 * (its WebAssembly build, installed into a folder of its own), by turns. A line for each network: least milliseconds of both, their ratio, and how far results are apart.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { root } from "./setup.mjs";

/** Each with the shape of one input. The encoder has the size of BERT base, at 128 tokens. */
const NETWORKS = {
  mobilenet_v2: { shape: [3, 224, 224], make: ({ models }) => models.zoo.mobilenet_v2.make({}) },
  resnet18: { shape: [3, 224, 224], make: ({ models }) => models.zoo.resnet18.make({}) },
  bert_base: { shape: [128, 768], make: ({ nn }) => new nn.TransformerEncoder(768, 12, { layers: 12, activation: "gelu" }) },
};

/** onnxruntime-web in the version that the tests use. */
async function install(folder) {
  const { dependencies } = JSON.parse(readFileSync(join(root, "test/consumers/package.json"), "utf8"));
  execFileSync("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", `onnxruntime-web@${dependencies["onnxruntime-web"]}`], {
    cwd: folder,
    stdio: "pipe",
  });
  return await import(pathToFileURL(join(folder, "node_modules/onnxruntime-web/dist/ort.node.min.mjs")).href);
}

async function compare(nabla, onnx, ort, name, runs) {
  const { shape, make } = NETWORKS[name];
  nabla.manualSeed(0);
  const model = make(nabla).eval();
  const x = nabla.tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * i)),
    { shape: [1, ...shape] },
  );
  const session = await ort.InferenceSession.create(onnx.export(model, nabla.zeros([2, ...shape])), { executionProviders: ["wasm"] });
  const feeds = { [session.inputNames[0]]: new ort.Tensor("float32", x.dataSync(), x.shape) };
  const forward = nabla.compile((input) => model.forward(input));
  const rivals = [() => forward(x).dataSync(), async () => (await session.run(feeds))[session.outputNames[0]].data];
  const least = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const results = [];
  for (let run = -2; run < runs; run++) {
    for (const [i, rival] of rivals.entries()) {
      const start = performance.now();
      results[i] = await rival();
      if (run >= 0) least[i] = Math.min(least[i], performance.now() - start);
    }
  }
  await session.release();
  const size = Math.max(...results[1].map(Math.abs));
  const off = Math.max(...results[0].map((v, i) => Math.abs(v - results[1][i]))) / size;
  return { own: least[0], theirs: least[1], off };
}

export async function benchOnnx(args) {
  const { values, positionals } = parseArgs({
    args: args.filter((arg) => arg !== "--onnx"),
    allowPositionals: true,
    options: { threads: { type: "string", default: "1" }, runs: { type: "string", default: "10" } },
  });
  const names = positionals.length > 0 ? positionals : Object.keys(NETWORKS);
  const unknown = names.find((name) => !Object.hasOwn(NETWORKS, name));
  if (unknown) throw new Error(`unknown network ${unknown}; want ${Object.keys(NETWORKS).join(", ")}`);
  const [threads, runs] = [Number(values.threads), Number(values.runs)];
  for (const [flag, n] of Object.entries({ threads, runs }))
    if (!Number.isInteger(n) || n < 1) throw new Error(`--${flag} must be a positive integer, got ${values[flag]}`);
  const folder = mkdtempSync(join(tmpdir(), "nabla-ort-"));
  try {
    const ort = await install(folder);
    ort.env.wasm.numThreads = threads;
    ort.env.logLevel = "error";
    const nabla = await import(join(root, "dist/index.js"));
    const onnx = await import(join(root, "dist/onnx/index.js"));
    nabla.setThreads(threads);
    for (const name of names) {
      const { own, theirs, off } = await compare(nabla, onnx, ort, name, runs);
      console.log(
        `${name.padEnd(14)}${own.toFixed(1)} ms, onnxruntime-web ${theirs.toFixed(1)} ms, ratio ${(own / theirs).toFixed(2)}; results within ${off.toExponential(1)}`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.exit(0); // its threads would keep the process
}
