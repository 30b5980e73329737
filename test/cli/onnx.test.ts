/** @file ONNX files on the command line: what is in them, prediction, further training, and one line for whatever is wrong. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { run } from "../../src/cli/program.ts";
import { decodeOnnx, encodeOnnx, type OnnxTensor } from "../../src/formats/onnx.ts";
import { sized } from "../size.ts";

const folder = mkdtempSync(join(tmpdir(), "nabla-cli-onnx-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => void vi.restoreAllMocks());

const net = join(folder, "net.onnx");
const wave = (name: string, dims: number[]): OnnxTensor => ({
  name,
  dims,
  type: 1,
  floats: Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => 0.2 * Math.sin(i * i)),
});
const port = (name: string, dims: (number | string)[]) => ({
  name,
  type: { tensor: { elem: 1, shape: { dims: dims.map((d) => (typeof d === "string" ? { param: d } : { value: d })) } } },
});

beforeAll(() => {
  const graph = {
    inputs: [port("x", ["N", 1, 8, 8])],
    outputs: [port("y", ["N", 10])],
    initializers: [wave("a", [64, 16]), wave("b", [16]), wave("c", [16, 10])],
    nodes: [
      { op: "Flatten", inputs: ["x"], outputs: ["f"] },
      { op: "Gemm", inputs: ["f", "a", "b"], outputs: ["h"] },
      { op: "Relu", inputs: ["h"], outputs: ["g"] },
      { op: "MatMul", inputs: ["g", "c"], outputs: ["y"] },
    ],
  };
  writeFileSync(net, encodeOnnx("Model", { irVersion: 8, opsets: [{ version: 17 }], graph }));
  writeFileSync(join(folder, "bad.onnx"), "no model");
});

async function said(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  const error = vi.spyOn(console, "error").mockImplementation(() => {});
  const write = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
  const code = await run(argv);
  const err = [...error.mock.calls.flat(), ...write.mock.calls.map(([text]) => String(text))].join("\n");
  const out = log.mock.calls.flat().join("\n");
  vi.restoreAllMocks();
  return { code, out, err };
}

test("nabla onnx shows what is in a file", async () => {
  const { code, out } = await said("onnx", net);
  expect(code).toBe(0);
  expect(out).toContain("IR 8, opset 17\ninputs   x  float[N, 1, 8, 8]\noutputs  y       float[N, 10]\n3 initializers of 1,200 numbers");
  expect(JSON.parse((await said("onnx", net, "--json")).out)).toMatchObject({ missing: [], opsets: { "ai.onnx": 17 } });
});

test("nabla summary and nabla predict take a file", async () => {
  expect((await said("summary", net)).out).toMatch(/OnnxModule +\[1, 10\]/);
  const image = fileURLToPath(new URL("../fixtures/grey.png", import.meta.url));
  const { code, out } = await said("predict", "--model", net, image, "--top", "2");
  expect(code).toBe(0);
  expect(out).toMatch(/class \d+ +[\d.]+ %/);
});

test("nabla train goes on from a file, whose run is then a model", async () => {
  if (sized(true, false)) {
    expect((await said("train", "--model", net, "--data", "digits", "--fast-dev-run")).code).toBe(0);
    return;
  }
  const out = join(folder, "run");
  expect((await said("train", "--model", net, "--data", "digits", "--epochs", "1", "--out", out)).code).toBe(0);
  expect((await said("evaluate", out)).out).toContain("net.onnx");
});

test.each([
  [["onnx", "bad.onnx"], /^error: bad\.onnx: damaged, or no ONNX file \([^\n]+\)$/],
  [["onnx", "none.onnx"], /^error: .*none\.onnx: there is no such file$/],
  [["summary", "bad.onnx"], /^error: bad\.onnx: damaged/],
  [["predict", "--model", "bad.onnx", "x.png"], /^error: [^\n]+$/],
  [["train", "--model", "bad.onnx", "--data", "digits"], /^error: [^\n]+$/],
])("%o is one clear line", async ([command, ...rest], message) => {
  const { code, err } = await said(command, ...rest.map((word) => (word.endsWith(".onnx") ? join(folder, word) : word)));
  expect(code).not.toBe(0);
  expect(err.trim()).toMatch(message);
});

test("a file that nabla export wrote says what it takes; one that is damaged, or another program's, does not", async () => {
  const file = join(folder, "described.onnx");
  const describedBy = (producerName: string, description: string): void => {
    const model = decodeOnnx("Model", new Uint8Array(readFileSync(net)));
    writeFileSync(file, encodeOnnx("Model", { ...model, producerName, metadata: [{ key: "description", value: description }] }));
  };
  const about = {
    name: "d",
    task: "classification",
    classes: [..."abcdefghij"],
    inputShape: [1, 8, 8],
    preprocessing: { image: { channels: 1, height: 8, width: 8 } },
  };
  const image = fileURLToPath(new URL("../fixtures/grey.png", import.meta.url));
  describedBy("nabla", JSON.stringify(about));
  expect((await said("predict", "--model", file, image)).out).toMatch(/^ {2}[a-j] /m);
  expect((await said("onnx", file)).out).toContain("description");
  expect(JSON.parse((await said("onnx", file, "--json")).out).metadata.description).toContain("abcdefghij"[3]);
  describedBy("nabla", "{");
  expect(await said("predict", "--model", file, image)).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^error: .*described\.onnx: the description in its metadata is damaged/),
  });
  describedBy("nabla", JSON.stringify({ ...about, inputShape: [1, 9, 9] }));
  expect((await said("predict", "--model", file, image)).err).toContain("is of inputs [1, 9, 9], the file takes [1, 8, 8]");
  describedBy("nabla", JSON.stringify({ ...about, task: "sorting" }));
  expect((await said("predict", "--model", file, image)).code).toBe(1);
  describedBy("pytorch", "a network for digits");
  expect((await said("predict", "--model", file, image)).out).toMatch(/class \d/);
});
