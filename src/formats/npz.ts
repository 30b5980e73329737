/** @file NumPy's archives of arrays: a zip file with an npy file for each, stored (savez) or deflated (savez_compressed). */
import { brief } from "./brief.ts";
import { type NpyArray, type NpySource, readNpy, writeNpy } from "./npy.ts";
import { readZip, writeZip } from "./zip.ts";

/** The arrays of a .npz file by name; `what` names it in errors. @throws {Error} one line for whatever the bytes are instead. */
export async function readNpz(bytes: Uint8Array, what = "npz"): Promise<Map<string, NpyArray>> {
  const entries = await readZip(bytes, what);
  return new Map([...entries].map(([name, entry]) => [name.replace(/\.npy$/, ""), readNpy(entry, `${what}: ${brief(name)}`)]));
}

/** The bytes of a .npz file, as NumPy's savez writes it (nothing is compressed). */
export function writeNpz(arrays: ReadonlyMap<string, NpySource>): Uint8Array {
  return writeZip(new Map([...arrays].map(([name, array]) => [`${name}.npy`, writeNpy(array)])));
}
