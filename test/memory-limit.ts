/**
 * @file Set-up of test files that fuzz: the process that runs such a file may hold 3 GiB of data. An allocation beyond that fails or ends the process, and
 * both count as failures, where without a limit the whole machine would slow down first. Only Linux can limit a process that runs already.
 */
import { execFileSync } from "node:child_process";

const MOST_BYTES = 3 * 2 ** 30;

if (process.platform === "linux") execFileSync("prlimit", [`--pid=${process.pid}`, `--data=${MOST_BYTES}`]);
