/**
 * @file Emits scalar operators that take several instructions or a call. Their operands are on the stack already.
 */
import { type Dtype, isFloat } from "../../base/dtype.ts";
import { HOST, hostArity } from "../../kernel/scalar.ts";
import { CONVERT, SCALAR } from "./instructions.ts";
import { F32, F64, type FunctionBuilder, I32, type ValueType } from "./module.ts";

/** The WebAssembly type of a scalar. */
export function scalarType(dtype: Dtype): ValueType {
  if (dtype === "f32") return F32;
  return dtype === "f64" ? F64 : I32;
}

/** Returns true if an operator on a dtype is a call to the host. */
export function callsHost(op: string, dtype: Dtype): boolean {
  return isFloat(dtype) && Object.hasOwn(HOST, op) && SCALAR[`${op} ${dtype}`] === undefined;
}

/** Emits the scalar operators of one function. */
export class ScalarOperators {
  private readonly code: FunctionBuilder;
  private readonly host: (name: string) => number;

  /** `host` gives the function index of a host function. */
  constructor(code: FunctionBuilder, host: (name: string) => number) {
    this.code = code;
    this.host = host;
  }

  /** Replaces the operands on the stack by the result. */
  apply(op: string, dtype: Dtype): void {
    const direct = SCALAR[`${op} ${dtype}`];
    if (direct !== undefined) this.code.emit(direct);
    else if (dtype === "f32" || dtype === "f64") this.throughHost(op, dtype, hostArity(op));
    else if (op === "neg" || op === "not" || op === "abs") this.code.inLocal(I32, (x) => this.integerUnary(op, dtype, x));
    else this.code.inLocal(I32, (b) => this.code.inLocal(I32, (a) => this.integerBinary(op, dtype, [a, b])));
  }

  /** Emits a binary integer operator; its operands are in locals a and b. */
  private integerBinary(op: string, dtype: Dtype, [a, b]: readonly [number, number]): void {
    if (op === "div" || op === "rem") {
      this.guardedDivision(op, dtype, [a, b]);
      return;
    }
    const code = this.code;
    for (const local of [a, b, a, b]) code.get(local);
    code.emit(SCALAR[`lt ${dtype}`]!);
    if (op === "max") code.emit(SCALAR["not bool"]!);
    code.emit(0x1b);
  }

  /** Division by a divisor that is neither 0 nor -1: one instruction. */
  divide(op: "div" | "rem", dtype: Dtype): void {
    this.code.emit((op === "div" ? 0x6d : 0x6f) + (dtype === "i32" ? 0 : 1));
  }

  /** Division with guards: WebAssembly traps on division by zero and on -2³¹/-1, where the kernel language gives 0 and -2³¹. */
  private guardedDivision(op: "div" | "rem", dtype: Dtype, [a, b]: readonly [number, number]): void {
    const code = this.code;
    const divide = (): void => {
      code.get(a);
      code.get(b);
      this.divide(op, dtype);
    };
    const guardOverflow = (): void => {
      code.get(b);
      code.i32(-1);
      code.emit(SCALAR["eq i32"]!);
      code.ifElse(I32, () => this.negate(a), divide);
    };
    code.get(b);
    code.ifElse(I32, op === "div" && dtype === "i32" ? guardOverflow : divide, () => code.i32(0));
  }

  private negate(x: number): void {
    this.code.i32(0);
    this.code.get(x);
    this.code.emit(SCALAR["sub i32"]!);
  }

  /** Emits a unary integer operator; its operand is in local x. */
  private integerUnary(op: string, dtype: Dtype, x: number): void {
    const code = this.code;
    if (op === "neg") {
      this.negate(x);
      return;
    }
    code.get(x);
    if (op === "not") {
      code.i32(-1);
      code.emit(SCALAR["xor i32"]!);
    } else if (dtype === "i32") {
      this.withSign("xor i32", x);
      this.withSign("sub i32", x);
    }
  }

  /** Combines the stack with x >> 31; |x| is (x ^ sign) - sign. */
  private withSign(op: string, x: number): void {
    this.code.get(x);
    this.code.i32(31);
    this.code.emit(SCALAR["shr i32"]!, SCALAR[op]!);
  }

  /** Calls a host function, in double precision. */
  private throughHost(op: string, dtype: Dtype, arity: number): void {
    const widen = (): void => {
      if (dtype === "f32") this.code.emit(...CONVERT["f32 f64"]!);
    };
    if (arity === 2) {
      this.code.inLocal(scalarType(dtype), (b) => {
        widen();
        this.code.get(b);
      });
    }
    widen();
    this.code.call(this.host(op));
    if (dtype === "f32") this.code.emit(...CONVERT["f64 f32"]!);
  }
}
