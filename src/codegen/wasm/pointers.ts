/**
 * @file Strength reduction of addresses, which V8 does not do for WebAssembly. Each loop keeps a pointer in a local for every distinct affine index (without its
 * constant) that is used in it. The pointer is set on entry from the pointer of the enclosing loop and advanced at the end of an iteration. Constants go into
 * the offset of the instruction.
 *
 *     for i < 8 { for k < 64 { ... b0[i*64 + k + 3] ... } }
 *
 *     p₁ = b0;  loop i { p₂ = p₁;  loop k { load p₂ + 12;  p₂ += 4 };  p₁ += 256 }
 *
 * (Allen, Cocke & Kennedy 1981.) Which pointers a loop needs is known only once its body has been emitted, so bodies are emitted first.
 */

import { type Affine, type Known, rangeOfTerms } from "../../kernel/affine.ts";
import type { Expr } from "../../kernel/kernel.ts";
import { type FunctionBuilder, I32 } from "./module.ts";

/** A pointer that a loop maintains: buffer + Σ terms + constant, in bytes. */
interface Pointer {
  readonly local: number;
  readonly buffer: number;
  /** Terms and constant at the first iteration, without the loop's own variable. */
  readonly entry: Affine;
  readonly bump: number;
}

/** The pointers of one loop. */
interface Level {
  readonly variable: Expr;
  readonly from: number;
  readonly step: number;
  readonly pointers: Map<string, Pointer>;
}

/** An address as instructions take it: a local, and an offset in bytes. */
export interface Place {
  readonly local: number;
  readonly offset: number;
  /** True if the caller must release the local. */
  readonly temporary: boolean;
}

/** Maintains the pointers of one function. */
export class Pointers {
  private readonly levels: Level[] = [];
  /** For each `let`, the number of loops around it. */
  private readonly depths: Map<Expr, number> = new Map();
  private readonly code: FunctionBuilder;
  private readonly known: ReadonlyMap<Expr, Known>;
  private readonly emitTerm: (x: Expr) => void;

  /** The function's first params are the buffers' addresses; `emitTerm` puts the value of an expression on the stack. */
  constructor(code: FunctionBuilder, known: ReadonlyMap<Expr, Known>, emitTerm: (x: Expr) => void) {
    this.code = code;
    this.known = known;
    this.emitTerm = emitTerm;
  }

  /** Declares a `let` that nothing assigns later, so that the pointers of loops inside may contain it. */
  declare(variable: Expr): void {
    this.depths.set(variable, this.levels.length);
  }

  get depth(): number {
    return this.levels.length;
  }

  enter(variable: Expr, from: number, step: number): void {
    this.levels.push({ variable, from, step, pointers: new Map() });
    this.depths.set(variable, 0);
  }

  /**
   * Leaves the innermost loop. Returns functions that emit the code before the loop (which may start at the iteration number in the local `first`), the code at the
   * end of an iteration, and that release the locals.
   */
  leave(): { readonly initialize: (first?: number) => void; readonly advance: () => void; readonly release: () => void } {
    const pointers = [...this.levels.pop()!.pointers.values()];
    return {
      initialize: (first) => {
        for (const p of pointers) {
          this.emitAddress(this.levels.length, p.buffer, p.entry);
          if (first !== undefined && p.bump !== 0) {
            this.code.get(first);
            this.code.scale(p.bump);
            this.code.emit(0x6a);
          }
          this.code.set(p.local);
        }
      },
      advance: () => {
        for (const p of pointers) {
          if (p.bump === 0) continue;
          this.code.get(p.local);
          this.code.addConstant(p.bump);
          this.code.set(p.local);
        }
      },
      release: () => {
        for (const p of pointers) this.code.release(p.local);
      },
    };
  }

  /**
   * Puts a condition on the stack that always holds, although V8 cannot know it: a pointer of the innermost loop is not the last address, where no element fits.
   * `choice` selects among the pointers.
   */
  emitTruth(choice: number): void {
    const moving = [...(this.levels.at(-1)?.pointers.values() ?? [])];
    const pointer = moving[choice % moving.length];
    if (!pointer) {
      this.code.i32(1);
      return;
    }
    this.code.get(pointer.local);
    this.code.i32(-1);
    this.code.emit(0x47);
  }

  /** The place of byte `form` of a buffer. Emitted code leaves nothing on the stack. */
  place(buffer: number, form: Affine): Place {
    const anchor = this.anchor(form);
    const address: Affine = { constant: anchor, terms: form.terms };
    const offset = form.constant - anchor;
    const level = this.levels.length;
    if (this.isLocal(level, address)) return { local: this.pointerLocal(level, buffer, address), offset, temporary: false };
    this.emitAddress(level, buffer, address);
    const local = this.code.take(I32);
    this.code.set(local);
    return { local, offset, temporary: true };
  }

  /**
   * The part of the constant that goes into the pointer instead of the offset. The offset of an instruction is unsigned and added without wrapping, so the pointer
   * alone must not be before the buffer. It takes as much of the constant as its smallest value requires, or all of it if that value is not known.
   */
  private anchor(form: Affine): number {
    const range = rangeOfTerms(form.terms, this.known);
    if (!range) return form.constant;
    return Math.min(form.constant, Math.max(0, -range[0]));
  }

  /** Returns true if a term is computed inside the loop at `level`, so that no pointer of that loop can contain it. */
  private isInside(level: number, x: Expr): boolean {
    const depth = this.depths.get(x);
    const isCounter = this.levels.some((l) => l.variable === x);
    return !isCounter && (depth === undefined || depth >= level);
  }

  /** Returns true if an address is the value of a local at `level`; the loop may get a pointer for it. */
  private isLocal(level: number, { constant, terms }: Affine): boolean {
    if (level === 0) return terms.size === 0 && constant === 0;
    for (const x of terms.keys()) if (this.isInside(level, x)) return false;
    return true;
  }

  /** The local of the pointer at a level with this address, made if there is none. */
  private pointerLocal(level: number, buffer: number, address: Affine): number {
    if (level === 0) return buffer;
    const { variable, from, step, pointers } = this.levels[level - 1]!;
    const own = address.terms.get(variable) ?? 0;
    // A pointer that does not advance in this loop can be that of the enclosing loop.
    if (own === 0 && this.isLocal(level - 1, address)) return this.pointerLocal(level - 1, buffer, address);
    const key = keyOf(buffer, address);
    const existing = pointers.get(key);
    if (existing) return existing.local;
    const terms = new Map(address.terms);
    terms.delete(variable);
    const entry = { constant: address.constant + own * from, terms };
    const pointer = { local: this.code.newLocal(I32), buffer, entry, bump: own * step };
    pointers.set(key, pointer);
    return pointer.local;
  }

  /** Puts an address on the stack, at `level`: a pointer, plus what is computed inside this loop, plus the constant. */
  private emitAddress(level: number, buffer: number, { constant, terms }: Affine): void {
    const outer = new Map([...terms].filter(([x]) => level > 0 && !this.isInside(level, x)));
    this.code.get(this.pointerLocal(level, buffer, { constant: 0, terms: outer }));
    for (const [x, coefficient] of terms) {
      if (outer.has(x)) continue;
      this.emitTerm(x);
      this.code.scale(coefficient);
      this.code.emit(0x6a);
    }
    this.code.addConstant(constant);
  }
}

function keyOf(buffer: number, { constant, terms }: Affine): string {
  const parts = [...terms].map(([x, c]) => `${x.id}*${c}`).sort();
  return `${buffer} ${constant} ${parts.join(" ")}`;
}
