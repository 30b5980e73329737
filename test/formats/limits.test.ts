/** @file One limit for all that reads: as an option of each call, and standing for those that name none. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test, vi } from "vitest";
import { run as nabla } from "../../src/cli/program.ts";
import { readImage } from "../../src/data/image.ts";
import { loadDataset } from "../../src/data/registry.ts";
import { setReadLimit } from "../../src/formats/budget.ts";
import { readIdx } from "../../src/formats/idx.ts";
import { type NpySource, readNpy, writeNpy } from "../../src/formats/npy.ts";
import { readNpz, writeNpz } from "../../src/formats/npz.ts";
import { readPth } from "../../src/formats/pth.ts";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import { readEvents } from "../../src/formats/tfevents.ts";

const fixture = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(`../fixtures/${name}`, import.meta.url)));
const array = { shape: [20, 3], data: new Float32Array(60) };
const folder = mkdtempSync(join(tmpdir(), "limits-"));
for (const name of ["a", "b"]) {
  mkdirSync(join(folder, "images", name), { recursive: true });
  for (const i of [1, 2, 3]) writeFileSync(join(folder, "images", name, `${i}.jpg`), fixture("rgb.jpg"));
}
writeFileSync(join(folder, "x.npy"), writeNpy(array));
const targets = { shape: [20], data: Int32Array.from({ length: 20 }, (_, i) => i % 2) };
writeFileSync(join(folder, "y.npy"), writeNpy(targets));
writeFileSync(join(folder, "xy.npz"), writeNpz(new Map<string, NpySource>(Object.entries({ x: array, y: targets }))));

afterEach(() => setReadLimit(undefined));
afterAll(() => rmSync(folder, { recursive: true }));

const limit = /reading it would take at least .*, the limit is 10 bytes; .*--max-bytes \d+ \(maxBytes\)$/;
type Read = (limits?: { maxBytes: number }) => unknown;
const readers: [string, Read][] = [
  ["npy", (limits) => readNpy(writeNpy(array), "f", limits)],
  ["npz", (limits) => readNpz(writeNpz(new Map([["x", array]])), "f", limits)],
  ["idx", (limits) => readIdx(Uint8Array.from([0, 0, 8, 1, 0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]), "f", undefined, limits)],
  ["pth", (limits) => readPth(fixture("legacy-protocol2.pth"), "f", limits)],
  ["safetensors", (limits) => readSafetensors(fixture("numpy.safetensors"), "f", limits)],
  ["event files", (limits) => readEvents(fixture("tensorboard.tfevents"), "f", limits)],
  ["image", (limits) => readImage(fixture("rgb.jpg"), "f", limits)],
  ["folder of images", (limits) => loadDataset(join(folder, "images"), limits)],
  ["folder of images on disk", (limits) => loadDataset(join(folder, "images"), { ...limits, fromDisk: true })],
  ["npy with targets", (limits) => loadDataset(join(folder, "x.npy"), { ...limits, targets: join(folder, "y.npy") })],
  ["npz as data", (limits) => loadDataset(join(folder, "xy.npz"), limits)],
];

test.each(readers)("%s", async (_, read) => {
  await read();
  await expect((async () => read({ maxBytes: 10 }))()).rejects.toThrow(limit);
  setReadLimit(10);
  await expect((async () => read())()).rejects.toThrow(limit);
});

test("--max-bytes of predict reaches published weights", async () => {
  const said = vi.spyOn(console, "error").mockImplementation(() => {});
  const weights = new URL("../fixtures/numpy.safetensors", import.meta.url).pathname;
  const code = await nabla(["predict", "--weights", weights, "--model", "resnet18", "--max-bytes", "10", join(folder, "images/a/1.jpg")]);
  const text = said.mock.calls.flat().join(" ");
  said.mockRestore();
  expect(code).toBeGreaterThan(0);
  expect(text).toContain("the limit is 10 bytes");
});
