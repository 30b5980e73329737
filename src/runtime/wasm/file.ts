/**
 * @file Recorded functions as one WebAssembly file: programs, memory, the values of their cells. The layout of the memory:
 *
 *     1024 | a table of addresses for each function | cells | the scratch zone, which the functions share      each part at a multiple of 64
 */
import { byteSize } from "../../base/dtype.ts";
import { formatType, sizeOf, type Type } from "../../base/shape.ts";
import { type Contents, compileFile } from "../../codegen/wasm/file.ts";
import type { Region } from "../../ops/op.ts";
import { elementsOf } from "../../ops/tensor.ts";
import type { Cell } from "../cell.ts";
import { planRegion } from "../compile.ts";
import { cellsOf, type Roles } from "../executable.ts";

/** A recorded function, with the names of its arguments and results. */
export interface Saved {
  readonly name: string;
  readonly region: Region;
  readonly roles: Roles;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** Settings of a file. */
export interface FileSettings {
  readonly relaxed: boolean;
  readonly nameOf: (cell: Cell) => string;
  /** Text for people: sections by name. */
  readonly notes: readonly (readonly [name: string, text: string])[];
  /** Called for a host function that a program needs and a file cannot contain; it throws. */
  readonly refuse: (fn: Saved, host: string) => never;
}

/** The host functions that the loader has: those of `Math`, and a few of its own. */
const IN_LOADER: ReadonlySet<string> = new Set([...Object.getOwnPropertyNames(Math), "exp2", "rem", "pow"]);

/** Where the data begin. The words before are those that threads share in other programs. */
const START = 1024;

type Schedule = ReturnType<typeof planRegion>;

/** Hands out addresses one after another, each at a multiple of 64. */
class Places {
  end = START;

  take(bytes: number): number {
    const at = this.end;
    this.end += Math.ceil(bytes / 64) * 64;
    return at;
  }
}

const bytesOf = (type: Type): number => sizeOf(type.shape) * byteSize(type.dtype);

/** Compiles recorded functions to one file and returns its bytes. */
export function fileOf(functions: readonly Saved[], { relaxed, nameOf, notes, refuse }: FileSettings): Uint8Array<ArrayBuffer> {
  const plans = functions.map((fn) => planned(fn, refuse));
  const cells = [...new Set(functions.flatMap(({ roles }) => cellsOf(roles)))];
  const places = new Places();
  const tables = functions.map(({ roles }) => places.take(4 * (cellsOf(roles).length + 1)));
  const at = new Map(cells.map((cell) => [cell, places.take(bytesOf(cell))]));
  const zone = places.take(Math.max(...plans.map(({ scratch }) => scratch)));
  const contents: Contents[] = functions.map(({ roles }, i) => {
    const table = Uint32Array.from([zone, ...cellsOf(roles).map((cell) => at.get(cell)!)]);
    return { at: tables[i]!, bytes: new Uint8Array(table.buffer) };
  });
  for (const cell of cells) {
    const elements = elementsOf(cell.current);
    const bytes = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
    // The memory starts as zeros, so zeros need not be in the file.
    if (bytes.some((byte) => byte !== 0)) contents.push({ at: at.get(cell)!, bytes: bytes.slice() });
  }
  const addresses = functions.flatMap((fn, i) => signature(fn, plans[i]!, zone));
  for (const cell of cells) addresses.push([`cells ${nameOf(cell)} ${formatType(cell)}`, at.get(cell)!]);
  const entries = functions.map(({ name }, i) => ({ name, program: plans[i]!.program, table: tables[i]! }));
  const onHost = (host: string): void => {
    if (!IN_LOADER.has(host)) refuse(functions[0]!, host);
  };
  return compileFile(entries, { relaxed, bytes: places.end, contents, addresses, notes, onHost });
}

function planned(fn: Saved, refuse: FileSettings["refuse"]): Schedule {
  const plan = planRegion(fn.region, fn.roles);
  const [host] = plan.program.hosts ?? [];
  return host ? refuse(fn, host.name) : plan;
}

/** The addresses of arguments, results and cells, by name. A result that is also written to a cell has the address of the cell. */
function signature({ region, roles, inputs, outputs }: Saved, plan: Schedule, zone: number): [name: string, address: number][] {
  const left = [...inputs];
  const right = [...outputs];
  return [
    ...region.inputs.flatMap((x, i): [string, number][] =>
      roles.inputs[i] === "argument" ? [[`inputs ${left.shift()} ${formatType(x)}`, zone + plan.inputs[i]!]] : [],
    ),
    ...region.outputs.flatMap((y, i): [string, number][] =>
      roles.outputs[i] === "result" ? [[`outputs ${right.shift()} ${formatType(y)}`, zone + plan.outputs[i]!]] : [],
    ),
  ];
}
