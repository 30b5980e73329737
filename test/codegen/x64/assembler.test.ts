/** @file Every form of every instruction of x86-64 that the assembler can emit, read back by a disassembler: its text is the printer's. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Assembler, type Decoration, type Memory, type Operand } from "../../../src/codegen/x64/assembler.ts";
import { INSTRUCTIONS, type Instruction, instruction, type OperandClass } from "../../../src/codegen/x64/instructions.ts";
import { printInstruction } from "../../../src/codegen/x64/print.ts";

const hasDisassembler = spawnSync("objdump", ["--version"]).status === 0;

/** What `objdump` reads out of code, one text for each instruction. */
function disassemble(code: Uint8Array): string[] {
  const folder = mkdtempSync(join(tmpdir(), "nabla-x64-"));
  try {
    const file = join(folder, "code");
    writeFileSync(file, code);
    const { stdout } = spawnSync("objdump", ["-D", "-b", "binary", "-m", "i386:x86-64", "-M", "intel", "--no-show-raw-insn", file], {
      encoding: "utf8",
      maxBuffer: 2 ** 28,
    });
    return stdout
      .split("\n")
      .filter((line) => /^ +[0-9a-f]+:/.test(line))
      .map((line) => line.replace(/^ +[0-9a-f]+:\s*/, "").replace(/\s+#.*$/, ""));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Spelled alike: spaces, displacements of 0, and prefixes that the disassembler names otherwise. */
const normal = (text: string): string =>
  text
    .replace(/^\{evex\} /, "")
    .replace(/\{1to\d+\}/, "")
    .replace(/\s+/g, " ")
    .replace(/\+0x0\]/, "]")
    .replace(/,/g, ", ")
    .replace(/, +/g, ",")
    .trim();

interface Case {
  readonly x: Instruction;
  readonly operands: readonly Operand[];
  readonly decoration: Decoration;
}

/** Low and high registers of each class; a base that needs a SIB byte, one that needs a displacement. */
const REGISTERS: Readonly<Record<OperandClass, readonly number[]>> = {
  v: [0, 5, 9, 18, 31],
  h: [1, 12, 30],
  q: [1, 12, 30],
  x: [0, 6, 13, 21],
  k: [1, 4, 7],
  g: [0, 3, 5, 6, 8, 13],
  G: [0, 2, 5, 7, 9, 15],
  b: [0, 3, 4, 6, 9, 14],
  "-": [],
};

const BASES = [0, 3, 4, 5, 8, 12, 13];
const DISPLACEMENTS = [0, 8, 64, -64, 0x7f, -0x80, 0x80, 128, 1024, 0x12340, -0x12340];

function memories(x: Instruction): Memory[] {
  const plain = BASES.flatMap((base) => DISPLACEMENTS.map((displacement): Memory => ({ base, displacement })));
  const indices = (x.vectorIndex ? [0, 7, 10, 17, 30] : [0, 5, 11, 14]).filter((n) => n < 16 || !vexOnly(x));
  const indexed = indices.flatMap((index) =>
    BASES.flatMap((base) =>
      [0, 4, 4096].map((displacement): Memory => ({ base, index, scale: [1, 2, 4, 8][(index + base) % 4]!, displacement })),
    ),
  );
  return x.vectorIndex ? indexed : [...plain, ...indexed];
}

/** All combinations of a few registers would be many: each list is gone through at its own pace. */
function registers(x: Instruction): number[][] {
  return Array.from({ length: 12 }, (_, n) =>
    x.classes.map((c, i) => {
      const list = vexOnly(x) ? REGISTERS[c].filter((r) => r < 16) : REGISTERS[c];
      return list[(n * (i + 1) + i) % Math.max(1, list.length)]!;
    }),
  );
}

const vexOnly = (x: Instruction): boolean => x.encoding === "legacy" || !x.hasEvex;
const isVector = (x: Instruction): boolean => x.classes.some((c) => "vhq".includes(c));

function lengths(x: Instruction): number[] {
  if (x.encoding === "legacy" || !isVector(x)) return [16];
  if (/64x4/.test(x.name)) return [64];
  if (/i128|2f128|vpermps/.test(x.name)) return [32];
  if (vexOnly(x)) return [16, 32];
  // Of four lanes of 128 bits there must be two at least.
  return /^vshuff|^vbroadcastsd/.test(x.name) ? [32, 64] : [16, 32, 64];
}

function decorations(x: Instruction, toMemory: boolean): Decoration[] {
  const compares = /^vp?cmp/.test(x.name);
  const immediate =
    x.name.includes("imm") && !x.name.startsWith("cmp.b")
      ? [1, 127, -128, 0x1234]
      : compares
        ? x.name.startsWith("vp")
          ? [0, 1, 2, 4]
          : [0, 3, 4, 7, 17, 18, 30]
        : [3];
  const immediates = x.fields.includes("i") ? immediate : [undefined];
  const masked =
    x.hasEvex &&
    x.encoding === "vector" &&
    /^v/.test(x.name) &&
    !/mov[sd]|cvt.*si/.test(x.name.replace("vmovups", "").replace("vmovupd", ""));
  return immediates.flatMap((n) =>
    lengths(x).flatMap((length): Decoration[] => {
      const base: Decoration = n === undefined ? { length } : { length, immediate: n };
      if (x.vectorIndex && x.hasEvex)
        return [
          { ...base, mask: 1 },
          { ...base, mask: 7 },
        ];
      if (!masked) return [base];
      const zeroing = x.classes[0] !== "k" && !toMemory;
      return [base, { ...base, mask: 3 }, ...(zeroing ? [{ ...base, mask: 5, zeroing: true }] : [])];
    }),
  );
}

function casesOf(x: Instruction): Case[] {
  const at = x.fields.indexOf("m");
  const cases: Case[] = [];
  if (!x.classes.includes("-"))
    for (const operands of registers(x)) for (const decoration of decorations(x, false)) cases.push({ x, operands, decoration });
  if (!x.memory) return cases;
  const [sample] = registers(x);
  const others = registers(x);
  for (const [i, memory] of memories(x).entries()) {
    const registersHere = others[i % others.length] ?? sample!;
    const operands = x.classes.map((_, j): Operand => (j === at ? memory : registersHere[j]!));
    const list = decorations(x, at === 0);
    const some = [list[i % list.length]!, list[(i * 7 + 3) % list.length]!];
    for (const decoration of some) {
      // Registers of a gather must differ.
      const vectors = [memory.index, ...operands.filter((o) => typeof o === "number")];
      if (x.vectorIndex && new Set(vectors).size < vectors.length) continue;
      cases.push({ x, operands, decoration });
      if (x.memory.broadcast) cases.push({ x, operands, decoration: { ...decoration, broadcast: true } });
    }
  }
  return cases;
}

describe.skipIf(!hasDisassembler)("instructions of x86-64 (needs objdump)", () => {
  test.each(["vector", "legacy"] as const)("are what the %s table says", (encoding) => {
    const cases = [...INSTRUCTIONS.values()].filter((x) => x.encoding === encoding).flatMap(casesOf);
    const assembler = new Assembler(true);
    for (const { x, operands, decoration } of cases) assembler.emit(x, operands, decoration);
    const texts = disassemble(assembler.finish(new Uint8Array(0)));
    const wrong = cases.flatMap(({ x, operands, decoration }, i) => {
      const want = normal(printInstruction(x, operands, decoration));
      const got = normal(texts[i] ?? "nothing");
      return want === got ? [] : [`${x.name}: ${want} | ${got}`];
    });
    expect(wrong.slice(0, 20)).toEqual([]);
    expect(cases.length).toBeGreaterThan(1000);
  });

  test("jumps and constants are found", () => {
    const assembler = new Assembler(true);
    const [top, end] = [assembler.newLabel(), assembler.newLabel()];
    assembler.place(top);
    assembler.emit(instruction("vaddps"), [1, 2, { displacement: 4, constant: 8 }], { length: 64, broadcast: true });
    assembler.emit(instruction("vmovups"), [1, { displacement: 0, constant: 0 }], { length: 16 });
    assembler.emit(instruction("vcmpps"), [1, 2, { displacement: 0, constant: 0 }], { length: 64, immediate: 4 });
    assembler.jumpIf("ne", end);
    assembler.jump(top);
    assembler.call(top);
    assembler.align(32);
    assembler.place(end);
    const code = assembler.finish(new Uint8Array(64));
    expect(code.length).toBe(128);
    const texts = disassemble(code.subarray(0, 64)).map(normal);
    expect(texts.slice(0, 6)).toEqual([
      "vaddps zmm1,zmm2,DWORD BCST [rip+0x42]",
      "vmovups xmm1,XMMWORD PTR [rip+0x2e]",
      "vcmpneqps k1,zmm2,ZMMWORD PTR [rip+0x23]",
      "jne 0x40",
      "jmp 0x0",
      "call 0x0",
    ]);
  });
});
