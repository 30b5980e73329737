/**
 * @file The binary format of WebAssembly: integers in LEB128, functions, modules (WebAssembly Core Specification 2.0, §5). Opcodes are in
 * `instructions.ts`.
 */

export const I32 = 0x7f;
export const F32 = 0x7d;
export const F64 = 0x7c;
export const V128 = 0x7b;
/** The code of a value type in the binary format. */
export type ValueType = typeof I32 | typeof F32 | typeof F64 | typeof V128;

function pushUnsigned(bytes: Code, n: number): void {
  let rest = n >>> 0;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  bytes.push(rest);
}

export function pushSigned(bytes: Code, n: number): void {
  let rest = n | 0;
  for (; rest < -64 || rest >= 64; rest >>= 7) bytes.push((rest & 127) | 128);
  bytes.push(rest & 127);
}

export function unsigned(n: number): number[] {
  const bytes: number[] = [];
  pushUnsigned(bytes, n);
  return bytes;
}

export function text(s: string): number[] {
  const bytes = new TextEncoder().encode(s);
  return [...unsigned(bytes.length), ...bytes];
}

/** A vector in the binary format: the number of items, then the items. */
export function list(items: readonly (readonly number[])[]): number[] {
  const bytes = unsigned(items.length);
  for (const item of items) for (const byte of item) bytes.push(byte);
  return bytes;
}

/** Bytes as a tree: captured code is a nested list in the code around it, so that it is not copied. */
export type Code = (number | Code | Uint8Array)[];

function lengthOf(code: Code): number {
  let n = 0;
  for (const piece of code) n += typeof piece === "number" ? 1 : piece instanceof Uint8Array ? piece.length : lengthOf(piece);
  return n;
}

/** Writes `code` from position `at` on; returns the position after it. */
function write(code: Code, into: Uint8Array, at: number): number {
  let next = at;
  for (const piece of code) {
    if (typeof piece === "number") into[next++] = piece;
    else if (piece instanceof Uint8Array) {
      into.set(piece, next);
      next += piece.length;
    } else next = write(piece, into, next);
  }
  return next;
}

/** The instructions and locals of one function. */
export class FunctionBuilder {
  readonly params: readonly ValueType[];
  private readonly types: ValueType[] = [];
  private readonly free: Map<ValueType, number[]> = new Map();
  private code: Code = [];

  constructor(params: readonly ValueType[]) {
    this.params = params;
  }

  emit(...bytes: readonly number[]): void {
    for (const byte of bytes) this.code.push(byte);
  }

  append(code: Code): void {
    this.code.push(code);
  }

  /** Returns the code that `body` emits instead of adding it. A loop must see its body before it knows what to emit in front of it. */
  capture(body: () => void): Code {
    const outside = this.code;
    this.code = [];
    body();
    const captured = this.code;
    this.code = outside;
    return captured;
  }

  /** A new local, never shared with other code. Needed if its value must survive across iterations of code that was emitted before. */
  newLocal(type: ValueType): number {
    this.types.push(type);
    return this.params.length + this.types.length - 1;
  }

  /** A local for temporary use; it may have been released by other code. */
  take(type: ValueType): number {
    return this.free.get(type)?.pop() ?? this.newLocal(type);
  }

  release(local: number): void {
    const type = this.types[local - this.params.length]!;
    const list = this.free.get(type);
    if (list) list.push(local);
    else this.free.set(type, [local]);
  }

  /** Moves the value on the stack to a local, and calls `body` with it. */
  inLocal(type: ValueType, body: (local: number) => void): void {
    const local = this.take(type);
    this.set(local);
    body(local);
    this.release(local);
  }

  /** One byte and an unsigned number. */
  private emitWith(opcode: number, n: number): void {
    this.code.push(opcode);
    pushUnsigned(this.code, n);
  }

  get(local: number): void {
    this.emitWith(0x20, local);
  }
  set(local: number): void {
    this.emitWith(0x21, local);
  }
  tee(local: number): void {
    this.emitWith(0x22, local);
  }
  i32(n: number): void {
    this.code.push(0x41);
    pushSigned(this.code, n);
  }
  i64(n: bigint): void {
    this.code.push(0x42);
    let rest = n;
    for (; rest < -64n || rest >= 64n; rest >>= 7n) this.code.push(Number(rest & 127n) | 128);
    this.code.push(Number(rest & 127n));
  }
  call(index: number): void {
    this.emitWith(0x10, index);
  }
  simd(opcode: number): void {
    this.emitWith(0xfd, opcode);
  }
  /** Emits a load or store. `opcode` may have two bytes; `align` is the alignment hint, log₂ of bytes; `offset` is in bytes. */
  access(opcode: readonly number[], align: number, offset: number): void {
    for (const byte of opcode) this.code.push(byte);
    pushUnsigned(this.code, align);
    pushUnsigned(this.code, offset);
  }

  /** Emits an atomic instruction on the 32-bit word at a constant address; `operands` emits its other operands. */
  atomic(opcode: number, address: number, operands: () => void = () => {}): void {
    this.i32(address);
    operands();
    this.access([0xfe, opcode], 2, 0);
  }

  /** Emits an `if` on the value on the stack, with a result of type `result` or none. */
  ifElse(result: ValueType | undefined, then: () => void, otherwise?: () => void): void {
    this.emit(0x04, result ?? 0x40);
    then();
    if (otherwise) {
      this.emit(0x05);
      otherwise();
    }
    this.emit(0x0b);
  }

  /** Emits a loop. `body` leaves a condition on the stack; the loop repeats while it is not 0. */
  loop(body: () => void): void {
    this.emit(0x03, 0x40);
    body();
    this.emit(0x0d, 0, 0x0b);
  }

  /** Adds `n` to the i32 on the stack. */
  addConstant(n: number): void {
    if ((n | 0) === 0) return;
    this.i32(n);
    this.emit(0x6a);
  }

  /** Multiplies the i32 on the stack by `n`. */
  scale(n: number): void {
    if (n === 1) return;
    const shift = Math.log2(n);
    this.i32(Number.isInteger(shift) ? shift : n);
    this.emit(Number.isInteger(shift) ? 0x74 : 0x6c);
  }

  /** The function in the format of the code section: size, locals, instructions. */
  bytes(): Code {
    const body: Code = [list(this.types.map((t) => [1, t])), this.code, 0x0b];
    return [unsigned(lengthOf(body)), body];
  }
}

/** Builds a module of functions, imported host functions, and one imported memory. */
export class ModuleBuilder {
  private readonly imports: { readonly from: "math" | "host"; readonly name: string; readonly arity: number }[] = [];
  private readonly functions: FunctionBuilder[] = [];
  private readonly exports: { readonly name: string; readonly index: number }[] = [];
  private readonly shared: boolean;

  constructor(sharedMemory: boolean) {
    this.shared = sharedMemory;
  }

  /** Imports `math.name`, a host function of `arity` doubles, and returns its index. All imports come before the first function, since they have the lower indices. */
  importMath(name: string, arity: number): number {
    return this.import("math", name, arity);
  }

  /** Imports `host.name`, a function of `arity` addresses, and returns its index. */
  importHost(name: string, arity: number): number {
    return this.import("host", name, arity);
  }

  private import(from: "math" | "host", name: string, arity: number): number {
    if (this.functions.length > 0) throw new Error("internal: wasm import after a function");
    this.imports.push({ from, name, arity });
    return this.imports.length - 1;
  }

  /** Adds a function and returns its index. */
  add(builder: FunctionBuilder): number {
    this.functions.push(builder);
    return this.imports.length + this.functions.length - 1;
  }

  export(name: string, index: number): void {
    this.exports.push({ name, index });
  }

  /** The import of the memory. Its limits are a minimum of 0 pages and, for a shared memory, the maximum, which the format requires. */
  protected importedMemory(): number[][] {
    return [[...text("env"), ...text("memory"), 2, ...(this.shared ? [3, 0, ...unsigned(65536)] : [0, 0])]];
  }

  /** Exports other than functions. */
  protected moreExports(): number[][] {
    return [];
  }

  /** Other sections, with their numbers. */
  protected moreSections(): readonly [number, Code][] {
    return [];
  }

  /** The bytes of the module. */
  build(): Uint8Array<ArrayBuffer> {
    const importTypes = this.imports.map(({ from, arity }) =>
      from === "math"
        ? [0x60, ...list(Array<number[]>(arity).fill([F64])), 1, F64]
        : [0x60, ...list(Array<number[]>(arity).fill([I32])), 0],
    );
    const types = this.functions.map((builder) => [0x60, ...list(builder.params.map((p) => [p])), 0]);
    const imports = this.imports.map(({ from, name }, i) => [...text(from), ...text(name), 0, ...unsigned(i)]);
    const n = this.imports.length;
    const sections: [number, Code][] = [
      [1, list([...importTypes, ...types])],
      [2, list([...this.importedMemory(), ...imports])],
      [3, list(this.functions.map((_, i) => unsigned(n + i)))],
      [7, list([...this.exports.map(({ name, index }) => [...text(name), 0, ...unsigned(index)]), ...this.moreExports()])],
      [10, [unsigned(this.functions.length), ...this.functions.map((builder) => builder.bytes())]],
      ...this.moreSections(),
    ];
    const module: Code = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
    // In the order of the format; custom sections, which have the number 0, come last.
    sections.sort(([a], [b]) => (a || 99) - (b || 99));
    for (const [id, content] of sections) module.push(id, unsigned(lengthOf(content)), content);
    const bytes = new Uint8Array(lengthOf(module));
    write(module, bytes, 0);
    return bytes;
  }
}
