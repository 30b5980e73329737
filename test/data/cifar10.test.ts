/** @file CIFAR-10 from made-up files in its format: unpacked, and as the archive that tar made. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadDataset } from "../../src/data/registry.ts";
import { readTar } from "../../src/formats/tar.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nabla-cifar-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Images of one colour with these labels: red is the label, green ten times it, blue 255. */
const records = (...labels: number[]) =>
  Uint8Array.from(
    labels.flatMap((label) => [label, ...new Array(1024).fill(label), ...new Array(1024).fill(10 * label), ...new Array(1024).fill(255)]),
  );

function write(into: string, changes: Record<string, Uint8Array> = {}): void {
  mkdirSync(into, { recursive: true });
  for (let i = 1; i <= 5; i++) writeFileSync(join(into, `data_batch_${i}.bin`), records(i, i + 1));
  writeFileSync(join(into, "test_batch.bin"), records(9, 0, 3));
  for (const [name, bytes] of Object.entries(changes)) writeFileSync(join(into, name), bytes);
}

const archive = () => {
  execFileSync("tar", ["-czf", join(folder, "cifar-10-binary.tar.gz"), "-C", folder, "cifar-10-batches-bin"]);
  rmSync(join(folder, "cifar-10-batches-bin"), { recursive: true });
};

describe("cifar10", () => {
  test.each<[string, () => void]>([
    ["a folder of its files", () => write(folder)],
    ["a folder with its archive's folder", () => write(join(folder, "cifar-10-batches-bin"))],
    [
      "a folder with its archive",
      () => {
        write(join(folder, "cifar-10-batches-bin"));
        archive();
      },
    ],
  ])("%s", async (_, prepare) => {
    prepare();
    const { train, test: rest, classes, inputShape } = await loadDataset("cifar10", { dataDir: folder });
    expect([train.count, rest.count, classes[9], inputShape]).toEqual([10, 3, "truck", [3, 32, 32]]);
    expect([...train.targets]).toEqual([1, 2, 2, 3, 3, 4, 4, 5, 5, 6]);
    expect([...rest.targets]).toEqual([9, 0, 3]);
    expect([0, 1024, 2048].map((p) => rest.inputs[p])).toEqual([Math.fround(9 / 255), Math.fround(90 / 255), 1]);
  });

  test.each<[string, () => void, string]>([
    ["an empty folder", () => {}, "cifar10: no cifar-10-binary.tar.gz in DIR"],
    [
      "a short file",
      () => write(folder, { "data_batch_2.bin": new Uint8Array(3000) }),
      "DIR/data_batch_2.bin: expected records of 3073 bytes, got 3000 bytes; is the file whole?",
    ],
    [
      "a label out of range",
      () => write(folder, { "test_batch.bin": records(1, 11) }),
      "DIR/test_batch.bin: label 11 of record 1 is out of range 0 to 9",
    ],
    [
      "a missing file",
      () => {
        write(folder);
        rmSync(join(folder, "test_batch.bin"));
      },
      "cifar10: no test_batch.bin in DIR",
    ],
    [
      "an archive that is cut off",
      () => {
        write(join(folder, "cifar-10-batches-bin"));
        archive();
        const path = join(folder, "cifar-10-binary.tar.gz");
        writeFileSync(path, readFileSync(path).subarray(0, -20));
      },
      "DIR/cifar-10-binary.tar.gz: damaged or incomplete gzip data",
    ],
  ])("%s is one clear line", async (_, prepare, message) => {
    prepare();
    await expect(loadDataset("cifar10", { dataDir: folder })).rejects.toThrow(message.replaceAll("DIR", folder));
  });
});

test("tar: what is none, and what is cut", async () => {
  await expect(readTar(new Uint8Array(2048).fill(65), "t")).rejects.toThrow(
    "t: not a tar archive, or damaged: wrong checksum in the header at byte 0",
  );
  write(join(folder, "a"));
  const bytes = execFileSync("tar", ["-cf", "-", "-C", folder, "a"]);
  expect((await readTar(bytes, "t")).get("a/test_batch.bin")).toEqual(Buffer.from(records(9, 0, 3)));
  await expect(readTar(bytes.subarray(0, 3000), "t")).rejects.toThrow("t: truncated archive: a file of ");
});
