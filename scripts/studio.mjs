/**
 * @file Builds the studio: the page and its workers, and all of it in one file. `npm run build` calls it. The page's code imports the built modules of the
 * package, as a user's page would.
 *
 *     dist/studio/index.html · studio.js · studio.css · worker.js · lessons.js     what `nabla studio` serves
 *     dist/studio/one.html                                                          the same in one file, which trains from file://
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";

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

/** Formulas: each text between the quotes of tex becomes MathML. */
const formulas = {
  name: "nabla-formulas",
  enforce: "pre",
  async transform(code, id) {
    if (!id.startsWith(source) || !code.includes("tex`")) return null;
    const { default: temml } = await import("temml");
    return code.replaceAll(/\btex`([^`]*)`/g, (_, text) =>
      JSON.stringify(temml.renderToString(text, { trust: true, throwOnError: true, displayMode: true })),
    );
  },
};

/** A module and all that it imports as one classic script: a worker that is a module does not start on file://. Gives its files' texts by name. */
async function script(entry, name, plugins = []) {
  const { build } = await import("vite");
  const made = await build({
    configFile: false,
    root: source,
    logLevel: "error",
    plugins: [builtModules, formulas, ...plugins],
    // A classic script has no address of its own; the engine asks for it to leave its own lines out of traces.
    define: { "process.env.NODE_ENV": '"production"', "import.meta": '{"url":"file:///nabla/studio.js"}' },
    build: {
      write: false,
      target: "es2023",
      minify: true,
      lib: { entry: join(source, entry), formats: ["iife"], name: "studio", fileName: name },
      // The manifest of the package names its built files; the studio's sources are not among them.
      rolldownOptions: {
        treeshake: {
          moduleSideEffects: (id) =>
            !id.includes(`${sep}dist${sep}modules${sep}`) ||
            /modules\/(runtime\/evaluate|base\/disposable)\.js$/.test(id.replaceAll("\\", "/")),
        },
        // Findings and errors name the layers by their classes.
        output: { extend: true, minify: { compress: true, mangle: { keepNames: { class: true, function: false } }, codegen: true } },
      },
    },
  });
  const [{ output }] = Array.isArray(made) ? made : [made];
  return Object.fromEntries(
    output.map((file) => [file.fileName.endsWith(".css") ? "css" : "js", "code" in file ? file.code : file.source]),
  );
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
  const [main, worker, lessons, one] = await Promise.all([
    script("main.tsx", "studio", [solid()]),
    script("worker/session-worker.ts", "worker"),
    script("worker/lessons-worker.ts", "lessons"),
    script("worker/one-worker.ts", "one-worker"),
  ]);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const write = (name, text) => writeFileSync(join(out, name), text);
  write("studio.js", main.js);
  write("studio.css", main.css ?? "");
  write("worker.js", worker.js);
  write("lessons.js", lessons.js);
  write("index.html", page(POLICY, '<link rel="stylesheet" href="studio.css">', '<script src="studio.js"></script>'));
  const parts = `<script type="text/plain" id="nabla-worker">${inline(one.js)}</script>\n<script>${inline(main.js)}</script>`;
  write("one.html", page(POLICY_OF_ONE, `<style>${main.css ?? ""}</style>`, parts));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildStudio();
