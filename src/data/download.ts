/**
 * @file Files of published data sets: from a folder, else from the cache, else from the first mirror that gives the right bytes. A download is
 * checked against its SHA-256, goes on where it was cut, and takes its name only when it is whole. Each download writes a part of its own; what is left
 * of one that was cut is taken by renaming it, which one process can.
 */
import { aPath, type Checks, check, checkFields, checkOptions, expectation, fn, listOf, naturalNumber, positive } from "../base/check.ts";
import { cacheFolderOf, nodeModule } from "../base/host.ts";

/** A file of a published data set, and how to know that it is the right one. */
export interface RemoteFile {
  readonly name: string;
  /** Of the whole file, in hexadecimal. */
  readonly sha256: string;
  readonly bytes: number;
}

/** How far a download is. */
export interface DownloadProgress {
  readonly file: string;
  /** Bytes on the disk, of `total`. */
  readonly bytes: number;
  readonly total: number;
}

/** Options of a download. */
export interface DownloadOptions {
  /** Folders or addresses that end before the file's name, tried in this order. */
  readonly mirrors: readonly string[];
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Seconds without a byte after which a mirror counts as dead. Default 30. */
  readonly timeout?: number;
}

const address = expectation("an address (https://...)", (value) => typeof value === "string" && URL.canParse(value));
const DOWNLOAD_OPTIONS: Checks<DownloadOptions> = { mirrors: listOf(address), onProgress: fn, timeout: positive };
const sha256 = expectation("64 hexadecimal digits", (value) => typeof value === "string" && /^[0-9a-f]{64}$/i.test(value));

/** Where downloads are kept: $NABLA_CACHE, else the platform's place for caches. */
export async function cacheFolder(): Promise<string> {
  const { homedir } = await nodeModule<typeof import("node:os")>("node:os");
  return cacheFolderOf(await nodeModule<typeof import("node:process")>("node:process"), homedir);
}

/**
 * Brings a file into a folder, unless it is there already; gives its path.
 * @throws {Error} one line that says what each mirror answered.
 */
export async function download(file: RemoteFile, folder: string, options: DownloadOptions): Promise<string> {
  checkFields("download: the file", file, { name: aPath, sha256, bytes: naturalNumber });
  check("download: folder", folder, aPath);
  checkOptions("download", options, DOWNLOAD_OPTIONS, "mirrors");
  const { mkdir, stat } = await nodeModule<typeof import("node:fs/promises")>("node:fs/promises");
  const path = `${folder}/${file.name}`;
  if ((await stat(path).catch(() => undefined))?.isFile()) return path;
  await mkdir(folder, { recursive: true });
  const part = await claimPart(folder, file.name, options);
  const faults: string[] = [];
  for (const mirror of options.mirrors) {
    try {
      await fetchPart(`${mirror.replace(/\/$/, "")}/${file.name}`, part, file, options);
      await keepIfWhole(file, part, path);
      return path;
    } catch (error) {
      faults.push(`${new URL(mirror).host}: ${reason(error)}`);
    }
  }
  await leavePart(part, `${path}.part`);
  throw new Error(
    `${file.name}: cannot be downloaded (${faults.join("; ")}); fetch it by other means and name its folder (--data-dir DIR)`,
  );
}

/** Network errors say "fetch failed" and keep the system's own words in `cause`. */
function reason(error: unknown): string {
  const { message, cause } = error as Error & { cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? message;
}

/** Appends what is missing of a file to what is there of it. */
async function fetchPart(url: string, part: string, file: RemoteFile, { onProgress, timeout = 30 }: DownloadOptions): Promise<void> {
  const { open, stat } = await nodeModule<typeof import("node:fs/promises")>("node:fs/promises");
  let have = (await stat(part).catch(() => undefined))?.size ?? 0;
  if (have >= file.bytes) have = 0; // too long, or whole and wrong: from the start
  const controller = new AbortController();
  let timer = setTimeout(() => {}, 0);
  const restart = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => controller.abort(new Error(`no answer for ${timeout} s`)), timeout * 1000);
  };
  try {
    restart();
    const response = await fetch(url, { signal: controller.signal, headers: have > 0 ? { range: `bytes=${have}-` } : {} });
    if (!response.ok || !response.body) throw new Error(`status ${response.status}`);
    if (response.status !== 206) have = 0; // the server does not resume
    const handle = await open(part, have > 0 ? "a" : "w");
    try {
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        restart();
        await handle.write(chunk);
        have += chunk.length;
        if (have > file.bytes) throw new Error(`more than the ${file.bytes} bytes expected`);
        onProgress?.({ file: file.name, bytes: have, total: file.bytes });
      }
    } finally {
      await handle.close();
    }
    if (have < file.bytes) throw new Error(`connection cut after ${have} of ${file.bytes} bytes; the next try goes on there`);
  } finally {
    clearTimeout(timer);
  }
}

/** A name for the part of this download alone, with what is left of one that was cut: under the common name, or under that of a process that was killed. */
async function claimPart(folder: string, name: string, { timeout = 30 }: DownloadOptions): Promise<string> {
  const { readdir, rename, stat } = await nodeModule<typeof import("node:fs/promises")>("node:fs/promises");
  const { randomUUID } = await nodeModule<typeof import("node:crypto")>("node:crypto");
  const own = `${folder}/${name}.${randomUUID().slice(0, 8)}.part`;
  for (const found of await readdir(folder)) {
    const between = found.startsWith(`${name}.`) && found.endsWith(".part") ? found.slice(name.length, -".part".length) : undefined;
    if (between === undefined || !/^(\.[0-9a-f]{8})?$/.test(between)) continue;
    // Nothing has come for twice as long as a mirror may be silent. A process that was only stopped would spoil the bytes, which the checksum would show.
    const age = Date.now() - ((await stat(`${folder}/${found}`).catch(() => undefined))?.mtimeMs ?? Date.now());
    if (between !== "" && age < 2000 * timeout) continue;
    const taken = await rename(`${folder}/${found}`, own).then(() => true, () => false); // biome-ignore format: one thought
    if (taken) break;
  }
  return own;
}

/** Leaves what came for the next try, unless another download has left more. */
async function leavePart(own: string, common: string): Promise<void> {
  const { rename, rm, stat } = await nodeModule<typeof import("node:fs/promises")>("node:fs/promises");
  const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => undefined))?.size ?? 0;
  if ((await sizeOf(own)) > (await sizeOf(common))) await rename(own, common);
  else await rm(own, { force: true });
}

/** Gives a whole download its name. @throws {Error} if its bytes are not the published ones; they are deleted then. */
async function keepIfWhole({ sha256 }: RemoteFile, part: string, path: string): Promise<void> {
  const { readFile, rename, rm } = await nodeModule<typeof import("node:fs/promises")>("node:fs/promises");
  const { createHash } = await nodeModule<typeof import("node:crypto")>("node:crypto");
  const got = createHash("sha256")
    .update(await readFile(part))
    .digest("hex");
  if (got === sha256) return rename(part, path);
  await rm(part, { force: true });
  throw new Error(`wrong checksum: expected ${sha256.slice(0, 12)}..., got ${got.slice(0, 12)}...`);
}
