/** @file What the processor can do, asked of it by the first piece of machine code: CPUID, and XGETBV for what the operating system keeps of its registers. */
import type { System } from "./system.ts";

/** What can be generated for, the best first. */
export type Level = "avx512" | "avx2";

/**
 * On the address of three words: CPUID(1).ecx, CPUID(7).ebx and XCR0 are written there. push rbx; mov eax,1; xor ecx,ecx; cpuid; mov [rdi],ecx; mov r8d,ecx; mov eax,7;
 * xor ecx,ecx; cpuid; mov [rdi+4],ebx; xor eax,eax; bt r8d,27; jnc end; xor ecx,ecx; xgetbv; end: mov [rdi+8],eax; pop rbx; ret
 */
const PROBE: readonly number[] = [
  0x53, 0xb8, 1, 0, 0, 0, 0x31, 0xc9, 0x0f, 0xa2, 0x89, 0x0f, 0x41, 0x89, 0xc8, 0xb8, 7, 0, 0, 0, 0x31, 0xc9, 0x0f, 0xa2, 0x89, 0x5f, 4,
  0x31, 0xc0, 0x41, 0x0f, 0xba, 0xe0, 27, 0x73, 0x05, 0x31, 0xc9, 0x0f, 0x01, 0xd0, 0x89, 0x47, 8, 0x5b, 0xc3,
];

export interface Processor {
  readonly level: Level | undefined;
  /** The words that decide it. */
  readonly bits: readonly number[];
}

const has = (word: number, ...bits: number[]): boolean => bits.every((bit) => (word >>> bit) & 1);

/** The level from CPUID(1).ecx, CPUID(7).ebx and XCR0. */
export function levelOf([basic, extended, kept]: readonly [number, number, number]): Level | undefined {
  // FMA, OSXSAVE, AVX; AVX2, BMI2; xmm and ymm registers.
  if (!has(basic, 12, 27, 28) || !has(extended, 5, 8) || !has(kept, 1, 2)) return undefined;
  // F, DQ, BW, VL; masks, upper halves, upper registers.
  return has(extended, 16, 17, 30, 31) && has(kept, 5, 6, 7) ? "avx512" : "avx2";
}

/** The same from what the system tells (`/proc/cpuinfo`), before any machine code has run. */
export function levelOfFlags(text: string): Level | undefined {
  const flags = new Set(/^flags\s*:(.*)$/m.exec(text)?.[1]?.trim().split(/\s+/));
  const all = (names: string): boolean => names.split(" ").every((name) => flags.has(name));
  if (!all("avx avx2 fma bmi2")) return undefined;
  return all("avx512f avx512dq avx512bw avx512vl") ? "avx512" : "avx2";
}

/** Asks the processor. */
export function askProcessor(system: System): Processor {
  const words = new Uint32Array(new SharedArrayBuffer(16));
  const code = system.place(Uint8Array.from(PROBE));
  try {
    code.entryOnAddress(0)(system.addressOf(words.buffer));
  } finally {
    code.release();
  }
  const bits = [...words.subarray(0, 3)];
  return { level: levelOf(bits as unknown as readonly [number, number, number]), bits };
}
