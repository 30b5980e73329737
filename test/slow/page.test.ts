/**
 * @file The tests in a page, those where a browser could differ: code generation, every operation and derivative, what runs programs, the golden sample, random
 * programs. All of them: `npm run test:browser`. Skipped where Chromium is not installed.
 */
import { pageFiles } from "../browser/bundle.ts";
import { testInPage } from "../browser/suite.ts";

/** By how the files begin. The longest come first, so that none is left over at the end. */
const ON_TWO_THREADS = [
  "test/runtime/",
  "test/ops/",
  "test/golden/",
  "test/codegen/",
  "test/fuzz/",
  "test/function/",
  "test/kernel/",
  "test/schedule/",
  "test/tape/",
];
const ON_ONE_THREAD = ["test/codegen/"];

const beginning = (starts: readonly string[]): string[] => starts.flatMap((start) => pageFiles().filter((file) => file.startsWith(start)));

testInPage([
  ...beginning(ON_TWO_THREADS).map((file) => ({ file, threads: 2 })),
  ...beginning(ON_ONE_THREAD).map((file) => ({ file, threads: 1 })),
]);
