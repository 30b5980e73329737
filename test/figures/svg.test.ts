/** @file Pictures: every point is where it belongs, text is text, and what cannot be drawn is left out. */
import { describe, expect, test } from "vitest";
import { logTicksIn, rangeOf, ticksIn } from "../../src/figures/axis.ts";
import { type Curve, curveOf, rowsOfCsv, thinned } from "../../src/figures/curves.ts";
import { lineChart, page } from "../../src/figures/svg.ts";

const curve: Curve = {
  name: 'a <b> & "c"',
  points: [
    [0, 1],
    [5, 2],
    [10, Number.NaN],
    [15, 4],
    [20, 3],
  ],
};

/** Points of the paths, in pixels. */
const points = (svg: string): number[][][] =>
  [...svg.matchAll(/<path class="c\d" d="([^"]*)"/g)].map(([, d]) =>
    [...d.matchAll(/[ML]([\d.]+) ([\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)]),
  );

describe("a chart", () => {
  const svg = lineChart([curve], { title: "loss <of> run", x: "epoch", y: "loss" });

  test("has its points in proportion, and a gap where there is no number", () => {
    const [[a, b, c, d]] = points(svg);
    expect(points(svg)[0]).toHaveLength(4);
    expect((b[0] - a[0]) / (d[0] - a[0])).toBeCloseTo(0.25, 2);
    expect((a[1] - b[1]) / (a[1] - c[1])).toBeCloseTo(1 / 3, 2);
    expect(svg.match(/d="M[^"]*"/)![0].match(/M/g)).toHaveLength(2);
  });

  test("shows text as text, and follows the reader's colours", () => {
    expect(svg).not.toMatch(/<b>|<of>/);
    expect(svg).toContain("a &#60;b&#62; &#38; &#34;c&#34;");
    expect(svg).toContain("prefers-color-scheme:dark");
    expect(page("x & y", [svg])).toContain("<title>x &#38; y</title>");
    // Well formed: every tag that opens closes.
    const open = [...svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)].reduce((n, [, close, , own]) => n + (own ? 0 : close ? -1 : 1), 0);
    expect(open).toBe(0);
  });

  test("is logarithmic where values span much, and linear where one is not above 0", () => {
    const wide: Curve = {
      name: "w",
      points: [
        [1, 1],
        [2, 0.1],
        [3, 0.01],
        [4, 0.001],
      ],
    };
    const [line] = points(lineChart([wide]));
    expect(line[1][1] - line[0][1]).toBeCloseTo(line[3][1] - line[2][1], 0);
    const [flat] = points(lineChart([{ ...wide, points: [...wide.points, [5, 0]] }]));
    expect(flat[1][1] - flat[0][1]).toBeGreaterThan(5 * (flat[3][1] - flat[2][1]));
    expect(points(lineChart([wide], { log: false }))[0][2][1]).toBeGreaterThan(line[2][1]);
  });

  test("keeps names apart that end at one place, and inside", () => {
    const many = Array.from(
      { length: 6 },
      (_, i): Curve => ({
        name: `run ${i}`,
        points: [
          [0, i],
          [1, 0.01 * i],
        ],
      }),
    );
    const ys = [...lineChart(many).matchAll(/class="end" x="[\d.]+" y="([\d.]+)"/g)].map(([, y]) => Number(y));
    expect(ys).toHaveLength(6);
    for (const [i, y] of [...ys].sort((a, b) => a - b).entries())
      if (i > 0) expect(y - [...ys].sort((a, b) => a - b)[i - 1]).toBeGreaterThanOrEqual(14.9);
    expect(Math.max(...ys)).toBeLessThanOrEqual(352);
  });

  test("of nothing is an error", () => {
    expect(() => lineChart([{ name: "a", points: [[1, Number.NaN]] }])).toThrow("lineChart: there is no point to draw");
  });
});

test("rows of a file that was cut short, and columns as curves", () => {
  const rows = rowsOfCsv("step,loss,lr\n1,0.5,0.1\n2,,0.1\n3,0.25\n");
  expect(curveOf(rows, "loss", "train", "step")).toEqual({
    name: "train",
    points: [
      [1, 0.5],
      [2, Number.NaN],
      [3, 0.25],
    ],
  });
  expect(curveOf(rows, "lr")!.points[2]).toEqual([3, Number.NaN]);
  expect(curveOf(rows, "accuracy")).toBeUndefined();
  expect(rowsOfCsv("")).toEqual([]);
});

test("long curves are means over neighbours", () => {
  const long = thinned({ name: "a", points: Array.from({ length: 1000 }, (_, i) => [i, i % 2] as const) }, 100);
  expect(long.points).toHaveLength(100);
  expect(long.points.every(([, y]) => y === 0.5)).toBe(true);
});

test("axes have round numbers", () => {
  expect(ticksIn({ low: 0, high: 1 }, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
  expect(ticksIn({ low: 1, high: 3 }, 8, 1)).toEqual([1, 2, 3]);
  expect(logTicksIn({ low: -3, high: 0 })).toEqual([0.001, 0.01, 0.1, 1]);
  expect(rangeOf([Number.NaN, 3, Number.POSITIVE_INFINITY])).toEqual({ low: 2.7, high: 3.3 });
  expect(rangeOf([])).toEqual({ low: 0, high: 1 });
});
