/** @file Operations on integers and bools: scalars in general registers, vectors, and vectors of bools in masks. */
import { constantOf } from "../../kernel/build.ts";
import type { Expr } from "../../kernel/kernel.ts";
import type { Emitter, Source } from "./extension.ts";
import { lengthOf } from "./values.ts";

/** Scalar instructions of two operands. */
const SCALAR: Readonly<Record<string, string>> = { add: "add", sub: "sub", mul: "imul", and: "and", or: "or", xor: "xor" };
const SHIFT: Readonly<Record<string, readonly [byConstant: string, byCount: string]>> = {
  "shl i32": ["shl", "shlx"],
  "shl u32": ["shl", "shlx"],
  "shr i32": ["sar", "sarx"],
  "shr u32": ["shr", "shrx"],
};
const CONDITION: Readonly<Record<string, string>> = {
  "eq i32": "e",
  "ne i32": "ne",
  "lt i32": "l",
  "le i32": "le",
  "eq u32": "e",
  "ne u32": "ne",
  "lt u32": "b",
  "le u32": "be",
};

const VECTOR: Readonly<Record<string, string>> = {
  "add i32": "vpaddd",
  "sub i32": "vpsubd",
  "mul i32": "vpmulld",
  "min i32": "vpminsd",
  "max i32": "vpmaxsd",
  "min u32": "vpminud",
  "max u32": "vpmaxud",
  "and i32": "vpandd",
  "or i32": "vpord",
  "xor i32": "vpxord",
};
const VECTOR_SHIFT: Readonly<Record<string, readonly [byConstant: string, byCounts: string]>> = {
  "shl i32": ["vpslld", "vpsllvd"],
  "shl u32": ["vpslld", "vpsllvd"],
  "shr i32": ["vpsrad", "vpsravd"],
  "shr u32": ["vpsrld", "vpsrlvd"],
};

/** u8 and bool scalars are small numbers. */
const signed = (dtype: string): "i32" | "u32" => (dtype === "u32" ? "u32" : "i32");

export class Integers {
  readonly #on: Emitter;

  constructor(on: Emitter) {
    this.#on = on;
  }

  // Scalars

  scalar(x: Expr): number {
    const [a, b] = x.args as readonly [Expr, Expr | undefined];
    const condition = CONDITION[`${x.op} ${signed(a.dtype)}`];
    if (condition && b) return this.#compare(condition, a, b);
    if (!b) return this.#unary(x, a);
    if (x.op === "div" || x.op === "rem") return this.#divide(x, a, b);
    if (x.op === "min" || x.op === "max") return this.#limit(x, a, b);
    const shift = SHIFT[`${x.op} ${signed(x.dtype)}`];
    if (shift) return this.#shift(shift, a, b);
    return this.#binary(SCALAR[x.op]!, a, b);
  }

  #binary(name: string, a: Expr, b: Expr): number {
    const immediate = constantOf(b);
    if (name === "imul" && immediate !== undefined) return this.#on.make("g", "imul.imm", [this.#on.emit(a)], { immediate: immediate | 0 });
    const result = this.#on.copied(this.#on.emit(a));
    if (immediate !== undefined) this.#on.code.emit(`${name}.imm`, [result], { immediate: immediate | 0 });
    else this.#on.code.emit(name, [result, this.#on.emit(b)]);
    return result;
  }

  #shift([byConstant, byCount]: readonly [string, string], a: Expr, b: Expr): number {
    const count = constantOf(b);
    if (count === undefined) {
      const value = this.#on.emit(a);
      return this.#on.make("g", byCount, [value, this.#on.emit(b)]);
    }
    const result = this.#on.copied(this.#on.emit(a));
    if ((count & 31) !== 0) this.#on.code.emit(byConstant, [result], { immediate: count & 31 });
    return result;
  }

  #unary(x: Expr, a: Expr): number {
    const value = this.#on.emit(a);
    if (x.op === "not" && x.dtype === "bool") return this.#changed("xor.imm", value, 1);
    if (x.op === "neg" || x.op === "not") return this.#changed(x.op, value);
    if (x.op !== "abs" || signed(x.dtype) === "u32") return value;
    const negative = this.#changed("neg", value);
    const result = this.#on.copied(value);
    this.#on.code.emit("cmp.imm", [value], { immediate: 0 });
    this.#on.code.emit("cmovl", [result, negative]);
    return result;
  }

  #changed(name: string, value: number, immediate?: number): number {
    const result = this.#on.copied(value);
    this.#on.code.emit(name, [result], immediate === undefined ? {} : { immediate });
    return result;
  }

  /** Sets the flags to how two scalars compare; gives the condition under which the comparison holds. */
  flags(condition: string, a: Expr, b: Expr): string {
    const value = this.#on.emit(a);
    const immediate = constantOf(b);
    if (immediate !== undefined) this.#on.code.emit("cmp.imm", [value], { immediate: immediate | 0 });
    else this.#on.code.emit("cmp", [value, this.#on.emit(b)]);
    return condition;
  }

  #compare(condition: string, a: Expr, b: Expr): number {
    const held = this.flags(condition, a, b);
    const byte = this.#on.make("g", `set${held}`, []);
    return this.#on.make("g", "movzx", [byte]);
  }

  #limit(x: Expr, a: Expr, b: Expr): number {
    const first = this.#on.emit(a);
    const second = this.#on.emit(b);
    const result = this.#on.copied(first);
    const less = signed(x.dtype) === "u32" ? "b" : "l";
    const greater = signed(x.dtype) === "u32" ? "a" : "g";
    this.#on.code.emit("cmp", [second, first]);
    this.#on.code.emit(`cmov${x.op === "min" ? less : greater}`, [result, second]);
    return result;
  }

  /** A quotient of two integers of 32 bits is that of doubles, truncated: it is exact where it matters. By zero it is 0. */
  #divide(x: Expr, a: Expr, b: Expr): number {
    const unsigned = signed(x.dtype) === "u32";
    const zero = this.#on.number(0, "f64");
    // A u32 is the lower half of a longer integer.
    const convert = unsigned ? "vcvtsi2sd.q" : "vcvtsi2sd";
    const [dividend, divisor] = [this.#on.emit(a), this.#on.emit(b)];
    const wide = [dividend, divisor].map((value) => this.#on.make("v", convert, [zero, value]));
    const quotient = this.#on.make("v", "vdivsd", [wide[0]!, wide[1]!]);
    let result = this.#on.make("g", unsigned ? "vcvttsd2si.q" : "vcvttsd2si", [quotient]);
    if (x.op === "rem") {
      const product = this.#on.copied(result);
      this.#on.code.emit("imul", [product, divisor]);
      result = this.#on.copied(dividend);
      this.#on.code.emit("sub", [result, product]);
    }
    if (constantOf(b)) return result;
    const none = this.#on.make("g", "mov.imm", [], { immediate: 0 });
    this.#on.code.emit("cmp.imm", [divisor], { immediate: 0 });
    this.#on.code.emit("cmove", [result, none]);
    return result;
  }

  select(condition: Expr, a: Expr, b: Expr): number {
    const test = this.#on.emit(condition);
    const yes = this.#on.emit(a);
    const result = this.#on.copied(this.#on.emit(b));
    this.#on.code.emit("test", [test, test]);
    this.#on.code.emit("cmovne", [result, yes]);
    return result;
  }

  // Vectors

  lanes(x: Expr): number {
    const [a, b] = x.args as readonly [Expr, Expr | undefined];
    const length = lengthOf(x);
    if (!b) return this.#vectorUnary(x, a, length);
    if (x.op === "div" || x.op === "rem") return this.#divideLanes(x, a, b);
    const shift = VECTOR_SHIFT[`${x.op} ${signed(x.dtype)}`];
    if (shift) return this.#vectorShift(shift, a, b, length);
    const value = this.#on.emit(a);
    return this.vector(x.op, x, value, this.#on.source(b));
  }

  /** An operation on two vectors of integers. */
  vector(op: string, like: Expr, a: number, { operand, broadcast }: Source): number {
    const name = VECTOR[`${op} ${signed(like.dtype)}`] ?? VECTOR[`${op} i32`];
    if (!name) throw new Error(`internal: x64 has no ${op} of vectors of ${like.dtype}`);
    return this.#on.make("v", name, [a, operand], { length: lengthOf(like), broadcast });
  }

  #vectorUnary(x: Expr, a: Expr, length: number): number {
    const value = this.#on.emit(a);
    if (x.op === "neg") return this.#on.make("v", "vpsubd", [this.#on.number(0, "i32"), value], { length });
    if (x.op === "not") return this.#on.make("v", "vpxord", [value, this.#on.number(-1, "i32")], { length });
    return x.op === "abs" && x.dtype === "i32" ? this.#on.make("v", "vpabsd", [value], { length }) : value;
  }

  #vectorShift([byConstant, byCounts]: readonly [string, string], a: Expr, b: Expr, length: number): number {
    const value = this.#on.emit(a);
    const count = constantOf(b);
    if (count !== undefined) return this.#on.make("v", byConstant, [value], { length, immediate: count & 31 });
    const counts = this.#on.make("v", "vpandd", [this.#on.emit(b), this.#on.number(31, "i32")], { length });
    return this.#on.make("v", byCounts, [value, counts], { length });
  }

  /** As for scalars, in doubles: a full vector by halves. */
  #divideLanes(x: Expr, a: Expr, b: Expr): number {
    const [dividend, divisor] = [this.#on.emit(a), this.#on.emit(b)];
    const length = lengthOf(x);
    const { bytes } = this.#on;
    const halves = x.lanes > bytes / 8 ? [0, 1] : [0];
    const parts = halves.map((half) => this.#quotient(x, this.#half(dividend, half), this.#half(divisor, half)));
    let result =
      parts.length === 1 ? parts[0]! : this.#on.make("v", "vinserti64x4", [parts[0]!, parts[1]!], { length: bytes, immediate: 1 });
    if (x.op === "rem") {
      const product = this.#on.make("v", "vpmulld", [result, divisor], { length });
      result = this.#on.make("v", "vpsubd", [dividend, product], { length });
    }
    if (constantOf(b)) return result;
    return this.#on.extension.zeroed(x, this.#on.extension.nonZero(x.lanes, divisor), result);
  }

  #half(value: number, half: number): number {
    return half === 0 ? value : this.#on.make("v", "vextracti64x4", [value], { length: this.#on.bytes, immediate: 1 });
  }

  /** Of as many lanes as there are in a vector of doubles. */
  #quotient(x: Expr, a: number, b: number): number {
    const unsigned = signed(x.dtype) === "u32";
    const { extension, bytes } = this.#on;
    const length = Math.min(bytes, Math.max(16, 8 * x.lanes));
    const wide = [a, b].map((value) =>
      unsigned ? extension.fromUnsigned("f64", value, length) : this.#on.make("v", "vcvtdq2pd", [value], { length }),
    );
    const quotient = this.#on.make("v", "vdivpd", [wide[0]!, wide[1]!], { length });
    return unsigned ? extension.toInteger(quotient, "f64", "u32", length) : this.#on.make("v", "vcvttpd2dq", [quotient], { length });
  }

  // Vectors of bools

  masks(x: Expr): number {
    const [a, b] = x.args.map((arg) => this.#on.emit(arg)) as [number, number];
    const { extension } = this.#on;
    const { lanes } = x.args[0]!;
    const not = (mask: number): number => extension.not(mask, lanes);
    switch (x.op) {
      case "not":
        return not(a);
      case "and":
        return extension.logic("and", a, b, lanes);
      case "or":
        return extension.logic("or", a, b, lanes);
      case "xor":
      case "ne":
        return extension.logic("xor", a, b, lanes);
      case "eq":
        return not(extension.logic("xor", a, b, lanes));
      case "lt":
        return extension.logic("andnot", a, b, lanes);
      case "le":
        return extension.logic("or", not(a), b, lanes);
      default:
        throw new Error(`internal: x64 has no ${x.op} of vectors of bools`);
    }
  }
}
