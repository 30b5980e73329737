/**
 * @file Reader of tar archives (POSIX.1-1988 "ustar", with the long names of GNU and POSIX.1-2001): blocks of 512 bytes, a header block before the blocks of
 * each file. Regular files only; gzipped archives are decompressed first.
 */
import { budgetFor, type ReadLimits } from "./budget.ts";
import { gunzip, isGzip } from "./gzip.ts";

const BLOCK = 512;
const REGULAR = ["0", "\0"];

/** Longer names than any system has. */
const LONGEST = 65_536;

/** A regular file of an archive: its bytes are those from here to before there. */
export interface TarEntry {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/**
 * The regular files of an archive by name. They are views of its bytes (unless it is gzipped), since archives are large: copy what should outlast a
 * change of them. `what` names the archive in errors.
 */
export async function readTar(bytes: Uint8Array, what: string, limits: ReadLimits = {}): Promise<Map<string, Uint8Array>> {
  const budget = budgetFor("readTar", bytes, what, limits);
  const archive = isGzip(bytes) ? await gunzip(bytes, what, undefined, budget) : bytes;
  const entries = tarEntries((from, to) => archive.subarray(from, to), archive.length, what);
  return new Map([...entries].map(({ name, from, to }) => [name, archive.subarray(from, to)]));
}

/**
 * Where the regular files of an archive of `size` bytes lie. `read` gives the bytes of a range, as few as headers and long names take.
 * @throws {Error} for a damaged or truncated archive; `what` names it.
 */
export function* tarEntries(read: (from: number, to: number) => Uint8Array, size: number, what: string): Generator<TarEntry> {
  let longName: string | undefined;
  for (let at = 0; at + BLOCK <= size; ) {
    const header = read(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) return; // two blocks of zeros end an archive
    const bytes = octal(header, 124, 12);
    if (octal(header, 148, 8) !== checksum(header))
      throw new Error(`${what}: not a tar archive, or damaged: wrong checksum in the header at byte ${at}`);
    const from = at + BLOCK;
    if (!(from + bytes <= size)) throw new Error(`${what}: truncated archive: a file of ${bytes} bytes begins at byte ${from} of ${size}`);
    const kind = String.fromCharCode(header[156]!);
    if (kind === "L" || kind === "x") {
      if (bytes > LONGEST) throw new Error(`${what}: damaged: the header at byte ${at} names a file with ${bytes} bytes`);
      longName = nameIn(kind, read(from, from + bytes)) ?? longName;
    } else {
      const prefix = text(header, 345, 155);
      const name = longName ?? (prefix && `${prefix}/`) + text(header, 0, 100);
      longName = undefined;
      if (REGULAR.includes(kind)) yield { name, from, to: from + bytes };
    }
    at = from + BLOCK * Math.ceil(bytes / BLOCK);
  }
  throw new Error(`${what}: truncated archive: ${size} bytes, and no end mark`);
}

/** The name that a header of its own gives the next file: a text (GNU), or a record "length path=name" among others (POSIX.1-2001). */
function nameIn(kind: string, bytes: Uint8Array): string | undefined {
  if (kind === "L") return text(bytes, 0, bytes.length);
  for (let at = 0; at < bytes.length; ) {
    const length = Number.parseInt(text(bytes, at, 10), 10);
    if (!(length > 0)) return undefined;
    const name = /^\d+ path=(.*)\n$/s.exec(text(bytes, at, length))?.[1];
    if (name !== undefined) return name;
    at += length;
  }
  return undefined;
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
