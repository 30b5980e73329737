/** @file The package as a user gets it: packed, installed from its tarball in an empty folder, run, and type-checked. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "nabla-package-"));
const app = join(folder, "app");

const xor = `import { tensor, compile, backward, nn, optim } from "nabla";
const model = new nn.Sequential(new nn.Linear(2, 8), new nn.Tanh(), new nn.Linear(8, 1), new nn.Sigmoid());
const optimizer = new optim.Adam(model.parameters(), { lr: 0.05 });
const step = compile((x, y) => {
  const { value, grads } = backward(() => nn.mseLoss(model.forward(x), y), model.parameters());
  optimizer.step(grads);
  return value;
});
const x = tensor([[0, 0], [0, 1], [1, 0], [1, 1]]), y = tensor([[0], [1], [1], [0]]);
for (let i = 0; i < 500; i++) step(x, y);
console.log(await step(x, y).item());
`;

/** Output of a command that must succeed; its own words are the failure message otherwise. */
function run(cwd: string, command: string, ...args: string[]): string {
  try {
    return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command} ${args.join(" ")} failed:\n${stdout}${stderr}`);
  }
}

const node = (source: string): string => run(app, process.execPath, "--input-type=module", "--eval", source);
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { exports: Record<string, unknown> };
let packed: string[];

beforeAll(() => {
  if (!existsSync(join(root, "dist/index.js"))) throw new Error("dist is missing: npm run build");
  const [{ filename, files }] = JSON.parse(run(root, "npm", "pack", "--json", "--pack-destination", folder)) as [
    { filename: string; files: { path: string }[] },
  ];
  packed = files.map((file) => file.path);
  mkdirSync(app);
  writeFileSync(join(app, "package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));
  run(app, "npm", "install", "--prefer-offline", "--no-audit", "--no-fund", join(folder, filename));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the packed package", () => {
  test("holds the build and its documents, nothing else", () => {
    expect(packed).toContain("package.json");
    expect(packed).toContain("LICENSE");
    expect(
      packed.filter(
        (path) =>
          !/^(dist\/.+\.(js|d\.ts)|dist\/studio\/(studio\.css|(index|one)\.html)|docs\/.+\.(md|json)|docs\/studio\.png|examples\/.+\.mjs|schema\/train\.schema\.json|package\.json|LICENSE|(bench\/)?[A-Z]+\.md)$/.test(
            path,
          ),
      ),
    ).toEqual([]);
  });

  test("holds every file that its README links to", () => {
    const links = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => match[1]!);
    expect(links.length).toBeGreaterThan(5);
    expect(links.filter((path) => !packed.includes(path) && !packed.some((other) => other.startsWith(`${path}/`)))).toEqual([]);
  });

  test("trains XOR in ten lines", () => {
    writeFileSync(join(app, "xor.mjs"), xor);
    expect(Number(run(app, process.execPath, "xor.mjs"))).toBeLessThan(0.05);
  });

  test.each(Object.keys(manifest.exports).filter((entry) => !entry.endsWith(".json")))("the entry %s can be imported", (entry) => {
    const names = node(`console.log(Object.keys(await import(${JSON.stringify(entry.replace(/^\./, "nabla"))})).length)`);
    expect(Number(names)).toBeGreaterThan(0);
  });

  test("threads read a folder of images", () => {
    const lines = node(`
      import { mkdirSync, writeFileSync } from "node:fs";
      import { PNG } from "pngjs";
      import { imageFolderSource, Loader } from "nabla/data";
      for (const name of ["a", "b"]) {
        mkdirSync("images/" + name, { recursive: true });
        for (let i = 0; i < 5; i++) writeFileSync("images/" + name + "/" + i + ".png", PNG.sync.write(Object.assign(new PNG({ width: 2, height: 2 }), { data: Buffer.alloc(16).fill(51 * i).map((v, j) => (j % 4 === 3 ? 255 : v)) }), { colorType: 0 }));
      }
      const loader = new Loader(imageFolderSource("images"), { batchSize: 4, workers: 2 });
      for await (const { inputs, targets } of loader) console.log(...inputs.filter((_, i) => i % 4 === 0).map((x) => Math.round(x * 5)), ...targets);
      await loader.close();`);
    expect(lines.trim().split("\n")).toEqual(["0 1 2 3 0 0 0 0", "4 0 1 2 0 1 1 1", "3 4 1 1"]);
  });

  test("the command starts", () => {
    expect(run(app, process.execPath, "node_modules/nabla/dist/cli/main.js", "--help")).toContain("train");
  });

  test("a new user's path: the README's first lines under strict, then training, prediction and curves on an own table", () => {
    const readme = readFileSync(join(root, "README.md"), "utf8");
    writeFileSync(join(app, "first.ts"), /```ts\n(.*?)```/s.exec(readme)![1]!);
    const compilerOptions = { strict: true, module: "nodenext", target: "es2023", lib: ["esnext", "dom"], types: [] };
    writeFileSync(join(app, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["first.ts"] }));
    run(app, process.execPath, join(root, "node_modules/typescript/bin/tsc"));
    expect(run(app, process.execPath, "first.js").replace(/\s/g, "")).toBe("Float32Array(3)[2,4,6]");

    const rows = Array.from({ length: 120 }, (_, i) => `${i % 10},${i % 7},${i % 10 > 4 ? "high" : "low"}`);
    writeFileSync(join(app, "own.csv"), ["a,b,kind", ...rows].join("\n"));
    writeFileSync(join(app, "new.csv"), "a,b\n9,3\n0,3\n");
    const nabla = (...args: string[]): string => run(app, "npx", "--no-install", "nabla", ...args);
    const printed = nabla("train", "mlp", "--data", "own.csv", "--epochs", "30", "--lr", "0.03", "--out", "own");
    expect(printed).toMatch(/test accuracy (9\d|100)\.\d %/);
    expect(printed).toContain(
      "good fit: the training loss is low and the held-out loss is near it; but 24 held-out examples are too few to tell",
    );
    const predicted = nabla("predict", "own", "new.csv")
      .split("\n")
      .filter((line) => /high|low/.test(line));
    expect(predicted.map((line) => /high|low/.exec(line)![0])).toEqual(["high", "low"]);
    expect(nabla("plot", "own", "--svg", "own.svg")).toContain("epoch");
    expect(readFileSync(join(app, "own.svg"), "utf8")).toMatch(/^<svg/);
    expect(nabla("evaluate", "own")).toContain("precision");
  });

  test("types are there, and are not any", () => {
    writeFileSync(
      join(app, "types.ts"),
      `import { nn, type Tensor, tensor } from "nabla";\nexport const y: Tensor = new nn.Linear(2, 1).forward(tensor([[1, 2]]));\n`,
    );
    writeFileSync(join(app, "wrong.ts"), `import { tensor } from "nabla";\nexport const y: string = tensor([1]);\n`);
    // Declarations are checked too (no skipLibCheck), and without Node's types, as in a project for the page.
    const compilerOptions = { noEmit: true, strict: true, module: "nodenext", target: "es2023", lib: ["esnext", "dom"], types: [] };
    const check = (file: string) => {
      writeFileSync(join(app, "tsconfig.json"), JSON.stringify({ compilerOptions, files: [file] }));
      return run(app, process.execPath, join(root, "node_modules/typescript/bin/tsc"));
    };
    check("types.ts");
    expect(() => check("wrong.ts")).toThrow("is not assignable to type 'string'");
  });
});
