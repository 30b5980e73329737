/**
 * @file Mixed-integer linear programs: costs, rows and 0-1 variables by name, as text in the LP format, and their solution by HiGHS (Huangfu & Hall 2018), which the
 * optional package `highs` brings as WebAssembly.
 */

type Sense = "<=" | ">=" | "=";
export type Term = readonly [coefficient: number, variable: string];

interface Row {
  readonly name: string;
  readonly terms: readonly Term[];
  readonly sense: Sense;
  readonly bound: number;
}

/** How long and how closely to solve. */
export interface SolveOptions {
  /** Relative difference from the bound at which the search ends. Default 1e-3. */
  readonly gap?: number;
  /** Seconds after which it ends with the best plan found. Default 60. */
  readonly seconds?: number;
}

/** The best plan found. */
export interface Solution {
  readonly cost: number;
  /** Relative difference from what has been proved that no plan can beat: 0 for the optimum. */
  readonly gap: number;
  readonly has: (variable: string) => boolean;
}

/** No plan keeps all rows: the names of rows of which none may be left out of the contradiction. */
export class Infeasible extends Error {
  readonly rows: readonly string[];

  constructor(rows: readonly string[]) {
    super(`no plan keeps all rows; these contradict each other: ${rows.join(", ")}`);
    this.rows = rows;
  }
}

/** A program under construction. Variables are 0 or 1 if they are binary, else between 0 and 1. */
export class LinearProgram {
  readonly #costs = new Map<string, number>();
  readonly #binaries = new Set<string>();
  readonly #rows: Row[] = [];

  /** Adds to what a variable costs. */
  cost(variable: string, cost: number): void {
    this.#costs.set(variable, (this.#costs.get(variable) ?? 0) + cost);
  }

  /** A variable that is 0 or 1. */
  binary(variable: string, cost = 0): void {
    this.cost(variable, cost);
    this.#binaries.add(variable);
  }

  isBinary(variable: string): boolean {
    return this.#binaries.has(variable);
  }

  row(name: string, terms: readonly Term[], sense: Sense, bound: number): void {
    this.#rows.push({ name, terms, sense, bound });
  }

  get size(): { readonly variables: number; readonly rows: number } {
    return { variables: this.#costs.size, rows: this.#rows.length };
  }

  /** The names in the order of the columns. */
  get variables(): readonly string[] {
    return [...this.#costs.keys()];
  }

  rowName(index: number): string {
    return this.#rows[index]!.name;
  }

  /** In the LP format. A row without a variable is written with a variable that is 0, since the format has no empty rows. */
  text(): string {
    const continuous = this.variables.filter((name) => !this.#binaries.has(name));
    const sum = (terms: readonly Term[]): string =>
      terms.map(([by, name], i) => `${by < 0 ? "- " : i > 0 ? "+ " : ""}${digits(Math.abs(by))} ${name}`).join(" ");
    const wrapped = (text: string): string => text.replace(/(.{1,400})(?: |$)/g, "$1\n  ").trimEnd();
    return [
      "Minimize",
      ` cost: ${wrapped(sum([...this.#costs].map(([name, cost]): Term => [cost, name])))}`,
      "Subject To",
      ...this.#rows.map(
        ({ name, terms, sense, bound }) => ` ${name}: ${wrapped(sum(terms.length > 0 ? terms : [[1, NOTHING]]))} ${sense} ${digits(bound)}`,
      ),
      "Bounds",
      ` ${NOTHING} = 0`,
      ...continuous.map((name) => ` 0 <= ${name} <= 1`),
      "Binary",
      ` ${wrapped([...this.#binaries].join(" "))}`,
      "End\n",
    ].join("\n");
  }
}

/** The variable of rows that have none. */
const NOTHING = "nothing";

const digits = (x: number): string => String(Number(x.toFixed(6)));

/** What the ES module exports; the package declares the types of a CommonJS one, whose default export lies one level deeper. */
type Load = typeof import("highs")["default"];
type Solver = Awaited<ReturnType<Load>>;
let loading: Promise<Solver> | undefined;

/** @throws {Error} where the optional package is not installed. */
function solver(): Promise<Solver> {
  loading ??= import("highs").then(
    (module) => (module as unknown as { readonly default: Load }).default(),
    () => {
      throw new Error("plans are made by the package highs, which is not installed: npm install highs");
    },
  );
  return loading;
}

/** HiGHS's bits for the contradiction: by an elastic program (2), irreducible (4), of the relaxation of a mixed-integer program (16). */
const IRREDUCIBLE = 22;

/** @throws {Infeasible} if no plan keeps all rows. @throws {Error} if none was found in time. */
export async function solve(program: LinearProgram, { gap = 1e-3, seconds = 60 }: SolveOptions = {}): Promise<Solution> {
  const highs = await solver();
  return highs.withModel({ format: "lp", data: program.text() }, (model) => {
    model.options.set({ output_flag: false, mip_rel_gap: gap, time_limit: seconds });
    model.run();
    const status = model.getModelStatus();
    const { infeasible, optimal, timeLimit } = highs.constants.modelStatus;
    if (status === infeasible) {
      model.options.set({ iis_strategy: IRREDUCIBLE });
      throw new Infeasible(Array.from(model.getIis().rowIndex, (index) => program.rowName(index)));
    }
    const cost = model.getObjectiveValue();
    if (!(status === optimal || status === timeLimit) || !Number.isFinite(cost))
      throw new Error(`no plan was found in ${seconds} s (HiGHS: status ${status})`);
    const values = model.getSolution().colValue;
    const chosen = new Set(program.variables.filter((name) => values[Number(model.getColByName(name))]! > 0.5));
    return { cost, gap: Number(model.info.get("mip_gap")), has: (variable: string) => chosen.has(variable) };
  });
}
