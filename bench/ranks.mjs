/**
 * @file What ranks give on one machine: `node bench/ranks.mjs [ROUNDS]`. Times a training step (batch 64, Adam) of LeNet-5 and ResNet-20 in one process on one and two
 * threads, on one rank, and on two ranks of one thread each, one after the other in each round; prints the medians over rounds of the medians over steps. Needs the
 * build and mpirun.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { distribute } from "../dist/distributed/index.js";
import { manualSeed, models, optim, tensor, train } from "../dist/index.js";

const NETWORKS = { lenet5: { shape: [1, 28, 28], steps: 60 }, resnet20: { shape: [3, 32, 32], steps: 12 } };
const BATCH = 64;

/** How a step is run: the command before the script, its threads, and what its batch is divided by. */
const isRoot = process.getuid?.() === 0;
// Open MPI binds each of one or two ranks to one core, where further threads would share it.
const mpirun = (n) => [
  "mpirun",
  "--oversubscribe",
  "--bind-to",
  "none",
  ...(isRoot ? ["--allow-run-as-root"] : []),
  "-n",
  String(n),
  process.execPath,
];
const WAYS = {
  "one process, 1 thread": { command: [process.execPath], threads: 1, how: "plain" },
  "one process, 2 threads": { command: [process.execPath], threads: 2, how: "plain" },
  "1 rank, 1 thread": { command: mpirun(1), threads: 1, how: "exact" },
  "1 rank, 2 threads": { command: mpirun(1), threads: 2, how: "exact" },
  "2 ranks of 1 thread": { command: mpirun(2), threads: 1, how: "exact" },
  "2 ranks of 1 thread, --fast": { command: mpirun(2), threads: 1, how: "fast" },
};

const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

/** The median milliseconds of a step, in this process. */
async function timed(name, how) {
  const { shape, steps } = NETWORKS[name];
  const ranks = how === "plain" ? undefined : await distribute({ fast: how === "fast" });
  manualSeed(1);
  const model = models.models[name]({ inputShape: shape, outputs: 10 });
  const optimizer = new optim.Adam(model.parameters());
  const part = ranks?.part(BATCH) ?? { from: 0, to: BATCH };
  const parts = { loss: train.defaultLoss({ task: "classification" }), ...(ranks && { spread: (step) => part.spread(step) }) };
  const step = train.compileStep(model, optimizer, parts);
  const n = part.to - part.from;
  const size = shape.reduce((a, b) => a * b, 1);
  const x = tensor(
    Float32Array.from({ length: n * size }, (_, i) => Math.sin(i)),
    { shape: [n, ...shape] },
  );
  const y = tensor(Int32Array.from({ length: n }, (_, i) => i % 10));
  const times = [];
  for (let i = 0; i < steps + 5; i++) {
    ranks?.communicator.barrier();
    const start = performance.now();
    await step(x, y).item();
    if (i >= 5) times.push(performance.now() - start);
  }
  if (ranks?.first ?? true) console.log(JSON.stringify(median(times)));
}

function inProcess(name, { command, threads, how }) {
  const [program, ...args] = [...command, fileURLToPath(import.meta.url), "--time", name, how];
  const { stdout, stderr, status } = spawnSync(program, args, {
    encoding: "utf8",
    env: { ...process.env, NABLA_THREADS: String(threads) },
  });
  if (status !== 0) throw new Error(stderr);
  return Number(stdout);
}

const at = process.argv.indexOf("--time");
if (at >= 0) await timed(process.argv[at + 1], process.argv[at + 2]);
else {
  const rounds = Number(process.argv[2] ?? 5);
  for (const name of Object.keys(NETWORKS)) {
    const found = Object.fromEntries(Object.keys(WAYS).map((way) => [way, []]));
    for (let round = 0; round < rounds; round++) for (const [way, how] of Object.entries(WAYS)) found[way].push(inProcess(name, how));
    const base = median(found["one process, 2 threads"]);
    for (const [way, list] of Object.entries(found))
      console.log(`${name}, ${way}: ${median(list).toFixed(2)} ms, ${(base / median(list)).toFixed(2)} of two threads`);
  }
}
