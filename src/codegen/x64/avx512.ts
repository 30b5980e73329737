/** @file AVX-512: masks have registers of their own and can be given to every instruction; an operand in memory can be one element for all lanes. */
import type { Dtype } from "../../base/dtype.ts";
import type { Expr } from "../../kernel/kernel.ts";
import type { Memory } from "./assembler.ts";
import { type Emitter, type MaskOp, PREDICATES, type Source, type VectorExtension } from "./extension.ts";
import { lengthOf } from "./values.ts";

const LOGIC: Readonly<Record<MaskOp, string>> = { and: "kandw", or: "korw", xor: "kxorw", andnot: "kandnw" };
const INTEGER_PREDICATES = { eq: 0, lt: 1, le: 2, ne: 4 } as const;

export class Avx512 implements VectorExtension {
  readonly maskKind = "k";
  readonly broadcasts = true;
  readonly scatters = true;
  readonly #on: Emitter;

  constructor(on: Emitter) {
    this.#on = on;
  }

  compareFloats(of: Expr, a: number, { operand, broadcast }: Source, predicate: number): number {
    return this.#on.make("k", `vcmp${this.#on.suffix(of)}`, [a, operand], { length: lengthOf(of), immediate: predicate, broadcast });
  }

  compareUnder(
    mask: number,
    of: Expr,
    a: number,
    { operand, broadcast }: Source,
    predicate: number,
    target: number = this.#on.fresh("k"),
  ): number {
    this.#on.code.emit(`vcmp${this.#on.suffix(of)}`, [target, a, operand], { length: lengthOf(of), immediate: predicate, broadcast, mask });
    return target;
  }

  compareIntegers(op: "eq" | "ne" | "lt" | "le", of: Expr, a: number, { operand, broadcast }: Source): number {
    const name = of.dtype === "i32" ? "vpcmpd" : "vpcmpud";
    return this.#on.make("k", name, [a, operand], { length: lengthOf(of), immediate: INTEGER_PREDICATES[op], broadcast });
  }

  holds(of: Expr, a: number, b: Source, predicate: number): number {
    return this.#on.make("g", "kmovw.to", [this.compareFloats(of, a, b, predicate)]);
  }

  nonZero(lanes: number, value: number): number {
    return this.#on.make("k", "vptestmd", [value, value], { length: Math.max(16, 4 * lanes) });
  }

  constantMask(all: boolean): number {
    const k = this.#on.fresh("k");
    this.#on.code.emit(all ? "kxnorw" : "kxorw", [k, k, k]);
    return k;
  }

  maskOf(condition: number, lanes: number): number {
    if (lanes === 1) return this.#on.make("k", "kmovw.from", [condition]);
    const negated = this.#on.copied(condition);
    this.#on.code.emit("neg", [negated]);
    return this.#on.make("k", "kmovw.from", [negated]);
  }

  bits(mask: number): number {
    return this.#on.make("g", "kmovw.to", [mask]);
  }

  logic(op: MaskOp, a: number, b: number): number {
    return this.#on.make("k", LOGIC[op], [a, b]);
  }

  not(mask: number): number {
    return this.#on.make("k", "knotw", [mask]);
  }

  select(x: Expr, mask: number, a: number, b: number): number {
    return this.#on.make("v", x.dtype === "f64" ? "vblendmpd" : "vblendmps", [b, a], { length: lengthOf(x), mask });
  }

  zeroed(x: Expr, mask: number, a: number): number {
    return this.#on.make("v", x.dtype === "f64" ? "vmovapd" : "vmovaps", [a], { length: lengthOf(x), mask, zeroing: true });
  }

  cleared(x: Expr, mask: number, a: number): number {
    return this.select(x, mask, this.#on.number(0, x.dtype), a);
  }

  /** `vrange` orders, and takes the other operand for NaN. */
  limit(op: string, x: Expr, a: number, b: number): number {
    const length = lengthOf(x);
    const suffix = this.#on.suffix(x);
    const result = this.#on.make("v", `vrange${suffix}`, [a, b], { length, immediate: op === "min" ? 4 : 5 });
    const mask = this.#on.make("k", `vcmp${suffix}`, [a, b], { length, immediate: PREDICATES.unordered });
    this.#on.code.emit(`vadd${suffix}`, [result, a, b], { length, mask });
    return result;
  }

  splat(value: number, length: number): number {
    return this.#on.make("v", "vpbroadcastd.from", [value], { length });
  }

  lane(value: number, of: Expr, i: number): number {
    const name = of.dtype === "f64" ? "valignq" : "valignd";
    return i === 0 ? value : this.#on.make("v", name, [value, value], { length: lengthOf(of), immediate: i });
  }

  setLane(target: number, i: number, general: number, length: number): void {
    const bit = this.#on.make("g", "mov.imm", [], { immediate: 1 << i });
    const mask = this.#on.make("k", "kmovw.from", [bit]);
    this.#on.code.emit("vpbroadcastd.from", [target, general], { length, mask });
  }

  permuted(x: Expr, first: number, second: Memory, picks: readonly number[]): number {
    const wide = x.dtype === "f64";
    const result = this.#on.fresh("v");
    this.#on.copy(result, first, "v");
    // Indices are as wide as the elements.
    const order = this.#on.vector(wide ? picks.flatMap((n) => [n, 0]) : picks, "i32");
    this.#on.code.emit(wide ? "vpermt2pd" : "vpermt2ps", [result, order, second], { length: lengthOf(x) });
    return result;
  }

  /** Even and odd blocks of two vectors each, then of what these give. */
  transposed(rows: readonly number[], length: number, wanted: number): number[] {
    const [a, b, c, d] = rows as readonly [number, number, number, number];
    const [even, odd] = [0x88, 0xdd];
    const pick = (x: number, y: number, immediate: number): number => this.#on.make("v", "vshuff32x4", [x, y], { length, immediate });
    const halves = [even, odd].slice(0, wanted).map((of): [number, number] => [pick(a, b, of), pick(c, d, of)]);
    return Array.from({ length: wanted }, (_, block) => pick(...halves[block % 2]!, block < 2 ? even : odd));
  }

  load(wide: boolean, place: Memory, length: number, mask: number): number {
    return this.#on.make("v", wide ? "vmovupd" : "vmovups", [place], { length, mask, zeroing: true });
  }

  store(wide: boolean, place: Memory, value: number, length: number, mask: number): void {
    this.#on.code.emit(wide ? "vmovupd.store" : "vmovups.store", [place, value], { length, mask });
  }

  loadBytes(place: Memory, length: number, mask: number | undefined): number {
    return this.#on.make("v", "vpmovzxbd", [place], mask === undefined ? { length } : { length, mask, zeroing: true });
  }

  storeBytes(place: Memory, value: number, length: number, mask: number | undefined): boolean {
    this.#on.code.emit("vpmovdb.store", [place, value], mask === undefined ? { length } : { length, mask });
    return true;
  }

  gather(wide: boolean, memory: Memory, length: number, mask: number | undefined): number {
    const result = this.#on.fresh("v");
    this.#on.copy(result, this.#on.number(0, wide ? "f64" : "i32"), "v");
    this.#on.code.emit(wide ? "vgatherdpd" : "vgatherdps", [result, memory], { length, mask: this.#spent(mask) });
    return result;
  }

  scatter(wide: boolean, memory: Memory, value: number, length: number, mask: number | undefined): void {
    this.#on.code.emit(wide ? "vscatterdpd" : "vscatterdps", [memory, value], { length, mask: this.#spent(mask) });
  }

  /** A copy of a mask, all lanes if there is none: gathers and scatters clear theirs as they go. */
  #spent(mask: number | undefined): number {
    return mask === undefined ? this.constantMask(true) : this.#on.make("k", "kmovw", [mask]);
  }

  fromUnsigned(to: Dtype, value: number, length: number): number {
    return this.#on.make("v", to === "f64" ? "vcvtudq2pd" : "vcvtudq2ps", [value], { length });
  }

  toInteger(value: number, from: Dtype, to: Dtype, length: number): number {
    const type = from === "f64" ? "pd" : "ps";
    const compared = (limit: number, predicate: number): number =>
      this.#on.make("k", `vcmp${type}`, [value, this.#on.number(limit, from)], { length, immediate: predicate });
    if (to === "u32") {
      // All ones for what does not fit: right above the range; what is not above 0 is 0.
      return this.#on.make("v", `vcvtt${type}2udq`, [value], { length, mask: compared(0, PREDICATES.above), zeroing: true });
    }
    // -2³¹ for what does not fit: right below the range.
    const high = compared(2 ** 31, PREDICATES.atLeast);
    const ordered = this.#on.make("k", `vcmp${type}`, [value, value], { length, immediate: PREDICATES.ordered });
    const converted = this.#on.make("v", `vcvtt${type}2dq`, [value], { length, mask: ordered, zeroing: true });
    const half = from === "f64" ? Math.max(16, length / 2) : length;
    return this.#on.make("v", "vblendmps", [converted, this.#on.number(2 ** 31 - 1, "i32")], { length: half, mask: high });
  }
}
