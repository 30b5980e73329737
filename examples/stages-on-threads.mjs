/**
 * Synthetic gradients on threads (Jaderberg et al. 2017): each stage of a network lives in a thread of its own, works on what the stage before has sent, updates itself by its
 * own guess of the gradient, and passes its output on; nobody waits for a backward pass. The same stages, one after the other on one thread, are timed beside it.
 *
 *     node examples/stages-on-threads.mjs [batches]
 *
 * With as many free cores as stages the time is that of the slowest stage; with fewer there is nothing to gain.
 */
import { availableParallelism } from "node:os";
import { isMainThread, MessageChannel, parentPort, Worker, workerData } from "node:worker_threads";
import { compile, data, manualSeed, nn, optim, setThreads, tensor, train } from "nabla";

const WIDTH = 256;
const BATCH = 128;
const STAGES = 3;

/** All stages; each thread makes them from the same seed and keeps one. */
function network() {
  manualSeed(0);
  const block = (inputs) => new nn.Sequential(new nn.Linear(inputs, WIDTH), new nn.BatchNorm1d(WIDTH), new nn.ReLU());
  return train.decoupled([block(64), block(WIDTH), new nn.Sequential(block(WIDTH), new nn.Linear(WIDTH, 10))], {
    inputShape: [64],
    loss: nn.crossEntropy,
    classes: 10,
    optimizer: (parameters) => new optim.Adam(parameters, { lr: 1e-3 }),
  });
}

/** A stage's two programs, on typed arrays. */
function programs(stage) {
  const step = compile((x, labels) => stage.step(x, labels));
  const learn = compile((output, labels, gradient) => stage.learn(output, labels, gradient));
  const matrix = (values) => tensor(values, { shape: [BATCH, values.length / BATCH] });
  return {
    async step(x, labels) {
      const { output, gradient } = step(matrix(x), tensor(labels));
      return { output: await output.data(), gradient: await gradient.data() };
    },
    learn: (output, labels, gradient) => learn(matrix(output), tensor(labels), matrix(gradient)),
  };
}

/** The loop of a thread: batches from below, gradients from above. */
async function serve({ k, below, above }) {
  setThreads(1);
  const own = programs(network().stages[k]);
  const last = k === STAGES - 1;
  above?.on("message", ({ output, labels, gradient }) => own.learn(output, labels, gradient));
  let work = Promise.resolve();
  const take = ({ x, labels }) => {
    work = work.then(async () => {
      const { output, gradient } = await own.step(x, labels);
      if (!last) above.postMessage({ x: output, labels });
      if (k > 0) below.postMessage({ output: x, labels, gradient });
      parentPort.postMessage(last ? { loss: output[0] } : { done: true });
    });
  };
  below.on("message", take);
}

/** Examples as batches, over and over. */
async function* batches(count) {
  const { train: set } = await data.digits();
  for (let i = 0; i < count; i++) {
    const at = (i * BATCH) % (set.count - BATCH);
    yield { x: set.inputs.slice(at * 64, (at + BATCH) * 64), labels: set.targets.slice(at, at + BATCH) };
  }
}

/** Seconds for so many batches on threads, after a tenth more to start up, and the last loss. */
async function onThreads(count) {
  const channels = Array.from({ length: STAGES }, () => new MessageChannel());
  const workers = channels.map((channel, k) => {
    const [below, above] = [channel.port2, channels[k + 1]?.port1];
    return new Worker(new URL(import.meta.url), { workerData: { k, below, above }, transferList: [below, above].filter(Boolean) });
  });
  const warmUp = Math.ceil(count / 10);
  let [start, loss, seen] = [0, Number.NaN, 0];
  const finished = new Promise((resolve, reject) => {
    for (const worker of workers) worker.on("error", reject);
    workers.at(-1).on("message", (message) => {
      loss = message.loss;
      seen++;
      if (seen === warmUp) start = performance.now();
      if (seen === warmUp + count) resolve();
    });
  });
  // At most a few batches wait in front of the first stage.
  let [sent, done] = [0, 0];
  let room = () => {};
  workers[0].on("message", () => {
    done++;
    room();
  });
  for await (const batch of batches(warmUp + count)) {
    channels[0].port1.postMessage(batch);
    sent++;
    while (sent - done > 4) await new Promise((resolve) => (room = resolve));
  }
  await finished;
  const seconds = (performance.now() - start) / 1000;
  await Promise.all(workers.map((worker) => worker.terminate()));
  return { seconds, loss };
}

/** The same stages, one after the other. */
async function onOneThread(count) {
  setThreads(1);
  const stages = network().stages.map(programs);
  let [start, loss, seen] = [0, Number.NaN, 0];
  const warmUp = Math.ceil(count / 10);
  for await (const { x, labels } of batches(warmUp + count)) {
    if (seen++ === warmUp) start = performance.now();
    let h = x;
    for (const [k, stage] of stages.entries()) {
      const { output, gradient } = await stage.step(h, labels);
      if (k > 0) stages[k - 1].learn(h, labels, gradient);
      h = output;
    }
    loss = h[0];
  }
  return { seconds: (performance.now() - start) / 1000, loss };
}

if (isMainThread) {
  const count = Number(process.argv[2] ?? 80);
  if (!Number.isSafeInteger(count) || count < 1) throw new RangeError(`want a number of batches, got ${process.argv[2]}`);
  const [one, several] = [await onOneThread(count), await onThreads(count)];
  const line = (name, { seconds, loss }) => console.log(`${name}: ${seconds.toFixed(2)} s for ${count} batches, loss ${loss.toFixed(4)}`);
  line("one thread", one);
  line(`${STAGES} stages on ${STAGES} threads`, several);
  console.log(`${(one.seconds / several.seconds).toFixed(2)} times as quick, on ${availableParallelism()} cores`);
} else await serve(workerData);
