/** @file NumPy's archives of arrays: a zip file with an npy file for each, stored (savez) or deflated (savez_compressed). */
import { check, mapOf, object } from "../base/check.ts";
import { budgetFor, type ReadLimits } from "./budget.ts";
import { brief } from "./clean.ts";
import { type NpyArray, type NpySource, readNpy, unsupportedElements, writeNpy } from "./npy.ts";
import { openZip, writeZip } from "./zip.ts";

/** Arrays by name, and what else the archive holds. */
export class NpzArrays extends Map<string, NpyArray> {
  /** Members that are no arrays of numbers (texts, Python objects, other files), each with the reason why it was left out. */
  readonly unreadable: Map<string, string> = new Map();
}

/**
 * The arrays of a .npz file by name; `what` names it in errors. Members that are no numbers are left out and listed in `unreadable`.
 * @throws {Error} one line for whatever the bytes are instead, for damage, and if there is no readable member beside unreadable ones.
 */
export async function readNpz(bytes: Uint8Array, what = "npz", limits: ReadLimits = {}): Promise<NpzArrays> {
  const budget = budgetFor("readNpz", bytes, what, limits);
  const zip = openZip(bytes, what, budget);
  const arrays = new NpzArrays();
  for (const member of zip.names) {
    const entry = `${what}: ${brief(member)}`;
    const content = await zip.read(member);
    const name = member.replace(/\.npy$/, "");
    const fault = name === member ? "not an npy file, by its name" : unsupportedElements(content, entry);
    if (fault) arrays.unreadable.set(name, fault);
    else {
      arrays.set(name, readNpy(content, entry, budget));
    }
  }
  const [first] = arrays.unreadable;
  if (first && arrays.size === 0) throw new Error(`${what}: ${brief(first[0])}: ${first[1]}`);
  return arrays;
}

/** The bytes of a .npz file, as NumPy's savez writes it (nothing is compressed). */
export function writeNpz(arrays: ReadonlyMap<string, NpySource>): Uint8Array {
  check("writeNpz: arrays", arrays, mapOf("arrays by name", object));
  return writeZip(new Map([...arrays].map(([name, array]) => [`${name}.npy`, writeNpy(array)])));
}
