/** @file Loading: what a model takes and gives, which values are known, what is trained, where elements come from, and what is refused. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import {
  ATTRIBUTE,
  type OnnxAttribute,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from "../../src/formats/onnx-schema.ts";
import { compile } from "../../src/function/compile.ts";
import { backward } from "../../src/function/derivative.ts";
import { encodeOnnx, inspect, load, OnnxUnsupportedError } from "../../src/onnx/index.ts";
import { tensor } from "../../src/ops/create.ts";
import type { Tensor } from "../../src/ops/tensor.ts";

const f32 = (name: string, dims: number[], floats: number[]): OnnxTensor => ({ name, dims, type: 1, floats });
const i64 = (name: string, list: (number | bigint)[], dims = [list.length]): OnnxTensor => ({
  name,
  dims,
  type: 7,
  int64s: list.map(BigInt),
});
const node = (op: string, inputs: string[], outputs: string[], attributes: OnnxAttribute[] = [], domain = ""): OnnxNode => ({
  op,
  inputs,
  outputs,
  attributes,
  domain,
});
const int = (name: string, i: number): OnnxAttribute => ({ name, i, type: ATTRIBUTE.int });
const graphOf = (name: string, g: OnnxGraph): OnnxAttribute => ({ name, g, type: ATTRIBUTE.graph });
const port = (name: string, elem = 1, dims?: (number | string)[]) => ({
  name,
  type: { tensor: { elem, shape: dims && { dims: dims.map((d) => (typeof d === "string" ? { param: d } : { value: d })) } } },
});

function file(graph: OnnxGraph, rest: Partial<OnnxModel> = {}): Uint8Array {
  return encodeOnnx("Model", { irVersion: 8, opsets: [{ version: 17 }], graph, ...rest });
}

const numbers = (x: unknown): number[] => Array.from((x as Tensor).dataSync());
const W = [0.31, -0.72, 1.13, 0.44, -0.95, 0.26];

const linear = file({
  inputs: [port("x", 1, ["N", 2])],
  outputs: [port("y", 1, ["N", 3])],
  initializers: [f32("w", [2, 3], W), f32("b", [3], [0.1, 0.2, 0.35])],
  nodes: [node("MatMul", ["x", "w"], ["h"]), node("Add", ["h", "b"], ["y"])],
});

describe("a model", () => {
  test("says what it takes and gives, and is called by place or by name", async () => {
    const model = await load(linear);
    expect(model.inputs).toMatchObject([{ name: "x", dtype: "float", shape: ["N", 2] }]);
    expect(model.outputs).toMatchObject([{ name: "y", shape: ["N", 3] }]);
    const x = tensor([[1, 2]]);
    const want = [0, 1, 2].map((j) => W[j] + 2 * W[3 + j] + [0.1, 0.2, 0.35][j]);
    for (const y of [model.forward(x), model.forward({ x })]) numbers(y).forEach((v, j) => void expect(v).toBeCloseTo(want[j], 5));
    expect(`${model}`).toContain("x float[N, 2] → y float[N, 3]; 2 parameters of 9 numbers");
    expect([...model.stateDict().keys()]).toEqual(["w", "b"]);
  });

  test("trains: its gradients are those of the formula", async () => {
    const model = await load(linear);
    const { grads } = backward(
      () =>
        (
          model.forward(
            tensor([
              [1, 2],
              [3, 4],
            ]),
          ) as Tensor
        ).sum(),
      model.parameters(),
    );
    expect([...grads.values()].map(numbers)).toEqual([
      [4, 4, 4, 6, 6, 6],
      [2, 2, 2],
    ]);
  });

  test.each<[unknown, string]>([
    [{}, 'forward: the input "x" is missing, float[N, 2]'],
    [{ z: 1 }, 'forward: there is no input "z"; there are x'],
    [tensor([[1, 2, 3]]), 'forward: the input "x" wants float[N, 2], got [1, 3]'],
    [tensor([1, 2]), 'forward: the input "x" wants float[N, 2], got [2]'],
    [tensor(Int32Array.of(1, 2), { shape: [1, 2] }), 'convert it: x.cast("f32")'],
    ["text", 'forward: the input "x" wants float[N, 2], a tensor or numbers'],
  ])("input %o is refused", async (given, message) => {
    const model = await load(linear);
    expect(() => model.forward(given as Tensor)).toThrow(message);
  });

  test("one name of a size has one size", async () => {
    const model = await load(
      file({ inputs: [port("a", 1, ["N"]), port("b", 1, ["N"])], outputs: [port("y")], nodes: [node("Add", ["a", "b"], ["y"])] }),
    );
    expect(() => model.forward(tensor([1, 2]), tensor([1]))).toThrow('wants float[N], got [1], where N is 2 in "a"');
  });

  test("initializers that are inputs too need not be given; fixed ones neither", async () => {
    const bytes = file({
      inputs: [port("x"), port("b")],
      outputs: [port("y")],
      initializers: [f32("b", [2], [0.3, 0.7])],
      nodes: [node("Add", ["x", "b"], ["y"])],
    });
    expect(numbers((await load(bytes)).forward(tensor([1, 1])))[0]).toBeCloseTo(1.3, 5);
    const two = file({ inputs: [port("x"), port("n", 7)], outputs: [port("y")], nodes: [node("Reshape", ["x", "n"], ["y"])] });
    const model = await load(two, { fixed: { n: [2, 2] } });
    expect((model.forward(tensor([1, 2, 3, 4])) as Tensor).shape).toEqual([2, 2]);
    await expect(load(two, { fixed: { m: 1 } })).rejects.toThrow('onnx.load: fixed names the input "m", which is none of x, n');
  });

  test("a name that a module has itself gets a stroke", async () => {
    const model = await load(
      file({
        inputs: [port("x")],
        outputs: [port("y")],
        initializers: [f32("forward", [2], [0.3, 0.7])],
        nodes: [node("Mul", ["x", "forward"], ["y"])],
      }),
    );
    expect([...model.stateDict().keys()]).toEqual(["forward_"]);
    expect(numbers(model.forward(tensor([1, 1])))[0]).toBeCloseTo(0.3, 5);
  });
});

describe("values that are known", () => {
  // Flattens all but the first axis by a shape that the graph computes.
  const flattening = file({
    inputs: [port("x")],
    outputs: [port("y")],
    initializers: [i64("zero", [0], []), i64("first", [0]), i64("rest", [-1])],
    nodes: [
      node("Shape", ["x"], ["s"]),
      node("Gather", ["s", "zero"], ["n"], [int("axis", 0)]),
      node("Unsqueeze", ["n", "first"], ["n1"]),
      node("Concat", ["n1", "rest"], ["to"], [int("axis", 0)]),
      node("Reshape", ["x", "to"], ["y"]),
    ],
  });

  test("shapes that a graph computes are numbers, inside compile too", async () => {
    const model = await load(flattening);
    const f = compile((x: Tensor) => model.forward(x) as Tensor);
    for (const n of [2, 3]) expect(f(tensor(new Float32Array(n * 6), { shape: [n, 2, 3] })).shape).toEqual([n, 6]);
  });

  test("a whole number given as one is known; as a tensor it is not while a function is recorded", async () => {
    const model = await load(
      file({ inputs: [port("x"), port("to", 7)], outputs: [port("y")], nodes: [node("Reshape", ["x", "to"], ["y"])] }),
    );
    expect(model.numberInputs).toEqual(["to"]);
    const x = tensor([1, 2, 3, 4]);
    expect(compile((t: Tensor, to: number[]) => model.forward(t, to) as Tensor)(x, [2, 2]).shape).toEqual([2, 2]);
    expect((model.forward(x, tensor(Int32Array.of(4, 1))) as Tensor).shape).toEqual([4, 1]);
    expect(() => compile((t: Tensor, to: Tensor) => model.forward(t, to) as Tensor)(x, tensor(Int32Array.of(2, 2)))).toThrow(
      'onnx: Reshape "y": takes input 1 ("to") from computed values; give what it is made of as numbers, or call the model outside of compile',
    );
  });

  test("whole numbers are exact beyond 32 bits, and refused where a tensor would hold them", async () => {
    const big = file({
      inputs: [port("x")],
      outputs: [port("y", 7)],
      initializers: [i64("a", [3_000_000_000]), i64("b", [-2_999_999_999])],
      nodes: [node("Add", ["a", "b"], ["y"])],
    });
    expect(numbers((await load(big)).forward(tensor([0])))).toEqual([1]);
    const model = await load(
      file({
        inputs: [port("x", 7)],
        outputs: [port("y", 7)],
        initializers: [i64("a", [3_000_000_000])],
        nodes: [node("Add", ["x", "a"], ["y"])],
      }),
    );
    expect(() => model.forward(tensor(Int32Array.of(1)))).toThrow(
      'onnx: Add "y": "a" has the int64 3000000000, and whole numbers are held in 32 bits',
    );
  });
});

describe("functions and branches", () => {
  test("functions of the model are put in place, nested, with attributes of their caller and defaults", async () => {
    const ref = (name: string, from: string): OnnxAttribute => ({ name, ref: from, type: ATTRIBUTE.float });
    const model = await load(
      file(
        {
          inputs: [port("x")],
          outputs: [port("y")],
          nodes: [node("Twice", ["x"], ["y"], [{ name: "slope", f: 0.5, type: ATTRIBUTE.float }], "own")],
        },
        {
          opsets: [{ version: 17 }, { domain: "own", version: 1 }],
          functions: [
            {
              name: "Leak",
              domain: "own",
              inputs: ["a"],
              outputs: ["b"],
              attributes: ["slope"],
              nodes: [node("LeakyRelu", ["a"], ["b"], [ref("alpha", "slope")])],
              opsets: [{ version: 17 }],
            },
            {
              name: "Twice",
              domain: "own",
              inputs: ["x"],
              outputs: ["b"],
              attributes: ["slope"],
              nodes: [node("Leak", ["x"], ["a"], [ref("slope", "slope")], "own"), node("Leak", ["a"], ["b"], [], "own")],
              opsets: [{ version: 17 }],
            },
          ],
        },
      ),
    );
    const got = numbers(model.forward(tensor([-2, 3])));
    expect(got[0]).toBeCloseTo(-2 * 0.5 * 0.01, 7); // the inner call without an attribute has LeakyRelu's own
    expect(got[1]).toBe(3);
  });

  test("functions that call each other in a circle are refused", async () => {
    const circle = file(
      { inputs: [port("x")], outputs: [port("y")], nodes: [node("A", ["x"], ["y"], [], "own")] },
      { functions: [{ name: "A", domain: "own", inputs: ["x"], outputs: ["y"], nodes: [node("A", ["x"], ["y"], [], "own")] }] },
    );
    await expect(load(circle)).rejects.toThrow("functions call each other more than 64 deep");
  });

  const side = (op: string, out: string): OnnxGraph => ({ nodes: [node(op, ["x"], [out])], outputs: [port(out)] });
  const branching = file({
    inputs: [port("x"), port("on", 9)],
    outputs: [port("y")],
    nodes: [node("If", ["on"], ["y"], [graphOf("then_branch", side("Neg", "p")), graphOf("else_branch", side("Exp", "q"))])],
  });

  test("a branch is taken eagerly, by a known value, and by a computed one inside compile", async () => {
    const model = await load(branching);
    const x = tensor([1, -2]);
    expect(numbers(model.forward(x, tensor([true]).reshape([])))).toEqual([-1, 2]);
    expect(numbers(model.forward(x, true))).toEqual([-1, 2]);
    const f = compile((t: Tensor, on: Tensor) => model.forward(t, on) as Tensor);
    expect(numbers(f(x, tensor(true)))).toEqual([-1, 2]);
    expect(numbers(f(x, tensor(false)))[0]).toBeCloseTo(Math.E, 5);
  });

  test.each([5, 40])("a loop of %i turns: written out or one, inside compile", async (turns) => {
    const body: OnnxGraph = {
      inputs: [port("i", 7), port("c", 9), port("s")],
      outputs: [port("c2", 9), port("t"), port("each")],
      nodes: [
        node("Identity", ["c"], ["c2"]),
        node("Mul", ["s", "half"], ["h"]),
        node("Add", ["h", "x"], ["t"]),
        node("Identity", ["t"], ["each"]),
      ],
    };
    const model = await load(
      file({
        inputs: [port("x")],
        outputs: [port("y"), port("all")],
        initializers: [i64("n", [turns], []), f32("half", [], [0.5])],
        nodes: [node("Loop", ["n", "", "x"], ["y", "all"], [graphOf("body", body)])],
      }),
    );
    const run = (x: Tensor): { y: Tensor; all: Tensor } => model.forward(x) as { y: Tensor; all: Tensor };
    const want: number[] = [];
    for (let i = 0; i < turns; i++) want.push((want.at(-1) ?? 3) * 0.5 + 3);
    for (const { y, all } of [run(tensor([3])), compile(run)(tensor([3]))]) {
      expect(numbers(y)[0]).toBeCloseTo(want[turns - 1], 5);
      numbers(all).forEach((v, i) => void expect(v).toBeCloseTo(want[i], 5));
    }
  });

  test("a loop that values end, inside compile", async () => {
    const body: OnnxGraph = {
      inputs: [port("i", 7), port("c", 9), port("s")],
      outputs: [port("c2", 9), port("t")],
      nodes: [
        node("Add", ["s", "s"], ["t"]),
        node("ReduceSum", ["t"], ["sum"], [int("keepdims", 0)]),
        node("Less", ["sum", "limit"], ["c2"]),
      ],
    };
    const model = await load(
      file({
        inputs: [port("x")],
        outputs: [port("y")],
        initializers: [f32("limit", [], [100])],
        nodes: [node("Loop", ["", "", "x"], ["y"], [graphOf("body", body)])],
      }),
    );
    const f = compile((x: Tensor) => model.forward(x) as Tensor);
    expect(numbers(model.forward(tensor([3])))).toEqual([192]);
    expect(numbers(f(tensor([3])))).toEqual([192]);
    expect(numbers(f(tensor([90])))).toEqual([180]);
  });
});

describe("what is trained", () => {
  const rolesOf = async (initializers: OnnxTensor[], nodes: OnnxNode[]): Promise<string[]> => {
    const model = await load(file({ inputs: [port("x"), port("i", 7)], outputs: [port("y")], initializers, nodes }));
    return model.namedParameters().map(([name]) => name);
  };
  const add = (name: string): OnnxNode[] => [node("Add", ["x", name], ["y"])];

  test.each<[string, number[], number[], boolean]>([
    ["a bias", [3], [0.11, -0.4, 0.73], true],
    ["fresh zeros", [4], [0, 0, 0, 0], true],
    ["a mask", [2, 2], [0, Number.NEGATIVE_INFINITY, 0, 0], false],
    ["a mask of the least number", [2, 2], [0, -3.4028235e38, 0, 0], false],
    ["whole numbers", [4], [10, 13, 33, 23], false],
    ["a grid", [6], [0.25, 0.75, 1.25, 0.25, 0.75, 1.25], false],
    ["frequencies", [4], [1, 0.1, 0.01, 0.001], false],
    ["cosines", [3, 2], [1, 1, Math.cos(1), Math.cos(0.1), Math.cos(2), Math.cos(0.2)], false],
    ["a choice", [4], [0.5, 2, 2, 0.5], false],
  ])("%s that is added", async (name, dims, values, isTrained) => {
    expect(await rolesOf([f32(name, dims, values)], add(name))).toEqual(isTrained ? [name] : []);
  });

  test("one element counts where a network would have it", async () => {
    expect(await rolesOf([f32("act.weight", [1], [0.25])], [node("PRelu", ["x", "act.weight"], ["y"])])).toEqual(["act.weight"]);
    expect(await rolesOf([f32("head.bias", [1], [0.25])], add("head.bias"))).toEqual(["head.bias"]);
    expect(await rolesOf([f32("/Constant_output_0", [1], [0.25])], add("/Constant_output_0"))).toEqual([]);
    expect(await rolesOf([f32("scale", [], [0.25])], add("scale"))).toEqual([]);
  });

  test("the inner norm of a group norm has no weights; means taken from an input neither", async () => {
    const inner = [
      node("Reshape", ["x", "to"], ["a"]),
      node("InstanceNormalization", ["a", "ones", "zeros"], ["b"]),
      node("Reshape", ["b", "back"], ["c"]),
      node("Mul", ["c", "g"], ["y"]),
    ];
    const tensors = [
      i64("to", [0, 2, -1]),
      i64("back", [1, 2, 4]),
      f32("ones", [2], [1, 1]),
      f32("zeros", [2], [0, 0]),
      f32("g", [2, 1], [0.3, 0.7]),
    ];
    expect(await rolesOf(tensors, inner)).toEqual(["g"]);
    expect(await rolesOf([f32("mean", [3], [0.485, 0.456, 0.406])], [node("Sub", ["x", "mean"], ["y"])])).toEqual([]);
  });

  test("trainable decides otherwise", async () => {
    const bytes = file({
      inputs: [port("x")],
      outputs: [port("y")],
      initializers: [f32("grid", [4], [1, 2, 3, 4]), f32("w", [4], [0.1, 0.5, 0.2, 0.9])],
      nodes: [node("Add", ["x", "grid"], ["h"]), node("Mul", ["h", "w"], ["y"])],
    });
    const names = async (trainable: boolean | ((name: string) => boolean)) =>
      (await load(bytes, { trainable })).namedParameters().map(([name]) => name);
    expect(await names((name) => name === "grid")).toEqual(["grid"]);
    expect(await names(false)).toEqual([]);
    expect(await names(true)).toEqual(["w"]);
  });

  test("with trainable: true batch normalization follows the mode of the module", async () => {
    const bn = file({
      inputs: [port("x")],
      outputs: [port("y")],
      initializers: [f32("s", [1], [1]), f32("b", [1], [0]), f32("m", [1], [0]), f32("v", [1], [1])],
      nodes: [node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"])],
    });
    const x = tensor([[[1, 3]]]);
    const model = await load(bn, { trainable: true });
    expect(numbers(model.forward(x))[0]).toBeCloseTo(-1, 4);
    expect(numbers(model.stateDict().get("m")?.value)[0]).toBeCloseTo(0.2, 5);
    expect(numbers(model.eval().forward(x))[0]).toBeCloseTo((1 - 0.2) / Math.sqrt(0.9 + 0.1), 4);
    expect(numbers((await load(bn)).forward(x))[0]).toBeCloseTo(1, 4);
  });
});

describe("elements in other files", () => {
  const folder = mkdtempSync(join(tmpdir(), "nabla-external-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const inside = join(folder, "model");
  mkdirSync(join(inside, "parts"), { recursive: true });
  const data = new Uint8Array(Float32Array.of(9, 9, 0.25, 0.5, 0.75).buffer);
  writeFileSync(join(inside, "parts", "w.bin"), data);
  writeFileSync(join(folder, "secret.bin"), data);
  symlinkSync(join(folder, "secret.bin"), join(inside, "link.bin"));
  const external = (entries: Record<string, string>): Uint8Array =>
    file({
      inputs: [port("x")],
      outputs: [port("y")],
      initializers: [
        { name: "w", dims: [3], type: 1, location: 1, external: Object.entries(entries).map(([key, value]) => ({ key, value })) },
      ],
      nodes: [node("Mul", ["x", "w"], ["y"])],
    });
  const path = join(inside, "m.onnx");
  const loaded = (entries: Record<string, string>) => {
    writeFileSync(path, external(entries));
    return load(path);
  };

  test("are read from their place", async () => {
    const model = await loaded({ location: "parts/w.bin", offset: "8", length: "12" });
    expect(numbers(model.forward(tensor([1, 1, 1])))).toEqual([0.25, 0.5, 0.75]);
    expect(numbers((await loaded({ location: "parts/w.bin", offset: "8" })).forward(tensor([1, 1, 1])))).toEqual([0.25, 0.5, 0.75]);
  });

  test.each<[Record<string, string>, string]>([
    [{ location: "../secret.bin" }, "must be a relative path inside the model's folder"],
    [{ location: "parts/../../secret.bin" }, "must be a relative path inside the model's folder"],
    [{ location: "parts\\..\\..\\secret.bin" }, "must be a relative path inside the model's folder"],
    [{ location: "/etc/passwd" }, "must be a relative path inside the model's folder"],
    [{ location: "C:\\x" }, "must be a relative path inside the model's folder"],
    [{ location: "" }, "must be a relative path inside the model's folder"],
    [{ location: "link.bin" }, "which leads out of the model's folder"],
    [{ location: "none.bin" }, "there is no such file beside the model"],
    [{ location: "parts" }, "which is no file"],
    [{ location: "parts/w.bin", offset: "8", length: "16" }, 'bytes 8 to 24 of "parts/w.bin", which has 20'],
    [{ location: "parts/w.bin", offset: "-8" }, 'the offset of its external data is "-8"'],
    [{ location: "parts/w.bin", offset: "1e3" }, 'the offset of its external data is "1e3"'],
    [{ location: "parts/w.bin", length: "99999999999999999999" }, "the length of its external data is"],
    [{ location: "parts/w.bin", __class__: "x" }, 'its external data has the key "__class__"'],
    [{ location: "parts/w.bin", length: "4" }, "4 bytes where [3] of float takes 12"],
  ])("%o is refused", async (entries, message) => {
    const failed = loaded(entries);
    await expect(failed).rejects.toThrow(message);
    await expect(failed).rejects.toThrow(/^m\.onnx: initializer "w": [^\n]+$/);
  });

  test("of bytes are given by the caller", async () => {
    const bytes = external({ location: "w.bin", offset: "8", length: "12" });
    await expect(load(bytes)).rejects.toThrow('its elements are in another file, "w.bin"; give it as external: { "w.bin": bytes }');
    for (const given of [{ "w.bin": data }, async () => data, () => ({ read: (at: number, n: number) => data.subarray(at, at + n) })])
      expect(numbers((await load(bytes, { external: given })).forward(tensor([1, 1, 1])))).toEqual([0.25, 0.5, 0.75]);
    await expect(load(bytes, { external: { other: data } })).rejects.toThrow('its elements are in "w.bin", which external does not give');
  });
});

describe("what is refused", () => {
  test("operators that are not supported, all at once", async () => {
    const bytes = file({
      inputs: [port("x")],
      outputs: [port("y")],
      nodes: [node("StringSplit", ["x"], ["a"]), node("Foo", ["a"], ["y"], [], "own")],
    });
    await expect(load(bytes)).rejects.toThrow(OnnxUnsupportedError);
    await expect(load(bytes)).rejects.toThrow("onnx file: 2 operators are not supported: StringSplit (1), own.Foo (1)");
    expect(await inspect(bytes)).toMatchObject({ missing: ["StringSplit", "own.Foo"], opsets: { "ai.onnx": 17 } });
  });

  test.each<[unknown, string]>([
    [new Uint8Array(0), "onnx file: no ONNX model"],
    [Uint8Array.of(1, 2, 3), "onnx file: damaged, or no ONNX file"],
    ["/nowhere/net.onnx", "/nowhere/net.onnx: there is no such file"],
    [tmpdir(), "it is a folder; give the .onnx file in it"],
    [7, "onnx.load: source must be a path, a URL or the bytes of an ONNX file, got"],
    ["", "onnx.load: source must be a path"],
  ])("source %o", async (source, message) => {
    await expect(load(source as string)).rejects.toThrow(message);
  });

  test("options that are none", async () => {
    await expect(load(linear, { trainabel: true } as object)).rejects.toThrow('there is no option trainabel; did you mean "trainable"?');
    await expect(load(linear, { external: 3 } as object)).rejects.toThrow("onnx.load: external must be");
  });

  test("an error names the node", async () => {
    const model = await load(
      file({
        inputs: [port("x")],
        outputs: [port("y")],
        nodes: [{ ...node("Concat", ["x", "x"], ["y"], [int("axis", 5)]), name: "joins" }],
      }),
    );
    expect(() => model.forward(tensor([1]))).toThrow(/^onnx: Concat "joins": there is no axis 5 among 1$/);
  });
});
