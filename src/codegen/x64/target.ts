/** @file The processors that machine code is generated for, as targets. */
import { guardAccesses } from "../../kernel/bounds.ts";
import { type Target, WASM } from "../../kernel/target.ts";
import { WIDE_REGISTERS } from "./allocate.ts";
import type { Machine } from "./program.ts";

/** AVX-512 (F, BW, DQ, VL): 512-bit vectors, 32 registers of them, masks. */
export const AVX512: Target = {
  ...WASM,
  name: "x64 avx512",
  lanes: { f32: 16, i32: 16, u32: 16, u8: 16, bool: 16, f64: 8 },
  tails: "mask",
  registers: 31,
  fma: "fused",
  guardAccesses,
  // A gather of sixteen elements takes some 24 cycles. With fewer issues than the processor has, the tiler prefers square tiles, which load less for each product: mlp_b128 and
  // vgg_small_b32 took 10 and 7 % less than with 3.5; with 2 they took more again.
  costs: { ...WASM.costs, issues: 2.5, gather: 24, scatter: 32, fold: 12 },
  tiling: { ...WASM.tiling, points: 14, manyProducts: 1 << 19 },
  packing: { ...WASM.packing, columns: 32, rows: 16, meetingPitch: 4096 },
};

export const AVX512_MACHINE: Machine = { target: AVX512, registers: WIDE_REGISTERS };
