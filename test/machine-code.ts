/** @file Whether this machine can run machine code with 512-bit vectors; where it cannot, what runs it is left out. */
import { existsSync, readFileSync } from "node:fs";

export const hasMachineCode: boolean =
  process.platform === "linux" &&
  process.arch === "x64" &&
  existsSync("/proc/cpuinfo") &&
  /\bavx512dq\b/.test(readFileSync("/proc/cpuinfo", "utf8"));
