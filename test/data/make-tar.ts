/** @file Tar files as the system's tar writes them. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A tar file with these files, in this order. */
export function tar(path: string, files: readonly (readonly [name: string, bytes: Uint8Array | string])[], format = "ustar"): void {
  const place = mkdtempSync(join(tmpdir(), "nabla-tar-"));
  for (const [name, bytes] of files) {
    mkdirSync(join(place, name, ".."), { recursive: true });
    writeFileSync(join(place, name), bytes);
  }
  const { status, stderr, error } = spawnSync("tar", [`--format=${format}`, "-cf", path, "-C", place, ...files.map(([name]) => name)], {
    encoding: "utf8",
  });
  rmSync(place, { recursive: true, force: true });
  if (status !== 0) throw new Error(error?.message ?? stderr);
}
