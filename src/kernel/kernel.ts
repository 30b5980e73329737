/**
 * @file The kernel language: scalar loops over buffers. One kernel is one loop nest over typed buffers; its expressions are scalars or
 * vectors. It knows neither tensors nor machines. `build.ts` makes it, `print.ts` shows it, `verify.ts` checks it, `interpret.ts` runs
 * it (the oracle), `math.ts` rewrites transcendentals into arithmetic, `codegen/` turns it into machine code.
 *
 * Meaning. Every statement evaluates its expressions anew when it is executed; inside one statement an expression object that is used
 * twice is computed once (expressions are DAGs). A value shared by several statements is bound by `let`. Loop bounds are constants; a loop may leave iterations out.
 */
import type { Dtype, TypedArray } from "../base/dtype.ts";

/** Operations of one operand. */
export type UnaryOp = "neg" | "abs" | "sqrt" | "floor" | "ceil" | "trunc" | "round" | "not" | MathOp | HostUnary;
/** Intrinsics: for f32 rewritten by `expandMath` (stated ULP), for f64 the host's `Math`. `round` is to nearest even. */
export type MathOp = "exp" | "expm1" | "log" | "log1p" | "sin" | "cos" | "tanh" | "sigmoid" | "erf";
/** Functions of floats that every backend leaves to the host, in double precision and element by element. */
export type HostUnary =
  | "exp2"
  | "log2"
  | "log10"
  | "tan"
  | "asin"
  | "acos"
  | "atan"
  | "sinh"
  | "cosh"
  | "asinh"
  | "acosh"
  | "atanh"
  | "erfc"
  | "erfinv"
  | "lgamma"
  | "digamma";
/** `zeta` is Hurwitz's ζ(s, q). */
export type HostBinary = "pow" | "rem" | "atan2" | "hypot" | "zeta";
/** Operations of two operands of one dtype. */
export type BinaryOp = "add" | "sub" | "mul" | "div" | "min" | "max" | "and" | "or" | "xor" | "shl" | "shr" | "scale" | HostBinary;
/** Comparisons; the result is a bool. */
export type CompareOp = "eq" | "ne" | "lt" | "le";

/**
 * An expression. `args` are its operands; `value` is the constant, the lane, the variable's or the buffer's number.
 *
 * - `const`: `value`, any dtype, lanes 1 (splat it for a vector).
 * - `ramp`: the vector 0, 1, 2, ... of i32.
 * - `variable`: a loop counter (i32) or a name bound by `let`; `value` is its number, unique within the kernel.
 * - `load`: args [index] or [index, mask]; the result is 0 where the mask is false (the address is then not touched). A vector from a scalar index
 *   has consecutive elements, from a vector index it is a gather. Its dtype is the buffer's, except that u8 loads as u32.
 * - `splat`: scalar to vector. `lane`: element `value` of a vector. `fold`: args [x], the lanes combined: neighbours by pairs, then the results by
 *   pairs, until one is left, as (l0 ∘ l1) ∘ (l2 ∘ l3); `fold` says by what.
 * - `select`: args [condition, a, b], both evaluated. `fma`: a·b + c, fused where the machine can.
 * - `cast`: to dtype; float to integer truncates and saturates (NaN gives 0); to bool is ≠ 0; to u8 wraps. `bitcast`: f32 ↔ i32 ↔ u32.
 * - integer `div` and `rem` truncate toward zero, by zero give 0; `shr` is arithmetic for i32, logical for u32; shift counts are mod 32.
 * - `scale`: a·2^⌊b⌋ of floats, rounded once; only for machines that have it as an instruction.
 * - float `min` and `max` return NaN if either operand is NaN. `and`, `or`, `xor`, `not` work on integers and bools.
 */
export type Expr =
  | Node<"const" | "ramp" | "variable", readonly Expr[]>
  | Load
  | Node<"splat" | "lane" | "fold" | "cast" | "bitcast" | UnaryOp, readonly [Expr, ...none: never[]]>
  | Node<BinaryOp | CompareOp, readonly [Expr, Expr, ...none: never[]]>
  | Node<"select" | "fma", readonly [Expr, Expr, Expr, ...none: never[]]>;

/** The element of a buffer at an index, and 0 where the mask is false. */
export type Load = Node<"load", readonly [index: Expr, ...mask: Expr[]]>;

/** Expressions of some operations with operands `Args`. The types are open at the end so that an operand can be read whatever the operation is. */
export interface Node<Op, Args extends readonly Expr[]> {
  readonly op: Op;
  readonly dtype: Dtype;
  /**
   * 1 for a scalar, more for a vector: a power of two. A vector's elements are numbers of four bytes, f64, or the booleans of comparisons; u8 and bool buffers widen on
   * load. Which lengths there are is the target's business (`target.ts`).
   */
  readonly lanes: number;
  readonly args: Args;
  readonly value: number;
  /** For `fold` only. */
  readonly fold?: "add" | "mul" | "min" | "max" | undefined;
  /** Creation number: operands precede results. */
  readonly id: number;
}

/** A statement. */
export type Stmt =
  /**
   * `variable` takes the values from, from + step, ... while < to.
   *
   * - `parallel: true`: iterations may run in any order and at the same time, also beside those of other parallel loops of the block. None reads what another
   *   writes.
   * - `parallel: "inside"`: iterations run in order (parts of a sum that are added to results in memory), but each iteration of a parallel loop inside reads only
   *   what the same iteration of that loop wrote before.
   * - `within: [low, high]`: iterations for which low <= variable < high does not hold are left out. Such a loop starts at 0, has step 1 and is not parallel.
   * - `joins`: the loop stands in a pass over rows, where the pass `fuse-loops` may fuse it with another.
   */
  | {
      readonly kind: "for";
      readonly variable: Expr;
      readonly from: number;
      readonly to: number;
      readonly step: number;
      readonly parallel?: boolean | "inside" | undefined;
      readonly within?: readonly [low: Expr, high: Expr] | undefined;
      readonly joins?: boolean | undefined;
      readonly body: readonly Stmt[];
    }
  /** Binds a variable for the rest of the enclosing block; it may be changed by `set`. */
  | { readonly kind: "let"; readonly variable: Expr; readonly value: Expr }
  | { readonly kind: "set"; readonly variable: Expr; readonly value: Expr }
  /**
   * A vector value is stored in consecutive elements from a scalar index, or lane by lane, in order, with a vector index. Where `mask`, which has as many lanes as the
   * value, is false, nothing is stored.
   */
  | { readonly kind: "store"; readonly buffer: number; readonly index: Expr; readonly value: Expr; readonly mask?: Expr | undefined }
  | { readonly kind: "if"; readonly condition: Expr; readonly then: readonly Stmt[]; readonly otherwise: readonly Stmt[] };

/** A loop statement. */
export type Loop = Extract<Stmt, { kind: "for" }>;

/** A buffer argument of a kernel. */
export interface Buffer {
  readonly dtype: Dtype;
  /** In elements. */
  readonly length: number;
  /**
   * True if the kernel writes it. Two buffers of a call may be the same memory only if every element that a loop overwrites is read by the iteration that
   * overwrites it, and by no later one.
   */
  readonly written: boolean;
}

/** A loop nest over buffers. `name` is for people and is not part of what it computes. */
export interface Kernel {
  readonly name: string;
  readonly buffers: readonly Buffer[];
  readonly body: readonly Stmt[];
}

/**
 * Where an argument lives: byte `offset` from the base address in slot `binding` of the program's binding table, plus, for each enclosing
 * loop step (outermost first), its current iteration times `strides[depth]` bytes.
 */
export interface Address {
  readonly binding: number;
  readonly offset: number;
  readonly strides?: readonly number[];
}

/** Work that is not written as a loop nest (a decomposition, a sort): a function on typed arrays over the arena. */
export interface HostCall {
  readonly name: string;
  readonly buffers: readonly Buffer[];
  run(views: readonly TypedArray[]): void;
}

/** What a program does, in order. */
export type Step =
  | { readonly kind: "host"; readonly host: number; readonly args: readonly Address[] }
  | { readonly kind: "call"; readonly kernel: number; readonly args: readonly Address[] }
  | { readonly kind: "copy"; readonly from: Address; readonly to: Address; readonly bytes: number }
  /** Runs `body` for iteration 0 .. length-1, or length-1 .. 0 when `reverse`. */
  | { readonly kind: "loop"; readonly length: number; readonly reverse: boolean; readonly body: readonly Step[] }
  /** Runs `test`, which writes the bool byte at `predicate`, then `body` if it is 1, and again. */
  | { readonly kind: "while"; readonly predicate: Address; readonly test: readonly Step[]; readonly body: readonly Step[] }
  /** `predicate` is the address of one bool byte. */
  | { readonly kind: "branch"; readonly predicate: Address; readonly then: readonly Step[]; readonly otherwise: readonly Step[] };

/** Kernels and the calls of them that make one run. Base addresses come from a table of `bindings` u32 words, set before the run. */
export interface Program {
  readonly kernels: readonly Kernel[];
  /** What `host` steps call. */
  readonly hosts?: readonly HostCall[];
  readonly steps: readonly Step[];
  readonly bindings: number;
}
