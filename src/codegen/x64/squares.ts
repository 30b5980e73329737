/**
 * @file Transposition. Where the loads of some statements gather vectors whose elements are rows apart, each vector one element after the one before, their elements are a square (or a part of
 * one): its rows are loaded as vectors and transposed in registers. Nothing else is touched than by the gathers.
 *
 *     b0[ramp·56 + i], b0[ramp·56 + i + 1], ...        row r is b0[r·56 + i : 16], and load c is element c of all rows
 */
import { byteSize } from "../../base/dtype.ts";
import { type Affine, affineLanes, affineOf, constantForm, type Known, sum } from "../../kernel/affine.ts";
import { int, lt, ramp } from "../../kernel/build.ts";
import type { Expr, Kernel, Stmt } from "../../kernel/kernel.ts";
import { eachExpr } from "../../kernel/walk.ts";
import type { Memory } from "./assembler.ts";
import type { Emitter } from "./extension.ts";

/** Fewer columns than these are gathered one by one. */
const LEAST_COLUMNS = 4;
/** Elements of a block of 128 bits, the parts of a vector in which instructions interleave elements. */
const BLOCK = 4;

type Let = Extract<Stmt, { kind: "let" }>;

/** Gathers from one buffer whose indices differ by constants, by the constant of the first element. */
interface Family {
  readonly buffer: number;
  readonly terms: Affine["terms"];
  /** Elements from one row to the next. */
  readonly pitch: number;
  readonly columns: Map<number, Expr[]>;
}

/** What squares need from their surroundings. */
export interface SquareSurroundings {
  readonly kernel: Kernel;
  readonly known: ReadonlyMap<Expr, Known>;
  readonly on: Emitter;
  /** The place of an element, by the affine form of its index. */
  readonly placeOf: (buffer: number, form: Affine) => Memory;
  /** Whether an affine form is the index, and all its terms have values. */
  readonly isCertain: (form: Affine) => boolean;
}

/** Loads what statements gather as rows, where it is a square; returns the values of these loads. They hold until the next store. */
export function loadSquares(lets: readonly Let[], around: SquareSurroundings): Map<Expr, number> {
  const made = new Map<Expr, number>();
  for (const family of familiesOf(lets, around))
    for (const columns of runsOf(family, around.on.bytes / 4)) load(family, columns, around, made);
  return made;
}

/** The gathers of elements of four bytes without a mask, whose elements are equally far apart. */
function familiesOf(lets: readonly Let[], { kernel, known, on, isCertain }: SquareSurroundings): Family[] {
  const families = new Map<string, Family>();
  const lanes = on.bytes / 4;
  const seen = new Set<Expr>();
  eachExpr(
    lets.map((s) => s.value),
    (x) => {
      const index = x.op === "load" && x.lanes === lanes && x.args.length === 1 ? x.args[0] : undefined;
      if (index?.lanes !== lanes || byteSize(kernel.buffers[x.value]!.dtype) !== 4) return;
      const form = affineLanes(index, known);
      const pitch = form ? form.offsets[1]! - form.offsets[0]! : 0;
      // Elements a few vectors apart are two loads and a permutation.
      if (!form || Math.abs(pitch) < 3 || form.offsets.some((o, i) => o !== form.offsets[0]! + i * pitch) || !isCertain(form.base)) return;
      const { terms } = form.base;
      const key = `${x.value} ${pitch} ${[...terms].map(([y, c]) => `${y.id}*${c}`).sort()}`;
      const family = families.get(key) ?? { buffer: x.value, terms, pitch, columns: new Map<number, Expr[]>() };
      families.set(key, family);
      const constant = form.base.constant + form.offsets[0]!;
      family.columns.set(constant, [...(family.columns.get(constant) ?? []), x]);
    },
    seen,
  );
  return [...families.values()];
}

/** Runs of neighbouring columns, each of at most as many as a vector has elements. */
function runsOf({ columns }: Family, lanes: number): number[][] {
  const runs: number[][] = [];
  for (const c of [...columns.keys()].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && last.length < lanes && last.at(-1) === c - 1) last.push(c);
    else runs.push([c]);
  }
  return runs.filter((run) => run.length >= LEAST_COLUMNS);
}

/** Loads the rows of a square and transposes them: within blocks of 128 bits, four rows at a time; then the blocks. */
function load(
  { buffer, terms, pitch, columns }: Family,
  run: readonly number[],
  { on, placeOf }: SquareSurroundings,
  made: Map<Expr, number>,
): void {
  const length = on.bytes;
  const lanes = length / 4;
  const mask = run.length < lanes ? on.emit(lt(ramp(lanes), int(run.length))) : undefined;
  const row = (i: number): number => {
    const place = placeOf(buffer, sum({ constant: 0, terms }, constantForm(run[0]! + i * pitch)));
    return mask === undefined ? on.make("v", "vmovups", [place], { length }) : on.extension.load(false, place, length, mask);
  };
  const pair = (name: string, a: number, b: number): number => on.make("v", name, [a, b], { length });
  const inBlocks: number[][] = [];
  for (let i = 0; i < lanes; i += BLOCK) {
    const [a, b] = [row(i), row(i + 1)];
    const [low, high] = [pair("vunpcklps", a, b), pair("vunpckhps", a, b)];
    const [c, d] = [row(i + 2), row(i + 3)];
    const [otherLow, otherHigh] = [pair("vunpcklps", c, d), pair("vunpckhps", c, d)];
    inBlocks.push([
      pair("vunpcklpd", low, otherLow),
      pair("vunpckhpd", low, otherLow),
      pair("vunpcklpd", high, otherHigh),
      pair("vunpckhpd", high, otherHigh),
    ]);
  }
  for (let c = 0; c < BLOCK; c++) {
    const rows = inBlocks.map((four) => four[c]!);
    const wanted = Math.ceil((run.length - c) / BLOCK);
    for (const [block, value] of on.extension.transposed(rows, length, wanted).entries())
      for (const x of columns.get(run[c + block * BLOCK]!)!) made.set(x, value);
  }
}

/** What the indices of some `let`s stand for, noted where the terms are known. Only those that nothing assigns later count. */
export function noteIndices(lets: readonly Let[], known: Map<Expr, Known>, isFixed: (x: Expr) => boolean): void {
  for (const { variable, value } of lets) {
    if ((variable.dtype !== "i32" && variable.dtype !== "u32") || !isFixed(variable)) continue;
    const isPlain = ({ terms }: Affine): boolean => [...terms.keys()].every((x) => x.op === "variable" && isFixed(x));
    if (variable.lanes === 1) {
      const affine = affineOf(value, known);
      if (!known.has(variable) && isPlain(affine)) known.set(variable, { affine });
    } else {
      const lanes = affineLanes(value, known);
      if (lanes && isPlain(lanes.base)) known.set(variable, { lanes });
    }
  }
}
