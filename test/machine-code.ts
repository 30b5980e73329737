/** @file What machine code this machine can run; what it cannot run is left out. */
import { existsSync, readFileSync } from "node:fs";

const flags: ReadonlySet<string> = new Set(
  process.platform === "linux" && process.arch === "x64" && existsSync("/proc/cpuinfo")
    ? (/^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "").trim().split(" ")
    : [],
);
const hasAll = (...names: string[]): boolean => names.every((name) => flags.has(name));

/** Machine code with vectors of 256 bits. */
export const hasMachineCode: boolean = hasAll("avx2", "fma", "bmi2");
/** With vectors of 512 bits too. */
export const hasWideMachineCode: boolean = hasMachineCode && hasAll("avx512f", "avx512bw", "avx512dq", "avx512vl");
