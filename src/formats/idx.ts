/**
 * @file Reader of idx files, the format of MNIST (LeCun, Cortes & Burges, yann.lecun.com/exdb/mnist).
 *
 *     00 00  type  rank | size_0 … size_{rank-1}, 4 bytes each, big-endian | elements, last index fastest
 *
 * Only type 08 (unsigned byte) is read: the classic data sets have no other. A gzipped file is decompressed first.
 */
import { budgetFor, type ReadLimits } from "./budget.ts";
import { gunzip, isGzip } from "./gzip.ts";

/** An array as an idx file has it. */
export interface IdxArray {
  readonly shape: number[];
  readonly data: Uint8Array;
}

const UNSIGNED_BYTE = 0x08;
const MAX_RANK = 8;

/** The array of an idx file, with elements of its own. `what` names the file in errors; `rank`, when given, is the number of dimensions that the caller expects (3 images, 1 labels). */
export async function readIdx(bytes: Uint8Array, what: string, rank?: number, limits: ReadLimits = {}): Promise<IdxArray> {
  const budget = budgetFor("readIdx", bytes, what, limits);
  if (!isGzip(bytes)) budget.claim(bytes.length, "its elements");
  return parse(isGzip(bytes) ? await gunzip(bytes, what, announced, budget) : bytes, what, rank);
}

/** How long the file is by its own header, and some more, so that `parse` can say how much too much there is. */
function announced(start: Uint8Array): number | undefined {
  const header = 4 + 4 * start[3];
  if (start.length < header || start[2] !== UNSIGNED_BYTE) return undefined;
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  let size = 1;
  for (let i = 4; i < header; i += 4) size *= view.getUint32(i);
  return header + size + 65536;
}

function parse(bytes: Uint8Array, what: string, rank: number | undefined): IdxArray {
  if (bytes.length < 4) throw new Error(`${what}: not an idx file: ${bytes.length} bytes, too short for the magic number`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  checkMagic(magic, what, rank);

  const dimensions = magic & 0xff;
  const header = 4 + 4 * dimensions;
  if (dimensions > MAX_RANK) throw new Error(`${what}: an array of ${dimensions} dimensions (at most ${MAX_RANK}); is this an idx file?`);
  if (bytes.length < header) throw new Error(`${what}: short file: ${bytes.length} bytes, the header alone has ${header}`);
  const shape = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i));

  const size = shape.reduce((product, n) => product * n, 1);
  const rest = bytes.length - header;
  const expectation = `its header announces [${shape.join(", ")}] = ${size} bytes of data`;
  if (rest < size) throw new Error(`${what}: short file: ${expectation}, there are ${rest}`);
  if (rest > size) throw new Error(`${what}: ${expectation}, but ${rest} follow`);
  return { shape, data: bytes.slice(header) };
}

function checkMagic(magic: number, what: string, rank: number | undefined): void {
  const expected = (UNSIGNED_BYTE << 8) | (rank ?? magic & 0xff);
  if (magic === expected) return;
  const wanted = rank === undefined ? "0x000008NN (unsigned bytes, NN dimensions)" : `${expected} (unsigned bytes, ${rank} dimensions)`;
  throw new Error(`${what}: wrong magic number: expected ${wanted}, got ${magic} (0x${magic.toString(16).padStart(8, "0")})`);
}
