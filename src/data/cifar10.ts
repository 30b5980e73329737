/**
 * @file CIFAR-10 (Krizhevsky 2009, "Learning multiple layers of features from tiny images"): 60000 photographs of 32x32, from the binary version:
 * records of a label and 3072 bytes, red, green and blue planes. Pixels are scaled to [0, 1].
 */
import { aPath, check, checkOptions, optional } from "../base/check.ts";
import { nodeModule } from "../base/host.ts";
import { readTar } from "../formats/tar.ts";
import type { Dataset, Split } from "./dataset.ts";
import { FILE_OPTIONS, type FileOptions, locate, readIfThere } from "./files.ts";

const CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const PIXELS = 3 * 32 * 32;
const FOLDER = "cifar-10-batches-bin";
const TRAIN = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`);
const TEST = ["test_batch.bin"];

const archive = {
  name: "cifar-10-binary.tar.gz",
  sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
  bytes: 170_052_171,
};
const mirrors = ["https://www.cs.toronto.edu/~kriz", "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10"];

/** 50000 training and 10000 test images from a folder (its archive or unpacked), the cache, or a mirror. */
export async function cifar10(dataDir?: string, options: FileOptions = {}): Promise<Dataset> {
  check("cifar10: dataDir", dataDir, optional(aPath));
  checkOptions("cifar10", options, FILE_OPTIONS);
  const files = (await unpacked(dataDir)) ?? (await fromArchive({ ...options, dataDir }));
  const train = readRecords(TRAIN, files);
  return { name: "cifar10", train, test: readRecords(TEST, files), classes: CLASSES, inputShape: [3, 32, 32], task: "classification" };
}

type Files = ReadonlyMap<string, { readonly path: string; readonly bytes: Uint8Array }>;

/** The six files, if the folder or the archive's folder in it has the first of them. */
async function unpacked(dataDir: string | undefined): Promise<Files | undefined> {
  if (dataDir === undefined) return undefined;
  for (const folder of [dataDir, `${dataDir}/${FOLDER}`]) {
    if (!(await readIfThere(`${folder}/${TRAIN[0]}`))) continue;
    const files = new Map<string, { path: string; bytes: Uint8Array }>();
    for (const name of [...TRAIN, ...TEST]) {
      const path = `${folder}/${name}`;
      const bytes = await readIfThere(path);
      if (!bytes) throw new Error(`cifar10: no ${name} in ${folder}`);
      files.set(name, { path, bytes });
    }
    return files;
  }
  return undefined;
}

async function fromArchive(options: FileOptions): Promise<Files> {
  const path = await locate("cifar10", archive, { mirrors, ...options });
  const { readFile } = await nodeModule<typeof import("node:fs/promises")>("node:fs/promises");
  const files = await readTar(await readFile(path), path);
  return new Map(
    [...TRAIN, ...TEST].map((name) => {
      const bytes = files.get(`${FOLDER}/${name}`);
      if (!bytes) throw new Error(`${path}: no ${FOLDER}/${name} in the archive`);
      return [name, { path: `${path}: ${name}`, bytes }];
    }),
  );
}

function readRecords(names: readonly string[], files: Files): Split {
  const parts = names.map((name) => files.get(name)!);
  for (const { path, bytes } of parts)
    if (bytes.length === 0 || bytes.length % (1 + PIXELS) !== 0)
      throw new Error(`${path}: expected records of ${1 + PIXELS} bytes, got ${bytes.length} bytes; is the file whole?`);
  const count = parts.reduce((n, { bytes }) => n + bytes.length / (1 + PIXELS), 0);
  const inputs = new Float32Array(count * PIXELS);
  const targets = new Int32Array(count);
  let i = 0;
  for (const { path, bytes } of parts) {
    for (let at = 0; at < bytes.length; at += 1 + PIXELS, i++) {
      if (bytes[at] >= CLASSES.length)
        throw new Error(`${path}: label ${bytes[at]} of record ${at / (1 + PIXELS)} is out of range 0 to ${CLASSES.length - 1}`);
      targets[i] = bytes[at];
      for (let p = 0; p < PIXELS; p++) inputs[i * PIXELS + p] = bytes[at + 1 + p] / 255;
    }
  }
  return { inputs, targets, count };
}
