/** @file Where the bytes of a file come from: memory, or a file on disk that is read in pieces, so that a large one need not fit into memory. */
import { aPath, check } from "../base/check.ts";
import { nodeModule } from "../base/host.ts";
import type { Entry } from "./entry.ts";

/** A file that is read by offset. */
export interface ByteSource {
  /** Bytes of the whole file. */
  readonly size: number;
  /** The bytes from `offset` on; fewer than `length` at the end of the file. A view of what it is made of, if that is in memory. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Says that nothing more will be read. */
  close?(): Promise<void>;
}

/** What is known of a tensor before it is read. */
export interface TensorInfo {
  /** As in an {@link Entry}. */
  readonly dtype: string;
  readonly shape: readonly number[];
}

/** Some named tensors, which are read when they are wanted. */
export interface TensorSet {
  /** By name, in the order of the file. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** A tensor of these. */
  read(name: string): Promise<Entry>;
  close?(): Promise<void>;
}

export function bytesSource(bytes: Uint8Array): ByteSource {
  return { size: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) };
}

/** A file on disk. @throws {Error} that names it, if it cannot be read. */
export async function fileSource(path: string): Promise<ByteSource> {
  check("fileSource: path", path, aPath);
  const { open } = await nodeModule<typeof import("node:fs/promises")>("node:fs/promises");
  const fault = (error: NodeJS.ErrnoException): never => {
    throw new Error(error.code === "ENOENT" ? `no file ${path}` : `cannot read ${path}: ${error.message}`);
  };
  const file = await open(path).catch(fault);
  const { size } = await file.stat();
  return {
    size,
    read: async (offset, length) => {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
      let done = 0;
      while (done < bytes.length) {
        const { bytesRead } = await file.read(bytes, done, bytes.length - done, offset + done).catch(fault);
        if (bytesRead === 0) throw new Error(`cannot read ${path}: it became shorter while it was read`);
        done += bytesRead;
      }
      return bytes;
    },
    close: () => file.close(),
  };
}

/** Tensors that are in memory already. */
export function tensorSet(entries: ReadonlyMap<string, Entry>): TensorSet {
  return { tensors: entries, read: async (name) => entries.get(name)! };
}

/** All tensors of a set. */
export async function readAll(set: TensorSet): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  for (const name of set.tensors.keys()) entries.set(name, await set.read(name));
  return entries;
}
