/**
 * @file What ranks cost: `mpirun -n 2 node bench/distributed.mjs`. Times all-reduces of several sizes on these ranks, fits a latency α per message and a
 * bandwidth β to them (least squares of relative errors), and prints what follows for the network and the machines that are asked for:
 *
 *     all-reduce(B bytes, n ranks) = 2·log2(n)·α + 2·(n - 1)/n · B/β         recursive halving and doubling (Thakur et al. 2005, §4.5)
 *     step(n) = compute/n + all-reduce(gradients) + small sums · log2(n)·α
 *
 * `--model BYTES,COMPUTE_SECONDS,SMALL_SUMS` gives the network: bytes of gradients, seconds of a step on one host, small all-reduces in a step (four for each batch
 * norm, four for losses and metrics). Default: ResNet-50 with 32 images on each host, 102.2 MB, 53 batch norms. Needs the build.
 */
import { mpi, single } from "../dist/distributed/index.js";

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
const rounds = Math.log2(n);

/** α and 1/β of least relative error: two unknowns, linear. */
function fitted() {
  let [aa, ab, bb, ay, by] = [0, 0, 0, 0, 0];
  for (const { bytes, seconds } of measured) {
    const whole = bytes <= 65_536;
    const a = (whole ? rounds : 2 * rounds) / seconds;
    const b = (whole ? rounds * bytes : (2 * (n - 1) * bytes) / n) / seconds;
    [aa, ab, bb, ay, by] = [aa + a * a, ab + a * b, bb + b * b, ay + a, by + b];
  }
  const determinant = aa * bb - ab * ab;
  return { latency: (ay * bb - by * ab) / determinant, perByte: (by * aa - ay * ab) / determinant };
}

/** Seconds of a step, and of it what is spent on gradients and on small sums. */
export function step({ bytes, compute, small }, hosts, { latency, perByte }) {
  const levels = Math.log2(hosts);
  const gradients = 2 * levels * latency + (2 * (hosts - 1) * bytes * perByte) / hosts;
  const sums = small * levels * latency;
  return { total: compute + gradients + sums, gradients, sums };
}

if (ranks.rank === 0) {
  for (const { bytes, seconds } of measured)
    console.log(`${String(bytes).padStart(9)} bytes  ${(1e6 * seconds).toFixed(1).padStart(10)} µs`);
  if (n > 1) {
    const { latency, perByte } = fitted();
    console.log(`${n} ranks: latency ${(1e6 * latency).toFixed(1)} µs a message, bandwidth ${(1e-9 / perByte).toFixed(2)} GB/s`);
    for (const { bytes, seconds } of measured) {
      const whole = bytes <= 65_536;
      const model = (whole ? rounds : 2 * rounds) * latency + (whole ? rounds * bytes : (2 * (n - 1) * bytes) / n) * perByte;
      console.log(`  ${String(bytes).padStart(9)} bytes: model ${(1e6 * model).toFixed(1)} µs, measured ${(1e6 * seconds).toFixed(1)} µs`);
    }
  }
  const given = process.argv[process.argv.indexOf("--model") + 1];
  const [bytes, compute, small] = process.argv.includes("--model") ? given.split(",").map(Number) : [102.2e6, 8, 4 * 53 + 4];
  console.log(`step of ${(bytes / 1e6).toFixed(1)} MB of gradients, ${compute} s of computing on each host, ${small} small sums:`);
  for (const [name, gigabits, latency] of [
    ["10 Gbit/s, 30 µs", 10, 30e-6],
    ["100 Gbit/s, 5 µs", 100, 5e-6],
  ])
    for (const hosts of [8, 64, 512]) {
      const { total, gradients, sums } = step({ bytes, compute, small }, hosts, { latency, perByte: 8 / (gigabits * 1e9) });
      const share = ((100 * compute) / total).toFixed(1);
      const behind = ((100 * compute) / Math.max(compute + sums, (compute * 1) / 3 + gradients + sums)).toFixed(1);
      console.log(
        `  ${name}, ${String(hosts).padStart(3)} hosts: gradients ${gradients.toFixed(3)} s, small sums ${sums.toFixed(3)} s, efficiency ${share} % (${behind} % with gradients behind the backward pass)`,
      );
    }
}
