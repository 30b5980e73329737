/** @file A writer of small zip archives for tests, faults included. */

export interface ZipFaults {
  readonly method?: number;
  readonly size?: number;
  readonly packed?: number;
  readonly encrypted?: boolean;
  /** Sizes and offsets in ZIP64 fields, as for archives beyond 4 GiB. */
  readonly zip64?: boolean;
}

/** Numbers little-endian, as [value, bytes]. */
function fields(...list: readonly (readonly [value: number, bytes: number])[]): number[] {
  return list.flatMap(([value, bytes]) => Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** i) % 256));
}

/** An archive of these files, stored as they are. */
export function zipOf(files: Readonly<Record<string, Uint8Array>>, faults: ZipFaults = {}): Uint8Array {
  const { method = 0, encrypted = false, zip64 = false } = faults;
  const body: number[] = [];
  const directory: number[] = [];
  for (const [name, data] of Object.entries(files)) {
    const [size, packed, offset] = [faults.size ?? data.length, faults.packed ?? data.length, body.length];
    const title = [...new TextEncoder().encode(name)];
    const flags = encrypted ? 1 : 0;
    body.push(
      ...fields([0x04034b50, 4], [20, 2], [flags, 2], [method, 2], [0, 4], [0, 4], [packed, 4], [size, 4], [title.length, 2], [0, 2]),
    );
    for (const part of [title, data]) for (const byte of part) body.push(byte);
    const wide = zip64 ? fields([1, 2], [24, 2], [size, 8], [packed, 8], [offset, 8]) : [];
    const narrow = (value: number): readonly [number, number] => [zip64 ? 0xffffffff : value, 4];
    directory.push(
      ...fields([0x02014b50, 4], [20, 2], [20, 2], [flags, 2], [method, 2], [0, 4], [0, 4], narrow(packed), narrow(size)),
      ...fields([title.length, 2], [wide.length, 2], [0, 2], [0, 2], [0, 2], [0, 4], narrow(offset)),
      ...title,
      ...wide,
    );
  }
  const count = Object.keys(files).length;
  const at = body.length;
  const end64 = zip64
    ? [
        ...fields([0x06064b50, 4], [44, 8], [45, 2], [45, 2], [0, 4], [0, 4], [count, 8], [count, 8], [directory.length, 8], [at, 8]),
        ...fields([0x07064b50, 4], [0, 4], [at + directory.length, 8], [1, 4]),
      ]
    : [];
  const short = (value: number, bytes: number): readonly [number, number] => [zip64 ? 256 ** bytes - 1 : value, bytes];
  const end = fields([0x06054b50, 4], [0, 2], [0, 2], short(count, 2), short(count, 2), short(directory.length, 4), short(at, 4), [0, 2]);
  return Uint8Array.from([...body, ...directory, ...end64, ...end]);
}
