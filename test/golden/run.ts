/**
 * @file The runner: reads a folder in the format of the golden data, tries every case, counts. An op without an adapter is uncovered, a thrown
 * error is a failure; nothing is skipped.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { formats, type Tensor, type TypedArray, tensor, vjp } from "nabla";
import {
  type Adapter,
  byRole,
  type Case,
  type CaseData,
  type Group,
  type Outcome,
  PERFECT,
  type Tolerance,
  Uncovered,
  worse,
} from "./adapter.ts";

export interface Report {
  cases: number;
  passed: number;
  failed: number;
  uncovered: number;
  /** Largest error as a multiple of its tolerance; the largest number there is where NaN or infinity differ or the code threw. */
  worst: number;
  /** One line per case that did not pass. */
  readonly lines: string[];
}

/** Stored in place of infinity, which JSON lacks. */
const ENDLESS = Number.MAX_VALUE;
const EXACT: Tolerance = { rtol: 0, atol: 0 };

/** Names of the groups in a folder. */
export function groupsIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.slice(0, -".json".length))
    .sort();
}

/** Cases and tensors of one group. */
export class GoldenFile implements CaseData {
  readonly cases: readonly Case[];
  readonly #entries: ReadonlyMap<string, formats.Entry>;

  constructor(folder: string, group: string) {
    const manifest = JSON.parse(readFileSync(join(folder, `${group}.json`), "utf8")) as { cases: Case[]; tensors_file?: string };
    this.cases = manifest.cases.map((c) => ({ ...c, attrs: withNumbers(c.attrs ?? {}) as Case["attrs"] }));
    const file = manifest.tensors_file;
    this.#entries = file ? formats.readSafetensors(readFileSync(join(folder, file)), file).entries : new Map();
  }

  entry(name: string): formats.Entry {
    const found = this.#entries.get(name);
    if (!found) throw new Error(`there is no stored tensor ${name}`);
    return found;
  }

  tensor(name: string): Tensor {
    const { shape, data, dtype } = this.entry(name);
    return tensor(data as TypedArray, { shape, ...(dtype === "U8" || dtype === "BOOL" ? { dtype: "bool" } : {}) });
  }

  compare(got: ArrayLike<number>, name: string, tolerance: Tolerance, what: string): Outcome {
    return distance(got, this.entry(name).data as TypedArray, tolerance, what);
  }
}

/** "inf", "-inf" and "nan" of a manifest as numbers. */
function withNumbers(x: unknown): unknown {
  const numbers: Record<string, number> = { inf: Number.POSITIVE_INFINITY, "-inf": Number.NEGATIVE_INFINITY, nan: Number.NaN };
  if (typeof x === "string") return numbers[x] ?? x;
  if (Array.isArray(x)) return x.map(withNumbers);
  return x !== null && typeof x === "object" ? Object.fromEntries(Object.entries(x).map(([key, v]) => [key, withNumbers(v)])) : x;
}

/** The largest |got - want| / (atol + rtol·|want|); NaN must meet NaN, an infinity its like. */
export function distance(got: ArrayLike<number>, want: ArrayLike<number>, { rtol, atol }: Tolerance, what: string): Outcome {
  if (got.length !== want.length) return { worst: ENDLESS, where: `${what} has ${got.length} elements, expected ${want.length}` };
  let outcome = PERFECT;
  for (let i = 0; i < want.length; i++) {
    const [g, w] = [got[i]!, want[i]!];
    if (Object.is(g, w) || g === w) continue;
    const ratio = Math.abs(g - w) / (atol + rtol * Math.abs(w));
    const worst = Number.isFinite(w) && Number.isFinite(ratio) ? ratio : ENDLESS;
    if (worst > outcome.worst) outcome = { worst, where: `${what}[${i}] is ${g}, expected ${w}` };
  }
  return outcome;
}

/** Values and gradients of a case, in one program. */
function runCase(adapter: Adapter, c: Case, data: CaseData): Outcome {
  const stored = { ...c.buffers, ...c.params, ...c.inputs };
  const x = Object.fromEntries(Object.entries(stored).map(([role, name]) => [role, data.tensor(name)]));
  const expected = { ...c.buffers_after, ...c.outputs };
  const kind = (role: string): string => (c.outputs && role in c.outputs ? "outputs" : "buffers_after");
  const wanted = Object.entries(c.grads ?? {}).map(([key, name]) => ({ key, name, role: key.replace(/^input:/, "") }));
  const free = Object.fromEntries(wanted.map(({ role }) => [role, x[role]!]));

  const { value, pullback } = vjp((seeds: Record<string, Tensor>) => byRole(adapter({ ...x, ...seeds }, c.attrs, c)))(free);
  let outcome = PERFECT;
  const check = (got: Tensor | undefined, name: string, section: string, role: string): void => {
    if (!got) throw new Error(`the adapter gives no ${role}`);
    const shape = (data as GoldenFile).entry(name).shape;
    if (String(got.shape) !== String(shape)) throw new Error(`${section} ${role} has shape [${got.shape}], expected [${shape}]`);
    outcome = worse(outcome, data.compare(got.dataSync(), name, c.tol?.[section]?.[role] ?? EXACT, `${section} ${role}`));
  };
  for (const [role, name] of Object.entries(expected)) check(value[role], name, kind(role), role);
  if (wanted.length > 0) {
    const cotangents = Object.entries(value).map(([role, y]) => {
      const given = c.cotangents?.[role];
      return [role, given ? data.tensor(given).cast(y.dtype) : y.like(0)] as const;
    });
    const [grads] = pullback(Object.fromEntries(cotangents));
    for (const { key, name, role } of wanted) check(grads[role], name, "grads", key);
  }
  return outcome;
}

/** `x` as it is, and which of its attributes nobody has read; a list counts as read with its name. */
export function watched<T extends object>(x: T): { seen: T; unread: () => string[] } {
  const read = new Set<string>();
  const wrap = (object: object, path: string): object =>
    new Proxy(object, {
      get(target, key) {
        const value = Reflect.get(target, key) as unknown;
        if (typeof key !== "string") return value;
        read.add(path + key);
        return isPlain(value) ? wrap(value, `${path + key}.`) : value;
      },
    });
  const paths = (object: object, path: string): string[] =>
    Object.entries(object).flatMap(([key, value]) => {
      if (value === null || value === undefined) return []; // left out
      const own = path + key;
      return !read.has(own) ? [own] : isPlain(value) ? paths(value, `${own}.`) : [];
    });
  return { seen: wrap(x, "") as T, unread: () => paths(x, "") };
}

const isPlain = (x: unknown): x is object => typeof x === "object" && x !== null && !Array.isArray(x);

/** Tries every case of a group that `select` picks. */
export function runGroup(file: GoldenFile, group: Group | undefined, select: (c: Case, i: number) => boolean = () => true): Report {
  const report: Report = { cases: 0, passed: 0, failed: 0, uncovered: 0, worst: 0, lines: [] };
  const fail = (c: Case, worst: number, why: string): void => {
    report.failed++;
    report.worst = Math.max(report.worst, worst);
    report.lines.push(`FAILED ${c.id} (${c.op}): ${why}`);
  };
  for (const c of file.cases.filter(select)) {
    report.cases++;
    const adapter = group && Object.hasOwn(group.adapters, c.op) ? group.adapters[c.op]! : undefined;
    try {
      if (!adapter) throw new Uncovered("no adapter");
      const { seen, unread } = watched(c.attrs);
      const { worst, where } = (group!.run ?? runCase)(adapter, { ...c, attrs: seen }, file);
      // An attribute that the adapter does not know may have changed what was stored.
      const unknown = unread().filter((name) => !group!.remarks?.includes(name));
      if (unknown.length > 0) throw new Uncovered(`attributes that the adapter does not read: ${unknown.join(", ")}`);
      if (!(worst <= 1)) fail(c, worst, `${where}, ${worst.toPrecision(3)} times the tolerance`);
      else report.passed++;
      report.worst = Math.max(report.worst, worst);
    } catch (error) {
      const message = error instanceof Error ? error.message.split("\n")[0]! : String(error);
      if (error instanceof Uncovered) {
        report.uncovered++;
        report.lines.push(`uncovered ${c.id} (${c.op}): ${message}`);
      } else fail(c, ENDLESS, message);
    }
  }
  return report;
}
