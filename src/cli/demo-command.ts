/** @file `nabla demo`: the points of the lectures, each computed and drawn by its name. */
import { type Demo, DOCUMENTS, demos, type Fact, findDemo, holds, type Outcome, runDemo } from "../demo/index.ts";
import { escaped, lineChart, page } from "../figures/svg.ts";
import { tableFigure } from "../figures/table.ts";
import { drawCurves } from "./curves.ts";
import { outputFile } from "./output.ts";
import { terminalWidth } from "./terminal.ts";

/** Flags of the command. */
export interface DemoFlags {
  readonly json?: boolean;
  readonly out?: string;
}

/** Lists the demonstrations, or runs one; gives the process's exit code: 1 if a number is not what it must be. */
export async function demoCommand(name: string | undefined, flags: DemoFlags): Promise<number> {
  if (name === undefined) return list(flags);
  const demo = findDemo(name);
  const kind = flags.out === undefined ? undefined : pictureKind(flags.out);
  const out = flags.out === undefined ? undefined : outputFile(flags.out);
  const outcome = await runDemo(demo);
  console.log(flags.json ? JSON.stringify(asRecord(demo, outcome), null, 2) : asText(demo, outcome));
  if (out) {
    await out.write(kind === "svg" ? `${pictures(demo, outcome).at(-1)}\n` : asPage(demo, outcome));
    if (!flags.json) console.log(`saved ${flags.out}`);
  }
  return outcome.facts.every(holds) ? 0 : 1;
}

function list({ json, out }: DemoFlags): number {
  if (out !== undefined) throw new Error("--out wants the name of a demonstration: nabla demo NAME --out FILE");
  const rows = demos.map(({ name, shows, document, rows: ids }) => ({ name, shows, document: DOCUMENTS[document], catalogue: ids }));
  console.log(json ? JSON.stringify(rows, null, 2) : rows.map(({ name, shows, document }) => `${name}  ${shows} [${document}]`).join("\n"));
  return 0;
}

/** @throws {Error} for a name that is neither. */
function pictureKind(path: string): "svg" | "html" {
  const found = /\.(svg|html?)$/i.exec(path)?.[1]?.toLowerCase();
  if (found === undefined) throw new Error(`${path}: want a file named *.svg or *.html`);
  return found === "svg" ? "svg" : "html";
}

const number = (x: number): string => {
  if (Number.isInteger(x) && Math.abs(x) < 1e15) return x.toLocaleString("en-US");
  const size = Math.abs(x);
  return size !== 0 && (size < 1e-3 || size >= 1e6) ? x.toExponential(3) : String(Number(x.toPrecision(5)));
};

/** What a number must be, in words; nothing if it is only shown. */
function demanded({ expected, within = 0, least, most }: Fact): string {
  const bounds = [least === undefined ? "" : `at least ${number(least)}`, most === undefined ? "" : `at most ${number(most)}`]
    .filter(Boolean)
    .join(", ");
  if (expected === undefined) return bounds;
  return `${number(expected)}${within > 0 ? ` ± ${number(within)}` : ""}`;
}

const verdict = (fact: Fact): string => (holds(fact) ? (demanded(fact) ? "ok" : "") : "DIFFERS");

const cells = ({ facts }: Outcome): string[][] =>
  facts.map((fact) => [fact.what, number(fact.value), demanded(fact), verdict(fact), fact.note ?? ""]);

function asText(demo: Demo, outcome: Outcome): string {
  const rows = cells(outcome);
  const width = (c: number): number => Math.max(...rows.map((row) => row[c]!.length));
  const lines = rows.map(([what, value, must, ok, note]) =>
    `  ${what!.padEnd(width(0))}  ${value!.padStart(width(1))}${must ? `   must be ${must!.padEnd(width(2))}  ${ok}` : ""}${note ? `  (${note})` : ""}`.trimEnd(),
  );
  const drawn = (outcome.charts ?? []).map(
    ({ curves, options }) => `\n${options.title ?? ""}\n${drawCurves(curves, { width: terminalWidth(), x: options.x ?? "" })}`,
  );
  return [
    `${demo.name}: ${demo.shows}`,
    `${DOCUMENTS[demo.document]}; ${demo.rows.join(", ")}`,
    "",
    ...lines,
    ...(outcome.text ? ["", outcome.text] : []),
    ...drawn,
  ].join("\n");
}

const asRecord = (demo: Demo, { facts, charts, text }: Outcome): object => ({
  name: demo.name,
  shows: demo.shows,
  document: DOCUMENTS[demo.document],
  catalogue: demo.rows,
  facts: facts.map((fact) => ({ ...fact, holds: holds(fact) })),
  ...(charts && { charts: charts.map(({ curves, options }) => ({ ...options, curves })) }),
  ...(text !== undefined && { text }),
});

/** The table of numbers, the charts, other drawings. */
function pictures(demo: Demo, outcome: Outcome): string[] {
  const rows = cells(outcome).map((row) => row.slice(0, 4));
  return [
    tableFigure(demo.name, [["", "value", "must be", ""], ...rows]),
    ...(outcome.charts ?? []).map(({ curves, options }) => lineChart(curves, options)),
    ...(outcome.pictures ?? []),
  ];
}

function asPage(demo: Demo, outcome: Outcome): string {
  const about = `<p>${escaped(demo.shows)} (${escaped(DOCUMENTS[demo.document])})</p>`;
  const text = outcome.text === undefined ? [] : [`<pre style="overflow-x:auto;font-size:12px">${escaped(outcome.text)}</pre>`];
  return page(demo.name, [about, ...pictures(demo, outcome), ...text]);
}
