import { test } from "vitest";
import { randomProgram, describeProgram } from "/work/main/test/fuzz/program.ts";
import { failureOf } from "/work/main/test/fuzz/check.ts";
import { writeFileSync, appendFileSync } from "node:fs";
test("x", () => {
  for (let s = 0; s < 40; s++) {
    const t = performance.now();
    appendFileSync("/tmp/one.log", `seed ${s} `);
    const p = randomProgram(s);
    const t1 = performance.now();
    appendFileSync("/tmp/one.log", `made ${(t1 - t).toFixed(0)} nodes ${p.nodes.length} `);
    const f = failureOf(s);
    appendFileSync("/tmp/one.log", `checked ${(performance.now() - t1).toFixed(0)} ${f ? f.slice(0, 3000) : "ok"}\n`);
  }
});
