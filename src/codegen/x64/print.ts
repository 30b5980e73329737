/** @file Instructions as text, in Intel's syntax, as `objdump -M intel` writes them. */
import { type Decoration, type Memory, memoryBytes, type Operand } from "./assembler.ts";
import type { Instruction, OperandClass } from "./instructions.ts";

const GENERAL_32 = "eax ecx edx ebx esp ebp esi edi".split(" ");
const GENERAL_8 = "al cl dl bl spl bpl sil dil".split(" ");
const SIZES: Readonly<Record<number, string>> = {
  1: "BYTE",
  2: "WORD",
  4: "DWORD",
  8: "QWORD",
  16: "XMMWORD",
  32: "YMMWORD",
  64: "ZMMWORD",
};

/** The name of a general register. */
export function generalName(n: number, bits: 8 | 32 | 64): string {
  if (n > 7) return `r${n}${bits === 64 ? "" : bits === 32 ? "d" : "b"}`;
  if (bits === 8) return GENERAL_8[n]!;
  return bits === 32 ? GENERAL_32[n]! : `r${GENERAL_32[n]!.slice(1)}`;
}

function registerName(kind: OperandClass, n: number, length: number): string {
  switch (kind) {
    case "k":
      return `k${n}`;
    case "g":
      return generalName(n, 32);
    case "G":
      return generalName(n, 64);
    case "b":
      return generalName(n, 8);
    default: {
      const part = kind === "h" ? length / 2 : kind === "q" ? length / 4 : kind === "x" ? 16 : length;
      return `${part === 64 ? "z" : part === 32 ? "y" : "x"}mm${n}`;
    }
  }
}

const hex = (n: number): string => (n < 0 ? `-0x${(-n).toString(16)}` : `0x${n.toString(16)}`);

function memoryText(x: Instruction, m: Memory, length: number, broadcast: boolean): string {
  const parts: string[] = [];
  if (m.base !== undefined) parts.push(generalName(m.base, 64));
  if (m.index !== undefined)
    parts.push(`${x.vectorIndex ? registerName("v", m.index, indexLength(x, length)) : generalName(m.index, 64)}*${m.scale ?? 1}`);
  const displacement = m.base === undefined ? `constants+${hex(m.constant! + m.displacement)}` : hex(m.displacement);
  const address =
    parts.length === 0
      ? displacement
      : m.displacement === 0
        ? parts.join("+")
        : `${parts.join("+")}${m.displacement < 0 ? "" : "+"}${displacement}`;
  if (x.name.startsWith("lea")) return `[${address}]`;
  return `${SIZES[memoryBytes(x, length, broadcast)]} ${broadcast ? "BCST" : "PTR"} [${address}]`;
}

/** Indices have four bytes, so a vector of them is half as long as one of eight-byte elements. */
function indexLength(x: Instruction, length: number): number {
  return x.wide ? length / 2 : length;
}

/** Comparisons have names of their own: of floats, ordered and quiet where it matters; of integers. */
const FLOAT_PREDICATES: Readonly<Record<number, string>> = {
  0: "eq",
  3: "unord",
  4: "neq",
  7: "ord",
  17: "lt_oq",
  18: "le_oq",
  29: "ge_oq",
  30: "gt_oq",
};
const INTEGER_PREDICATES: readonly string[] = ["eq", "lt", "le", "", "neq", "nlt", "nle"];

function comparison(mnemonic: string, immediate: number): string | undefined {
  const [, head, tail] = /^(vp?cmp)(ps|pd|ss|sd|d|ud)$/.exec(mnemonic) ?? [];
  if (head === undefined) return undefined;
  const predicate = head === "vcmp" ? FLOAT_PREDICATES[immediate] : INTEGER_PREDICATES[immediate];
  return predicate ? `${head}${predicate}${tail}` : undefined;
}

/** An immediate as the disassembler reads it: without a sign, as wide as what it is combined with. */
function immediateText({ encoding, classes }: Instruction, n: number): string {
  if (encoding === "vector" || classes[0] === "b") return hex(n & 255);
  if (n >= 0) return hex(n);
  return `0x${(classes[0] === "G" ? 2n ** 64n + BigInt(n) : BigInt(n >>> 0)).toString(16)}`;
}

/** One instruction as text. */
export function printInstruction(x: Instruction, operands: readonly Operand[], decoration: Decoration = {}): string {
  const { length = 16, mask = 0, zeroing = false, broadcast = false, immediate } = decoration;
  const texts = operands.map((operand, i) =>
    typeof operand === "number" ? registerName(x.classes[i]!, operand, length) : memoryText(x, operand, length, broadcast),
  );
  if (mask) texts[0] += `{k${mask}}${zeroing ? "{z}" : ""}`;
  const mnemonic = x.name.split(".")[0]!;
  const named = immediate === undefined ? undefined : comparison(mnemonic, immediate);
  if (immediate !== undefined && named === undefined) texts.push(immediateText(x, immediate));
  return `${named ?? mnemonic} ${texts.join(",")}`;
}
