/** @file Conversions between dtypes. Floats become integers by truncation, saturated, NaN as 0: the instructions give one value for all that does not fit. */
import { type Dtype, isFloat } from "../../base/dtype.ts";
import type { Expr } from "../../kernel/kernel.ts";
import type { Emitter } from "./extension.ts";
import { lengthOf } from "./values.ts";

export class Conversions {
  readonly #on: Emitter;

  constructor(on: Emitter) {
    this.#on = on;
  }

  bitcast(x: Expr, a: Expr): number {
    const value = this.#on.emit(a);
    const [from, to] = [this.#on.kindOf(a), this.#on.kindOf(x)];
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
      if (to === "bool") return this.#on.nonZero(a, value);
      return this.#narrowed(this.#on.make("g", "vmovd.to", [this.#on.extension.toInteger(value, a.dtype, to, 16)]), to);
    }
    if (isFloat(to)) {
      // A u32 is the lower half of a longer integer.
      const name = `vcvtsi2s${to === "f64" ? "d" : "s"}${a.dtype === "u32" ? ".q" : ""}`;
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
    if (x.dtype === "bool") return this.#on.nonZero(a, value);
    const { dtype: to } = x;
    if (isFloat(a.dtype)) {
      if (to === "f64") return this.#on.make("v", "vcvtps2pd", [value], { length });
      if (to === "f32") return this.#on.make("v", "vcvtpd2ps", [value], { length });
      return this.#lowBytes(this.#on.extension.toInteger(value, a.dtype, to, length), x);
    }
    if (isFloat(to) && a.dtype === "u32") return this.#on.extension.fromUnsigned(to, value, length);
    if (isFloat(to)) return this.#on.make("v", to === "f64" ? "vcvtdq2pd" : "vcvtdq2ps", [value], { length });
    return this.#lowBytes(value, x);
  }

  #lowBytes(value: number, x: Expr): number {
    return x.dtype === "u8" ? this.#on.make("v", "vpandd", [value, this.#on.number(255, "i32")], { length: lengthOf(x) }) : value;
  }

  #fromMask(x: Expr, mask: number): number {
    return this.#on.extension.zeroed(x, mask, this.#on.number(1, x.dtype));
  }
}
