/**
 * @file What the TypeScript compiler says of programs that use the package: every program of the README and the docs passes `strict`, and wrong calls are
 * refused with a text that names what is wrong.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import ts from "typescript";
import { beforeAll, describe, expect, test } from "vitest";

const root = new URL("../../", import.meta.url).pathname;
const folder = join(root, "node_modules/.cache/nabla/snippets");

const programs = new Map<string, string>();
for (const page of ["README.md", ...readdirSync(join(root, "docs")).map((name) => join("docs", name))].filter((name) =>
  name.endsWith(".md"),
)) {
  const found = readFileSync(join(root, page), "utf8").matchAll(/^```(js|ts)\b.*\n([\s\S]*?)^```/gm);
  for (const [i, [, language, text]] of [...found].entries()) programs.set(join(folder, `${basename(page)}-${i}.m${language}`), text!);
}

/** Wrong calls, and what the compiler must say: the first line, or what explains it. */
const WRONG: readonly (readonly [call: string, message: RegExp])[] = [
  ["new optim.Adam(model.parameters(), { weight_decay: 0.1 })", /'weight_decay' does not exist in type 'AdamOptions'/],
  ["new optim.Adam(model.parameters(), 0.1)", /has no properties in common with type 'AdamOptions'/],
  ["new optim.SGD(model.parameters())", /Expected 2 arguments, but got 1/],
  ["new nn.RNN(2, 2, { nonlinearity: 'ReLU' })", /Type '"ReLU"' is not assignable to type '"tanh" \| "relu"/],
  ["new nn.Sequential(nn.ReLU)", /Argument of type 'typeof ReLU' is not assignable to parameter of type .*Layer/],
  ["train.fit(model, moons, { optimizer, epochs: 1, schedule: optim.cosine })", /is not assignable to type 'Schedule'/],
  ["train.fit(model, moons, { optimizer, epochs: 1, schedule: 0.1 })", /Type 'number' is not assignable to type 'Schedule'/],
  [
    "train.fit(model, moons, { optimizer, epochs: 1, loss: nn.CrossEntropyLoss })",
    /Type 'typeof CrossEntropyLoss' is not assignable to type 'Loss \| undefined'/,
  ],
  ["train.fit(model, moons, { epochs: 1 })", /Property 'optimizer' is missing in type .* but required in type 'FitOptions'/],
  ["train.fit(model, moons, { optimizer, epochs: 1, batch_size: 32 })", /'batch_size' does not exist in type 'FitOptions'/],
  ["backward(() => loss, model)", /Argument of type 'Linear' is not assignable to parameter of type 'readonly Cell\[\]'/],
  ["backward(loss, model.parameters())", /Argument of type 'Tensor' is not assignable to parameter of type '\(\) => Tensor'/],
  ["backward(() => loss, [x])", /Type 'Tensor' is missing the following properties from type 'Cell'/],
  ["grad((a) => a.sum(), { argnums: 1 })", /'argnums' does not exist in type/],
  [
    "grad((a) => [a.sum(), a] as const)",
    /Type 'readonly \[Tensor, Tensor\]' is (not assignable to type|missing the following properties from type) 'Tensor'/,
  ],
  ["grad((a) => a.foo())", /Property 'foo' does not exist on type 'Tensor'/],
  ["compile((a, b) => a + b)", /Operator '\+' cannot be applied to types .*Tensor' and .*Tensor'/],
  ["x.sum({ axis: 0 })", /'axis' does not exist in type|is not assignable to parameter of type 'AxesLike'/],
  ["zeros(3, 4)", /Argument of type 'number' is not assignable to parameter of type/],
  ["tensor([1], { dtype: 'float32' })", /Type '"float32"' is not assignable to type .*Dtype/],
  ["x > 0 ? 1 : 2", /Operator '>' cannot be applied to types 'Tensor' and 'number'/],
  ["x * 2", /The left-hand side of an arithmetic operation must be of type/],
  ["functional.crossEntropy(x, x, { reduction: 'avg' })", /Type '"avg"' is not assignable to type 'Reduction/],
  ["x.shape.push(1)", /Property 'push' does not exist on type 'Shape'/],
];

const HEAD = `import { backward, compile, data, functional, grad, nn, optim, tensor, train, zeros } from "nabla";
const x = tensor([1, 2]);
const model = new nn.Linear(2, 2);
const optimizer = new optim.Adam(model.parameters());
const moons = data.moons();
const loss = x.sum();
`;
for (const [i, [call]] of WRONG.entries()) programs.set(join(folder, `wrong-${i}.mts`), `${HEAD}export const made = ${call};\n`);

const options: ts.CompilerOptions = {
  strict: true,
  checkJs: true,
  allowJs: true,
  noEmit: true,
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  allowImportingTsExtensions: true,
  skipLibCheck: true,
  lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts", "lib.dom.d.ts"],
  types: ["node"],
  typeRoots: [join(root, "node_modules/@types")],
  paths: Object.fromEntries(
    [
      ["nabla", "index"],
      ["nabla/step", "runtime/wasm/step"],
      ...["nn", "optim", "data", "formats", "train", "models", "inspect", "onnx", "distributed"].map((name) => [
        `nabla/${name}`,
        `${name}/index`,
      ]),
    ].map(([name, file]) => [name, [join(root, `src/${file}.ts`)]]),
  ),
};

let said: (file: string) => string[];
beforeAll(() => {
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile } = host;
  host.readFile = (name) => programs.get(name) ?? readFile(name);
  host.fileExists = (name) => programs.has(name) || fileExists(name);
  host.getSourceFile = (name, how, ...rest) => {
    const text = programs.get(name);
    return text === undefined ? getSourceFile(name, how, ...rest) : ts.createSourceFile(name, text, how);
  };
  const program = ts.createProgram([...programs.keys()], options, host);
  said = (name) => {
    const file = program.getSourceFile(name)!;
    const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    return found.map(({ messageText, start }) => {
      const line = start === undefined ? "" : file.text.slice(start).split("\n")[0];
      return `${ts.flattenDiagnosticMessageText(messageText, " ")} — ${line}`;
    });
  };
});

const shown = [...programs.keys()].filter((name) => !basename(name).startsWith("wrong"));

test("there are programs in the README and in the docs", () => {
  expect(shown.filter((name) => basename(name).startsWith("README")).length).toBeGreaterThanOrEqual(2);
  expect(shown.filter((name) => basename(name).startsWith("train-your-own")).length).toBeGreaterThanOrEqual(2);
});

test.each(shown.map((name) => [basename(name), name]))("%s passes strict", (_, name) => {
  expect(said(name)).toEqual([]);
});

describe("wrong calls", () => {
  test.each(WRONG.map(([call, message], i) => [call, message, i] as const))("%s", (_, message, i) => {
    expect(said(join(folder, `wrong-${i}.mts`)).join("\n")).toMatch(message);
  });
});
