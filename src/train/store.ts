/**
 * @file Where runs are kept: files by name in a folder, or in memory. A file that is written is the old one or the new one, whole, whatever
 * happens on the way: its bytes go to another name first, reach the disk, and take the name at last.
 *
 *     bytes ──► .name.tmp ── fsync ── rename ──► name ── fsync of the folder
 */

export interface Store {
  /** Names of the files, sorted. */
  list(): Promise<string[]>;
  read(name: string): Promise<Uint8Array>;
  /** Writes the whole file or leaves what was there. @throws {Error} that says which file, and why. */
  write(name: string, content: Uint8Array | string): Promise<void>;
  /** Writes from a position on and cuts off what was behind; for logs. */
  writeAt(name: string, at: number, content: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
  /** Removes what killed writes have left. */
  tidy(): Promise<void>;
}

const TEMPORARY = /^\..*\.tmp$/;

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
  rm(path: string, options: { readonly force: boolean }): Promise<void>;
  mkdir(path: string, options: { readonly recursive: true }): Promise<unknown>;
  readdir(path: string): Promise<string[]>;
  readFile(path: string): Promise<Uint8Array>;
}

/** A folder of the file system (Node only), made when the first file is written. `fs` replaces Node's functions. */
export function folderStore(folder: string, fs?: FileSystem): Store {
  const files = async (): Promise<FileSystem> => fs ?? (await import("node:fs/promises"));
  const path = (name: string): string => `${folder}/${name}`;
  const failed = (verb: string, name: string, error: unknown): Error =>
    new Error(`cannot ${verb} ${path(name)}: ${(error as Error).message}`);
  return {
    async list() {
      const names = await (await files()).readdir(folder).catch(unlessMissing([] as string[]));
      return names.filter((name) => !TEMPORARY.test(name)).sort();
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
      await (await files()).rm(path(name), { force: true });
    },
    async tidy() {
      const names = await (await files()).readdir(folder).catch(unlessMissing([] as string[]));
      for (const name of names.filter((other) => TEMPORARY.test(other))) await (await files()).rm(path(name), { force: true });
    },
  };
}

function unlessMissing<T>(instead: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === "ENOENT") return instead;
    throw error;
  };
}

async function replaceFile(fs: FileSystem, folder: string, name: string, content: Uint8Array | string): Promise<void> {
  const temporary = `${folder}/.${name}.tmp`;
  await fs.mkdir(folder, { recursive: true });
  try {
    await withFile(fs, temporary, "w", async (file) => {
      await file.writeFile(content);
      await file.sync();
    });
    await fs.rename(temporary, `${folder}/${name}`);
  } catch (error) {
    await fs.rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
  // The new name is safe once the folder is; where folders cannot be opened (Windows) the system sees to it.
  await withFile(fs, folder, "r", (handle) => handle.sync()).catch(() => {});
}

async function patchFile(fs: FileSystem, folder: string, name: string, at: number, content: Uint8Array): Promise<void> {
  await fs.mkdir(folder, { recursive: true });
  const path = `${folder}/${name}`;
  await withFile(fs, path, "a", async () => {}); // there, whatever it holds
  await withFile(fs, path, "r+", async (file) => {
    await file.truncate(at);
    for (let done = 0; done < content.length; ) done += (await file.write(content, done, content.length - done, at + done)).bytesWritten;
  });
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
