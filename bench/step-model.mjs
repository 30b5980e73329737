/**
 * @file How long a step takes on many hosts, by formula:
 *
 *     all-reduce(B bytes, n ranks) = 2·log2(n)·α + 2·(n - 1)/n · B/β         recursive halving and doubling (Thakur et al. 2005, §4.5)
 *     step(n) = compute + all-reduce(gradients) + small sums · log2(n)·α
 */

/** Messages and bytes of an all-reduce: those of up to 64 KB are sent whole. */
export function allReduceCost(bytes, ranks) {
  const levels = Math.log2(ranks);
  return bytes <= 65_536 ? { messages: levels, bytes: levels * bytes } : { messages: 2 * levels, bytes: (2 * (ranks - 1) * bytes) / ranks };
}

/** α and 1/β of least relative error over what was measured: two unknowns, linear. */
export function fitted(measured, ranks) {
  let [aa, ab, bb, ay, by] = [0, 0, 0, 0, 0];
  for (const { bytes, seconds } of measured) {
    const cost = allReduceCost(bytes, ranks);
    const [a, b] = [cost.messages / seconds, cost.bytes / seconds];
    [aa, ab, bb, ay, by] = [aa + a * a, ab + a * b, bb + b * b, ay + a, by + b];
  }
  const determinant = aa * bb - ab * ab;
  return { latency: (ay * bb - by * ab) / determinant, perByte: (by * aa - ay * ab) / determinant };
}

/** ResNet-50, 32 images on each host: bytes of gradients, seconds of computing (an assumption), small sums: four for each batch norm, four for losses and metrics. */
export const RESNET50 = { bytes: 102.2e6, compute: 8, small: 4 * 53 + 4 };

/** Networks that clusters have; latencies are assumptions. */
export const NETWORKS = [
  { name: "10 Gbit/s, 30 µs", latency: 30e-6, perByte: 8 / 10e9 },
  { name: "100 Gbit/s, 5 µs", latency: 5e-6, perByte: 8 / 100e9 },
];

/** Bytes of a bucket of gradients: an eighth of all, from 1 MiB to 25 MiB (src/ops/collective.ts). */
export const bucketOf = (bytes) => Math.min(bytes, 25 * 2 ** 20, Math.max(2 ** 20, bytes / 8));

/**
 * Of a step, the share of seconds that are spent on computing; `behind` where gradients are sent in buckets during the backward pass, two thirds of it: the last
 * bucket is sent when there is nothing left to compute.
 */
export function step({ bytes, compute, small }, hosts, { latency, perByte }) {
  const seconds = (cost) => cost.messages * latency + cost.bytes * perByte;
  const gradients = seconds(allReduceCost(bytes, hosts));
  const sums = small * Math.log2(hosts) * latency;
  const last = seconds(allReduceCost(bucketOf(bytes), hosts));
  const inBuckets = last * Math.ceil(bytes / bucketOf(bytes));
  const behind = Math.max(compute + last, compute / 3 + inBuckets) + sums;
  return { gradients, sums, efficiency: compute / (compute + gradients + sums), behind: compute / behind };
}
