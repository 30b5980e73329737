/**
 * @file The packed package as other tools see it: compilers of TypeScript from 5.4 on that check its declarations, with and without Node's types and the DOM
 * library; publint and are-the-types-wrong; `require`, Bun, Deno and other versions of Node; a training step as a file in them and in Wasmtime. The tools are installed here alone (test/consumers/package.json).
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { load } from "../../src/runtime/wasm/step.ts";
import { installConsumer, isBundler, isFramework } from "../consumers/install.ts";
import { withAccessors } from "../function/accessors.ts";
import { inputsOf, lenetStep, program } from "../function/lenet-step.ts";

const folder = mkdtempSync(join(tmpdir(), "nabla-consumers-"));
let tarball = "";

const run = (command: string, ...args: string[]): string => {
  try {
    return execFileSync(command, args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return `FAILED ${stdout}${stderr}`;
  }
};

beforeAll(() => {
  tarball = installConsumer(folder, (name) => !isBundler(name) && !isFramework(name) && name !== "onnxruntime-web");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bin = (name: string, ...path: string[]): string => join(folder, "node_modules", name, ...path);

/** A program that uses every entry. */
const USE = `import { backward, compile, grad, type Tensor, tensor } from "nabla";
import * as data from "nabla/data";
import * as formats from "nabla/formats";
import * as models from "nabla/models";
import * as nn from "nabla/nn";
import * as optim from "nabla/optim";
import * as train from "nabla/train";

const model = new nn.Sequential(new nn.Linear(2, 2));
const optimizer = new optim.Adam(model.parameters(), { lr: 0.1 });
const step = compile((x: Tensor, y: Tensor) => backward(() => nn.crossEntropy(model.forward(x), y), model.parameters()).value);
export const all: unknown[] = [
  grad((x: Tensor) => x.sum())(tensor([1])),
  data.digits,
  formats.readNpy,
  models.models,
  train.fit,
  optimizer,
  step,
];
`;

describe("declarations", () => {
  beforeAll(() => writeFileSync(join(folder, "use.ts"), USE));

  const MODULES = { bundler: "esnext", node16: "node16", nodenext: "nodenext" } as const;
  type Resolution = keyof typeof MODULES;

  /** What a compiler says of a program that uses every entry. */
  function complaints(version: string, resolution: Resolution, lib: readonly string[], types: readonly string[]): string {
    const settings = {
      target: "ES2022",
      lib,
      types,
      module: MODULES[resolution],
      moduleResolution: resolution,
      strict: true,
      noEmit: true,
    };
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({ compilerOptions: { ...settings, skipLibCheck: false }, files: ["use.ts"] }),
    );
    return run(process.execPath, bin(version, "bin/tsc"), "-p", ".").trim();
  }

  const [dom, bare, node] = [["ES2022", "DOM"], ["ES2022"], ["node"]];
  // The compilers that are written in JavaScript take seconds each; the native one tries what is left.
  const rows: [string, Resolution, string[], string[]][] = [
    ["ts54", "node16", bare, []],
    ["ts54", "bundler", dom, node],
    ["ts60", "nodenext", bare, node],
    ["ts7", "bundler", bare, []],
    ["ts7", "bundler", dom, []],
    ["ts7", "bundler", bare, node],
    ["ts7", "node16", dom, node],
    ["ts7", "nodenext", bare, []],
    ["ts7", "nodenext", dom, node],
  ];
  test.each(rows)("%s, %s, library %j, types %j", (version, resolution, lib, types) => {
    expect(complaints(version, resolution, lib, types)).toBe("");
  });

  test("a mistake is found: the test could fail", () => {
    writeFileSync(join(folder, "use.ts"), `${USE}\nexport const wrong: string = tensor([1]);\n`);
    expect(complaints("ts7", "nodenext", dom, node)).toContain("is not assignable to type 'string'");
  });

  test("none needs the generic typed arrays of TypeScript 5.7 where an entry reaches it", () => {
    const texts = readdirSync(bin("nabla", "dist"), { recursive: true, encoding: "utf8" })
      .filter((name) => /^(index|nn|optim|data|formats|train|models)\b.*\.d\.ts$/.test(name))
      .filter((name) => /Uint8Array<ArrayBuffer>/.test(readFileSync(bin("nabla", "dist", name), "utf8")));
    expect(texts).toEqual([]);
  });
});

test("publint and are-the-types-wrong have nothing to say", async () => {
  const script = `
    import { readFileSync } from "node:fs";
    import { publint } from "publint";
    import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
    const { messages } = await publint({ pkgDir: "node_modules/nabla", level: "warning" });
    const { problems } = await checkPackage(createPackageFromTarballData(new Uint8Array(readFileSync(process.argv[2]))));
    // Only what concerns modules: the package is of modules alone, and is required from Node 20.19 on.
    const left = problems.filter(({ kind, resolutionKind }) => kind !== "CJSResolvesToESM" && resolutionKind !== "node10");
    console.log(JSON.stringify([messages, left]));`;
  writeFileSync(join(folder, "lint.mjs"), script);
  expect(JSON.parse(run(process.execPath, "lint.mjs", tarball).trim().split("\n").at(-1)!)).toEqual([[], []]);
});

describe("other hosts", () => {
  const program = (load: string): string => `${load}
const step = nabla.grad((x) => x.square().sum());
step(nabla.tensor([1, 2, 3])).data().then((slope) => console.log([...slope].join()));`;

  beforeAll(() => {
    writeFileSync(join(folder, "host.mjs"), program('import * as nabla from "nabla";'));
    writeFileSync(join(folder, "host.cjs"), program('const nabla = require("nabla");'));
  });

  const HOSTS: [string, () => string][] = [
    ["require", () => run(process.execPath, "host.cjs")],
    ["Node 22", () => run(bin("node22", "bin/node"), "host.mjs")],
    ["Node 24, with require", () => run(bin("node24", "bin/node"), "host.cjs")],
    ["Bun", () => run(bin(".bin", "bun"), "host.mjs")],
    [
      "Deno, which may read its modules and nothing else",
      () => run(bin(".bin", "deno"), "run", "--no-prompt", "--allow-read=.", "host.mjs"),
    ],
  ];
  test.each(HOSTS)("%s", (_, print) => {
    expect(print().trim().split("\n").at(-1)).toBe("2,4,6");
  });
});

describe("a training step as one file", () => {
  const losses: number[] = [];
  let addresses: Record<string, number> = {};

  beforeAll(async () => {
    const lenet = await lenetStep();
    writeFileSync(join(folder, "lenet.wasm"), lenet.file);
    writeFileSync(join(folder, "inputs.bin"), inputsOf(lenet));
    writeFileSync(join(folder, "step.mjs"), program('await (await import("node:fs/promises")).readFile(name)'));
    // What can call functions of a module but not see its memory.
    writeFileSync(join(folder, "open.wasm"), withAccessors(lenet.file, "train"));
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(lenet.file));
    addresses = Object.fromEntries(
      Object.entries(exports).flatMap(([name, value]) => (value instanceof WebAssembly.Global ? [[name.split(" ")[1]!, value.value]] : [])),
    );
    const step = await load(lenet.file);
    for (let i = 0; i < 20; i++) {
      step.inputs.x!.set(lenet.x.dataSync());
      step.inputs.y!.set(lenet.y.dataSync());
      (step.train as () => void)();
      losses.push(step.outputs.loss![0]!);
    }
  });

  // Node and Deno have V8, Bun has JavaScriptCore.
  const HOSTS: [string, () => string][] = [
    ["Node", () => run(process.execPath, "step.mjs")],
    ["Bun", () => run(bin(".bin", "bun"), "step.mjs")],
    ["Deno", () => run(bin(".bin", "deno"), "run", "--no-prompt", "--allow-read=.", "step.mjs")],
    ["Wasmtime", () => run(process.execPath, "wasmtime.cjs")],
  ];
  test.each(HOSTS)("%s has the same 20 losses, to the bit", (host, print) => {
    if (host === "Wasmtime") writeFileSync(join(folder, "wasmtime.cjs"), wasmtimeProgram(addresses));
    expect(JSON.parse(print().trim().split("\n").at(-1)!)).toEqual(losses);
  });
});

/** The binding gives no memory and no functions without a result: {@link withAccessors}. */
const wasmtimeProgram = ({
  x,
  y,
  loss,
}: Record<string, number>): string => `const { Config, Engine, Instance, Module, Store } = require("wasmtime");
const engine = new Engine(new Config());
const store = new Store(engine);
const instance = new Instance(store, Module.fromFile(engine, "open.wasm"));
const [enter, peek, poke] = ["enter", "peek", "poke"].map((name) => instance.getFunc(store, name));
const bytes = require("node:fs").readFileSync("inputs.bin");
const words = new Int32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
const losses = Array.from({ length: 20 }, () => {
  words.forEach((word, i) => poke.call(store, [i < 64 * 784 ? ${x} + 4 * i : ${y} + 4 * (i - 64 * 784), word]));
  enter.call(store, [0]);
  return new Float32Array(Int32Array.of(peek.call(store, [${loss}])).buffer)[0];
});
console.log(JSON.stringify(losses));
`;
