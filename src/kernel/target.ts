/**
 * @file Target machines: everything that the passes between a tape and machine code know of the machine. A target is a plain value that is passed down from
 * `optimize` and `schedule`; nothing else in the folders below `codegen` depends on a machine. {@link withLanes} makes other targets for tests.
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
  /** Cache lines in a cycle that come from the second cache. Absent if products take longer than that whatever the tile. Measure with `lstm_b32`. */
  readonly lines?: number;
  /** Loads of a vector, relative to a vector of consecutive elements: one element repeated, and elements that are not contiguous. Measure with `conv7x7_fb`. */
  readonly repeated: number;
  readonly gather: number;
  /** Combining the lanes of a vector, in loads. Measure with `softmax_fwd`. */
  readonly fold: number;
  /** Factor on the cost of unrolled terms: unrolling must promise a tenth less. Measure with `lenet_b64`, whose first layer was slower at equal cost. */
  readonly written: number;
  /**
   * Weight gradients below a max pool: cost of a vector of products in a dense kernel; the same in a sparse kernel, where each product has a load and a few
   * share an index load; and cost of copying an element to another order. Measure with `lenet_b64`.
   */
  readonly denseProduct: number;
  readonly sparseProduct: number;
  readonly moved: number;
  /** Cost of computing an element again, in additions: of a transcendental function, and of a division or root. Only the order of magnitude matters. */
  readonly math: number;
  readonly division: number;
}

/** Sizes of caches and pages, in elements of four bytes. */
export interface Caches {
  /** A line of a cache. */
  readonly line: number;
  /** Elements that stay in the first cache while a loop passes over them. */
  readonly first: number;
  /** Elements of an operand that stay in the second cache while panels of the other operand are read. Measure with `gemm_2048`. */
  readonly panel: number;
  /** Elements of the second cache that all operands of one part of a sum may take together. Measure with `conv3x3_fb`. */
  readonly block: number;
  /** Elements that a row may touch: half of a second cache. Measure with `layernorm_fb`. */
  readonly row: number;
  /** Elements of an image so small that a few images stay in the first cache. Measure with `lenet_b64`. */
  readonly image: number;
  /** Elements of a page, and the number of pages whose addresses the processor translates quickly (TLB). Measure with `gemm_2048`. */
  readonly page: number;
  readonly pages: number;
  /** Planes that are a multiple of this many bytes apart map to the same cache sets, so that a sum over channels evicts its own lines. Measure with `conv1x1_fwd`. */
  readonly badPitch: number;
  /** From this many channels on, a sum over channels may evict its own lines if planes are an even number of lines apart. */
  readonly manyPlanes: number;
}

/** Limits of fusion: which values get a buffer, and which kernels compute several values. Costs are in additions, as `Costs.math`. */
export interface Fusing {
  /** From this cost on a value with several readers gets a buffer. Measure with `layernorm_fb`. */
  readonly shared: number;
  /** Up to this cost a value that is computed from one whole buffer is computed again by each reader: it would have read as much memory anyway. Measure with `gelu_chain_fb`. */
  readonly again: number;
  /** From this cost on a value that its reader repeats (broadcasts) gets a buffer first. Measure with `layernorm_fwd`. */
  readonly repeated: number;
  /**
   * Up to this many elements a kernel may compute values that share no operand. With larger ones, unrelated values only add streams from memory, more than a
   * core can prefetch: the update of eight matrices took 2.7 times as long in one kernel as in eight. Measure with `adam_25m`.
   */
  readonly unrelated: number;
  /** The same limit for copies, which should not be made long before they are read. */
  readonly copies: number;
  /** The most values that one kernel concatenates. */
  readonly concatenated: number;
}

/** How long sums with few results are cut into slices, so that threads have work to divide. */
export interface Slicing {
  /** Results that the first reduction should have: several tiles for each of many threads. With `enough` results nothing is cut. */
  readonly wanted: number;
  readonly enough: number;
  /** The least elements of a sum for which a second reduction costs little; and of a matrix whose rows are summed in slices. */
  readonly leastElements: number;
  readonly leastInRows: number;
  /** Number of slices of a sum over the rows of a large matrix, and the least number of rows for that. */
  readonly rowSlices: number;
  readonly manyRows: number;
  /** The most results for which those of one slice stay in the first cache. */
  readonly mostResults: number;
}

/** When products are hoisted out of a loop and made for all its steps at once. */
export interface Hoisting {
  /** A product with this many rows uses a weight often enough in one step to stay in the loop; likewise a sum with this many terms. Measure with `lstm_b32`. */
  readonly manyRows: number;
  readonly manyTerms: number;
  /** Bytes of sums that one stacked byte must save from being read and written in each step. */
  readonly worth: number;
}

/** Limits for the layout of convolutions. */
export interface Laying {
  /** If at least this share of the products would have a padding zero as an operand, loops leave them out. */
  readonly zeros: number;
  /** The least number of vectors in a row of an image for vectors along rows to pay. */
  readonly leastVectors: number;
  /**
   * True if channels carry the vectors where those of all convolutions fill them, whatever the number of images: then the lanes of a weight's gradient need not be added up. Measure with
   * `vgg_small_b32`.
   */
  readonly prefersChannels: boolean;
}

/** Limits of the tiler. */
export interface Tiling {
  /** From this many vector products on (half a millisecond of work) longer code pays for a tenth less time; below, a tile has at most `fewSums` sums. */
  readonly manyProducts: number;
  readonly fewSums: number;
  /** Points that a tile holds of one axis at most. */
  readonly points: number;
  /** The most products per result before a part of a sum is added to memory; and the length of a sum above which it is cut into parts. Measure with `gemm_1024`. */
  readonly blockProducts: number;
  readonly longSum: number;
  /** Up to this many terms the results of a sum take longer to move than its operands. Measure with `vgg16_train_b2`. */
  readonly fewTerms: number;
  /** The least products of a part that pay for adding it to memory; the same for products with operands at indices from memory. Measure with `lenet_b64`. */
  readonly leastProducts: number;
  /**
   * True if a sum is cut within one point of its outermost axis too (an image of the gradient of a weight) where that has more products than a part may have. Long vectors multiply
   * faster than their operands come from beyond the second cache. Measure with `conv3x3_fb`.
   */
  readonly cutsPoints: boolean;
  readonly lookedUpProducts: number;
  /** The most terms of a short sum, and of one of its axes that may be unrolled. Measure with `dw3x3_fwd`. */
  readonly shortSum: number;
  readonly writtenTerms: number;
  /** From this many elements on an elementwise nest is unrolled. Measure with `gelu_chain_fwd`. */
  readonly leastUnrolled: number;
  /** From this many elements on a row is long enough for several independent sums. Measure with `softmax_fwd`. */
  readonly longRow: number;
  /**
   * True if vectors whose elements are rows apart cost little where as many neighbours as a vector has elements are loaded together: the code generator loads the rows and transposes them.
   * Measure with `conv3x3_fwd`.
   */
  readonly squares: boolean;
  /**
   * Vectors per iteration of elementwise nests and of sums along a vector; and the least elements for several accumulators in such a sum. Measure with
   * `softmax_fwd`.
   */
  readonly unroll: number;
  readonly unrolledSum: number;
  /** The most rows of a block; fewer than `leastRows` rows cannot be divided among threads, and at most `smallRows` elements need not be. Measure with `softmax_fb`. */
  readonly mostRows: number;
  /** Elements that a block of rows may touch, of all buffers. Measure with `softmax_fb`. */
  readonly rowElements: number;
  /**
   * True if each pass over rows goes through all rows of a block before the next pass begins, though a row could have all its passes one after another. Adding up the lanes of a long vector
   * takes as long as a good part of a row, and the sum of the next row runs meanwhile. Measure with `softmax_fwd`.
   */
  readonly foldsApart: boolean;
  readonly leastRows: number;
  readonly smallRows: number;
}

/** How operands of large products are packed before they are multiplied. */
export interface Packing {
  /** Columns of a panel of the operand that is loaded in vectors: the width of a tile. */
  readonly columns: number;
  /** Rows of a panel of the other operand. Panels are copied by vectors, so a multiple of the vector length is best. */
  readonly rows: number;
  /**
   * Rows of the other operand that are a multiple of this many bytes apart map to one set of the first cache. A tile with more rows than a set has lines needs
   * them packed, one line of each row after another. Absent for machines whose tiles have fewer rows. Measure with `gemm_1024`.
   */
  readonly meetingPitch?: number;
  /** From this many terms on a panel does not stay in the cache without packing (256 still do). Measure with `gemm_512`. */
  readonly leastTerms: number;
  /**
   * The same where the axis of the vectors is not contiguous, so that a vector would go along the sum instead, and its lanes be added up for each result. Absent if only many terms count.
   * Measure with `lstm_b32`.
   */
  readonly leastTransposed?: number;
  /** How often an operand must be read for packing to pay. */
  readonly leastReads: number;
}

/** A function for which a machine may have an instruction. Every machine has square roots and roundings. */
export type MathFunction = MathOp | HostUnary | HostBinary | "scale";

/** A target machine: properties, limits and the constants of the cost model. */
export interface Target {
  readonly name: string;
  /** Elements of a vector of each dtype: a power of two, or 1 without vectors. A loop nest has one vector length, the least among the dtypes that it touches. */
  readonly lanes: Readonly<Record<Dtype, number>>;
  /**
   * How an axis ends that vectors do not divide: `overlap`, the last vector is moved back and computes some elements twice; `mask`, the lanes outside are
   * masked off.
   */
  readonly tails: "overlap" | "mask";
  /** Vector registers for the sums and operands of a tile. */
  readonly registers: number;
  /** The most buffers of a kernel whose addresses fit in registers. Measure with `adam_25m`. */
  readonly buffers: number;
  /** True if a minimum or maximum that orders zeros and keeps NaN costs several instructions (7 on x86). Reductions then compare, and note NaN apart. */
  readonly slowOrderedMinimum: boolean;
  /**
   * How a·b + c is computed: `fused`, by an instruction that rounds once; `separate`, by a multiplication and an addition; `engine`, by an instruction that only
   * some engines have, so that the code generator decides.
   */
  readonly fma: "fused" | "separate" | "engine";
  /** Functions with an instruction, for scalars and vectors. Others are expanded into arithmetic or computed by the host (f32), or computed by the host (f64). */
  readonly native: Readonly<Record<"f32" | "f64", readonly MathFunction[]>>;
  /** Whether other functions are called for one element or for all lanes of a vector. */
  readonly calls: "elements" | "vectors";
  /**
   * Adds checks to accesses that are not proved to stay inside their buffers (`kernel/bounds.ts`). Absent if the machine itself refuses accesses outside the
   * memory of the program.
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
  calls: "elements",
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
    fewTerms: 0,
    leastProducts: 128,
    cutsPoints: false,
    lookedUpProducts: 64,
    shortSum: 64,
    writtenTerms: 8,
    leastUnrolled: 1 << 12,
    longRow: 64,
    squares: false,
    unroll: 4,
    unrolledSum: 32,
    mostRows: 64,
    rowElements: 1 << 13,
    foldsApart: false,
    leastRows: 16,
    smallRows: 1 << 14,
  },
  packing: { columns: 8, rows: 4, leastTerms: 512, leastReads: 64 },
  fusing: { shared: 3, again: 6, repeated: 4, unrelated: 4096, copies: 256, concatenated: 32 },
  slicing: { wanted: 128, enough: 32, leastElements: 1 << 16, leastInRows: 1 << 18, rowSlices: 64, manyRows: 1024, mostResults: 4096 },
  hoisting: { manyRows: 16, manyTerms: 128, worth: 5 },
  laying: { zeros: 0.1, leastVectors: 2, prefersChannels: false },
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

/** Returns true if the target has an instruction for a function of numbers of a dtype. */
export function isNative({ native }: Target, op: string, dtype: Dtype): boolean {
  const names: readonly string[] = dtype === "f32" || dtype === "f64" ? native[dtype] : [];
  return names.includes(op);
}

/** The vector length of a loop nest that touches these dtypes: the least of theirs. */
export function lanesFor(target: Target, dtypes: Iterable<Dtype>): number {
  let least = target.lanes.f32;
  for (const dtype of dtypes) least = Math.min(least, target.lanes[dtype]);
  return least;
}
