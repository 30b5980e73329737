/** @file `nabla info`: what runs here, and what can be trained. */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { datasets } from "../data/registry.ts";
import { models } from "../models/registry.ts";
import { backendName, theBackend } from "../runtime/backends.ts";
import { getThreads } from "../runtime/wasm/pool.ts";
import { x64 } from "../runtime/x64/backend.ts";

/** The package's version, from its own manifest (two folders up, both in the sources and in the build). */
export function version(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

export async function infoCommand(): Promise<string> {
  const rows: [string, string][] = [
    ["nabla", version()],
    ["node", `${process.versions.node} (${process.platform} ${process.arch})`],
    ["backend", backendLine()],
    ["features", usable().join(", ") || "none"],
    ["threads", `${getThreads()} (the machine has ${availableParallelism()})`],
    ["models", Object.keys(models).join(", ")],
    ["data sets", Object.keys(datasets).join(", ")],
  ];
  return rows.map(([name, value]) => `${name.padEnd(10)} ${value}`).join("\n");
}

/** The backend in use, and what there is to say of the faster one. */
function backendLine(): string {
  const name = backendName();
  if (name === x64.name) return name;
  const obstacle = x64.obstacle();
  return obstacle === undefined
    ? `${name} (x64 works here and is faster: --backend auto, NABLA_BACKEND=auto)`
    : `${name} (not x64: ${obstacle})`;
}

/** From so many seconds of training on, another backend is worth a line. */
const LONG = 60;

/** What a training that took so long has to say of the faster backend; nothing if it was short, or there is none here. */
export function quickerBackend(seconds: number): string | undefined {
  if (seconds < LONG || backendName() !== "wasm" || x64.obstacle() !== undefined) return undefined;
  return "x64 works here and is faster than wasm; for the next run: --backend auto, or NABLA_BACKEND=auto (last bits differ)";
}

/** What the backend makes use of here. */
export function usable(): readonly string[] {
  return theBackend().features();
}
