/**
 * @file Builds the studio: the page and its workers, and all of it in one file. `npm run build` calls it. The page's code imports the built modules of the
 * package, as a user's page would.
 *
 *     dist/studio/index.html, and beside it a file of styles and the modules     what `nabla studio` serves
 *     dist/studio/one.html                                                        the same in one file, which trains from file://
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { shorten } from "./studio-words.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const source = join(root, "src/studio");
const out = join(root, "dist/studio");

/** Files of the package outside of the studio, as they were built. */
const builtModules = {
  name: "nabla-built-modules",
  enforce: "pre",
  resolveId(id, importer) {
    if (!importer || !id.startsWith(".") || !id.endsWith(".ts")) return null;
    const path = resolve(dirname(importer), id);
    const inside = relative(join(root, "src"), path);
    if (inside.startsWith("..") || inside.startsWith(`studio${sep}`)) return null;
    return join(root, "dist/modules", inside.replace(/\.ts$/, ".js"));
  },
};

/** Formulas: each text between the quotes of tex becomes MathML. Parts that stand a quad apart are formulas of their own, so that a narrow page can break between them. */
const formulas = {
  name: "nabla-formulas",
  enforce: "pre",
  async transform(code, id) {
    if (!id.startsWith(source) || !code.includes("tex`")) return null;
    const { default: temml } = await import("temml");
    const mathml = (part) => temml.renderToString(part, { trust: true, throwOnError: true, displayMode: true });
    return code.replaceAll(/\btex`([^`]*)`/g, (_, text) =>
      JSON.stringify(
        text
          .split(/\\q?quad/)
          .map(mathml)
          .join(" "),
      ),
    );
  },
};

/** What the one file has in the place of parts that would make it too large: they tell that the served page has them. */
const ELSEWHERE = {
  "/lessons/lessons.tsx": "lessons/elsewhere.tsx",
  "/norm.tsx": "rooms/elsewhere.tsx",
  "/duel.tsx": "rooms/elsewhere.tsx",
  "/runs-live.tsx": "rooms/runs-elsewhere.ts",
  "/decide.tsx": "rooms/elsewhere.tsx",
  "/regularize.ts": "worker/elsewhere.ts",
  "/duel.ts": "worker/elsewhere.ts",
};

const elsewhere = {
  name: "nabla-elsewhere",
  enforce: "pre",
  resolveId(id) {
    const found = Object.keys(ELSEWHERE).find((end) => id.endsWith(end));
    return found ? join(source, ELSEWHERE[found]) : null;
  },
};

/** The solver is no part of the page: the server has it from its package. */
const servedSolver = {
  name: "nabla-served-solver",
  enforce: "pre",
  resolveId: (id) => (id === "highs" ? { id: "./highs.js", external: "absolute" } : null),
};

/** What `vite build` needs for every part of the studio. */
const common = (plugins, build) => ({
  configFile: false,
  root: source,
  logLevel: "error",
  plugins: [servedSolver, builtModules, formulas, ...plugins],
  build: { write: false, target: "es2023", minify: true, modulePreload: false, cssCodeSplit: false, ...build },
});

/** The manifest of the package names its built files; the studio's sources are not among them. */
const treeshake = {
  moduleSideEffects: (id) =>
    !id.includes(`${sep}dist${sep}modules${sep}`) || /modules\/(runtime\/evaluate|base\/disposable)\.js$/.test(id.replaceAll("\\", "/")),
};

/** Findings and errors name the layers by their classes. */
const minify = { compress: true, mangle: { keepNames: { class: true, function: false } }, codegen: true };

async function built(config) {
  const { build } = await import("vite");
  const [{ output }] = [await build(config)].flat();
  return output.map((file) => [file.fileName, "code" in file ? file.code : file.source]);
}

/** The page and its workers as modules that share the engine; each room is loaded when it is entered. Gives the files' texts by name. */
const modules = async (entries, plugins) =>
  Object.fromEntries(
    await built(
      common(plugins, {
        rolldownOptions: {
          input: Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, join(source, entry)])),
          preserveEntrySignatures: false,
          treeshake,
          output: {
            minify,
            entryFileNames: "[name].js",
            chunkFileNames: "[name].js",
            assetFileNames: "studio.css",
            // Of the package, the page itself has the figures alone; the run has no convolutions.
            codeSplitting: {
              groups: [{ name: "engine", test: /dist.modules.(?!figures|demo|nn.conv|math.(conv|window))/, minShareCount: 2 }],
            },
          },
        },
      }),
    ),
  );

/** A module and all that it imports as one classic script, which starts on file://, as a module does not. */
async function script(entry, plugins = []) {
  const files = await built({
    ...common(plugins, {
      lib: { entry: join(source, entry), formats: ["iife"], name: "studio", fileName: "script" },
      rolldownOptions: { treeshake, output: { extend: true, minify } },
    }),
    // A classic script has no address of its own; the engine asks for it to leave its own lines out of traces.
    define: { "process.env.NODE_ENV": '"production"', "import.meta": '{"url":"file:///nabla/studio.js"}' },
  });
  return files.find(([name]) => name.endsWith(".js"))[1];
}

/** The programs of the page and of its workers and the styles, as the text that the one file's start takes apart. */
async function packed(...texts) {
  const { compress } = await import("lzma1");
  if (texts.some((text) => text.includes("\0"))) throw new Error("a text has a zero byte, which stands between texts");
  return Buffer.from(compress(shorten(texts.join("\0")), 9)).toString("base64");
}

/** What the page may do. WebAssembly is compiled; no text is run as code. */
const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'";
const POLICY_OF_ONE = POLICY.replace("script-src 'self'", "script-src 'unsafe-inline' blob:").replace("worker-src 'self'", "worker-src");

/** Text between the tags of a script. */
const inline = (code) => code.replaceAll("</script", "<\\/script");

/** The icon: ∇ on blue. */
const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='7' fill='%231d5fa8'/%3E%3Cpath d='M7 8h18L16 25z' fill='none' stroke='white' stroke-width='2.6' stroke-linejoin='round'/%3E%3C/svg%3E";

const page = (policy, head, body) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>Nabla studio</title>
<link rel="icon" href="${ICON}">
${head}
</head>
<body>
<div id="app"></div>
<noscript>The studio is a program: it needs JavaScript.</noscript>
${body}
</body>
</html>
`;

export async function buildStudio() {
  if (!existsSync(join(root, "dist/modules"))) throw new Error("build the package first: npm run build");
  const { default: solid } = await import("vite-plugin-solid");
  const served = await modules(
    { studio: "main.tsx", worker: "worker/session-worker.ts", lessons: "worker/lessons-worker.ts", solver: "worker/solver-worker.ts" },
    [solid()],
  );
  const [main, worker, start] = await Promise.all([
    script("main.tsx", [elsewhere, solid()]),
    script("worker/one-worker.ts", [elsewhere]),
    script("one/start.ts"),
  ]);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const write = (name, text) => writeFileSync(join(out, name), text);
  for (const [name, text] of Object.entries(served)) write(name, text);
  // The same under a name that is served with the policy for the reader's own code.
  write("models.js", 'import "./lessons.js";\n');
  write("index.html", page(POLICY, '<link rel="stylesheet" href="studio.css">', '<script type="module" src="studio.js"></script>'));
  const parts = `<script type="text/plain" id="nabla-pack">${await packed(main, worker, served["studio.css"])}</script>\n<script>${inline(start)}</script>`;
  write("one.html", page(POLICY_OF_ONE, "", parts));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildStudio();
