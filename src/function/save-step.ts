/** @file Connects `compiled.save` with `save.ts`, so that a bundle that saves nothing does not contain it. */
import type { AnyFunction } from "./capture.ts";

type SaveStep = (fn: AnyFunction, args: readonly unknown[], path: string | undefined) => Promise<Uint8Array>;

let saver: SaveStep | undefined;

/** Called by `save.ts`, which is loaded as soon as a program imports `saveAll`. */
export function registerSaver(save: SaveStep): void {
  saver = save;
}

/** @throws {Error} in a bundle that does not import `saveAll`. */
export async function saveStep(fn: AnyFunction, args: readonly unknown[], path: string | undefined): Promise<Uint8Array> {
  if (saver) return await saver(fn, args, path);
  throw new Error(
    'save: this bundle has left out what makes files; want `import { saveAll } from "nabla"`, and a call of it: saveAll({ step }, { step: [x, y] })',
  );
}
