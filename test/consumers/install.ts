/** @file The packed package in a folder of its own, beside some of the tools that package.json here lists: each file of tests installs what it uses. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Installs the package and the tools whose names match; gives the path of the tarball. */
export function installConsumer(folder: string, wanted: (name: string) => boolean): string {
  if (!existsSync(join(root, "dist/index.js"))) throw new Error("dist is missing: npm run build");
  const packed = execFileSync("npm", ["pack", "--json", "--pack-destination", folder], { cwd: root, encoding: "utf8" });
  const tarball = join(folder, (JSON.parse(packed) as [{ filename: string }])[0].filename);
  installTools(folder, wanted, tarball);
  return tarball;
}

/** Installs the tools whose names match, and other packages. */
export function installTools(folder: string, wanted: (name: string) => boolean, ...more: string[]): void {
  cpSync(join(root, "test/consumers"), folder, { recursive: true });
  const file = join(folder, "package.json");
  const all = JSON.parse(readFileSync(file, "utf8")) as { dependencies: Record<string, string> };
  const dependencies = Object.fromEntries(Object.entries(all.dependencies).filter(([name]) => wanted(name)));
  writeFileSync(file, JSON.stringify({ ...all, dependencies }));
  execFileSync("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", ...more], { cwd: folder, stdio: "pipe" });
}

/** What bundles pages. */
export const isBundler = (name: string): boolean => /rollup|esbuild|vite|webpack/.test(name);

/** What takes minutes to install: Parcel, with the `buffer` that it installs by itself where it is allowed to, and Next.js with React. */
export const isFramework = (name: string): boolean => /^(parcel|buffer|next|react|react-dom)$/.test(name);
