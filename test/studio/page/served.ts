/** @file One server of the studio, without data and runs, for the tests of a file. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { type Server, serve } from "./serve.ts";

const folder = mkdtempSync(join(tmpdir(), "nabla-served-"));

/** There while tests run. */
export let server: Server;

beforeAll(async () => {
  server = await serve(["studio"], folder);
});
afterAll(() => {
  server?.child.kill();
  rmSync(folder, { recursive: true, force: true });
});
