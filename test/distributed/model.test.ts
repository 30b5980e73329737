/** @file The model of a step's time on many hosts: the table of docs/distributed.md is what it says, and a fit finds what it is made from. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { allReduceCost, fitted, NETWORKS, RESNET50, step } from "../../bench/step-model.mjs";

const page = readFileSync(new URL("../../docs/distributed.md", import.meta.url), "utf8");

describe("the model of a step on many hosts", () => {
  const table = page.slice(page.indexOf("| network | hosts |"));
  const rows = [...table.matchAll(/^\| *([^|]*?) *\| (8|64|512) \| ([\d.]+) s \| ([\d.]+) s \| ([\d.]+) % \| ([\d.]+) % \|$/gm)];

  test("the page has a row for 8, 64 and 512 hosts on each network, as the formula gives them", () => {
    expect(rows.length).toBe(6);
    for (const [i, [, name, hosts, gradients, sums, efficiency, behind]] of rows.entries()) {
      const network = NETWORKS[Math.floor(i / 3)]!;
      if (i % 3 === 0) expect(name).toBe(network.name);
      const of = step(RESNET50, Number(hosts), network);
      expect([gradients, sums]).toEqual([of.gradients.toFixed(3), of.sums.toFixed(3)]);
      expect([efficiency, behind]).toEqual([(100 * of.efficiency).toFixed(1), (100 * of.behind).toFixed(1)]);
    }
  });

  test("and what buckets give where hosts compute faster", () => {
    const { efficiency, behind } = step({ ...RESNET50, compute: 0.3 }, 64, NETWORKS[0]!);
    const percent = (x: number): string => `${(100 * x).toFixed(0)} %`;
    expect(page).toContain(
      `64 hosts at 10 Gbit/s have an efficiency of ${percent(efficiency)} with one message and of ${percent(behind)} with buckets`,
    );
  });

  test("a fit to times that the formula gives finds latency and bandwidth", () => {
    const [latency, perByte] = [7e-6, 1 / 2.5e9];
    const measured = [64, 4096, 65_536, 2 ** 20, 2 ** 26].map((bytes) => {
      const cost = allReduceCost(bytes, 4);
      return { bytes, seconds: cost.messages * latency + cost.bytes * perByte };
    });
    const found = fitted(measured, 4);
    expect(found.latency / latency).toBeCloseTo(1, 9);
    expect(found.perByte / perByte).toBeCloseTo(1, 9);
  });
});
