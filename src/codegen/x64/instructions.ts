/**
 * @file The instructions of x86-64 that the generator uses, as a table (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2). `assembler.ts` encodes them,
 * `print.ts` writes them as a disassembler does, and a test compares the two through one. A row is
 *
 *     name  map  prefix  W  opcode  form  operands  [memory]  [flags]
 *
 * Forms: which field holds the operands in turn. `r` is ModRM.reg, `m` ModRM.rm (a register or memory), `v` the VEX.vvvv field, `i` an immediate byte, `s` the upper half of one. A
 * row for a shift by a constant has its opcode extension behind a slash.
 *
 * Operands: `v` a vector of the instruction's length, `h` and `q` a half and a quarter of it, `x` an xmm register, `k` a mask, `g` and `G` a general register of 32 and
 * 64 bits, `b` its low byte, `-` memory alone.
 *
 * Memory: how an 8-bit displacement is scaled and how much is read. `f4` and `f8` are whole vectors of elements of so many bytes, of which one may be broadcast; `h4` the same
 * for half a vector; `v`, `h`, `q` a vector, half, a quarter, without broadcasts; `1`, `2`, `4`, `8` an element of so many bytes.
 *
 * Flags: `rw` the first operand is read too; `vex` there is a VEX form; `only` there is no other; `w0` W is 0 in that form; `l1` and `l0` fix its length; `f` sets flags only (nothing
 * is written); `vsib` the index of the address is a vector.
 */

/** A field of an instruction. */
export type Field = "r" | "v" | "m" | "i" | "s";
export type OperandClass = "v" | "h" | "q" | "x" | "k" | "g" | "G" | "b" | "-";
/** What kind of register a value needs: general, vector, or mask. */
export type Kind = "g" | "v" | "k";

const KINDS: Readonly<Record<OperandClass, Kind | undefined>> = {
  v: "v",
  h: "v",
  q: "v",
  x: "v",
  k: "k",
  g: "g",
  G: "g",
  b: "g",
  "-": undefined,
};

/** How memory operands are measured. */
export interface MemoryForm {
  readonly kind: "full" | "half" | "vector" | "halfVector" | "quarterVector" | "element";
  /** Bytes of an element. */
  readonly bytes: number;
  readonly broadcast: boolean;
}

export interface Instruction extends Row {
  /** Which operand each field holds; -1 for none. */
  readonly at: Readonly<Record<Field, number>>;
  /** Whether the first operand is a register that is written, and whether it is read whatever the mask. */
  readonly writes: boolean;
  readonly reads: boolean;
  /** The operand that a place in memory can stand for; -1 for none. */
  readonly foldable: number;
  /** Whether it gives a register the value of another. */
  readonly copies: boolean;
  /** The kind of register that each operand must be; undefined for one that is memory alone. */
  readonly kinds: readonly (Kind | undefined)[];
}

/** What a row of the table says. */
interface Row {
  readonly name: string;
  readonly encoding: "vector" | "legacy";
  /** Opcode map: 1 is 0F, 2 is 0F38, 3 is 0F3A; 0 of legacy instructions the one-byte opcodes. */
  readonly map: number;
  /** Mandatory prefix: 0 none, 1 66, 2 F3, 3 F2. */
  readonly prefix: number;
  readonly wide: boolean;
  readonly opcode: number;
  /** Opcode extension in ModRM.reg. */
  readonly extension: number | undefined;
  readonly fields: readonly Field[];
  readonly classes: readonly OperandClass[];
  readonly memory: MemoryForm | undefined;
  /** The first operand is read as well as written. */
  readonly readsFirst: boolean;
  /** The first operand is not written. */
  readonly writesNothing: boolean;
  readonly hasVex: boolean;
  readonly hasEvex: boolean;
  readonly vexNarrow: boolean;
  readonly vexLength: number | undefined;
  readonly vectorIndex: boolean;
}

const FLOATS: readonly string[] = [
  ...["add 58", "mul 59", "sub 5c", "min 5d", "div 5e", "max 5f"].flatMap((row) => {
    const [op, code] = row.split(" ");
    return [
      `v${op}ps 1 np 0 ${code} rvm vvv f4 vex`,
      `v${op}pd 1 66 1 ${code} rvm vvv f8 vex`,
      `v${op}ss 1 f3 0 ${code} rvm xxx 4 vex`,
      `v${op}sd 1 f2 1 ${code} rvm xxx 8 vex`,
    ];
  }),
  "vsqrtps 1 np 0 51 rm vv f4 vex",
  "vsqrtpd 1 66 1 51 rm vv f8 vex",
  "vsqrtss 1 f3 0 51 rvm xxx 4 vex",
  "vsqrtsd 1 f2 1 51 rvm xxx 8 vex",
  ...["132 98", "213 a8", "231 b8"].flatMap((row) => {
    const [order, code] = row.split(" ");
    const scalar = (Number.parseInt(code!, 16) + 1).toString(16);
    return [
      `vfmadd${order}ps 2 66 0 ${code} rvm vvv f4 rw vex`,
      `vfmadd${order}pd 2 66 1 ${code} rvm vvv f8 rw vex`,
      `vfmadd${order}ss 2 66 0 ${scalar} rvm xxx 4 rw vex`,
      `vfmadd${order}sd 2 66 1 ${scalar} rvm xxx 8 rw vex`,
    ];
  }),
  "vrndscaleps 3 66 0 08 rmi vv f4",
  "vrndscalepd 3 66 1 09 rmi vv f8",
  "vrndscaless 3 66 0 0a rvmi xxx 4",
  "vrndscalesd 3 66 1 0b rvmi xxx 8",
  "vrangeps 3 66 0 50 rvmi vvv f4",
  "vrangepd 3 66 1 50 rvmi vvv f8",
  "vrangess 3 66 0 51 rvmi xxx 4",
  "vrangesd 3 66 1 51 rvmi xxx 8",
  "vscalefps 2 66 0 2c rvm vvv f4",
  "vscalefss 2 66 0 2d rvm xxx 4",
  "vcmpps 1 np 0 c2 rvmi kvv f4",
  "vcmppd 1 66 1 c2 rvmi kvv f8",
  "vcmpss 1 f3 0 c2 rvmi kxx 4",
  "vcmpsd 1 f2 1 c2 rvmi kxx 8",
  // What AVX2 has in their place: comparisons give vectors.
  "vroundps 3 66 0 08 rmi vv v only",
  "vroundpd 3 66 0 09 rmi vv v only",
  "vroundss 3 66 0 0a rvmi xxx 4 only",
  "vroundsd 3 66 0 0b rvmi xxx 8 only",
  "vcmpps.v 1 np 0 c2 rvmi vvv v only",
  "vcmppd.v 1 66 0 c2 rvmi vvv v only",
  "vcmpss.v 1 f3 0 c2 rvmi xxx 4 only",
  "vcmpsd.v 1 f2 0 c2 rvmi xxx 8 only",
];

const MOVES: readonly string[] = [
  "vmovaps 1 np 0 28 rm vv v vex",
  "vmovapd 1 66 1 28 rm vv v vex",
  "vmovups 1 np 0 10 rm vv v vex",
  "vmovupd 1 66 1 10 rm vv v vex",
  "vmovups.store 1 np 0 11 mr -v v vex",
  "vmovupd.store 1 66 1 11 mr -v v vex",
  "vmovss.load 1 f3 0 10 rm x- 4 vex",
  "vmovsd.load 1 f2 1 10 rm x- 8 vex",
  "vmovss.store 1 f3 0 11 mr -x 4 vex",
  "vmovsd.store 1 f2 1 11 mr -x 8 vex",
  "vmovd.from 1 66 0 6e rm xg 4 vex",
  "vmovd.to 1 66 0 7e mr gx 4 vex",
  "vbroadcastss 2 66 0 18 rm vx 4 vex",
  "vbroadcastsd 2 66 1 19 rm vx 8 vex w0",
  "vpbroadcastd.from 2 66 0 7c rm vg",
  "vblendmps 2 66 0 65 rvm vvv f4",
  "vblendmpd 2 66 1 65 rvm vvv f8",
  "vpermilps 3 66 0 04 rmi vv f4 vex",
  "vpermilpd 3 66 1 05 rmi vv f8 vex w0",
  "vunpcklps 1 np 0 14 rvm vvv f4 vex",
  "vunpckhps 1 np 0 15 rvm vvv f4 vex",
  "vunpcklpd 1 66 1 14 rvm vvv f8 vex w0",
  "vunpckhpd 1 66 1 15 rvm vvv f8 vex w0",
  "vshuff32x4 3 66 0 23 rvmi vvv f4",
  "vshuff64x2 3 66 1 23 rvmi vvv f8",
  "valignd 3 66 0 03 rvmi vvv f4",
  "valignq 3 66 1 03 rvmi vvv f8",
  "vpermt2ps 2 66 0 7f rvm vvv f4 rw",
  "vpermt2pd 2 66 1 7f rvm vvv f8 rw",
  "vextracti64x4 3 66 1 3b mri hv",
  "vinserti64x4 3 66 1 3a rvmi vvh h",
  "vpmovzxbd 2 66 0 31 rm vq q vex",
  "vpmovdb.store 2 f3 0 31 mr -v q",
  "vgatherdps 2 66 0 92 rm v- 4 rw vsib",
  "vgatherdpd 2 66 1 92 rm v- 8 rw vsib",
  "vscatterdps 2 66 0 a2 mr -v 4 vsib",
  "vscatterdpd 2 66 1 a2 mr -v 8 vsib",
  // What AVX2 has in their place: masks are vectors, of which the sign bits count.
  "vmaskmovps 2 66 0 2c rvm vv- v only",
  "vmaskmovpd 2 66 0 2d rvm vv- v only",
  "vmaskmovps.store 2 66 0 2e mvr -vv v only",
  "vmaskmovpd.store 2 66 0 2f mvr -vv v only",
  "vblendvps 3 66 0 4a rvms vvvv v only",
  "vblendvpd 3 66 0 4b rvms vvvv v only",
  "vpblendd 3 66 0 02 rvmi vvv v only",
  "vmovmskps 1 np 0 50 rm gv only",
  "vpermps 2 66 0 16 rvm vvv v only",
  "vpermilps.v 2 66 0 0c rvm vvv v only",
  "vpshufb 2 66 0 00 rvm vvv v only",
  "vperm2f128 3 66 0 06 rvmi vvv v only",
  "vextracti128 3 66 0 39 mri hv only",
  "vinserti128 3 66 0 38 rvmi vvh h only",
  "vgatherdps.v 2 66 0 92 rmv v-v 4 rw vsib only",
  "vgatherdpd.v 2 66 1 92 rmv v-v 8 rw vsib only",
];

const INTEGERS: readonly string[] = [
  "vpaddd 1 66 0 fe rvm vvv f4 vex",
  "vpsubd 1 66 0 fa rvm vvv f4 vex",
  "vpmulld 2 66 0 40 rvm vvv f4 vex",
  "vpminsd 2 66 0 39 rvm vvv f4 vex",
  "vpminud 2 66 0 3b rvm vvv f4 vex",
  "vpmaxsd 2 66 0 3d rvm vvv f4 vex",
  "vpmaxud 2 66 0 3f rvm vvv f4 vex",
  "vpabsd 2 66 0 1e rm vv f4 vex",
  "vpandd 1 66 0 db rvm vvv f4",
  "vpord 1 66 0 eb rvm vvv f4",
  "vpxord 1 66 0 ef rvm vvv f4",
  "vpandq 1 66 1 db rvm vvv f8",
  "vpxorq 1 66 1 ef rvm vvv f8",
  "vpslld 1 66 0 72/6 vmi vv f4 vex",
  "vpsrld 1 66 0 72/2 vmi vv f4 vex",
  "vpsrad 1 66 0 72/4 vmi vv f4 vex",
  "vpsllvd 2 66 0 47 rvm vvv f4 vex",
  "vpsrlvd 2 66 0 45 rvm vvv f4 vex",
  "vpsravd 2 66 0 46 rvm vvv f4 vex",
  "vpcmpd 3 66 0 1f rvmi kvv f4",
  "vpcmpud 3 66 0 1e rvmi kvv f4",
  "vptestmd 2 66 0 27 rvm kvv f4",
  "vpand 1 66 0 db rvm vvv v only",
  "vpandn 1 66 0 df rvm vvv v only",
  "vpor 1 66 0 eb rvm vvv v only",
  "vpxor 1 66 0 ef rvm vvv v only",
  "vpcmpeqd 1 66 0 76 rvm vvv v only",
  "vpcmpgtd 1 66 0 66 rvm vvv v only",
  "vpmovsxdq 2 66 0 25 rm vh h only",
  "vpmovzxdq 2 66 0 35 rm vh h only",
];

const CONVERSIONS: readonly string[] = [
  "vcvtdq2ps 1 np 0 5b rm vv f4 vex",
  "vcvtudq2ps 1 f2 0 7a rm vv f4",
  "vcvttps2dq 1 f3 0 5b rm vv f4 vex",
  "vcvttps2udq 1 np 0 78 rm vv f4",
  "vcvtdq2pd 1 f3 0 e6 rm vh h4 vex",
  "vcvtudq2pd 1 f3 0 7a rm vh h4",
  "vcvttpd2dq 1 66 1 e6 rm hv f8 vex w0",
  "vcvttpd2udq 1 np 1 78 rm hv f8",
  "vcvtps2pd 1 np 0 5a rm vh h4 vex",
  "vcvtpd2ps 1 66 1 5a rm hv f8 vex w0",
  "vcvtss2sd 1 f3 0 5a rvm xxx 4 vex",
  "vcvtsd2ss 1 f2 1 5a rvm xxx 8 vex",
  "vcvtsi2ss 1 f3 0 2a rvm xxg 4 vex",
  "vcvtsi2sd 1 f2 0 2a rvm xxg 4 vex",
  "vcvtsi2ss.q 1 f3 1 2a rvm xxG 8 vex",
  "vcvtsi2sd.q 1 f2 1 2a rvm xxG 8 vex",
  "vcvttsd2si 1 f2 0 2c rm gx 8 vex",
  "vcvttsd2si.q 1 f2 1 2c rm Gx 8 vex",
];

const MASKS: readonly string[] = [
  "kandw 1 np 0 41 rvm kkk only l1",
  "kandnw 1 np 0 42 rvm kkk only l1",
  "korw 1 np 0 45 rvm kkk only l1",
  "kxnorw 1 np 0 46 rvm kkk only l1",
  "kxorw 1 np 0 47 rvm kkk only l1",
  "knotw 1 np 0 44 rm kk only l0",
  "kmovw 1 np 0 90 rm kk 2 only l0",
  "kmovw.store 1 np 0 91 mr -k 2 only l0",
  "kmovw.from 1 np 0 92 rm kg only l0",
  "kmovw.to 1 np 0 93 rm gk only l0",
  "kshiftrw 3 66 1 30 rmi kk only l0",
];

/** Prefix and map of legacy instructions: map 0 is the one-byte opcodes. */
const GENERAL: readonly string[] = [
  "mov 0 np 0 8b rm gg 4",
  "mov.q 0 np 1 8b rm GG 8",
  "mov.store 0 np 0 89 mr -g 4",
  "mov.q.store 0 np 1 89 mr -G 8",
  "mov.b.store 0 np 0 88 mr -b 1",
  "mov.imm 0 np 0 c7/0 mI g",
  "mov.q.imm 0 np 1 c7/0 mI G",
  "movzx 1 np 0 b6 rm gb 1",
  "movsxd 0 np 1 63 rm Gg 4",
  "lea.q 0 np 1 8d rm G- 8",
  ...["add 03 0", "or 0b 1", "and 23 4", "sub 2b 5", "xor 33 6"].flatMap((row) => {
    const [op, code, extension] = row.split(" ");
    return [`${op} 0 np 0 ${code} rm gg 4 rw`, `${op}.imm 0 np 0 81/${extension} mI g 4 rw`];
  }),
  "add.store 0 np 0 01 mr -g 4",
  "xchg 0 np 0 87 mr -g 4",
  "cmpxchg 1 np 0 b1 mr -g 4",
  "div 0 np 0 f7/6 m g",
  "add.q 0 np 1 03 rm GG 8 rw",
  "add.q.imm 0 np 1 81/0 mI G 8 rw",
  "sub.q.imm 0 np 1 81/5 mI G 8 rw",
  "and.q.imm 0 np 1 81/4 mI G 8 rw",
  "cmp 0 np 0 3b rm gg 4 f",
  "cmp.imm 0 np 0 81/7 mI g 4 f",
  "cmp.b.imm 0 np 0 80/7 mi b 1 f",
  "test 0 np 0 85 mr gg 4 f",
  "imul 1 np 0 af rm gg 4 rw",
  "imul.imm 0 np 0 69 rmI gg 4",
  "imul.q.imm 0 np 1 69 rmI GG 8",
  "neg 0 np 0 f7/3 m g rw",
  "not 0 np 0 f7/2 m g rw",
  "shl 0 np 0 c1/4 mi g rw",
  "shr 0 np 0 c1/5 mi g rw",
  "sar 0 np 0 c1/7 mi g rw",
  "shlx 2 66 0 f7 rmv ggg only l0",
  "shrx 2 f2 0 f7 rmv ggg only l0",
  "sarx 2 f3 0 f7 rmv ggg only l0",
  ...["b 2", "ae 3", "e 4", "ne 5", "be 6", "a 7", "l c", "ge d", "le e", "g f"].flatMap((row) => {
    const [condition, code] = row.split(" ");
    return [`set${condition} 1 np 0 9${code}/0 m b`, `cmov${condition} 1 np 0 4${code} rm gg 4 rw`];
  }),
  "push 0 np 0 ff/6 m G f",
  "pop 0 np 0 8f/0 m G",
];

const PREFIXES: readonly string[] = ["np", "66", "f3", "f2"];

const MEMORY: Readonly<Record<string, MemoryForm>> = {
  f4: { kind: "full", bytes: 4, broadcast: true },
  f8: { kind: "full", bytes: 8, broadcast: true },
  h4: { kind: "half", bytes: 4, broadcast: true },
  v: { kind: "vector", bytes: 4, broadcast: false },
  h: { kind: "halfVector", bytes: 4, broadcast: false },
  q: { kind: "quarterVector", bytes: 1, broadcast: false },
  ...Object.fromEntries([1, 2, 4, 8].map((bytes) => [String(bytes), { kind: "element" as const, bytes, broadcast: false }])),
};

function parse(row: string, encoding: Row["encoding"]): Row {
  const [name, map, prefix, w, code, form, classes, ...rest] = row.split(" ") as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    ...string[],
  ];
  const [opcode, extension] = code.split("/");
  const memory = rest[0] !== undefined ? MEMORY[rest[0]] : undefined;
  const flags = new Set(memory ? rest.slice(1) : rest);
  const only = flags.has("only");
  return {
    name,
    encoding: only ? "vector" : encoding,
    map: Number(map),
    prefix: PREFIXES.indexOf(prefix),
    wide: w === "1",
    opcode: Number.parseInt(opcode!, 16),
    extension: extension === undefined ? undefined : Number(extension),
    // A capital I is an immediate of four bytes; it is told apart by the encoding.
    fields: [...form.toLowerCase()] as Field[],
    classes: [...classes] as OperandClass[],
    memory,
    readsFirst: flags.has("rw"),
    writesNothing: flags.has("f"),
    hasVex: flags.has("vex") || only,
    hasEvex: !only,
    vexNarrow: flags.has("w0"),
    vexLength: flags.has("l1") ? 1 : flags.has("l0") ? 0 : undefined,
    vectorIndex: flags.has("vsib"),
  };
}

/** A row with what follows from it. */
function instructionOf(row: Row): Instruction {
  const { fields, classes, memory } = row;
  const at = { r: fields.indexOf("r"), v: fields.indexOf("v"), m: fields.indexOf("m"), i: fields.indexOf("i"), s: fields.indexOf("s") };
  // VEX has no shift of memory by a constant.
  const folds = memory !== undefined && at.m > 0 && (row.extension === undefined || row.encoding === "legacy");
  return {
    ...row,
    at,
    writes: !row.writesNothing && classes[0] !== "-",
    reads: row.writesNothing || row.readsFirst || (at.m === 0 && classes[0] === "-"),
    foldable: folds ? at.m : -1,
    copies: COPIES.has(row.name),
    kinds: classes.map((c) => KINDS[c]),
  };
}

const COPIES: ReadonlySet<string> = new Set(["vmovaps", "vmovapd", "mov", "mov.q", "kmovw"]);

/** All instructions by name. What stands behind a dot tells forms of one mnemonic apart. */
export const INSTRUCTIONS: ReadonlyMap<string, Instruction> = new Map(
  [
    ...[...FLOATS, ...MOVES, ...INTEGERS, ...CONVERSIONS, ...MASKS].map((row) => parse(row, "vector")),
    ...GENERAL.map((row) => parse(row, "legacy")),
  ].map((row) => [row.name, instructionOf(row)]),
);

/** The instructions of a machine. */
export class InstructionSet {
  readonly #names: Readonly<Record<string, string>>;
  readonly #found: Map<string, Instruction> = new Map();

  /** `names` are those of instructions that the machine has under another name. */
  constructor(names: Readonly<Record<string, string>>) {
    this.#names = names;
  }

  get(name: string): Instruction {
    let found = this.#found.get(name);
    if (!found) {
      found = instruction(this.#names[name] ?? name);
      this.#found.set(name, found);
    }
    return found;
  }
}

/** The instruction of a name. */
export function instruction(name: string): Instruction {
  const found = INSTRUCTIONS.get(name);
  if (!found) throw new Error(`internal: x64 has no instruction ${name}`);
  return found;
}
