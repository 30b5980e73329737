/** @file ONNX's own tests of operators: an archive with a part of those of version 1.12, and where it is there a folder with all of a newer version. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { findCases, opOfCase, runCase } from "../../scripts/onnx-cases.mjs";
import { readTar } from "../../src/formats/tar.ts";
import { compile } from "../../src/function/compile.ts";
import { manualSeed } from "../../src/math/random.ts";
import * as onnx from "../../src/onnx/index.ts";
import { tensor } from "../../src/ops/create.ts";

export interface Result {
  readonly name: string;
  readonly op: string;
  readonly outcome: "passed" | "failed" | "unsupported";
  readonly why?: string;
}

const api = { onnx, tensor, compile, ops: onnx.operators, manualSeed };

/** The cases of an archive, in a folder of the test's own. */
export async function unpackedCases(name = "node-cases.tar.gz"): Promise<string[]> {
  const archive = new URL(`../fixtures/onnx/${name}`, import.meta.url);
  const files = await readTar(new Uint8Array(readFileSync(archive)), name);
  const folder = mkdtempSync(join(tmpdir(), "nabla-onnx-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, bytes] of files) {
    const path = join(folder, name);
    if (!existsSync(dirname(path))) mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
  return findCases(folder) as string[];
}

/** Every n-th case, and one of each operator. */
export function some(folders: readonly string[], n: number): string[] {
  const seen = new Set<string>();
  return folders.filter((folder, i) => {
    const { graph } = onnx.decodeOnnx("Model", new Uint8Array(readFileSync(join(folder, "model.onnx"))));
    const op = opOfCase(basename(folder), graph, onnx.operators) as string;
    const isNew = !seen.has(op);
    seen.add(op);
    return isNew || i % n === 0;
  });
}

/**
 * Why cases of 1.12 do not pass: what they are about is not supported (strings), is random (other numbers are drawn), their data name kinds of values that changed, or
 * the file lacks the epsilon that its numbers were made with (adam_multiple).
 */
const EXPECTED = /string|strnorm|bernoulli|BFLOAT16|adam_multiple/i;

/** What a case comes to. */
export const outcomeOf = (folder: string, compiled: boolean): Promise<Result> => runCase(api, folder, { compiled }) as Promise<Result>;

/** Runs cases, and gives those that do not pass though they should. */
export async function faults(folders: readonly string[], options: { readonly compiled?: boolean } = {}): Promise<string[]> {
  const wrong: string[] = [];
  for (const folder of folders) {
    const { name, outcome, why } = await outcomeOf(folder, options.compiled ?? false);
    if (outcome !== "passed" && !EXPECTED.test(name)) wrong.push(`${name}: ${outcome}, ${why}`);
  }
  return wrong;
}
