/**
 * @file Where runs are kept: files by name in a folder, or in memory. A file that is written is the old one or the new one, whole, whatever
 * happens on the way: its bytes go to another name first, reach the disk, and take the name at last.
 *
 *     bytes ──► .name.<random>.tmp ── fsync ── rename ──► name ── fsync of the folder
 *
 * So a link (symbolic or hard) at a name is replaced, and the file behind it keeps its content.
 */
import { nodeModule } from "../base/host.ts";

/** Files by name, each written whole or not at all. */
export interface Store {
  /** Names of the files, sorted. */
  list(): Promise<string[]>;
  read(name: string): Promise<Uint8Array>;
  /** Writes the whole file or leaves what was there. @throws {Error} that says which file, and why. */
  write(name: string, content: Uint8Array | string): Promise<void>;
  /** Writes from a position on and cuts off what was behind; for logs. A file that is known by other names too is copied first. */
  writeAt(name: string, at: number, content: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
  /** Removes what killed writes have left. */
  tidy(): Promise<void>;
}

/** Names of files that are not whole yet. The second kind, without a random part, is that of earlier versions. */
const TEMPORARY = /^\..+\.[0-9a-f]{12}\.tmp$/;
const OLD_TEMPORARY = /^\.(.+)\.tmp$/;

/** An open file, as `node:fs/promises` gives it. Written out, since declarations of the package must not ask for Node's. */
export interface OpenFile {
  writeFile(content: Uint8Array | string): Promise<void>;
  write(content: Uint8Array, from: number, length: number, at: number): Promise<{ readonly bytesWritten: number }>;
  truncate(length: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** What a folder needs of `node:fs/promises`. */
export interface FileSystem {
  open(path: string, flags: string): Promise<OpenFile>;
  rename(from: string, to: string): Promise<void>;
  /** Of the name itself, not of what a symbolic link points to. */
  lstat(path: string): Promise<{ readonly nlink: number; isFile(): boolean; isDirectory(): boolean }>;
  rm(path: string, options: { readonly force: boolean }): Promise<void>;
  mkdir(path: string, options: { readonly recursive: true }): Promise<unknown>;
  readdir(path: string): Promise<string[]>;
  readFile(path: string): Promise<Uint8Array>;
}

/** A folder of the file system (Node only), made when the first file is written. `fs` replaces Node's functions. */
export function folderStore(folder: string, fs?: FileSystem): Store {
  const files = async (): Promise<FileSystem> => fs ?? (await nodeModule<typeof import("node:fs/promises")>("node:fs/promises"));
  const path = (name: string): string => `${folder}/${name}`;
  const failed = (verb: string, name: string, error: unknown): Error => {
    const { message, code } = error as NodeJS.ErrnoException;
    return Object.assign(new Error(`cannot ${verb} ${path(name)}: ${message}`, { cause: error }), code !== undefined && { code });
  };
  return {
    async list() {
      const names = await (await files()).readdir(folder).catch(unlessMissing([] as string[]));
      return names.filter((name) => !OLD_TEMPORARY.test(name)).sort();
    },
    async read(name) {
      try {
        return new Uint8Array(await (await files()).readFile(path(name)));
      } catch (error) {
        throw failed("read", name, error);
      }
    },
    async write(name, content) {
      try {
        await replaceFile(await files(), folder, name, content);
      } catch (error) {
        throw failed("write", name, error);
      }
    },
    async writeAt(name, at, content) {
      try {
        await patchFile(await files(), folder, name, at, content);
      } catch (error) {
        throw failed("write", name, error);
      }
    },
    async remove(name) {
      const fs = await files();
      try {
        await whileBusy(() => fs.rm(path(name), { force: true }));
      } catch (error) {
        throw failed("remove", name, error);
      }
    },
    async tidy() {
      const fs = await files();
      const names = await fs.readdir(folder).catch(unlessMissing([] as string[]));
      const ours = (name: string): boolean => TEMPORARY.test(name) || names.includes(OLD_TEMPORARY.exec(name)?.[1] ?? "");
      for (const name of names.filter(ours)) await fs.rm(path(name), { force: true });
    },
  };
}

/** For `catch`: another value for some errors of the system, all others go on. */
function unless<T>(codes: string | readonly string[], instead: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (codes.includes(error.code ?? "none")) return instead;
    throw error;
  };
}

const unlessMissing = <T>(instead: T): ((error: NodeJS.ErrnoException) => T) => unless("ENOENT", instead);

async function replaceFile(fs: FileSystem, folder: string, name: string, content: Uint8Array | string): Promise<void> {
  const temporary = `${folder}/.${name}.${randomHex(6)}.tmp`;
  const path = `${folder}/${name}`;
  await fs.mkdir(folder, { recursive: true });
  if ((await fs.lstat(path).catch(unlessMissing(undefined)))?.isDirectory()) throw new Error("it is a folder; want the name of a file");
  try {
    await withFile(fs, temporary, "wx", async (file) => {
      await file.writeFile(content);
      await reachDisk(file);
    });
    await whileBusy(() => fs.rename(temporary, path));
  } catch (error) {
    await fs.rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
  // The new name is safe once the folder is; where folders cannot be opened (Windows) the system sees to it.
  await withFile(fs, folder, "r", reachDisk).catch(() => {});
}

async function patchFile(fs: FileSystem, folder: string, name: string, at: number, content: Uint8Array): Promise<void> {
  await fs.mkdir(folder, { recursive: true });
  const path = `${folder}/${name}`;
  const there = await fs.lstat(path).catch(unlessMissing(undefined));
  // Through a link the bytes would go into a file that has another name, and another owner.
  if (!there) await withFile(fs, path, "ax", async () => {}).catch(unless("EEXIST", undefined));
  else if (!there.isFile() || there.nlink > 1) await replaceFile(fs, folder, name, await fs.readFile(path));
  await withFile(fs, path, "r+", async (file) => {
    await file.truncate(at);
    for (let done = 0; done < content.length; ) done += (await file.write(content, done, content.length - done, at + done)).bytesWritten;
    await reachDisk(file);
  });
}

/** Some file systems (FUSE, network shares) know no fsync. There the write counts as done, as for every other program. */
async function reachDisk(file: OpenFile): Promise<void> {
  await file.sync().catch(unless(["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "ENOTTY", "EPERM"], undefined));
}

/** Milliseconds between attempts, 2.5 s in all. */
const WAITS = [10, 20, 40, 80, 160, 320, 640, 1280];

/**
 * Tries again for a while what fails because another program (a virus scanner, an indexer, a backup) has the file open, which Windows does not allow.
 * @throws the last error.
 */
export async function whileBusy<T>(attempt: () => Promise<T>): Promise<T> {
  for (const wait of WAITS) {
    try {
      return await attempt();
    } catch (error) {
      if (!["EPERM", "EBUSY", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
      await new Promise((resolve) => {
        setTimeout(resolve, wait);
      });
    }
  }
  return attempt();
}

/** Random bytes in hexadecimal, for names that nobody else has. */
export function randomHex(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function withFile(fs: FileSystem, path: string, flags: string, fn: (file: OpenFile) => Promise<void>): Promise<void> {
  const file = await fs.open(path, flags);
  try {
    await fn(file);
  } finally {
    await file.close();
  }
}

/** Files in memory: for tests, and for pages. */
export function memoryStore(): Store {
  const files = new Map<string, Uint8Array>();
  const bytesOf = (content: Uint8Array | string): Uint8Array =>
    typeof content === "string" ? new TextEncoder().encode(content) : content.slice();
  return {
    list: async () => [...files.keys()].sort(),
    async read(name) {
      const found = files.get(name);
      if (!found) throw new Error(`cannot read ${name}: there is no such file`);
      return found.slice();
    },
    write: async (name, content) => void files.set(name, bytesOf(content)),
    async writeAt(name, at, content) {
      const whole = new Uint8Array(at + content.length);
      whole.set((files.get(name) ?? new Uint8Array()).subarray(0, at));
      whole.set(content, at);
      files.set(name, whole);
    },
    remove: async (name) => void files.delete(name),
    tidy: async () => {},
  };
}
