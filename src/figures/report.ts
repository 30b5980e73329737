/** @file A report as one page without any other file: sections of text, lists and pictures, light or dark as the reader's system is, for wide screens and narrow ones. */
import { escaped } from "./svg.ts";

/** A part of a report. */
export interface Section {
  readonly title: string;
  /** Paragraphs in front of the pictures. */
  readonly text?: readonly string[];
  /** Boxes with a coloured edge: a head, a body, a list of what helps. */
  readonly cards?: readonly {
    readonly kind: "error" | "warning" | "note" | "good";
    readonly head: string;
    readonly body: string;
    readonly list: readonly string[];
  }[];
  /** SVG texts. */
  readonly pictures?: readonly string[];
  /** Rows of a table, the first are heads. */
  readonly table?: readonly (readonly string[])[];
}

const LOOK = `:root{color-scheme:light dark;--paper:#fff;--ink:#1a1a1a;--soft:#5c5c5c;--rule:#e2e2e2;--card:#f7f7f8;--error:#c0392b;--warning:#b26a00;--note:#0072b2;--good:#00795a}
@media (prefers-color-scheme:dark){:root{--paper:#161616;--ink:#ececec;--soft:#a8a8a8;--rule:#3a3a3a;--card:#202022;--error:#ff7b6b;--warning:#ffb454;--note:#56b4e9;--good:#2fd0a4}}
*{box-sizing:border-box}body{margin:0 auto;padding:2rem 1rem 4rem;max-width:800px;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.15rem;margin:2.5rem 0 .5rem;border-bottom:1px solid var(--rule);padding-bottom:.25rem}p{margin:.4rem 0;color:var(--soft)}
.card{background:var(--card);border-left:4px solid var(--note);border-radius:4px;padding:.7rem 1rem;margin:.7rem 0}.card b{display:block}.card.error{border-color:var(--error)}.card.error b{color:var(--error)}.card.warning{border-color:var(--warning)}.card.warning b{color:var(--warning)}.card.good{border-color:var(--good)}.card.good b{color:var(--good)}.card.note b{color:var(--note)}.card ul{margin:.3rem 0 0;padding-left:1.2rem}
svg{display:block;max-width:100%;min-width:560px;height:auto;margin:1rem 0}.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem;width:100%}th,td{padding:.3rem .6rem;border-bottom:1px solid var(--rule);text-align:right;white-space:nowrap}th{color:var(--soft);font-weight:500}th:first-child,td:first-child{text-align:left}`;

const tableOf = ([head = [], ...rows]: readonly (readonly string[])[]): string =>
  `<div class="wide"><table><thead><tr>${head.map((cell) => `<th>${escaped(cell)}</th>`).join("")}</tr></thead><tbody>${rows
    .map((row) => `<tr>${row.map((cell) => `<td>${escaped(cell)}</td>`).join("")}</tr>`)
    .join("")}</tbody></table></div>`;

function sectionText({ title, text = [], cards = [], pictures = [], table }: Section): string {
  const boxes = cards.map(
    ({ kind, head, body, list }) =>
      `<div class="card ${kind}"><b>${escaped(head)}</b>${escaped(body)}${list.length > 0 ? `<ul>${list.map((each) => `<li>${escaped(each)}</li>`).join("")}</ul>` : ""}</div>`,
  );
  return `<section><h2>${escaped(title)}</h2>${text.map((each) => `<p>${escaped(each)}</p>`).join("")}${boxes.join("")}${pictures.map((svg) => `<div class="wide">${svg}</div>`).join("\n")}${table ? tableOf(table) : ""}</section>`;
}

/** The page. */
export function report(title: string, about: string, sections: readonly Section[]): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escaped(title)}</title><style>${LOOK}</style></head><body><h1>${escaped(title)}</h1><p>${escaped(about)}</p>${sections.map(sectionText).join("\n")}</body></html>\n`;
}
