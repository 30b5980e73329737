/**
 * @file `node scripts/golden-extract.mjs FOLDER`: the part of the golden set that is kept here (test/golden/data), so that a clone compares with numbers of PyTorch without any other folder:
 * of each group the cases whose tensors take little, and the smallest case of every op.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./setup.mjs";

/** Bytes of tensors that a case may have. With it the extract is 3.3 MB of the set's 5.1, and has 1,271 of its 1,310 cases. */
const MOST = 12_000;
/** Cases that tests name, whatever their size. */
const NAMED = ["lenet5_train", "shufflenet_v2_x1_0_2x64_eval"];
const ROLES = ["inputs", "params", "buffers", "outputs", "cotangents", "grads", "buffers_after", "final"];

const [from] = process.argv.slice(2);
if (!from) {
  console.error("usage: node scripts/golden-extract.mjs FOLDER");
  process.exit(2);
}
const to = join(root, "test/golden/data");
rmSync(to, { recursive: true, force: true });
mkdirSync(to, { recursive: true });

const tensorsOf = (c) =>
  new Set(
    ROLES.flatMap((role) => Object.values(c[role] ?? {}))
      .flat()
      .filter((name) => typeof name === "string"),
  );

for (const file of readdirSync(from).filter((name) => name.endsWith(".json"))) {
  const manifest = JSON.parse(readFileSync(join(from, file), "utf8"));
  const { header, data } = manifest.tensors_file ? read(join(from, manifest.tensors_file)) : { header: {}, data: Buffer.alloc(0) };
  const sizeOf = (c) =>
    [...tensorsOf(c)].reduce((sum, name) => sum + (header[name] ? header[name].data_offsets[1] - header[name].data_offsets[0] : 0), 0);
  const smallest = new Map();
  for (const c of manifest.cases) if (!smallest.has(c.op) || sizeOf(c) < sizeOf(smallest.get(c.op))) smallest.set(c.op, c);
  const cases = manifest.cases.filter((c) => sizeOf(c) <= MOST || smallest.get(c.op) === c || NAMED.includes(c.id));
  writeFileSync(join(to, file), `${JSON.stringify({ ...manifest, case_count: cases.length, cases })}\n`);
  if (manifest.tensors_file) write(join(to, manifest.tensors_file), new Set(cases.flatMap((c) => [...tensorsOf(c)])), header, data);
  console.log(`${file}: ${cases.length} of ${manifest.cases.length} cases`);
}

function read(path) {
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE(0));
  return { header: JSON.parse(bytes.toString("utf8", 8, 8 + length)), data: bytes.subarray(8 + length) };
}

function write(path, names, header, data) {
  const parts = [];
  const kept = {};
  let at = 0;
  for (const [name, entry] of Object.entries(header)) {
    if (!names.has(name)) continue;
    const [start, end] = entry.data_offsets;
    kept[name] = { ...entry, data_offsets: [at, at + end - start] };
    parts.push(data.subarray(start, end));
    at += end - start;
  }
  const text = JSON.stringify(kept);
  const padded = text.padEnd(Math.ceil(text.length / 8) * 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  writeFileSync(path, Buffer.concat([length, Buffer.from(padded), ...parts]));
}
