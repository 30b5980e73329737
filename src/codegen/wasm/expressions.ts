/**
 * @file Emits expressions. An expression leaves its value on the stack; one that its statement uses twice is kept in a local after
 * the first use. Scalar bools are 0 or 1, vector bools are masks, u8 values are i32 below 256.
 */
import type { Dtype } from "../../base/dtype.ts";
import { constantOf } from "../../kernel/build.ts";
import type { Expr, Load } from "../../kernel/kernel.ts";
import { eachExpr } from "../../kernel/walk.ts";
import { CONVERT, SCALAR, SIMD, VECTOR, VECTOR_CONVERT, VECTOR_SHIFT } from "./instructions.ts";
import { type Code, type FunctionBuilder, V128, type ValueType } from "./module.ts";
import { ScalarOperators, scalarType } from "./operators.ts";

export function typeOf(x: Expr): ValueType {
  return x.lanes === 4 ? V128 : scalarType(x.dtype);
}

/** The bytes of a value of four bytes, little-endian. */
function wordBytes(value: number, dtype: Dtype): number[] {
  const view = new DataView(new ArrayBuffer(4));
  if (dtype === "f32") view.setFloat32(0, value, true);
  else view.setInt32(0, value | 0, true);
  return [0, 1, 2, 3].map((i) => view.getUint8(i));
}

function doubleBytes(value: number): number[] {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value, true);
  return Array.from({ length: 8 }, (_, i) => view.getUint8(i));
}

/** What the emitter of expressions needs from others: `generate.ts` emits variables, `memory.ts` emits loads. */
export interface Surroundings {
  readonly code: FunctionBuilder;
  readonly relaxed: boolean;
  /** Returns true if the code being emitted is inside a loop. */
  readonly inLoop: () => boolean;
  readonly variable: (x: Expr) => void;
  readonly load: (x: Load) => void;
  /** Emits `x` as a load with splat in one instruction, if there is one; returns false otherwise. */
  readonly loadSplat: (x: Expr) => boolean;
  /** The function index of a host function. */
  readonly host: (name: string) => number;
}

/** Emits the expressions of one function. */
export class Expressions {
  private readonly code: FunctionBuilder;
  private readonly around: Surroundings;
  private readonly operators: ScalarOperators;
  private uses: Map<Expr, number> = new Map();
  private kept: Map<Expr, number> = new Map();
  /** Vector constants by their bytes. Their locals are set at the start of the function. */
  private readonly constants: Map<string, { readonly local: number; readonly bytes: readonly number[] }> = new Map();

  constructor(around: Surroundings) {
    this.code = around.code;
    this.around = around;
    this.operators = new ScalarOperators(around.code, around.host);
  }

  /** Runs `body`, inside which `roots` are evaluated, each node once. Statements nest: an `if` contains others. */
  statement(roots: readonly Expr[], body: () => void): void {
    const outer = { uses: this.uses, kept: this.kept };
    this.uses = new Map();
    this.kept = new Map();
    const count = (x: Expr): void => {
      this.uses.set(x, (this.uses.get(x) ?? 0) + 1);
    };
    roots.forEach(count);
    eachExpr(roots, (x) => x.args.forEach(count));
    body();
    for (const local of this.kept.values()) this.code.release(local);
    this.uses = outer.uses;
    this.kept = outer.kept;
  }

  isShared(x: Expr): boolean {
    return (this.uses.get(x) ?? 0) > 1;
  }

  /** Code that sets the constants used in loops, for the start of the function. */
  prologue(): Code {
    return this.code.capture(() => {
      for (const { local, bytes } of this.constants.values()) {
        this.code.simd(SIMD.const);
        this.code.emit(...bytes);
        this.code.set(local);
      }
    });
  }

  /** Puts the value of `x` on the stack. */
  emit(x: Expr): void {
    const local = this.kept.get(x);
    if (local !== undefined) {
      this.code.get(local);
      return;
    }
    this.compute(x);
    if (!this.isShared(x) || x.op === "variable" || constantOf(x) !== undefined) return;
    const fresh = this.code.take(typeOf(x));
    this.code.tee(fresh);
    this.kept.set(x, fresh);
  }

  /** Calls `body` with a local that holds the value of `x`. */
  inLocal(x: Expr, body: (local: number) => void): void {
    this.emit(x);
    this.code.inLocal(typeOf(x), body);
  }

  /** Emits the operation of `x`, without looking for a kept value. */
  private compute(x: Expr): void {
    switch (x.op) {
      case "const":
      case "ramp":
      case "variable":
        this.leaf(x);
        return;
      case "load":
        this.around.load(x);
        return;
      case "splat":
        this.splat(x.args[0]);
        return;
      case "lane":
        this.emit(x.args[0]);
        this.extract(x.dtype, x.value);
        return;
      case "fold":
        this.fold(x, x.args[0]);
        return;
      case "select":
        this.select(x, x.args[0], x.args[1], x.args[2]);
        return;
      case "fma":
        this.fma(x, x.args[0], x.args[1], x.args[2]);
        return;
      case "cast":
        if (x.lanes === 4) this.castVector(x.args[0], x.dtype);
        else this.castScalar(x.args[0], x.dtype);
        return;
      case "bitcast":
        this.bitcast(x, x.args[0]);
        return;
      default:
        this.operation(x);
    }
  }

  // Leaves

  private leaf(x: Expr): void {
    if (x.op === "const") this.constant(x);
    else if (x.op === "ramp") this.vectorConstant([0, 1, 2, 3].flatMap((n) => wordBytes(n, "i32")));
    else this.around.variable(x);
  }

  /** Emits a scalar constant. */
  private constant(x: Expr): void {
    if (x.dtype === "f32") {
      this.code.emit(0x43, ...wordBytes(x.value, "f32"));
      return;
    }
    if (x.dtype === "f64") {
      this.code.emit(0x44, ...doubleBytes(x.value));
      return;
    }
    this.code.i32(x.value);
  }

  /** Emits a vector of equal elements. */
  private splat(x: Expr): void {
    if (x.op === "const") {
      const bytes = wordBytes(x.dtype === "bool" ? -x.value : x.value, x.dtype);
      this.vectorConstant([...bytes, ...bytes, ...bytes, ...bytes]);
      return;
    }
    if (!this.kept.has(x) && !this.isShared(x) && this.around.loadSplat(x)) return;
    if (x.dtype === "bool") this.code.i32(0);
    this.emit(x);
    if (x.dtype === "bool") this.code.emit(SCALAR["sub i32"]!);
    this.code.simd(x.dtype === "f32" ? SIMD.f32x4Splat : SIMD.i32x4Splat);
  }

  /** V8 materializes a v128.const again at every use, so in loops it comes from a local. */
  vectorConstant(bytes: readonly number[]): void {
    if (!this.around.inLoop()) {
      this.code.simd(SIMD.const);
      this.code.emit(...bytes);
      return;
    }
    const key = bytes.join(" ");
    let known = this.constants.get(key);
    if (!known) {
      known = { local: this.code.newLocal(V128), bytes };
      this.constants.set(key, known);
    }
    this.code.get(known.local);
  }

  // Lanes

  /** Replaces the vector on the stack by one of its lanes. */
  extract(dtype: Dtype, i: number): void {
    this.code.simd(dtype === "f32" ? SIMD.f32x4ExtractLane : SIMD.i32x4ExtractLane);
    this.code.emit(i);
    if (dtype !== "bool") return;
    this.code.i32(1);
    this.code.emit(SCALAR["and i32"]!);
  }

  /** Builds a vector from four scalars; `lane(i)` puts scalar i on the stack. */
  assemble(dtype: Dtype, lane: (i: number) => void): void {
    const float = dtype === "f32";
    for (let i = 0; i < 4; i++) {
      if (dtype === "bool") this.code.i32(0);
      lane(i);
      if (dtype === "bool") this.code.emit(SCALAR["sub i32"]!);
      if (i === 0) this.code.simd(float ? SIMD.f32x4Splat : SIMD.i32x4Splat);
      else this.code.simd(float ? SIMD.f32x4ReplaceLane : SIMD.i32x4ReplaceLane);
      if (i > 0) this.code.emit(i);
    }
  }

  /** (l0 ∘ l1) ∘ (l2 ∘ l3): one vector operation on neighbours, one scalar operation. */
  private fold(x: Expr, a: Expr): void {
    const op = x.fold!;
    this.inLocal(a, (v) => {
      this.code.get(v);
      this.code.get(v);
      this.code.get(v);
      this.code.simd(SIMD.shuffle);
      for (const from of [1, 0, 3, 2]) this.code.emit(4 * from, 4 * from + 1, 4 * from + 2, 4 * from + 3);
      this.code.simd(VECTOR[`${op} ${x.dtype}`]!);
    });
    this.code.inLocal(V128, (v) => {
      for (const i of [0, 2]) {
        this.code.get(v);
        this.extract(x.dtype, i);
      }
    });
    this.operators.apply(op, x.dtype);
  }

  // Operators

  private operation(x: Expr): void {
    const [a, b] = x.args;
    if (!a) throw new Error(`internal: ${x.op} has no operand`);
    const key = `${x.op} ${a.dtype}`;
    if (x.lanes === 4 && (x.op === "min" || x.op === "max") && this.limit(x, x.args[0], x.args[1])) return;
    const shift = x.lanes === 4 && b?.op === "splat" ? VECTOR_SHIFT[key] : undefined;
    const direct = VECTOR[key];
    if (shift !== undefined && b) {
      // Vector shifts take one scalar count, the operand of the splat.
      this.emit(a);
      this.emit(b.args[0]!);
      this.code.simd(shift);
    } else if (x.lanes === 4 && direct === undefined) {
      this.laneByLane(x);
    } else {
      for (const arg of x.args) this.emit(arg);
      if (x.lanes === 4) this.code.simd(direct!);
      else this.scalar(x);
    }
  }

  /** The scalar operator of `x` on the stack; integer division by a known divisor needs no guards. */
  private scalar(x: Expr): void {
    const { dtype } = x.args[0]!;
    const divisor = x.op === "div" || x.op === "rem" ? constantOf(x.args[1]!) : undefined;
    const safe = divisor !== undefined && divisor !== 0 && divisor !== -1 && (dtype === "i32" || dtype === "u32");
    if (safe && (x.op === "div" || x.op === "rem")) this.operators.divide(x.op, dtype);
    else this.operators.apply(x.op, dtype);
  }

  /** Emits an operator without a vector instruction, lane by lane. */
  private laneByLane(x: Expr): void {
    const locals = x.args.map((arg) => {
      this.emit(arg);
      const local = this.code.take(V128);
      this.code.set(local);
      return local;
    });
    this.assemble(x.dtype, (i) => {
      for (const [n, arg] of x.args.entries()) {
        this.code.get(locals[n]!);
        this.extract(arg.dtype, i);
      }
      this.scalar(x);
    });
    for (const local of locals) this.code.release(local);
  }

  /**
   * Emits min or max with a constant that is not NaN by pmin(x, c) or pmax(x, c), and returns true. f32x4.min and max take seven instructions of x86 to order
   * zeros and keep NaN; pmin and pmax take one and return x if x is NaN. They differ only in max(-0, 0), which adding 0 repairs.
   */
  private limit(x: Expr, a: Expr, b: Expr): boolean {
    const c = constantOf(b);
    if (x.dtype !== "f32" || c === undefined || Number.isNaN(c) || Object.is(c, -0)) return false;
    this.emit(a);
    this.emit(b);
    this.code.simd(x.op === "min" ? SIMD.f32x4Pmin : SIMD.f32x4Pmax);
    if (x.op === "max" && c === 0) {
      this.emit(b);
      this.code.simd(SIMD.f32x4Add);
    }
    return true;
  }

  /** Emits a·b + c: by the relaxed instruction for vectors if it is allowed, otherwise by a multiplication and an addition. */
  private fma(x: Expr, a: Expr, b: Expr, c: Expr): void {
    this.emit(a);
    this.emit(b);
    if (x.lanes === 4 && this.around.relaxed) {
      this.emit(c);
      this.code.simd(SIMD.f32x4RelaxedMadd);
      return;
    }
    const table = x.lanes === 4 ? VECTOR : SCALAR;
    for (const op of ["mul", "add"]) {
      if (op === "add") this.emit(c);
      const opcode = table[`${op} ${x.dtype}`]!;
      if (x.lanes === 4) this.code.simd(opcode);
      else this.code.emit(opcode);
    }
  }

  // Choice

  private select(x: Expr, condition: Expr, a: Expr, b: Expr): void {
    if (x.lanes === 4 && this.selectLimit(x, condition, a, b)) return;
    if (x.lanes === 4 && condition.op !== "splat" && this.selectOrZero(condition, a, b)) return;
    this.emit(a);
    this.emit(b);
    if (x.lanes === 1) {
      this.emit(condition);
      this.code.emit(0x1b);
      return;
    }
    if (condition.op === "splat") {
      this.emit(condition.args[0]!);
      this.code.emit(0x1c, 1, V128);
      return;
    }
    this.emit(condition);
    // The lanes of a mask are all ones or all zeros, for which both instructions agree; the relaxed one is a single blend on x86.
    this.code.simd(this.around.relaxed ? SIMD.i32x4RelaxedLaneselect : SIMD.bitselect);
  }

  /** Emits a choice between a value and 0 as an "and" with the mask. */
  private selectOrZero(condition: Expr, a: Expr, b: Expr): boolean {
    const zeroElse = Object.is(constantOf(b), 0);
    if (!zeroElse && !Object.is(constantOf(a), 0)) return false;
    this.emit(zeroElse ? a : b);
    this.emit(condition);
    this.code.simd(zeroElse ? SIMD.and : SIMD.andnot);
    return true;
  }

  /** p < q ? p : q is pmin(q, p); p < q ? q : p is pmax(p, q). */
  private selectLimit(x: Expr, condition: Expr, a: Expr, b: Expr): boolean {
    if (x.dtype !== "f32" || condition.op !== "lt") return false;
    const [p, q] = condition.args;
    const minimum = a === p && b === q;
    if (!minimum && !(a === q && b === p)) return false;
    this.emit(minimum ? q : p);
    this.emit(minimum ? p : q);
    this.code.simd(minimum ? SIMD.f32x4Pmin : SIMD.f32x4Pmax);
    return true;
  }

  // Conversions

  private castScalar(a: Expr, to: Dtype): void {
    this.emit(a);
    const opcode = CONVERT[`${a.dtype} ${to}`];
    if (opcode) {
      this.code.emit(...opcode);
      return;
    }
    if (to !== "u8" || a.dtype === "bool") return;
    this.code.i32(255);
    this.code.emit(SCALAR["and i32"]!);
  }

  /** The bits of a vector have no type in WebAssembly, so nothing is emitted for vectors. */
  private bitcast(x: Expr, from: Expr): void {
    this.emit(from);
    if (x.lanes === 1 && from.dtype === "f32") this.code.emit(0xbc);
    if (x.lanes === 1 && x.dtype === "f32") this.code.emit(0xbe);
  }

  /** Emits the conversion of a vector. */
  private castVector(a: Expr, to: Dtype): void {
    this.emit(a);
    const opcode = VECTOR_CONVERT[`${a.dtype} ${to}`];
    if (opcode !== undefined) {
      this.code.simd(opcode);
      return;
    }
    if (a.dtype === "bool" && to !== "f32") {
      this.code.simd(SIMD.i32x4Neg);
      return;
    }
    const mask = a.dtype === "bool" ? wordBytes(1, "f32") : to === "u8" ? wordBytes(255, "i32") : undefined;
    if (!mask) return;
    this.vectorConstant([...mask, ...mask, ...mask, ...mask]);
    this.code.simd(SIMD.and);
  }
}
