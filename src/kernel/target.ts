/**
 * @file Target machines: what the passes between a tape and machine code must know of the machine. A target is a plain value that is passed down from
 * `optimize` and `schedule`; nothing else in the folders below `codegen` knows a machine. Another target is another value: see {@link withLanes}.
 *
 * Sizes are in elements of four bytes unless a comment says otherwise. Costs are in cycles of one core, and only their ratios matter. The comments name the
 * workload with which a constant is measured again: `npm run bench -- --only NAME`.
 */
import type { Dtype } from "../base/dtype.ts";
import type { HostBinary, HostUnary, Kernel, MathOp } from "./kernel.ts";

/** What one instruction or transfer costs. */
export interface Costs {
  /** Start of an iteration of an innermost loop, in a tile. Measure with `gemm_512`. */
  readonly iteration: number;
  /** Cycles until a sum can be added to again. Measure with `gemm_128`. */
  readonly latency: number;
  /** Multiply-adds in a cycle, loads in a cycle, and both together. Measure with `gemm_1024` and `conv3x3_fwd`. */
  readonly multiplies: number;
  readonly loads: number;
  readonly issues: number;
  /** Loads of a vector, relative to a vector of consecutive elements: one element repeated, and elements that lie apart. Measure with `conv7x7_fb`. */
  readonly repeated: number;
  readonly gather: number;
  /** Storing the lanes of a vector apart, in loads. Absent where a vector's results must lie side by side. Measure with `conv3x3_fb`. */
  readonly scatter?: number;
  /** Combining the lanes of a vector, in loads. Measure with `softmax_fwd`. */
  readonly fold: number;
  /** How much the cost of written out terms is raised: they must promise a tenth less. Measure with `lenet_b64`, whose first layer was slower with a tie. */
  readonly written: number;
  /**
   * Weight gradients below a max pool: a vector of products in a dense kernel, and where each has a load and a look-up serves a few; and an element that is
   * put in another order. Measure with `lenet_b64`.
   */
  readonly denseProduct: number;
  readonly sparseProduct: number;
  readonly moved: number;
  /** Computing an element once more, in additions; only the order of magnitude matters: a transcendental function, and a division or root. */
  readonly math: number;
  readonly division: number;
}

/** Sizes of the memory above the main one, in elements of four bytes. */
export interface Caches {
  /** A line of a cache. */
  readonly line: number;
  /** Elements that stay in the first cache while a loop passes over them. Measure with `softmax_fb`. */
  readonly first: number;
  /** Elements of an operand that stay in the second cache while panels of the other pass by. Measure with `gemm_2048`. */
  readonly panel: number;
  /** Elements that all operands of a part of a sum may take of the second cache. Measure with `conv3x3_fb`. */
  readonly block: number;
  /** Elements that a row may touch: half of a second cache. Measure with `layernorm_fb`. */
  readonly row: number;
  /** Elements of an image of which a few stay in the first cache. Measure with `lenet_b64`. */
  readonly image: number;
  /** Elements of a page, and pages whose addresses the processor finds quickly. Measure with `gemm_2048`. */
  readonly page: number;
  readonly pages: number;
  /** Bytes by which planes lie apart so badly that a sum over channels meets itself in the cache. Measure with `conv1x1_fwd`. */
  readonly badPitch: number;
  /** Channels from which a sum over channels may meet its own lines in a set of the cache, if planes lie an even number of lines apart. */
  readonly manyPlanes: number;
}

/** Which values get a buffer, and which kernels compute several. Costs are in additions, as `Costs.math`. */
export interface Fusing {
  /** From here on a value with several readers is worth a buffer. Measure with `layernorm_fb`. */
  readonly shared: number;
  /** Up to here a value that is made from one whole buffer is made again instead: who reads it would have read that much memory anyway. Measure with `gelu_chain_fb`. */
  readonly again: number;
  /** From here on a value that is about to be repeated is computed before. Measure with `layernorm_fwd`. */
  readonly repeated: number;
  /**
   * Up to so many elements a kernel's values need nothing in common. Beyond that, unrelated ones side by side only add streams from memory, more than
   * a core can prefetch: the update of eight matrices in one kernel took 2.7 times as long as in eight. Measure with `adam_25m`.
   */
  readonly unrelated: number;
  /** So many for copies, which should not be made long before they are read. */
  readonly copies: number;
  /** Values that a kernel puts together at a time. */
  readonly concatenated: number;
}

/** How long sums with few results are cut, so that threads have something to divide. */
export interface Slicing {
  /** Results to have in the first reduction: several tiles for each of many threads; with `enough` there is enough to divide. */
  readonly wanted: number;
  readonly enough: number;
  /** Elements from which a second reduction costs little; and those of a matrix whose rows are added up. */
  readonly leastElements: number;
  readonly leastInRows: number;
  /** Slices of a sum over the rows of a large matrix, and rows from which it is cut. */
  readonly rowSlices: number;
  readonly manyRows: number;
  /** Results of which a slice's stay in the first cache. */
  readonly mostResults: number;
}

/** When products leave a loop, to be made for all its steps at once. */
export interface Hoisting {
  /** Rows from which a product uses a weight often enough in one step, and terms from which a sum is written seldom enough. Measure with `lstm_b32`. */
  readonly manyRows: number;
  readonly manyTerms: number;
  /** Bytes of sums that one stacked byte must save from being read and written in each step. */
  readonly worth: number;
}

/** Where vectors lie in convolutions. */
export interface Laying {
  /** Results of which so large a share would come from zeros are worth loops that leave them out. */
  readonly zeros: number;
  /** Vectors from which a row of an image is worth them. */
  readonly leastVectors: number;
}

/** Limits of the tiler. */
export interface Tiling {
  /** Products of vectors from which more code pays for a tenth less time (half a millisecond of them), and how many sums a tile has at most below. */
  readonly manyProducts: number;
  readonly fewSums: number;
  /** Points that a tile holds of one axis at most. */
  readonly points: number;
  /** Products that a tile adds up before it adds its sums to the result in memory; and from how many on it does. Measure with `gemm_1024`. */
  readonly blockProducts: number;
  readonly longSum: number;
  /** Fewer products are not worth the way to memory and back; of products with what is looked up, so few are. Measure with `lenet_b64`. */
  readonly leastProducts: number;
  readonly lookedUpProducts: number;
  /** Terms of a short sum, and of one of its axes that may be written out. Measure with `dw3x3_fwd`. */
  readonly shortSum: number;
  readonly writtenTerms: number;
  /** Elements of an elementwise nest that pay for longer code. Measure with `gelu_chain_fwd`. */
  readonly leastUnrolled: number;
  /** Elements from which a row has enough vectors for several sums side by side. Measure with `softmax_fwd`. */
  readonly longRow: number;
  /**
   * Vectors that an iteration handles of elementwise nests and of sums along a vector; elements from which such a sum has several accumulators. Measure with
   * `softmax_fwd`.
   */
  readonly unroll: number;
  readonly unrolledSum: number;
  /** Rows of a block of rows at most; fewer rows than `leastRows` cannot be divided among threads, and `smallRows` elements need not be. Measure with `softmax_fb`. */
  readonly mostRows: number;
  readonly leastRows: number;
  readonly smallRows: number;
}

/** How operands of large products are copied before they are multiplied. */
export interface Packing {
  /** Columns of a panel of the operand that vectors are loaded from: as the tile has. */
  readonly columns: number;
  /** Rows of a panel of the other operand. Copied by vectors, so a multiple of the vector is best. */
  readonly rows: number;
  /**
   * Rows of the other operand that lie a multiple of so many bytes apart meet in one set of the first cache. A tile with more rows than a set has lines wants them copied,
   * a line of each side by side. Absent where tiles have fewer. Measure with `gemm_1024`.
   */
  readonly meetingPitch?: number;
  /** Terms of a sum from which a panel no longer stays in the cache by itself (measured: 256 do). Measure with `gemm_512`. */
  readonly leastTerms: number;
  /** How often an operand must be read to be worth a copy. */
  readonly leastReads: number;
}

/** A function of which a machine may or may not have an instruction. Every machine has square roots and roundings. */
export type MathFunction = MathOp | HostUnary | HostBinary;

/** A machine. */
export interface Target {
  readonly name: string;
  /** Elements of a vector of each dtype: a power of two, 1 where there are no vectors. A loop nest has vectors of one length: the least of all dtypes that it touches. */
  readonly lanes: Readonly<Record<Dtype, number>>;
  /**
   * How the end of an axis is done where vectors do not fit evenly: by a last vector that overlaps the one before, or by one of which a mask switches lanes off.
   */
  readonly tails: "overlap" | "mask";
  /** Vector registers for the sums and operands of a tile. */
  readonly registers: number;
  /** Buffers that a kernel may touch before their addresses no longer fit in registers. Measure with `adam_25m`. */
  readonly buffers: number;
  /** True if a vector's minimum and maximum cost several instructions where they must order zeros and keep NaN (7 on x86): then sums take two comparisons. */
  readonly slowOrderedMinimum: boolean;
  /**
   * a·b + c: an instruction that rounds once; none, so that it becomes a multiplication and an addition; or one that only some of the engines have, of
   * which the code generator knows.
   */
  readonly fma: "fused" | "separate" | "engine";
  /** Functions that are one instruction, for vectors too. Others of f32 are expanded into arithmetic or called lane by lane, of f64 called. */
  readonly native: Readonly<Record<"f32" | "f64", readonly MathFunction[]>>;
  /**
   * Adds the checks of accesses that are not proved to be inside their buffers (`kernel/bounds.ts`). Absent where the machine itself refuses accesses outside the
   * program's memory.
   */
  readonly guardAccesses?: (kernel: Kernel) => Kernel;
  readonly costs: Costs;
  readonly caches: Caches;
  readonly tiling: Tiling;
  readonly packing: Packing;
  readonly fusing: Fusing;
  readonly slicing: Slicing;
  readonly hoisting: Hoisting;
  readonly laying: Laying;
}

/** WebAssembly with 128-bit vectors. Its f64x2 is not used: kernels of f64 are scalar. */
export const WASM: Target = {
  name: "wasm",
  lanes: { f32: 4, i32: 4, u32: 4, u8: 4, bool: 4, f64: 1 },
  tails: "overlap",
  // Sixteen, of which the engine keeps one for itself: a tile of R x V runs at full speed while R + V + R·V <= 15.
  registers: 15,
  buffers: 24,
  slowOrderedMinimum: true,
  // Relaxed SIMD has it, for vectors.
  fma: "engine",
  native: { f32: [], f64: [] },
  costs: {
    iteration: 0.25,
    latency: 4.5,
    multiplies: 2,
    loads: 2,
    issues: 3.5,
    repeated: 0.25,
    gather: 6,
    fold: 6,
    written: 1.1,
    denseProduct: 0.5,
    sparseProduct: 0.9,
    moved: 2,
    math: 10,
    division: 4,
  },
  caches: {
    line: 16,
    first: 1 << 13,
    panel: 1 << 16,
    block: 5 << 15,
    row: 1 << 17,
    image: 3072,
    page: 1024,
    pages: 256,
    badPitch: 1024,
    manyPlanes: 16,
  },
  tiling: {
    manyProducts: 1 << 22,
    fewSums: 8,
    points: 8,
    blockProducts: 640,
    longSum: 1024,
    leastProducts: 128,
    lookedUpProducts: 64,
    shortSum: 64,
    writtenTerms: 8,
    leastUnrolled: 1 << 12,
    longRow: 64,
    unroll: 4,
    unrolledSum: 32,
    mostRows: 64,
    leastRows: 16,
    smallRows: 1 << 14,
  },
  packing: { columns: 8, rows: 4, leastTerms: 512, leastReads: 64 },
  fusing: { shared: 3, again: 6, repeated: 4, unrelated: 4096, copies: 256, concatenated: 32 },
  slicing: { wanted: 128, enough: 32, leastElements: 1 << 16, leastInRows: 1 << 18, rowSlices: 64, manyRows: 1024, mostResults: 4096 },
  hoisting: { manyRows: 16, manyTerms: 128, worth: 5 },
  laying: { zeros: 0.1, leastVectors: 2 },
};

/**
 * A target like another, with vectors of `lanes` elements of four bytes, and half as many of f64: what a wider machine would be, for tests of the passes.
 * Panels are as many vectors wide as those of the original.
 */
export function withLanes(target: Target, lanes: number, tails: Target["tails"] = target.tails): Target {
  const scale = lanes / target.lanes.f32;
  const { columns, rows } = target.packing;
  return {
    ...target,
    name: `${target.name}, ${lanes} lanes, tails by ${tails}`,
    tails,
    lanes: { f32: lanes, i32: lanes, u32: lanes, u8: lanes, bool: lanes, f64: Math.max(1, lanes / 2) },
    packing: { ...target.packing, columns: columns * scale, rows: rows * scale },
  };
}

/** Whether a function on numbers of a dtype is one instruction. */
export function isNative({ native }: Target, op: string, dtype: Dtype): boolean {
  const names: readonly string[] = dtype === "f32" || dtype === "f64" ? native[dtype] : [];
  return names.includes(op);
}

/** Elements of the vectors of a loop nest that touches these dtypes. */
export function lanesFor(target: Target, dtypes: Iterable<Dtype>): number {
  let least = target.lanes.f32;
  for (const dtype of dtypes) least = Math.min(least, target.lanes[dtype]);
  return least;
}
