/**
 * @file The code of values that do not depend on each other, one instruction of each in turn. A processor looks only so far ahead: of exponentials one after another, each some twenty
 * instructions that wait for the one before, it has too few in work to keep its multipliers busy. Side by side, four took 5.8 cycles each where they had taken 7.6 (Zen 5).
 */
import { FIRST_VALUE, type Piece } from "./code.ts";
import { type InstructionItem, isMemory } from "./liveness.ts";

/** Shorter code gains nothing. */
const LEAST_LENGTH = 8;
/** Share of the vector registers that values in work may take together. */
const SHARE = 0.5;

/** An instruction with the value that it writes and those that it mentions. */
interface Step {
  readonly item: InstructionItem;
  readonly result: number;
  readonly mentioned: readonly number[];
}

/** Puts the code of several values side by side, as many of them at a time as registers allow. */
export function interleave(codes: readonly (readonly Piece[])[], registers: number): readonly Piece[] {
  if (codes.length < 2) return codes;
  const lists = codes.map((code) => stepsOf(code)).filter((list) => list !== undefined);
  if (lists.length < codes.length || lists.some((list) => list.length < LEAST_LENGTH) || !areIndependent(lists)) return codes;
  const most = Math.floor((registers * SHARE) / Math.max(...lists.map(peakOf)));
  if (most < 2) return codes;
  const merged: Piece[] = [];
  for (let from = 0; from < lists.length; from += most) {
    const group = lists.slice(from, from + most);
    const longest = Math.max(...group.map((list) => list.length));
    for (let i = 0; i < longest; i++) for (const list of group) if (i < list.length) merged.push(list[i]!.item);
  }
  return merged;
}

/** The steps of code; undefined if there are others than vector instructions, which set no flags and have no registers of their own, so that their places may change. */
function stepsOf(pieces: readonly Piece[], steps: Step[] = []): Step[] | undefined {
  for (const piece of pieces) {
    if (!("kind" in piece)) {
      if (!stepsOf(piece, steps)) return undefined;
      continue;
    }
    if (piece.kind !== "instruction" || piece.x.encoding !== "vector" || !piece.x.writes) return undefined;
    const { operands, decoration } = piece;
    const [result] = operands;
    if (result === undefined || isMemory(result) || result < FIRST_VALUE) return undefined;
    const values = operands.flatMap((o) => (isMemory(o) ? [o.base ?? -1, o.index ?? -1] : [o]));
    steps.push({ item: piece, result, mentioned: decoration.mask ? [...values, decoration.mask] : values });
  }
  return steps;
}

/** Whether no code writes what another mentions. */
function areIndependent(lists: readonly (readonly Step[])[]): boolean {
  const writers = new Map<number, number>();
  for (const [n, list] of lists.entries()) for (const { result } of list) writers.set(result, n);
  return lists.every((list, n) => list.every(({ mentioned }) => mentioned.every((v) => (writers.get(v) ?? n) === n)));
}

/** The most values of its own that code has in work at a time. */
function peakOf(list: readonly Step[]): number {
  const last = new Map<number, number>();
  for (const [i, { mentioned }] of list.entries()) for (const v of mentioned) last.set(v, i);
  const live = new Set<number>();
  let peak = 1;
  for (const [i, { result }] of list.entries()) {
    live.add(result);
    peak = Math.max(peak, live.size);
    for (const v of live) if (last.get(v) === i) live.delete(v);
  }
  return peak;
}
