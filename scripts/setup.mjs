/**
 * @file What a fresh clone needs before anything runs: dependencies, then a build. Both steps are skipped when up to date, so
 * `npm start` costs nothing the second time. Only Node's own modules here, because nothing is installed yet.
 */
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Runs a command in the project's root with the terminal passed through; resolves to its exit code. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: "inherit", ...options });
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve(code ?? (signal ? 1 : 0)));
  });
}

const node = (script, ...args) => run(process.execPath, [join(root, script), ...args]);
// TypeScript 7 compiles four times faster than TypeScript 6, which has the programming interface that scripts/reference.mjs and a test use.
export const tsc = (...args) => node("node_modules/typescript-native/bin/tsc", ...args);
export const biome = (...args) => node("node_modules/@biomejs/biome/bin/biome", ...args);
export const vitest = (...args) => node("node_modules/vitest/vitest.mjs", ...args);

/** Compares contents, not times: npm touches its own copy of the lock file whenever it likes. */
function dependenciesAreCurrent() {
  const installed = join(root, "node_modules/.package-lock.json");
  if (!existsSync(installed)) return false;
  const want = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const have = JSON.parse(readFileSync(installed, "utf8")).packages;
  return Object.entries(want).every(([path, p]) => path === "" || p.optional || have[path]?.version === p.version);
}

/** The newest change below a path. Folders count too: deleting a file changes only its folder. */
function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

/** Whether `output`, one file of a build, is older than any of the build's sources. */
function isStale(output, sources) {
  const file = join(root, output);
  if (!existsSync(file)) return true;
  const built = statSync(file).mtimeMs;
  return sources.some((source) => newest(join(root, source)) > built);
}

async function must(what, step) {
  if ((await step) === 0) return;
  console.error(`nabla: ${what} failed`);
  process.exit(1);
}

export async function install() {
  if (dependenciesAreCurrent()) return;
  console.error("Installing dependencies (npm ci) ...");
  // stdout belongs to the command that asked for the set-up; npm talks on stderr.
  const windows = process.platform === "win32";
  await must("npm ci", run("npm", ["ci", "--no-fund", "--no-audit"], { stdio: ["ignore", 2, 2], shell: windows }));
}

export const buildIsStale = () => isStale("dist/index.js", ["src", "tsconfig.json", "package-lock.json"]);

/** Compiles src to dist and bundles it; resolves to the exit code. Cleans first, so that deleted sources leave nothing behind. */
export async function build() {
  rmSync(join(root, "dist"), { recursive: true, force: true });
  const code = await tsc("-p", "tsconfig.json", "--incremental", "false");
  if (code === 0) {
    await bundle();
    const { buildStudio } = await import("./studio.mjs");
    await buildStudio();
  }
  return code;
}

/** Chunks by folder: the engine, that every program of tensors needs, and what is used together beside it. */
const CHUNKS = {
  base: ["base"],
  engine: ["kernel", "tape", "ops", "transform", "optimize", "schedule", "codegen", "runtime", "function"],
  nn: ["math", "nn", "optim"],
  data: ["formats", "data"],
  models: ["models"],
  train: ["train"],
  inspect: ["inspect"],
};

/** The chunk of a module that `main` loads as it starts; others (of the command line, or loaded when needed) are put together by who shares them. */
function chunks(main) {
  let loaded;
  const load = (id, context, seen = new Set()) => {
    if (seen.has(id)) return seen;
    seen.add(id);
    for (const next of context.getModuleInfo(id)?.importedIds ?? []) load(next, context, seen);
    return seen;
  };
  return (id, context) => {
    loaded ??= load(main, context);
    const folder = relative(dirname(main), id).split(sep)[0];
    return loaded.has(id) ? Object.keys(CHUNKS).find((name) => CHUNKS[name].includes(folder)) : undefined;
  };
}

/** Modules that scripts, or threads, open by their own names. */
const OTHER_ENTRIES = [
  "index",
  "inspect/op-table",
  "onnx/page",
  "inspect/coverage",
  "inspect/model-table",
  "demo/page",
  "cli/settings",
  "data/image-folder",
  "data/web-dataset",
  "formats/no-codec",
].map((name) => `dist/${name}.js`);

/**
 * Puts the compiled modules together for Node, which takes half a millisecond to open each: a file per entry, over a few chunks that the entries share,
 * so that there is one engine. Names are kept, for they appear in messages; declarations stay as they are. Bundlers get the modules one by one, in
 * `dist/modules`: what a page does not use they leave out module by module, and of a chunk only what they can prove to do nothing.
 */
async function bundle() {
  const { rolldown } = await import("rolldown");
  const dist = join(root, "dist");
  const compiled = readdirSync(dist, { recursive: true }).filter((path) => path.endsWith(".js"));
  const { exports, bin } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const entries = [...Object.values(exports).flatMap((entry) => entry.node ?? []), ...Object.values(bin), ...OTHER_ENTRIES];
  const names = entries.map((path) => path.replace(/^(\.\/)?dist\/|\.js$/g, ""));
  const made = await rolldown({
    input: Object.fromEntries(names.map((name) => [name, join(dist, `${name}.js`)])),
    platform: "neutral",
    external: (id) => !/^[./\\]|^[a-z]:/i.test(id),
    treeshake: false,
    preserveEntrySignatures: "allow-extension",
  });
  // Chunks lie one folder deep, as the modules did: some find the package's other files from where they are.
  const { output } = await made.generate({
    format: "esm",
    keepNames: true,
    chunkFileNames: "chunks/[name].js",
    codeSplitting: { includeDependenciesRecursively: false, groups: [{ debugName: "by folder", name: chunks(join(dist, "index.js")) }] },
  });
  await made.close();
  await keepModules(dist, compiled);
  mkdirSync(join(dist, "chunks"), { recursive: true });
  for (const { fileName, code } of output) writeFileSync(join(dist, fileName), code);
  // In Node, whoever trains is told why a training failed; a page pays for every byte, and imports `nabla/inspect` itself.
  appendFileSync(join(dist, "train/index.js"), 'import "../inspect/index.js";\n');
}

/** Moves the compiled modules to where bundlers find them, but for the command's. */
async function keepModules(dist, compiled) {
  const { parseAst } = await import("rolldown/parseAst");
  for (const path of compiled) {
    const module = join(dist, "modules", path);
    if (path.startsWith("cli")) {
      rmSync(join(dist, path));
      continue;
    }
    mkdirSync(dirname(module), { recursive: true });
    renameSync(join(dist, path), module);
    // Not every bundler knows the conditions and sub-paths of packages.
    const code = readFileSync(module, "utf8")
      .replaceAll(/import\("#(pngjs|jpeg|jpeg2000|webp|tiff)"\)/g, 'import("./no-codec.js")')
      .replaceAll('import("#csv-parse")', 'import("./csv-parse.js")')
      .replaceAll(/\(this && this\.\w+\) \|\| /g, ""); // a module has no `this`, and bundlers say so
    writeFileSync(module, withNames(path.startsWith("ops") ? withoutNotes(code, parseAst) : code, parseAst));
  }
  // So the reader of CSV that needs no Node comes along.
  const read = (name) => readFileSync(join(root, "node_modules/csv-parse", name), "utf8").trim();
  writeFileSync(join(dist, "modules/data/csv-parse.js"), `/*\ncsv-parse: ${read("LICENSE")}\n*/\n${read("dist/esm/index.js")}\n`);
}

/** The module with the names of its classes as static fields. Messages, summaries and findings name classes, and a minifier would rename them; a subclass has its own name. */
function withNames(code, parse) {
  const classes = parse(code)
    .body.map((node) => node.declaration ?? node)
    .filter(
      ({ type, body }) => type === "ClassDeclaration" && !body.body.some(({ static: isStatic, key }) => isStatic && key?.name === "name"),
    );
  return classes.reduceRight(
    (text, { id, body }) => `${text.slice(0, body.start + 1)} static name = "${id.name}";${text.slice(body.start + 1)}`,
    code,
  );
}

/** What the tables of operations and the tests know of an op, and no program reads. */
const NOTES = new Set(["doc", "samples"]);

/** The module of some ops with empty notes: every page would carry them. */
function withoutNotes(code, parse) {
  const cuts = [];
  const walk = (node) => {
    for (const child of Object.values(node)) if (typeof child === "object" && child !== null) walk(child);
    if (node.type !== "ObjectExpression") return;
    for (const { key, value } of node.properties) {
      const empty = { Literal: '""', ArrayExpression: "[]" }[value?.type];
      if (NOTES.has(key?.name) && empty) cuts.push({ ...value, empty });
    }
  };
  walk(parse(code));
  return cuts
    .sort((a, b) => b.start - a.start)
    .reduce((text, { start, end, empty }) => text.slice(0, start) + empty + text.slice(end), code);
}

/** Everything a command of the built package needs. */
export async function setUp() {
  await install();
  if (!buildIsStale()) return;
  console.error("Building ...");
  await must("the build", build());
}

/** A folder that is compiled apart and imports `nabla` by name, as a user would: it runs against the built package. */
async function setUpApart(what, folder, config) {
  await setUp();
  const sources = readdirSync(join(root, folder))
    .filter((name) => name !== "dist" && name !== "data")
    .map((name) => `${folder}/${name}`);
  if (!isStale(`${folder}/dist/main.js`, [...sources, "dist/index.js", config])) return;
  rmSync(join(root, folder, "dist"), { recursive: true, force: true });
  await must(`building ${what}`, tsc("-p", config));
}

export const setUpBench = () => setUpApart("the benchmarks", "bench", "tsconfig.bench.json");
export const setUpOutside = () => setUpApart("the runner of outside samples", "test/outside", "tsconfig.outside.json");
export const setUpGolden = () => setUpApart("the golden runner", "test/golden", "tsconfig.golden.json");
