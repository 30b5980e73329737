/**
 * @file Content hashes of kernels: a fingerprint of what a kernel computes, valid within this process. It does not depend on the kernel's name or on how its
 * expressions and variables are numbered. One walk feeds every part of every distinct node, in order of first use, to two running hashes of 32 bits
 * (multiplicative, like FNV-1a).
 */
import { numberOf } from "./build.ts";
import type { Expr, Kernel, Stmt } from "./kernel.ts";

const FLOAT: Float64Array<ArrayBuffer> = new Float64Array(1);
const HALVES: Int32Array<ArrayBuffer> = new Int32Array(FLOAT.buffer);

/** Feeds the parts of a kernel to two running hashes of 32 bits. */
class Hasher {
  #a = 0x811c9dc5;
  #b = 0x2545f491;
  readonly #numbers: Map<Expr, number> = new Map();

  word(n: number): void {
    this.#a = Math.imul(this.#a ^ n, 0x01000193);
    this.#a ^= this.#a >>> 15;
    this.#b = Math.imul(this.#b + n, 0x85ebca6b);
    this.#b ^= this.#b >>> 13;
  }

  number(x: number): void {
    FLOAT[0] = x;
    this.word(HALVES[0]!);
    this.word(HALVES[1]!);
  }

  /** Feeds an expression. A node that was met before is fed as its number. */
  expr(x: Expr): void {
    const known = this.#numbers.get(x);
    if (known !== undefined) {
      this.word(-1 - known);
      return;
    }
    for (const arg of x.args) this.expr(arg);
    this.#numbers.set(x, this.#numbers.size);
    this.word((numberOf(x.op) << 16) | (numberOf(x.dtype) << 6) | x.lanes);
    if (x.fold) this.word(numberOf(x.fold));
    if (x.op !== "variable") this.number(x.value);
  }

  block(stmts: readonly Stmt[]): void {
    this.word(stmts.length);
    for (const s of stmts) this.statement(s);
  }

  /** Feeds a statement and the statements inside. */
  statement(s: Stmt): void {
    this.word(numberOf(s.kind));
    switch (s.kind) {
      case "for":
        for (const n of [s.from, s.to, s.step, s.parallel ? (s.parallel === "inside" ? 2 : 1) : 0]) this.word(n);
        this.word(s.within ? 1 : 0);
        for (const x of s.within ?? []) this.expr(x);
        this.expr(s.variable);
        this.block(s.body);
        return;
      case "let":
      case "set":
        this.expr(s.value);
        this.expr(s.variable);
        return;
      case "store":
        this.word(s.buffer);
        this.expr(s.index);
        this.expr(s.value);
        if (s.mask) this.expr(s.mask);
        return;
      case "if":
        this.expr(s.condition);
        this.block(s.then);
        this.block(s.otherwise);
    }
  }

  digest(): string {
    const hex = (n: number): string => (n >>> 0).toString(16).padStart(8, "0");
    return hex(this.#a) + hex(this.#b);
  }
}

const known: WeakMap<Kernel, string> = new WeakMap();

/** A hash of what a kernel computes. */
export function hashKernel(kernel: Kernel): string {
  let hash = known.get(kernel);
  if (hash === undefined) {
    const hasher = new Hasher();
    for (const { dtype, length, written } of kernel.buffers) {
      hasher.word(numberOf(dtype));
      hasher.number(length);
      hasher.word(written ? 1 : 0);
    }
    hasher.block(kernel.body);
    hash = hasher.digest();
    known.set(kernel, hash);
  }
  return hash;
}
