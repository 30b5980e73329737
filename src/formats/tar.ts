/**
 * @file Reader of tar archives (POSIX.1-1988 "ustar"): blocks of 512 bytes, a header block before the blocks of each file. Regular files only;
 * gzipped archives are decompressed first.
 */
import { budgetFor, type ReadLimits } from "./budget.ts";
import { gunzip, isGzip } from "./gzip.ts";

const BLOCK = 512;
const REGULAR = ["0", "\0"];

/**
 * The regular files of an archive by name. They are views of its bytes (unless it is gzipped), since archives are large: copy what should outlast a
 * change of them. `what` names the archive in errors.
 */
export async function readTar(bytes: Uint8Array, what: string, limits: ReadLimits = {}): Promise<Map<string, Uint8Array>> {
  const budget = budgetFor("readTar", bytes, what, limits);
  const archive = isGzip(bytes) ? await gunzip(bytes, what, undefined, budget) : bytes;
  const files = new Map<string, Uint8Array>();
  for (let at = 0; at + BLOCK <= archive.length; ) {
    const header = archive.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) return files; // two blocks of zeros end an archive
    const size = octal(header, 124, 12);
    if (octal(header, 148, 8) !== checksum(header))
      throw new Error(`${what}: not a tar archive, or damaged: wrong checksum in the header at byte ${at}`);
    if (!(at + BLOCK + size <= archive.length))
      throw new Error(`${what}: truncated archive: a file of ${size} bytes begins at byte ${at + BLOCK} of ${archive.length}`);
    const prefix = text(header, 345, 155);
    const name = (prefix && `${prefix}/`) + text(header, 0, 100);
    if (REGULAR.includes(String.fromCharCode(header[156]))) files.set(name, archive.subarray(at + BLOCK, at + BLOCK + size));
    at += BLOCK * (1 + Math.ceil(size / BLOCK));
  }
  throw new Error(`${what}: truncated archive: ${archive.length} bytes, and no end mark`);
}

function text(header: Uint8Array, at: number, length: number): string {
  const field = header.slice(at, at + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

/** NaN if the field is no octal number. */
function octal(header: Uint8Array, at: number, length: number): number {
  const digits = text(header, at, length).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}

/** The sum of a header's bytes, its own field taken for spaces. */
function checksum(header: Uint8Array): number {
  return header.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 32 : byte), 0);
}
