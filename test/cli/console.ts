/** @file What the tests of the command share: a folder of their own, and what was printed. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, vi } from "vitest";

/** Lines on stdout and on stderr since the test began; a folder that goes with the file. */
export function captureConsole(): { out: string[]; err: string[]; folder: string } {
  const captured = { out: [] as string[], err: [] as string[], folder: mkdtempSync(join(tmpdir(), "nabla-cli-")) };
  beforeEach(() => {
    captured.out.length = 0;
    captured.err.length = 0;
    vi.spyOn(console, "log").mockImplementation((line: string) => void captured.out.push(...String(line).split("\n")));
    vi.spyOn(console, "error").mockImplementation((line: string) => void captured.err.push(line));
    vi.spyOn(process.stderr, "write").mockImplementation((text) => Boolean(captured.err.push(String(text).trimEnd())));
    vi.spyOn(process.stdout, "write").mockImplementation((text) => Boolean(captured.out.push(...String(text).trimEnd().split("\n"))));
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });
  afterAll(() => rmSync(captured.folder, { recursive: true, force: true }));
  return captured;
}
