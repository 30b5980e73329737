/**
 * @file AVX2 with FMA: a mask is a vector of words, all bits set or none, whatever was compared. There are no masks for most instructions, no unsigned comparisons or conversions, no
 * scatter, and no operand is repeated from memory.
 */
import type { Dtype } from "../../base/dtype.ts";
import type { Expr } from "../../kernel/kernel.ts";
import type { Memory, Operand } from "./assembler.ts";
import { type Emitter, type MaskOp, PREDICATES, type Source, type VectorExtension } from "./extension.ts";
import { lengthOf } from "./values.ts";

const LOGIC: Readonly<Record<MaskOp, string>> = { and: "vpand", or: "vpor", xor: "vpxor", andnot: "vpandn" };
const TRUNCATE = 11;
/** Of each half, the low bytes of four words in the lowest word, and zeros. */
const LOW_BYTES: readonly number[] = [0x0c080400, 0x80808080, 0x80808080, 0x80808080];
/** What this file calls the rows of the table that AVX-512 has under names of its own. */
export const AVX2_NAMES: Readonly<Record<string, string>> = {
  vpandd: "vpand",
  vpandq: "vpand",
  vpord: "vpor",
  vpxord: "vpxor",
  vpxorq: "vpxor",
  vrndscaleps: "vroundps",
  vrndscalepd: "vroundpd",
  vrndscaless: "vroundss",
  vrndscalesd: "vroundsd",
  vshuff64x2: "vperm2f128",
  vextracti64x4: "vextracti128",
  vinserti64x4: "vinserti128",
};

const maskLength = (lanes: number): number => Math.max(16, 4 * lanes);

export class Avx2 implements VectorExtension {
  readonly maskKind = "v";
  readonly broadcasts = false;
  readonly scatters = false;
  readonly #on: Emitter;

  constructor(on: Emitter) {
    this.#on = on;
  }

  #make(name: string, operands: readonly Operand[], length: number, immediate?: number): number {
    return this.#on.make("v", name, operands, immediate === undefined ? { length } : { length, immediate });
  }

  compareFloats(of: Expr, a: number, { operand }: Source, predicate: number): number {
    const length = lengthOf(of);
    const mask = this.#make(`vcmp${this.#on.suffix(of)}.v`, [a, operand], length, predicate);
    return of.dtype === "f64" && of.lanes > 1 ? this.#evenWords(mask) : mask;
  }

  /** The low words of four doubles, in the lower half. */
  #evenWords(value: number): number {
    return this.#make("vpermps", [this.#on.vector([0, 2, 4, 6, 0, 2, 4, 6], "i32"), value], 32);
  }

  compareIntegers(op: "eq" | "ne" | "lt" | "le", of: Expr, a: number, b: Source): number {
    const { lanes } = of;
    const length = lengthOf(of);
    if (op === "eq") return this.#make("vpcmpeqd", [a, b.operand], length);
    if (op === "ne") return this.not(this.#make("vpcmpeqd", [a, b.operand], length), lanes);
    const other = typeof b.operand === "number" ? b.operand : this.#make("vmovups", [b.operand], length);
    if (of.dtype === "i32")
      return op === "lt" ? this.#make("vpcmpgtd", [other, a], length) : this.not(this.#make("vpcmpgtd", [a, other], length), lanes);
    // The smaller of two is the first exactly where the first is no greater.
    const least = this.#make("vpminud", [a, other], length);
    return op === "le" ? this.#make("vpcmpeqd", [least, a], length) : this.not(this.#make("vpcmpeqd", [least, other], length), lanes);
  }

  holds(of: Expr, a: number, b: Source, predicate: number): number {
    const all = this.#on.make("g", "vmovd.to", [this.compareFloats(of, a, b, predicate)]);
    this.#on.code.emit("and.imm", [all], { immediate: 1 });
    return all;
  }

  nonZero(lanes: number, value: number): number {
    return this.not(this.#make("vpcmpeqd", [value, this.#on.number(0, "i32")], maskLength(lanes)), lanes);
  }

  constantMask(all: boolean): number {
    return this.#on.number(all ? -1 : 0, "i32");
  }

  maskOf(condition: number, lanes: number): number {
    const negated = this.#on.copied(condition);
    this.#on.code.emit("neg", [negated]);
    return lanes === 1 ? this.#on.make("v", "vmovd.from", [negated]) : this.splat(negated, maskLength(lanes));
  }

  bits(mask: number, lanes: number): number {
    return this.#on.make("g", "vmovmskps", [mask], { length: maskLength(lanes) });
  }

  logic(op: MaskOp, a: number, b: number, lanes: number): number {
    return this.#make(LOGIC[op], [a, b], maskLength(lanes));
  }

  not(mask: number, lanes: number): number {
    return this.#make("vpxor", [mask, this.#on.number(-1, "i32")], maskLength(lanes));
  }

  /** A mask of lanes of the width of x. */
  #widened(wide: boolean, mask: number, length: number): number {
    return wide ? this.#make("vpmovsxdq", [mask], length) : mask;
  }

  select(x: Expr, mask: number, a: number, b: number): number {
    const wide = x.dtype === "f64";
    return this.#make(wide ? "vblendvpd" : "vblendvps", [b, a, this.#widened(wide, mask, lengthOf(x))], lengthOf(x));
  }

  zeroed(x: Expr, mask: number, a: number): number {
    return this.#make("vpand", [this.#widened(x.dtype === "f64", mask, lengthOf(x)), a], lengthOf(x));
  }

  cleared(x: Expr, mask: number, a: number): number {
    return this.#make("vpandn", [this.#widened(x.dtype === "f64", mask, lengthOf(x)), a], lengthOf(x));
  }

  /** The instruction takes its second operand where one is NaN or both are zeros: both ways round, and their bits together. */
  limit(op: string, x: Expr, a: number, b: number): number {
    const length = lengthOf(x);
    const name = `v${op}${this.#on.suffix(x)}`;
    const [first, second] = [this.#make(name, [a, b], length), this.#make(name, [b, a], length)];
    if (op === "min") return this.#make("vpor", [first, second], length);
    // The sign of the difference of two zeros is taken away again.
    const differing = this.#make("vpxor", [first, second], length);
    return this.#make(`vsub${this.#on.suffix(x)}`, [this.#make("vpor", [first, differing], length), differing], length);
  }

  splat(value: number, length: number): number {
    return this.#make("vbroadcastss", [this.#on.make("v", "vmovd.from", [value])], length);
  }

  lane(value: number, of: Expr, i: number): number {
    const perHalf = of.dtype === "f64" ? 2 : 4;
    const half = i < perHalf ? value : this.#make("vextracti128", [value], 32, 1);
    const at = i % perHalf;
    if (at === 0) return half;
    return of.dtype === "f64" ? this.#make("vpermilpd", [half], 16, 1) : this.#make("vpermilps", [half], 16, at);
  }

  setLane(target: number, i: number, general: number, length: number): void {
    this.#on.code.emit("vpblendd", [target, target, this.splat(general, length)], { length, immediate: 1 << i });
  }

  permuted(x: Expr, first: number, second: Memory, picks: readonly number[]): number {
    const length = lengthOf(x);
    const words = x.dtype === "f64" ? picks.flatMap((n) => [2 * n, 2 * n + 1]) : picks;
    const order = this.#on.vector(
      words.map((n) => n % (length / 4)),
      "i32",
    );
    const [a, b] = [first, this.#make("vmovups", [second], length)].map((value) =>
      length === 32 ? this.#make("vpermps", [order, value], length) : this.#make("vpermilps.v", [value, order], length),
    ) as [number, number];
    const ofSecond = words.reduce((bits, n, i) => bits | (n < length / 4 ? 0 : 1 << i), 0);
    return this.#make("vpblendd", [a, b], length, ofSecond);
  }

  transposed([a, b]: readonly number[], length: number, wanted: number): number[] {
    return [0x20, 0x31].slice(0, wanted).map((blocks) => this.#make("vperm2f128", [a!, b!], length, blocks));
  }

  load(wide: boolean, place: Memory, length: number, mask: number): number {
    return this.#make(wide ? "vmaskmovpd" : "vmaskmovps", [this.#widened(wide, mask, length), place], length);
  }

  store(wide: boolean, place: Memory, value: number, length: number, mask: number): void {
    const name = wide ? "vmaskmovpd.store" : "vmaskmovps.store";
    this.#on.code.emit(name, [place, this.#widened(wide, mask, length), value], { length });
  }

  loadBytes(place: Memory, length: number, mask: number | undefined): number | undefined {
    return mask === undefined ? this.#make("vpmovzxbd", [place], length) : undefined;
  }

  storeBytes(place: Memory, value: number, length: number, mask: number | undefined): boolean {
    if (mask !== undefined) return false;
    const packed = this.#make("vpshufb", [value, this.#on.vector([...LOW_BYTES, ...LOW_BYTES], "i32")], length);
    this.#on.code.emit("vmovss.store", [place, packed]);
    if (length < 32) return true;
    this.#on.code.emit("vmovss.store", [{ ...place, displacement: place.displacement + 4 }, this.#make("vextracti128", [packed], 32, 1)]);
    return true;
  }

  gather(wide: boolean, memory: Memory, length: number, mask: number | undefined): number {
    const [result, spent] = [this.#on.fresh("v"), this.#on.fresh("v")];
    this.#on.copy(result, this.#on.number(0, "i32"), "v");
    // The instruction clears its mask as it goes.
    this.#on.copy(spent, mask === undefined ? this.constantMask(true) : this.#widened(wide, mask, length), "v");
    this.#on.code.emit(wide ? "vgatherdpd.v" : "vgatherdps.v", [result, memory, spent], { length });
    return result;
  }

  scatter(): never {
    throw new Error("internal: AVX2 has no scatter");
  }

  /** By halves of 16 bits, which are exact; to doubles by bits of the mantissa of 2⁵². */
  fromUnsigned(to: Dtype, value: number, length: number): number {
    if (to === "f64") {
      const base = this.#on.number(2 ** 52, "f64");
      return this.#make("vsubpd", [this.#make("vpor", [this.#make("vpmovzxdq", [value], length), base], length), base], length);
    }
    const low = this.#make("vcvtdq2ps", [this.#make("vpand", [value, this.#on.number(0xffff, "i32")], length)], length);
    const high = this.#make("vcvtdq2ps", [this.#make("vpsrld", [value], length, 16)], length);
    const scaled = this.#make("vmulps", [high, this.#on.number(2 ** 16, "f32")], length);
    return this.#make("vaddps", [scaled, low], length);
  }

  toInteger(value: number, from: Dtype, to: Dtype, length: number): number {
    if (from === "f64") return to === "u32" ? this.#doublesToUnsigned(value, length) : this.#doublesToSigned(value, length);
    const compared = (x: number, limit: number, predicate: number): number =>
      this.#make("vcmpps.v", [x, this.#on.number(limit, from)], length, predicate);
    if (to !== "u32") {
      // -2³¹ for what does not fit: right below the range; turned over above it.
      const ordered = this.#make("vcmpps.v", [value, value], length, PREDICATES.ordered);
      const converted = this.#make("vpand", [ordered, this.#make("vcvttps2dq", [value], length)], length);
      return this.#make("vpxor", [converted, compared(value, 2 ** 31, PREDICATES.atLeast)], length);
    }
    // From 2³¹ on, what is above it, and the highest bit.
    const positive = this.#make("vmaxps", [value, this.#on.number(0, "f32")], length);
    const high = compared(positive, 2 ** 31, PREDICATES.atLeast);
    const rest = this.#make("vsubps", [positive, this.#make("vpand", [high, this.#on.number(2 ** 31, "f32")], length)], length);
    const bits = this.#make("vpxor", [this.#make("vcvttps2dq", [rest], length), this.#make("vpslld", [high], length, 31)], length);
    return this.#make("vpor", [bits, compared(positive, 2 ** 32, PREDICATES.atLeast)], length);
  }

  #doublesToSigned(value: number, length: number): number {
    const ordered = this.#make("vcmppd.v", [value, value], length, PREDICATES.ordered);
    const low = this.#make("vminpd", [this.#make("vpand", [ordered, value], length), this.#on.number(2 ** 31 - 1, "f64")], length);
    return this.#make("vcvttpd2dq", [low], length);
  }

  /** As the low words of the sum with 2⁵². */
  #doublesToUnsigned(value: number, length: number): number {
    const positive = this.#make("vmaxpd", [value, this.#on.number(0, "f64")], length);
    const fitting = this.#make("vminpd", [positive, this.#on.number(2 ** 32 - 1, "f64")], length);
    const sum = this.#make("vaddpd", [this.#make("vroundpd", [fitting], length, TRUNCATE), this.#on.number(2 ** 52, "f64")], length);
    return length === 32 ? this.#evenWords(sum) : sum;
  }
}
