/**
 * @file Zip archives (PKWARE APPNOTE 6.3), as far as npz files need them: stored and deflated entries, one disk, no encryption. The list of
 * entries at the end is what counts.
 *
 *     entry: local header, name, data | ... | central directory: a record per entry | end record
 */
import { bytes as aFile, check, mapOf } from "../base/check.ts";
import { type Budget, budgetFor, type ReadLimits } from "./budget.ts";
import { brief } from "./clean.ts";
import { gunzip } from "./gzip.ts";

const END = 0x06054b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const END_LENGTH = 22;

interface Located {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly offset: number;
}

/**
 * The entries of an archive by name, unpacked and checked. Stored entries are views of its bytes, since archives are large: copy what should outlast a
 * change of them. `what` names the archive in errors.
 */
export async function readZip(bytes: Uint8Array, what: string, limits: ReadLimits = {}): Promise<Map<string, Uint8Array>> {
  const { names, read } = openZip(bytes, what, limits);
  const entries = new Map<string, Uint8Array>();
  for (const name of names) entries.set(name, await read(name));
  return entries;
}

/** An archive whose entries are unpacked when they are wanted. */
export interface Zip {
  readonly names: readonly string[];
  /** The bytes of an entry, unpacked and checked; a view of the archive's, if it is stored. */
  read(name: string): Promise<Uint8Array>;
}

/** The list of an archive's entries, none of them unpacked yet. */
export function openZip(bytes: Uint8Array, what: string, limits: ReadLimits = {}): Zip {
  const budget = budgetFor("openZip", bytes, what, limits);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const located = centralDirectory(bytes, view, what);
  checkSpace(located, bytes, what);
  const byName = new Map(located.map((entry) => [entry.name, entry]));
  return { names: [...byName.keys()], read: (name) => unpack(byName.get(name)!, bytes, view, what, budget) };
}

function centralDirectory(bytes: Uint8Array, view: DataView, what: string): Located[] {
  const end = findEnd(view);
  if (end === undefined) throw new Error(`${what}: not a zip archive, or truncated: no end record`);
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  const entries: Located[] = [];
  for (let i = 0; i < count; i++) {
    if (at + 46 > end || view.getUint32(at, true) !== CENTRAL)
      throw new Error(`${what}: damaged zip archive: no entry ${i} of ${count} at byte ${at}`);
    const [nameLength, extra, comment] = [28, 30, 32].map((field) => view.getUint16(at + field, true));
    const name = new TextDecoder().decode(bytes.slice(at + 46, at + 46 + nameLength));
    if (view.getUint16(at + 8, true) & 1) throw new Error(`${what}: "${brief(name)}" is encrypted`);
    const [crc, packed, size] = [16, 20, 24].map((field) => view.getUint32(at + field, true));
    if (packed === 0xffffffff || size === 0xffffffff)
      throw new Error(`${what}: "${brief(name)}" has 4 GiB or more (zip64), which is not read`);
    entries.push({ name, method: view.getUint16(at + 10, true), crc, packed, size, offset: view.getUint32(at + 42, true) });
    at += 46 + nameLength + extra + comment;
  }
  return entries;
}

/** The end record is followed by a comment of up to 65535 bytes alone. */
function findEnd(view: DataView): number | undefined {
  const last = view.byteLength - END_LENGTH;
  for (let at = last; at >= Math.max(0, last - 0xffff); at--) {
    if (view.getUint32(at, true) === END && at + END_LENGTH + view.getUint16(at + 20, true) === view.byteLength) return at;
  }
  return undefined;
}

/** Entries that share bytes could unpack one block of data any number of times (Fifield 2019, "A better zip bomb"). */
function checkSpace(entries: readonly Located[], bytes: Uint8Array, what: string): void {
  const names = new Set(entries.map(({ name }) => name));
  if (names.size < entries.length) throw new Error(`${what}: damaged zip archive: two entries have one name`);
  const packed = entries.reduce((sum, entry) => sum + entry.packed, 0);
  if (packed > bytes.length)
    throw new Error(`${what}: damaged zip archive: its entries claim ${packed} bytes, the file has ${bytes.length}`);
}

async function unpack(
  { name, method, crc, packed, size, offset }: Located,
  bytes: Uint8Array,
  view: DataView,
  what: string,
  budget: Budget,
): Promise<Uint8Array> {
  const entry = `${what}: "${brief(name)}"`;
  if (offset + 30 > bytes.length || view.getUint32(offset, true) !== LOCAL)
    throw new Error(`${entry}: damaged zip archive: no header at byte ${offset}`);
  const start = offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
  if (start + packed > bytes.length)
    throw new Error(`${entry}: damaged zip archive: its data end at byte ${start + packed} of ${bytes.length}`);
  const data = bytes.subarray(start, start + packed);
  if (method === 8) {
    budget.claim(packed, `"${brief(name)}"`);
    if (size > budget.left) budget.claim(size, `"${brief(name)}", unpacked`);
    const unpacked = await gunzip(asGzip(data, crc, size), entry, () => size, budget);
    budget.release(packed);
    return unpacked;
  }
  if (method !== 0) throw new Error(`${entry}: compression method ${method} is not known (0 stored and 8 deflated are)`);
  if (packed !== size) throw new Error(`${entry}: damaged zip archive: stored, but ${packed} bytes are said to make ${size}`);
  if (crc32(data) !== crc) throw new Error(`${entry}: damaged: wrong checksum`);
  return data;
}

/** Bare deflate data as a gzip member, whose trailer has the checksum and size: every platform unpacks and checks that. */
function asGzip(data: Uint8Array, crc: number, size: number): Uint8Array {
  const member = new Uint8Array(10 + data.length + 8);
  member.set([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
  member.set(data, 10);
  const view = new DataView(member.buffer);
  view.setUint32(10 + data.length, crc, true);
  view.setUint32(14 + data.length, size, true);
  return member;
}

/** An archive with these entries, stored. */
export function writeZip(entries: ReadonlyMap<string, Uint8Array>): Uint8Array {
  check("writeZip: entries", entries, mapOf("the bytes of files by name", aFile));
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const [name, data] of entries) {
    const header = fileHeader(name, data);
    directory.push(centralRecord(header, name, at));
    parts.push(header, data);
    at += header.length + data.length;
  }
  const length = directory.reduce((sum, record) => sum + record.length, 0);
  const end = new DataView(new ArrayBuffer(END_LENGTH));
  end.setUint32(0, END, true);
  for (const field of [8, 10]) end.setUint16(field, entries.size, true);
  end.setUint32(12, length, true);
  end.setUint32(16, at, true);
  const file = new Uint8Array(at + length + END_LENGTH);
  let to = 0;
  for (const part of [...parts, ...directory, new Uint8Array(end.buffer)]) {
    file.set(part, to);
    to += part.length;
  }
  return file;
}

const JANUARY_1980 = 0x0021; // day 1, month 1, years since 1980: archives of the same data are the same bytes

function fileHeader(name: string, data: Uint8Array): Uint8Array {
  const encoded = new TextEncoder().encode(name);
  const header = new Uint8Array(30 + encoded.length);
  const view = new DataView(header.buffer);
  view.setUint32(0, LOCAL, true);
  view.setUint16(4, 20, true); // version 2.0 suffices to read it
  view.setUint16(6, 0x800, true); // the name is UTF-8
  view.setUint16(12, JANUARY_1980, true);
  view.setUint32(14, crc32(data), true);
  for (const field of [18, 22]) view.setUint32(field, data.length, true);
  view.setUint16(26, encoded.length, true);
  header.set(encoded, 30);
  return header;
}

/** The same facts from the version needed on, and where the file header is. */
function centralRecord(header: Uint8Array, name: string, offset: number): Uint8Array {
  const encoded = new TextEncoder().encode(name);
  const record = new Uint8Array(46 + encoded.length);
  const view = new DataView(record.buffer);
  view.setUint32(0, CENTRAL, true);
  view.setUint16(4, 20, true);
  record.set(header.subarray(4, 30), 6);
  view.setUint32(42, offset, true);
  record.set(encoded, 46);
  return record;
}

const table: Uint32Array = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

/** The checksum of zip and gzip (ISO 3309). */
export function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of bytes) c = table[(c ^ byte) & 0xff] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}
