/** @file The processors that machine code is generated for, as targets. */
import { type Target, WASM } from "../../kernel/target.ts";
import { AVX2_REGISTERS, AVX512_REGISTERS } from "./allocate.ts";
import { AVX2_NAMES, Avx2 } from "./avx2.ts";
import { Avx512 } from "./avx512.ts";
import type { Machine } from "./extension.ts";
import { InstructionSet } from "./instructions.ts";

/** AVX-512 (F, BW, DQ, VL): 512-bit vectors, 32 registers of them, masks. */
export const AVX512: Target = {
  ...WASM,
  name: "x64 avx512",
  lanes: { f32: 16, i32: 16, u32: 16, u8: 16, bool: 16, f64: 8 },
  tails: "mask",
  registers: 31,
  fma: "fused",
  native: { ...WASM.native, f32: ["scale"] },
  calls: "vectors",
  // A gather of sixteen elements takes some 24 cycles. With fewer issues than the processor has, the tiler prefers square tiles, which load less for each product: mlp_b128 and
  // vgg_small_b32 took 10 and 7 % less than with 3.5; with 2 they took more again.
  costs: { ...WASM.costs, issues: 2.5, lines: 0.5, gather: 24, fold: 12 },
  tiling: {
    ...WASM.tiling,
    points: 14,
    manyProducts: 1 << 16,
    cutsPoints: true,
    rowElements: 3 << 12,
    foldsApart: true,
    fewTerms: 64,
    squares: true,
  },
  caches: { ...WASM.caches, panel: 1 << 17 },
  laying: { ...WASM.laying, prefersChannels: true },
  packing: { ...WASM.packing, columns: 32, rows: 16, leastTransposed: 32, meetingPitch: 4096 },
};

/** AVX2 with FMA: 256-bit vectors, 16 registers of them, masks in some of these. */
export const AVX2: Target = {
  ...AVX512,
  name: "x64 avx2",
  lanes: { f32: 8, i32: 8, u32: 8, u8: 8, bool: 8, f64: 4 },
  registers: 15,
  native: WASM.native,
  costs: { ...AVX512.costs, issues: WASM.costs.issues, gather: 12, fold: 8 },
  tiling: { ...AVX512.tiling, points: 8 },
  caches: WASM.caches,
  packing: { ...AVX512.packing, columns: 16, rows: 8 },
};

export const AVX512_MACHINE: Machine = {
  target: AVX512,
  registers: AVX512_REGISTERS,
  instructions: new InstructionSet({}),
  extension: (on) => new Avx512(on),
};
export const AVX2_MACHINE: Machine = {
  target: AVX2,
  registers: AVX2_REGISTERS,
  instructions: new InstructionSet(AVX2_NAMES),
  extension: (on) => new Avx2(on),
};
