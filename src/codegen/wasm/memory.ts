/**
 * @file Emits loads and stores. Consecutive elements move as one vector; gathers, scatters and partly masked vectors go lane by lane. Memory is touched only where
 * the mask is true, so masked accesses branch.
 */
import { byteSize, type Dtype } from "../../base/dtype.ts";
import { type Affine, affineLanes, affineOf, constantForm, type Known, sum, times } from "../../kernel/affine.ts";
import type { Expr, Kernel, Load, Stmt } from "../../kernel/kernel.ts";
import { type Expressions, typeOf } from "./expressions.ts";
import { SIMD } from "./instructions.ts";
import { type FunctionBuilder, I32, V128 } from "./module.ts";
import type { Place, Pointers } from "./pointers.ts";

const LOAD: Readonly<Record<Dtype, number>> = { f32: 0x2a, f64: 0x2b, i32: 0x28, u32: 0x28, u8: 0x2d, bool: 0x2d };
const STORE: Readonly<Record<Dtype, number>> = { f32: 0x38, f64: 0x39, i32: 0x36, u32: 0x36, u8: 0x3a, bool: 0x3a };
const ALIGN: Readonly<Record<Dtype, number>> = { f32: 2, f64: 3, i32: 2, u32: 2, u8: 0, bool: 0 };

/** A place, and bytes to add to its address at use. */
type ShiftedPlace = Place & { readonly shift?: number };

/** Emits the loads and stores of one function. */
export class MemoryAccess {
  private readonly code: FunctionBuilder;
  private readonly kernel: Kernel;
  private readonly pointers: Pointers;
  private readonly known: ReadonlyMap<Expr, Known>;
  private readonly expressions: () => Expressions;

  constructor(
    code: FunctionBuilder,
    kernel: Kernel,
    { pointers, known, expressions }: { pointers: Pointers; known: ReadonlyMap<Expr, Known>; expressions: () => Expressions },
  ) {
    this.code = code;
    this.kernel = kernel;
    this.pointers = pointers;
    this.known = known;
    this.expressions = expressions;
  }

  /** Emits a load; its value is on the stack afterwards. */
  load(x: Load): void {
    const [index, mask] = x.args;
    if (x.lanes === 4 && index.lanes === 4) {
      this.gather(x, index, mask);
      return;
    }
    this.withPlace(x.value, index, (place) => {
      if (!mask) return this.loadAt(x, place);
      if (x.lanes === 1 || mask.op === "splat") return this.loadIf(x, mask.op === "splat" ? mask.args[0]! : mask, place);
      this.loadPartly(x, mask, place);
    });
  }

  /** Emits a 32-bit scalar load and its splat as one instruction; returns false if `x` is not such a load. */
  loadSplat(x: Expr): boolean {
    if (x.op !== "load" || x.args.length > 1 || byteSize(this.dtype(x.value)) !== 4) return false;
    this.withPlace(x.value, x.args[0]!, (place) => this.access([0xfd, SIMD.load32Splat], 2, place));
    return true;
  }

  /** Emits a store. */
  store(s: Stmt & { kind: "store" }): void {
    if (s.index.lanes === 4) {
      this.scatter(s);
      return;
    }
    this.withPlace(s.buffer, s.index, (place) => {
      this.code.get(place.local);
      this.expressions().emit(s.value);
      if (s.value.lanes === 1) this.code.access([STORE[this.dtype(s.buffer)]], ALIGN[this.dtype(s.buffer)], place.offset);
      else this.storeVector(s, place);
    });
  }

  private dtype(buffer: number): Dtype {
    return this.kernel.buffers[buffer]!.dtype;
  }

  private bytes(buffer: number, form: Affine): Affine {
    return times(form, byteSize(this.dtype(buffer)));
  }

  private withPlace(buffer: number, index: Expr, body: (place: Place) => void): void {
    this.withForm(buffer, affineOf(index, this.known), body);
  }

  /** Computes an address before `body`, which may branch. */
  private withForm(buffer: number, form: Affine, body: (place: Place) => void): void {
    const place = this.pointers.place(buffer, this.bytes(buffer, form));
    body(place);
    if (place.temporary) this.code.release(place.local);
  }

  private access(opcode: readonly number[], align: number, place: ShiftedPlace): void {
    this.code.get(place.local);
    this.code.addConstant(place.shift ?? 0);
    this.code.access(opcode, align, place.offset);
  }

  private scalarAt(buffer: number, place: ShiftedPlace): void {
    this.access([LOAD[this.dtype(buffer)]], ALIGN[this.dtype(buffer)], place);
  }

  /** Emits a load without a mask from a place. */
  private loadAt(x: Expr, place: Place): void {
    if (x.lanes === 1) {
      this.scalarAt(x.value, place);
      return;
    }
    const dtype = this.dtype(x.value);
    if (byteSize(dtype) === 4) {
      this.access([0xfd, SIMD.load], 2, place);
      return;
    }
    // Loads four bytes and widens them to four words.
    this.access([0xfd, SIMD.load32Zero], 0, place);
    this.code.simd(SIMD.i16x8ExtendLowU);
    this.code.simd(SIMD.i32x4ExtendLowU);
    if (dtype === "bool") this.code.simd(SIMD.i32x4Neg);
  }

  /** Emits 0 in the type of a load. */
  private zero(x: Expr): void {
    if (x.lanes === 4) {
      this.expressions().vectorConstant(Array<number>(16).fill(0));
      return;
    }
    const type = typeOf(x);
    if (type === I32) {
      this.code.i32(0);
      return;
    }
    this.code.emit(x.dtype === "f32" ? 0x43 : 0x44, ...Array<number>(x.dtype === "f32" ? 4 : 8).fill(0));
  }

  /** Loads all lanes or none, by one condition. */
  private loadIf(x: Expr, condition: Expr, place: Place): void {
    this.expressions().emit(condition);
    this.code.ifElse(
      typeOf(x),
      () => this.loadAt(x, place),
      () => this.zero(x),
    );
  }

  /** Loads consecutive elements under a mask. Mostly all lanes are set or none, so these cases are tested first. */
  private loadPartly(x: Expr, mask: Expr, place: Place): void {
    this.expressions().inLocal(mask, (m) => {
      // The address of a masked-out lane 0 may be negative. An addition wraps around; the offset of the instruction would not.
      const size = byteSize(this.dtype(x.value));
      const partly = (): void => this.lanesUnder(x, m, (i) => ({ ...place, offset: 0, shift: place.offset + i * size }));
      this.code.get(m);
      this.code.simd(SIMD.i32x4AllTrue);
      this.code.ifElse(
        V128,
        () => this.loadAt(x, place),
        () => {
          this.code.get(m);
          this.code.simd(SIMD.anyTrue);
          this.code.ifElse(V128, partly, () => this.zero(x));
        },
      );
    });
  }

  /** Loads the lanes whose mask is true one by one; the others are 0. */
  private lanesUnder(x: Expr, mask: number, place: (i: number) => ShiftedPlace): void {
    this.expressions().assemble(x.dtype, (i) => {
      this.code.get(mask);
      this.code.simd(SIMD.i32x4ExtractLane);
      this.code.emit(i);
      const scalar: Expr = { ...x, lanes: 1 };
      this.code.ifElse(
        typeOf(scalar),
        () => this.scalarAt(x.value, place(i)),
        () => this.zero(scalar),
      );
    });
  }

  /** Emits the load of a vector from a vector of indices. */
  private gather(x: Expr, index: Expr, mask: Expr | undefined): void {
    const withLanes = (body: (place: (i: number) => Place) => void): void => this.withLanePlaces(x.value, index, body);
    if (mask) {
      this.expressions().inLocal(mask, (m) => withLanes((place) => this.lanesUnder(x, m, place)));
      return;
    }
    const affine = affineLanes(index, this.known);
    const spread = affine ? Math.max(...affine.offsets) - Math.min(...affine.offsets) : 0;
    if (affine && byteSize(this.dtype(x.value)) === 4 && spread >= 3 && spread <= 7) {
      this.gatherNear(x.value, affine.base, affine.offsets);
      return;
    }
    withLanes((place) => {
      if (byteSize(this.dtype(x.value)) === 4) return this.gatherWords(place);
      this.expressions().assemble(x.dtype, (i) => this.scalarAt(x.value, place(i)));
    });
  }

  /** Gathers four 32-bit elements from a range of at most seven: two vectors, one that starts at the lowest and one that ends at the highest element, and a shuffle. */
  private gatherNear(buffer: number, base: Affine, offsets: readonly number[]): void {
    const low = Math.min(...offsets);
    const high = Math.max(...offsets);
    for (const o of [low, high - 3]) {
      const place = this.pointers.place(buffer, this.bytes(buffer, sum(base, constantForm(o))));
      this.access([0xfd, SIMD.load], 2, place);
      if (place.temporary) this.code.release(place.local);
    }
    this.code.simd(SIMD.shuffle);
    for (const o of offsets) {
      const at = 4 * (o - low < 4 ? o - low : o - (high - 3) + 4);
      this.code.emit(at, at + 1, at + 2, at + 3);
    }
  }

  /** Loads four 32-bit elements straight into the lanes of a vector. */
  private gatherWords(place: (i: number) => Place): void {
    this.access([0xfd, SIMD.load32Zero], 2, place(0));
    this.code.inLocal(V128, (v) => {
      for (let i = 1; i < 4; i++) {
        const { local, offset } = place(i);
        this.code.get(local);
        this.code.get(v);
        this.code.access([0xfd, SIMD.load32Lane], 2, offset);
        this.code.emit(i);
        this.code.set(v);
      }
      this.code.get(v);
    });
  }

  /** The places of the four lanes of an index vector; if they differ by constants they share a pointer. */
  private withLanePlaces(buffer: number, index: Expr, body: (place: (i: number) => Place) => void): void {
    const affine = affineLanes(index, this.known);
    const places = affine
      ? affine.offsets.map((o) => this.pointers.place(buffer, this.bytes(buffer, sum(affine.base, constantForm(o)))))
      : this.computedPlaces(buffer, index);
    body((i) => places[i]!);
    for (const place of places) if (place.temporary) this.code.release(place.local);
  }

  /** The places of lanes whose indices differ by more than constants: each address is computed. */
  private computedPlaces(buffer: number, index: Expr): readonly Place[] {
    const places: Place[] = [];
    this.expressions().inLocal(index, (v) => {
      for (let i = 0; i < 4; i++) {
        this.code.get(v);
        this.expressions().extract("i32", i);
        this.code.scale(byteSize(this.dtype(buffer)));
        this.code.get(buffer);
        this.code.emit(0x6a);
        const local = this.code.take(I32);
        this.code.set(local);
        places.push({ local, offset: 0, temporary: true });
      }
    });
    return places;
  }

  /** Emits the store of a vector to consecutive elements. */
  private storeVector(s: Stmt & { kind: "store" }, place: Place): void {
    const dtype = this.dtype(s.buffer);
    if (byteSize(dtype) === 4) {
      this.code.access([0xfd, SIMD.store], 2, place.offset);
      return;
    }
    // The low byte of each word; a mask becomes 0 or 1.
    this.code.inLocal(V128, (v) => {
      this.code.get(v);
      this.code.get(v);
    });
    this.code.simd(SIMD.shuffle);
    for (let i = 0; i < 16; i++) this.code.emit(4 * (i % 4));
    if (dtype === "bool") this.code.simd(SIMD.i8x16Abs);
    this.code.access([0xfd, SIMD.store32Lane], 0, place.offset);
    this.code.emit(0);
  }

  /** Emits the store of a vector lane by lane. */
  private scatter(s: Stmt & { kind: "store" }): void {
    const dtype = this.dtype(s.buffer);
    this.expressions().inLocal(s.value, (value) =>
      this.withLanePlaces(s.buffer, s.index, (place) => {
        for (let i = 0; i < 4; i++) {
          this.code.get(place(i).local);
          this.code.get(value);
          this.expressions().extract(s.value.dtype, i);
          this.code.access([STORE[dtype]], ALIGN[dtype], place(i).offset);
        }
      }),
    );
  }
}
