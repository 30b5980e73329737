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
import { laneBytes, lengthOf } from "./values.ts";

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
    if (place) return this.#loadVector(x, place, index, mask);
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

  placeOf(buffer: number, form: Affine): Memory {
    return this.#pointers.placeOf(buffer, form, byteSize(this.#dtype(buffer)));
  }

  /** The place of the first of some elements that follow one another; undefined if they do not. */
  #consecutive(buffer: number, index: Expr, lanes: number): Memory | undefined {
    if (index.lanes === 1) return this.#place(buffer, index);
    const affine = this.#affineLanes(index);
    if (!affine || affine.offsets.length !== lanes || affine.offsets.some((o, i) => o !== affine.offsets[0]! + i)) return undefined;
    return this.placeOf(buffer, sum(affine.base, constantForm(affine.offsets[0]!)));
  }

  /** Only where the terms have a range that makes them the index for certain. */
  #affineLanes(index: Expr): AffineLanes | undefined {
    const affine = affineLanes(index, this.#known);
    return affine && this.#pointers.isCertain(affine.base) ? affine : undefined;
  }

  // Loads

  #loadScalar(x: Expr, index: Expr, mask: Expr | undefined): number {
    const kind = this.#on.kindOf(x);
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

  #loadVector(x: Expr, place: Memory, index: Expr, mask: Expr | undefined): number {
    const length = lengthOf(x);
    const dtype = this.#dtype(x.value);
    const wide = dtype === "f64";
    const held = mask && this.#on.emit(mask);
    if (byteSize(dtype) >= 4)
      return held === undefined
        ? this.#on.make("v", wide ? "vmovupd" : "vmovups", [place], { length })
        : this.#on.extension.load(wide, place, length, held);
    const words = this.#on.extension.loadBytes(place, length, held);
    if (words === undefined) return this.#byLanes(x, index, held);
    return dtype === "bool" ? this.#on.extension.nonZero(x.lanes, words) : words;
  }

  #gather(x: Expr, index: Expr, mask: Expr | undefined): number {
    const dtype = this.#dtype(x.value);
    const affine = this.#affineLanes(index);
    if (byteSize(dtype) < 4) return this.#byLanes(x, index, mask && this.#on.emit(mask));
    const spread = affine ? Math.max(...affine.offsets) - Math.min(...affine.offsets) : 0;
    if (affine && !mask && spread >= x.lanes - 1 && spread < 2 * x.lanes) return this.#gatherNear(x, affine);
    const place = affine ? this.placeOf(x.value, affine.base) : this.#pointers.base(x.value);
    const base = place.index === undefined ? place : { base: this.#on.make("g", "lea.q", [place]), displacement: 0 };
    const indices = affine ? this.#on.vector(affine.offsets, "i32") : this.#on.emit(index);
    const memory: Memory = { ...base, index: indices, scale: byteSize(dtype) };
    return this.#on.extension.gather(dtype === "f64", memory, lengthOf(x), mask && this.#on.emit(mask));
  }

  /** Elements within two vectors: a load from the lowest, a load up to the highest, and a permutation of both. */
  #gatherNear(x: Expr, { base, offsets }: AffineLanes): number {
    const length = lengthOf(x);
    const low = Math.min(...offsets);
    const second = Math.max(...offsets) - (x.lanes - 1);
    const name = x.dtype === "f64" ? "vmovupd" : "vmovups";
    const at = (o: number): Memory => this.placeOf(x.value, sum(base, constantForm(o)));
    const first = this.#on.make("v", name, [at(low)], { length });
    const picks = offsets.map((o) => (o - low < x.lanes ? o - low : o - second + x.lanes));
    return this.#on.extension.permuted(x, first, at(second), picks);
  }

  /** Bytes that lie apart: one after another, through the stack of a vector. */
  #byLanes(x: Expr, index: Expr, mask: number | undefined): number {
    const { code } = this.#on;
    const dtype = this.#dtype(x.value);
    const length = lengthOf(x);
    const result = this.#on.fresh("v");
    this.#on.copy(result, this.#on.number(0, "i32"), "v");
    const placeOf = this.#placeOfLane(x.value, index);
    for (let i = 0; i < x.lanes; i++) {
      const end = code.label();
      if (mask !== undefined) this.#unlessLane(mask, x.lanes, i, end);
      const byte = this.#on.make("g", "movzx", [placeOf(i)]);
      this.#on.extension.setLane(result, i, byte, length);
      code.place(end);
    }
    return dtype === "bool" ? this.#on.extension.nonZero(x.lanes, result) : result;
  }

  /** Jumps to a label if a lane of a mask does not hold. */
  #unlessLane(mask: number, lanes: number, i: number, label: number): void {
    const bit = this.#on.bit(mask, lanes, i);
    this.#on.code.emit("test", [bit, bit]);
    this.#on.code.jump(label, "e");
  }

  #placeOfLane(buffer: number, index: Expr): (i: number) => Memory {
    const bytes = byteSize(this.#dtype(buffer));
    if (index.lanes === 1) {
      const first = this.#place(buffer, index);
      return (i) => ({ ...first, displacement: first.displacement + i * bytes });
    }
    const indices = this.#on.emit(index);
    return (i) => {
      const wide = this.#on.make("g", "movsxd", [this.#on.lane(indices, index, i)]);
      return { ...this.#pointers.base(buffer), index: wide, scale: bytes };
    };
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

  #storeVector(s: Store, place: Memory): void {
    const { buffer, value, mask } = s;
    const dtype = this.#dtype(buffer);
    const stored = this.#storable(value);
    const length = Math.max(16, value.lanes * laneBytes(value));
    const held = mask && this.#on.emit(mask);
    const wide = dtype === "f64";
    if (byteSize(dtype) < 4) {
      if (!this.#on.extension.storeBytes(place, stored, length, held)) this.#storeLanes(s, stored, held);
    } else if (held === undefined) this.#on.code.emit(wide ? "vmovupd.store" : "vmovups.store", [place, stored], { length });
    else this.#on.extension.store(wide, place, stored, length, held);
  }

  /** A value as a vector of numbers: bools become 0 or 1. */
  #storable(value: Expr): number {
    const stored = this.#on.emit(value);
    if (value.dtype !== "bool") return stored;
    return this.#on.extension.zeroed({ ...value, dtype: "u32" }, stored, this.#on.number(1, "i32"));
  }

  #scatter(s: Store): void {
    const { buffer, index, value, mask } = s;
    const bytes = byteSize(this.#dtype(buffer));
    const stored = this.#storable(value);
    const held = mask && this.#on.emit(mask);
    if (bytes < 4 || !this.#on.extension.scatters) {
      this.#storeLanes(s, stored, held);
      return;
    }
    const memory: Memory = { ...this.#pointers.base(buffer), index: this.#on.emit(index), scale: bytes };
    this.#on.extension.scatter(bytes === 8, memory, stored, lengthOf(value), held);
  }

  /** One lane after another. */
  #storeLanes({ buffer, index, value }: Store, stored: number, mask: number | undefined): void {
    const { code } = this.#on;
    const numbers: Expr = value.dtype === "bool" ? { ...value, dtype: "u32" } : value;
    const placeOf = this.#placeOfLane(buffer, index);
    for (let i = 0; i < value.lanes; i++) {
      const lane = this.#on.lane(stored, numbers, i);
      const end = code.label();
      if (mask !== undefined) this.#unlessLane(mask, value.lanes, i, end);
      code.emit(SCALAR_STORE[this.#dtype(buffer)], [placeOf(i), lane]);
      code.place(end);
    }
  }
}
