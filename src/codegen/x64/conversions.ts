/** @file Conversions between dtypes. Floats become integers by truncation, saturated, NaN as 0: the instructions give one value for all that does not fit. */
import { type Dtype, isFloat } from "../../base/dtype.ts";
import type { Expr } from "../../kernel/kernel.ts";
import type { Expressions } from "./expressions.ts";
import { kindOf, lengthOf } from "./values.ts";

const ORDERED = 7;
const AT_LEAST = 29;
const ABOVE = 30;
const NOT_EQUAL = 4;

export class Conversions {
  readonly #on: Expressions;

  constructor(on: Expressions) {
    this.#on = on;
  }

  bitcast(x: Expr, a: Expr): number {
    const value = this.#on.emit(a);
    const [from, to] = [kindOf(a), kindOf(x)];
    if (from === to) return value;
    return this.#on.make(to, to === "v" ? "vmovd.from" : "vmovd.to", [value]);
  }

  cast(x: Expr, a: Expr): number {
    if (x.dtype === a.dtype) return this.#on.emit(a);
    return x.lanes > 1 ? this.#vector(x, a) : this.#scalar(a, x.dtype);
  }

  #scalar(a: Expr, to: Dtype): number {
    const value = this.#on.emit(a);
    if (isFloat(a.dtype)) {
      if (isFloat(to)) return this.#on.make("v", to === "f64" ? "vcvtss2sd" : "vcvtsd2ss", [value, value]);
      if (to === "bool") {
        const mask = this.#on.make("k", `vcmp${this.#on.suffix(a)}`, [value, this.#on.number(0, a.dtype)], { immediate: NOT_EQUAL });
        return this.#on.make("g", "kmovw.to", [mask]);
      }
      return this.#narrowed(this.#on.make("g", "vmovd.to", [this.#truncated(value, a.dtype, to, 16)]), to);
    }
    if (isFloat(to)) {
      const name = `vcvt${a.dtype === "u32" ? "u" : ""}si2s${to === "f64" ? "d" : "s"}`;
      return this.#on.make("v", name, [this.#on.number(0, to), value]);
    }
    if (to !== "bool") return a.dtype === "bool" ? value : this.#narrowed(value, to);
    this.#on.code.emit("test", [value, value]);
    const byte = this.#on.make("g", "setne", []);
    return this.#on.make("g", "movzx", [byte]);
  }

  #narrowed(value: number, to: Dtype): number {
    if (to !== "u8") return value;
    const low = this.#on.copied(value);
    this.#on.code.emit("and.imm", [low], { immediate: 255 });
    return low;
  }

  #vector(x: Expr, a: Expr): number {
    const value = this.#on.emit(a);
    const length = Math.max(lengthOf(x), lengthOf(a));
    if (a.dtype === "bool") return this.#fromMask(x, value);
    if (x.dtype === "bool") return this.#toMask(a, value);
    const { dtype: to } = x;
    if (isFloat(a.dtype)) {
      if (to === "f64") return this.#on.make("v", "vcvtps2pd", [value], { length });
      if (to === "f32") return this.#on.make("v", "vcvtpd2ps", [value], { length });
      return this.#lowBytes(this.#truncated(value, a.dtype, to, length), x);
    }
    const unsigned = a.dtype === "u32" ? "u" : "";
    if (to === "f32") return this.#on.make("v", `vcvt${unsigned}dq2ps`, [value], { length });
    if (to === "f64") return this.#on.make("v", `vcvt${unsigned}dq2pd`, [value], { length });
    return this.#lowBytes(value, x);
  }

  #lowBytes(value: number, x: Expr): number {
    return x.dtype === "u8" ? this.#on.make("v", "vpandd", [value, this.#on.number(255, "i32")], { length: lengthOf(x) }) : value;
  }

  #fromMask(x: Expr, mask: number): number {
    const one = this.#on.number(1, x.dtype);
    return this.#on.make("v", x.dtype === "f64" ? "vmovapd" : "vmovaps", [one], { length: lengthOf(x), mask, zeroing: true });
  }

  #toMask(a: Expr, value: number): number {
    const length = lengthOf(a);
    if (!isFloat(a.dtype)) return this.#on.make("k", "vptestmd", [value, value], { length });
    return this.#on.make("k", `vcmp${this.#on.suffix(a)}`, [value, this.#on.number(0, a.dtype)], { length, immediate: NOT_EQUAL });
  }

  /** The lanes of a vector of floats (or the lowest, of a scalar) as integers. `length` is that of the longer vector. */
  #truncated(value: number, from: Dtype, to: Dtype, length: number): number {
    const wide = from === "f64";
    const half = wide ? Math.max(16, length / 2) : length;
    const compare = wide ? "vcmppd" : "vcmpps";
    const type = wide ? "pd" : "ps";
    if (to === "u32") {
      // All ones for what does not fit: right above the range; what is not above 0 is 0.
      const positive = this.#on.make("k", compare, [value, this.#on.number(0, from)], { length, immediate: ABOVE });
      return this.#on.make("v", `vcvtt${type}2udq`, [value], { length, mask: positive, zeroing: true });
    }
    // -2³¹ for what does not fit: right below the range.
    const high = this.#on.make("k", compare, [value, this.#on.number(2 ** 31, from)], { length, immediate: AT_LEAST });
    const ordered = this.#on.make("k", compare, [value, value], { length, immediate: ORDERED });
    const converted = this.#on.make("v", `vcvtt${type}2dq`, [value], { length, mask: ordered, zeroing: true });
    return this.#on.make("v", "vblendmps", [converted, this.#on.number(2 ** 31 - 1, "i32")], { length: half, mask: high });
  }
}
