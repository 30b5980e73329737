/** @file What ranks run in the tests: one module, made of the sources. */
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

/** Bundles a file of this folder. */
export async function bundled(name: string, file: string): Promise<string> {
  const made = await rolldown({
    input: fileURLToPath(new URL(`./${name}.ts`, import.meta.url)),
    platform: "node",
    external: (id) => !/^[./\\]/.test(id),
  });
  await made.write({ file, format: "esm", codeSplitting: false });
  await made.close();
  return file;
}
