/**
 * @file Loads and stores to instructions. Consecutive elements move as one vector, under a mask where there is one: what it switches off is not touched. Elements that lie a few
 * vectors apart are two loads and a permutation, others a gather.
 */
import { byteSize, type Dtype } from "../../base/dtype.ts";
import { type Affine, type AffineLanes, affineLanes, constantForm, type Known, sum } from "../../kernel/affine.ts";
import type { Expr, Kernel, Stmt } from "../../kernel/kernel.ts";
import type { Memory } from "./assembler.ts";
import type { Expressions } from "./expressions.ts";
import type { Pointers } from "./pointers.ts";
import { kindOf, laneBytes, lengthOf } from "./values.ts";

type Store = Stmt & { kind: "store" };

const SCALAR_LOAD: Readonly<Record<Dtype, string>> = {
  f32: "vmovss.load",
  f64: "vmovsd.load",
  i32: "mov",
  u32: "mov",
  u8: "movzx",
  bool: "movzx",
};
const SCALAR_STORE: Readonly<Record<Dtype, string>> = {
  f32: "vmovss.store",
  f64: "vmovsd.store",
  i32: "mov.store",
  u32: "mov.store",
  u8: "mov.b.store",
  bool: "mov.b.store",
};

export class MemoryAccess {
  readonly #kernel: Kernel;
  readonly #pointers: Pointers;
  readonly #known: ReadonlyMap<Expr, Known>;
  readonly #on: Expressions;

  constructor(kernel: Kernel, pointers: Pointers, known: ReadonlyMap<Expr, Known>, on: Expressions) {
    this.#kernel = kernel;
    this.#pointers = pointers;
    this.#known = known;
    this.#on = on;
  }

  load(x: Expr): number {
    const [index, mask] = x.args as readonly [Expr, Expr | undefined];
    if (x.lanes === 1) return this.#loadScalar(x, index, mask);
    const place = this.#consecutive(x.value, index, x.lanes);
    if (place) return this.#loadVector(x, place, mask && this.#on.emit(mask));
    return this.#gather(x, index, mask);
  }

  /** The place of a load that another instruction can make: of whole elements, without a mask. */
  placeOfLoad(x: Expr): Memory | undefined {
    const [index, mask] = x.args as readonly [Expr, Expr | undefined];
    if (mask || byteSize(this.#dtype(x.value)) < 4) return undefined;
    return x.lanes === 1 ? this.#place(x.value, index) : this.#consecutive(x.value, index, x.lanes);
  }

  store(s: Store): void {
    const { value } = s;
    if (value.lanes === 1) {
      this.#storeScalar(s);
      return;
    }
    const place = this.#consecutive(s.buffer, s.index, value.lanes);
    if (place) this.#storeVector(s, place);
    else this.#scatter(s);
  }

  #dtype(buffer: number): Dtype {
    return this.#kernel.buffers[buffer]!.dtype;
  }

  #place(buffer: number, index: Expr): Memory {
    return this.#pointers.place(buffer, index, byteSize(this.#dtype(buffer)));
  }

  #placeOf(buffer: number, form: Affine): Memory {
    return this.#pointers.placeOf(buffer, form, byteSize(this.#dtype(buffer)));
  }

  /** The place of the first of some elements that follow one another; undefined if they do not. */
  #consecutive(buffer: number, index: Expr, lanes: number): Memory | undefined {
    if (index.lanes === 1) return this.#place(buffer, index);
    const affine = this.#affineLanes(index);
    if (!affine || affine.offsets.length !== lanes || affine.offsets.some((o, i) => o !== affine.offsets[0]! + i)) return undefined;
    return this.#placeOf(buffer, sum(affine.base, constantForm(affine.offsets[0]!)));
  }

  /** Only where the terms have a range that makes them the index for certain. */
  #affineLanes(index: Expr): AffineLanes | undefined {
    const affine = affineLanes(index, this.#known);
    return affine && this.#pointers.isCertain(affine.base) ? affine : undefined;
  }

  // Loads

  #loadScalar(x: Expr, index: Expr, mask: Expr | undefined): number {
    const kind = kindOf(x);
    const name = SCALAR_LOAD[this.#dtype(x.value)];
    const { code } = this.#on;
    if (!mask) return this.#on.make(kind, name, [this.#place(x.value, index)]);
    const condition = this.#on.emit(mask);
    const place = this.#place(x.value, index);
    const result = this.#on.fresh(kind);
    if (kind === "g") code.emit("mov.imm", [result], { immediate: 0 });
    else this.#on.copy(result, this.#on.number(0, x.dtype), "v");
    const end = code.label();
    code.emit("test", [condition, condition]);
    code.jump(end, "e");
    code.emit(name, [result, place]);
    code.place(end);
    return result;
  }

  #loadVector(x: Expr, place: Memory, mask: number | undefined): number {
    const length = lengthOf(x.dtype === "bool" ? { ...x, dtype: "u32" } : x);
    const decoration = mask === undefined ? { length } : { length, mask, zeroing: true };
    const dtype = this.#dtype(x.value);
    if (byteSize(dtype) >= 4) return this.#on.make("v", dtype === "f64" ? "vmovupd" : "vmovups", [place], decoration);
    const words = this.#on.make("v", "vpmovzxbd", [place], decoration);
    return dtype === "bool" ? this.#on.make("k", "vptestmd", [words, words], { length }) : words;
  }

  #gather(x: Expr, index: Expr, mask: Expr | undefined): number {
    const dtype = this.#dtype(x.value);
    const affine = this.#affineLanes(index);
    if (byteSize(dtype) < 4) return this.#byLanes(x, index, mask);
    const spread = affine ? Math.max(...affine.offsets) - Math.min(...affine.offsets) : 0;
    if (affine && !mask && spread >= x.lanes - 1 && spread < 2 * x.lanes) return this.#gatherNear(x, affine);
    const place = affine ? this.#placeOf(x.value, affine.base) : this.#pointers.base(x.value);
    const base = place.index === undefined ? place : { base: this.#on.make("g", "lea.q", [place]), displacement: 0 };
    const indices = affine ? this.#on.vector(affine.offsets, "i32") : this.#on.emit(index);
    const length = lengthOf(x);
    const result = this.#on.fresh("v");
    this.#on.copy(result, this.#on.number(0, x.dtype === "f64" ? "f64" : "i32"), "v");
    const name = dtype === "f64" ? "vgatherdpd" : "vgatherdps";
    const memory: Memory = { ...base, index: indices, scale: byteSize(dtype) };
    this.#on.code.emit(name, [result, memory], { length, mask: this.#spentMask(mask) });
    return result;
  }

  /** A copy of a mask, all lanes if there is none: gathers and scatters clear theirs as they go. */
  #spentMask(mask: Expr | undefined): number {
    const copy = this.#on.fresh("k");
    if (mask) this.#on.code.emit("kmovw", [copy, this.#on.emit(mask)]);
    else this.#on.code.emit("kxnorw", [copy, copy, copy]);
    return copy;
  }

  /** Elements within two vectors: a load from the lowest, a load up to the highest, and a permutation of both. */
  #gatherNear(x: Expr, { base, offsets }: AffineLanes): number {
    const length = lengthOf(x);
    const low = Math.min(...offsets);
    const second = Math.max(...offsets) - (x.lanes - 1);
    const name = x.dtype === "f64" ? "vmovupd" : "vmovups";
    const at = (o: number): Memory => this.#placeOf(x.value, sum(base, constantForm(o)));
    const result = this.#on.make("v", name, [at(low)], { length });
    const picks = offsets.map((o) => (o - low < x.lanes ? o - low : o - second + x.lanes));
    const wide = x.dtype === "f64";
    // Indices are as wide as the elements.
    const order = this.#on.vector(wide ? picks.flatMap((n) => [n, 0]) : picks, "i32");
    this.#on.code.emit(wide ? "vpermt2pd" : "vpermt2ps", [result, order, at(second)], { length });
    return result;
  }

  /** Bytes that lie apart: one after another, through the stack of a vector. */
  #byLanes(x: Expr, index: Expr, mask: Expr | undefined): number {
    const { code } = this.#on;
    const dtype = this.#dtype(x.value);
    const words: Expr = { ...x, dtype: "u32" };
    const length = lengthOf(words);
    const result = this.#on.fresh("v");
    this.#on.copy(result, this.#on.number(0, "i32"), "v");
    const condition = mask && this.#on.emit(mask);
    for (let i = 0; i < x.lanes; i++) {
      const end = code.label();
      if (mask) {
        const bit = this.#on.lane(condition!, mask, i);
        code.emit("test", [bit, bit]);
        code.jump(end, "e");
      }
      const byte = this.#on.make("g", "movzx", [this.#placeOfLane(x.value, index, i)]);
      code.emit("vpbroadcastd.from", [result, byte], { length, mask: this.#oneLane(i) });
      if (mask) code.place(end);
    }
    return dtype === "bool" ? this.#on.make("k", "vptestmd", [result, result], { length }) : result;
  }

  #oneLane(i: number): number {
    const bit = this.#on.make("g", "mov.imm", [], { immediate: 1 << i });
    return this.#on.make("k", "kmovw.from", [bit]);
  }

  #placeOfLane(buffer: number, index: Expr, i: number): Memory {
    const bytes = byteSize(this.#dtype(buffer));
    const narrow = this.#on.lane(this.#on.emit(index), index, i);
    const wide = this.#on.make("g", "movsxd", [narrow]);
    return { ...this.#pointers.base(buffer), index: wide, scale: bytes };
  }

  // Stores

  #storeScalar({ buffer, index, value, mask }: Store): void {
    const { code } = this.#on;
    const dtype = this.#dtype(buffer);
    const stored = this.#on.emit(value);
    const place = this.#place(buffer, index);
    const end = code.label();
    if (mask) {
      const condition = this.#on.emit(mask);
      code.emit("test", [condition, condition]);
      code.jump(end, "e");
    }
    code.emit(SCALAR_STORE[dtype], [place, stored]);
    if (mask) code.place(end);
  }

  #storeVector({ buffer, value, mask }: Store, place: Memory): void {
    const dtype = this.#dtype(buffer);
    const stored = this.#storable(value);
    const length = Math.max(16, value.lanes * laneBytes(value));
    const name = byteSize(dtype) < 4 ? "vpmovdb.store" : dtype === "f64" ? "vmovupd.store" : "vmovups.store";
    this.#on.code.emit(name, [place, stored], mask ? { length, mask: this.#on.emit(mask) } : { length });
  }

  /** A value as a vector of numbers: bools become 0 or 1. */
  #storable(value: Expr): number {
    const stored = this.#on.emit(value);
    if (value.dtype !== "bool") return stored;
    return this.#on.make("v", "vmovaps", [this.#on.number(1, "i32")], { length: value.lanes * 4, mask: stored, zeroing: true });
  }

  #scatter({ buffer, index, value, mask }: Store): void {
    const dtype = this.#dtype(buffer);
    if (byteSize(dtype) < 4) {
      this.#scatterBytes({ kind: "store", buffer, index, value, mask });
      return;
    }
    const indices = this.#on.emit(index);
    const stored = this.#on.emit(value);
    const memory: Memory = { ...this.#pointers.base(buffer), index: indices, scale: byteSize(dtype) };
    this.#on.code.emit(dtype === "f64" ? "vscatterdpd" : "vscatterdps", [memory, stored], {
      length: lengthOf(value),
      mask: this.#spentMask(mask),
    });
  }

  #scatterBytes({ buffer, index, value, mask }: Store): void {
    const { code } = this.#on;
    const stored = this.#storable(value);
    const words: Expr = { ...value, dtype: "u32" };
    const condition = mask && this.#on.emit(mask);
    for (let i = 0; i < value.lanes; i++) {
      const place = this.#placeOfLane(buffer, index, i);
      const byte = this.#on.lane(stored, words, i);
      const end = code.label();
      if (mask) {
        const bit = this.#on.lane(condition!, mask, i);
        code.emit("test", [bit, bit]);
        code.jump(end, "e");
      }
      code.emit("mov.b.store", [place, byte]);
      if (mask) code.place(end);
    }
  }
}
