/**
 * @file `npm test`: set-up, type check, lint, the fast suite. `npm run test:all` (`--slow`): the slow suite only. `npm run test:nightly` (`--nightly`): long
 * fuzzing and soaks, and the randomized tests of the fast and the slow suite at their full size (test/size.ts).
 * Other arguments go to vitest (`npm test -- test/formats`). The last line is always `N passed, N failed[, N skipped]`;
 * a check that fails counts as one failed test, and so does a test file that does not load.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { biome, build, buildIsStale, install, tsc, vitest } from "./setup.mjs";

const SUITES = {
  "--slow": ["slow", "interpreter", "x64", "x64-avx2"],
  "--nightly": ["nightly", "fuzz", "fast", "command", "alone", "slow", "x64", "x64-avx2"],
};
const wanted = process.argv.slice(2);
const suite = wanted.find((argument) => argument in SUITES);
const filters = wanted.filter((argument) => argument !== suite);

/** Runs every check even after a failure: one round of `npm test` should show all there is to repair. */
async function failedChecks() {
  const checks = [["build and type check of src", () => (buildIsStale() ? build() : 0)]];
  if (!suite) {
    checks.push(["type check of the engine, where an index may be out of range", () => tsc("-p", "tsconfig.engine.json")]);
    checks.push(["type check of tests and benchmarks", () => tsc("-p", "tsconfig.test.json")]);
    checks.push(["lint and format", () => biome("check", "--error-on-warnings", ".")]);
  }
  let failed = 0;
  for (const [name, check] of checks) {
    const ok = (await check()) === 0;
    console.log(`${ok ? "ok" : "FAILED"}: ${name}`);
    if (!ok) failed++;
  }
  return failed;
}

/** Counts from vitest's own JSON. A file that failed with no failed test of its own (a bad import, a broken hook) counts as one. */
function count(report) {
  const brokenFiles = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  ).length;
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

async function runSuite() {
  const folder = mkdtempSync(join(tmpdir(), "nabla-test-"));
  const file = join(folder, "results.json");
  const projects = (SUITES[suite] ?? ["fast", "command", "alone", "fuzz"]).flatMap((name) => ["--project", name]);
  if (suite === "--nightly") process.env.NABLA_FULL_TESTS = "1";
  const code = await vitest("run", ...projects, "--reporter=default", "--reporter=json", `--outputFile.json=${file}`, ...filters);
  const counts = existsSync(file) ? count(JSON.parse(readFileSync(file, "utf8"))) : { passed: 0, failed: 0, skipped: 0 };
  rmSync(folder, { recursive: true, force: true });
  // Vitest also fails for errors outside any test (an unhandled rejection); those must not read as "0 failed".
  if (code !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

await install();
const checksFailed = await failedChecks();
const { passed, failed, skipped } = await runSuite();
const allFailed = failed + checksFailed;
process.exitCode = allFailed > 0 ? 1 : 0;
console.log(`${passed} passed, ${allFailed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
