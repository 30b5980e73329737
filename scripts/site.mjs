/**
 * @file `npm run docs:site`: the pages of this repository as a site in site/, made by VitePress, which only this command installs (docs/package.json). Pages are copied,
 * since those that a repository shows lie in several folders, and links follow them.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { root, run } from "./setup.mjs";

/** Where VitePress is installed, and in it the pages: they import what it depends on. */
const kept = join(root, "node_modules/.cache/nabla/vitepress");
const stage = join(kept, "pages");

/** Pages that do not lie in docs, and their places in the site. */
const PLACES = {
  "README.md": "readme.md",
  "ARCHITECTURE.md": "architecture.md",
  "CONTRIBUTING.md": "contributing.md",
  "CHANGELOG.md": "changelog.md",
  "bench/README.md": "benchmarks.md",
};

const placeOf = (path) =>
  PLACES[path] ?? (path.startsWith("docs/") && path.endsWith(".md") ? path.slice(5).replace(/README\.md$/, "index.md") : undefined);

/** The repository's pages. */
export function pages() {
  const docs = readdirSync(join(root, "docs"), { recursive: true })
    .filter((name) => name.endsWith(".md") && !name.startsWith("node_modules"))
    .map((name) => `docs/${name.replaceAll("\\", "/")}`);
  return [...Object.keys(PLACES), ...docs];
}

/** A page with its links as the site has them: to other pages by their places, to files of the repository as text. Code is left alone. */
export function staged(path) {
  const from = placeOf(path);
  const text = readFileSync(join(root, path), "utf8");
  const outside = (part) =>
    part.replace(/\[([^\]]*)\]\((?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?\)/g, (_, words, target, anchor = "") => {
      const to = placeOf(posix.normalize(posix.join(posix.dirname(path), target)));
      if (!to) return words;
      const link = posix.relative(posix.dirname(from), to);
      return `[${words}](${link.startsWith(".") ? link : `./${link}`}${anchor})`;
    });
  // Angle brackets are elements of the page for VitePress, and double braces its own language.
  const plain = (part) =>
    outside(part)
      .replace(/<(?=[A-Za-z/!])/g, "&lt;")
      .replaceAll("{{", "{&#8203;{");
  return text
    .split(/(^```[\s\S]*?^```$|(?<=\n\n)(?: {4}.*\n)+|`[^`\n]*`)/m)
    .map((part, i) => (i % 2 ? code(part) : plain(part)))
    .join("");
}

/** Code of a line is a template to VitePress unless it is told, and indented commands have no frame. */
function code(part) {
  if (part.startsWith("    ")) return `\`\`\`sh\n${part.replace(/^ {4}/gm, "")}\`\`\`\n`;
  return !part.startsWith("```") && part.includes("{{") ? `<span v-pre>${part}</span>` : part;
}

const link = (text, to) => ({ text, link: to });
const references = () =>
  readdirSync(join(root, "docs/reference"))
    .filter((name) => name !== "README.md")
    .map((name) => link(name.slice(0, -3), `/reference/${name.slice(0, -3)}`));

const CONFIG = () => ({
  title: "Nabla",
  description: "Deep learning in TypeScript",
  cleanUrls: false,
  outDir: join(root, "site"),
  themeConfig: {
    search: { provider: "local" },
    nav: [
      link("Tutorial", "/tutorial"),
      link("How it works", "/how-it-works"),
      link("Reference", "/reference/"),
      link("Benchmarks", "/benchmarks"),
    ],
    sidebar: [
      {
        text: "Start",
        items: [
          link("Overview", "/readme"),
          link("Tutorial", "/tutorial"),
          link("Train your own data", "/train-your-own"),
          link("Text", "/text"),
        ],
      },
      {
        text: "Coming from",
        items: [
          link("PyTorch", "/from-pytorch"),
          link("Keras", "/from-keras"),
          link("TensorFlow.js", "/from-tensorflow-js"),
          link("Operators of PyTorch", "/coverage"),
        ],
      },
      {
        text: "Guides",
        items: [
          link("In the browser", "/browser"),
          link("Published weights", "/weights"),
          link("From one machine to a cluster", "/distributed"),
          link("ONNX", "/onnx"),
          link("Exchange with other tools", "/exchange"),
          link("Networks", "/models"),
          link("Accuracy", "/accuracy"),
          link("Lectures", "/lectures"),
          link("The studio", "/studio"),
        ],
      },
      {
        text: "Why a network learns",
        items: [
          link("Instruments", "/inspect"),
          link("Why it does not learn", "/why-not-learning"),
          link("Curvature", "/inspect-curvature"),
          link("Landscapes of the loss", "/inspect-landscape"),
          link("Spectra", "/inspect-spectra"),
          link("Paths and elimination", "/inspect-paths"),
          link("Approximation", "/inspect-approximation"),
          link("Second order: Hessian-free", "/hessian-free"),
        ],
      },
      {
        text: "Inside",
        items: [
          link("How it works", "/how-it-works"),
          link("Architecture", "/architecture"),
          link("Benchmarks", "/benchmarks"),
          link("Primitives", "/ops"),
          link("Values at the edges", "/edges"),
          link("Decoders", "/decoders"),
          link("Nightly runs", "/nightly"),
          link("Contributing", "/contributing"),
          link("Changes", "/changelog"),
        ],
      },
      { text: "Reference", collapsed: true, items: references() },
    ],
    outline: [2, 3],
  },
});

const HOME = `---
layout: home
hero:
  name: Nabla
  text: Deep learning in TypeScript
  tagline: Tensors, gradients, layers, optimizers, data and training, compiled to WebAssembly SIMD. In Node and in the browser.
  actions:
    - theme: brand
      text: Tutorial
      link: /tutorial
    - theme: alt
      text: How it works
      link: /how-it-works
features:
  - title: One list
    details: Recording, derivatives, batching, memory plans and code are walks over one list that you can print.
  - title: One call per step
    details: Forward pass, backward pass and optimizer become one WebAssembly program.
  - title: The same bits
    details: Results do not depend on the number of threads, and a resumed run comes to the bits that it would have come to.
---
`;

/** The pages that the navigation does not lead to. */
export function unlinked() {
  const { sidebar } = CONFIG().themeConfig;
  const linked = new Set(sidebar.flatMap(({ items }) => items.map(({ link: to }) => `${to.slice(1)}.md`)));
  return pages()
    .map(placeOf)
    .filter((place) => place !== "reference/index.md" && !linked.has(place));
}

export function stageAll() {
  rmSync(stage, { recursive: true, force: true });
  for (const path of pages()) {
    const file = join(stage, placeOf(path));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, staged(path));
  }
  writeFileSync(join(stage, "index.md"), HOME);
  mkdirSync(join(stage, ".vitepress"));
  writeFileSync(join(stage, ".vitepress/config.mjs"), `export default ${JSON.stringify(CONFIG(), undefined, 2)};\n`);
  cpSync(join(root, "docs/package.json"), join(stage, "package.json"));
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  stageAll();
  if (!existsSync(join(kept, "node_modules/vitepress"))) {
    mkdirSync(kept, { recursive: true });
    cpSync(join(root, "docs/package.json"), join(kept, "package.json"));
    const code = await run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund"], { cwd: kept });
    if (code !== 0) process.exit(code);
  }
  process.exitCode = await run(process.execPath, [join(kept, "node_modules/vitepress/bin/vitepress.js"), "build", stage], { cwd: kept });
}
