/** @file Pictures of plans: blocks where they belong, places in proportion, text as text. */
import { expect, test } from "vitest";
import { type Gantt, ganttFigure, ganttText } from "../../src/figures/gantt.ts";
import { placeMap } from "../../src/figures/map.ts";

const plan: Gantt = {
  title: "who <where>",
  spans: ["day 1", "day 2", "day 3"],
  rows: [
    { name: "one", blocks: [{ from: 0, to: 1, text: "a & b", colour: 2 }] },
    { name: "three", blocks: [{ from: 2, text: "c" }] },
  ],
};

test("blocks reach over their spans", () => {
  const svg = ganttFigure(plan);
  const wide = [...svg.matchAll(/<rect[^>]*width="([\d.]+)" height="21"/g)].map(([, width]) => Number(width));
  expect(wide[0]! + 3).toBeCloseTo(2 * (wide.at(-1)! + 3), 0);
  expect(svg).toContain("a &#38; b");
  expect(svg).toContain("who &#60;where&#62;");
  expect(svg).toContain('class="bar c2"');
});

test("as text, a dash for each span that a block goes on", () => {
  expect(ganttText(plan).split("\n")).toEqual([
    "who <where>",
    "         day 1 day 2 day 3",
    "  one    a & b ─     ·",
    "  three  ·     ·     c",
  ]);
});

test("places keep their proportions, ways join them", () => {
  const svg = placeMap("map", [{ x: 0, y: 0, name: "a" }, { x: 10, y: 0, name: "b", colour: 1 }, { x: 0, y: 5, name: "c" }], [{ from: 0, to: 1, colour: 2 }], {
    keys: [{ name: "k", colour: 1 }],
  }); // biome-ignore format: three places
  const [a, b, c] = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)" r="6"/g)].map(([, x, y]) => [Number(x), Number(y)]) as [
    number[],
    number[],
    number[],
  ];
  expect(b[0]! - a[0]!).toBeCloseTo(2 * (a[1]! - c[1]!), 0);
  expect(svg).toContain(`d="M${a[0]} ${a[1]}L${b[0]} ${b[1]}"`);
});

test("nothing to draw is said", () => {
  expect(() => ganttFigure({ ...plan, rows: [] })).toThrow("ganttFigure: there is nothing to draw");
  expect(() => placeMap("empty", [])).toThrow("placeMap: there is no place to draw");
});
