/** @file Where the files of a data set are: in the folder that was named, else in the cache, else brought there. */
import { aPath, type Checks, fn, listOf, text } from "../base/check.ts";
import { nodeModule } from "../base/host.ts";
import { cacheFolder, type DownloadProgress, download, type RemoteFile } from "./download.ts";

/** Options of what reads files. */
export interface FileOptions {
  /** The folder of the files. Default: the cache, which is filled from the mirrors. */
  readonly dataDir?: string;
  /** Addresses to download from instead of the known ones; none at all ([]) forbids it. */
  readonly mirrors?: readonly string[];
  readonly onProgress?: (progress: DownloadProgress) => void;
}

export const FILE_OPTIONS: Checks<FileOptions> = { dataDir: aPath, mirrors: listOf(text), onProgress: fn };

/** The bytes of a file; undefined if there is none. */
export async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  const { readFile } = await nodeModule<typeof import("node:fs/promises")>("node:fs/promises");
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw new Error(`cannot read ${path}: ${error.message}`);
  });
}

/** SHA-256 of some files, one after another, in hex. */
export async function digestOf(paths: readonly string[]): Promise<string> {
  const { createHash } = await nodeModule<typeof import("node:crypto")>("node:crypto");
  const { createReadStream } = await nodeModule<typeof import("node:fs")>("node:fs");
  const hash = createHash("sha256");
  for (const path of paths) for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array);
  return hash.digest("hex");
}

/** @throws {Error} unless there is such a folder. */
export async function requireFolder(name: string, folder: string): Promise<void> {
  const { stat } = await nodeModule<typeof import("node:fs/promises")>("node:fs/promises");
  const found = await stat(folder).catch(() => undefined);
  if (!found) throw new Error(`${name}: no folder ${folder}`);
  if (!found.isDirectory()) throw new Error(`${name}: ${folder} is not a folder`);
}

/** Path of a file of the data set `name`. A folder that was named is never written to. */
export async function locate(name: string, file: RemoteFile, { dataDir, mirrors = [], onProgress }: FileOptions): Promise<string> {
  if (dataDir === undefined) return download(file, `${await cacheFolder()}/${name}`, { mirrors, onProgress });
  await requireFolder(name, dataDir);
  const { stat } = await nodeModule<typeof import("node:fs/promises")>("node:fs/promises");
  const path = `${dataDir}/${file.name}`;
  if ((await stat(path).catch(() => undefined))?.isFile()) return path;
  throw new Error(`${name}: no ${file.name} in ${dataDir}`);
}
