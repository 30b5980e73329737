/**
 * @file What ranks cost: `mpirun -n 2 node bench/distributed.mjs`. Times all-reduces of several sizes on these ranks, fits a latency α per message and a
 * bandwidth β to them (least squares of relative errors), and prints what follows for the network and the machines that are asked for (step-model.mjs).
 *
 * `--model BYTES,COMPUTE_SECONDS,SMALL_SUMS` gives the network: bytes of gradients, seconds of a step on one host, small all-reduces in a step (four for each batch
 * norm, four for losses and metrics). Default: ResNet-50 with 32 images on each host, 102.2 MB, 53 batch norms. Needs the build.
 */
import { mpi, single } from "../dist/distributed/index.js";
import { allReduceCost, fitted, NETWORKS, RESNET50, step } from "./step-model.mjs";

const launched = process.env.OMPI_COMM_WORLD_SIZE ?? process.env.PMI_SIZE;
const ranks = launched ? await mpi() : single();
const sizes = [64, 4096, 65_536, 2 ** 20, 8 * 2 ** 20, 64 * 2 ** 20];

/** Seconds of an all-reduce of so many bytes: the quickest, since other programs on a machine only add to it. */
function timed(bytes) {
  const x = new Float32Array(bytes / 4);
  const runs = bytes <= 65_536 ? 500 : bytes <= 2 ** 23 ? 40 : 7;
  const times = [];
  for (let i = 0; i < runs; i++) {
    ranks.barrier();
    const start = performance.now();
    ranks.allReduce(x);
    times.push((performance.now() - start) / 1000);
  }
  return Math.min(...times);
}

const measured = sizes.map((bytes) => ({ bytes, seconds: timed(bytes) }));
const n = ranks.size;

if (ranks.rank === 0) {
  for (const { bytes, seconds } of measured)
    console.log(`${String(bytes).padStart(9)} bytes  ${(1e6 * seconds).toFixed(1).padStart(10)} µs`);
  if (n > 1) {
    const { latency, perByte } = fitted(measured, n);
    console.log(`${n} ranks: latency ${(1e6 * latency).toFixed(1)} µs a message, bandwidth ${(1e-9 / perByte).toFixed(2)} GB/s`);
    for (const { bytes, seconds } of measured) {
      const cost = allReduceCost(bytes, n);
      const model = cost.messages * latency + cost.bytes * perByte;
      console.log(`  ${String(bytes).padStart(9)} bytes: model ${(1e6 * model).toFixed(1)} µs, measured ${(1e6 * seconds).toFixed(1)} µs`);
    }
  }
  const given = process.argv[process.argv.indexOf("--model") + 1];
  const [bytes, compute, small] = process.argv.includes("--model") ? given.split(",").map(Number) : Object.values(RESNET50);
  console.log(`step of ${(bytes / 1e6).toFixed(1)} MB of gradients, ${compute} s of computing on each host, ${small} small sums:`);
  for (const network of NETWORKS)
    for (const hosts of [8, 64, 512]) {
      const { gradients, sums, efficiency, behind } = step({ bytes, compute, small }, hosts, network);
      const percent = (x) => (100 * x).toFixed(1);
      console.log(
        `  ${network.name}, ${String(hosts).padStart(3)} hosts: gradients ${gradients.toFixed(3)} s, small sums ${sums.toFixed(3)} s, efficiency ${percent(efficiency)} % (${percent(behind)} % with gradients in buckets)`,
      );
    }
}
