/** @file One rank: a process that mpirun has started; does tasks, one after another, and writes what they give into a file of its own after each. */
import { writeFileSync } from "node:fs";
import { mpi } from "../../src/distributed/mpi.ts";
import { tasks } from "./tasks.ts";

const [list, folder] = process.argv.slice(2) as [string, string];
const ranks = await mpi({ fast: process.env.NABLA_TEST_FAST === "1" });
const results: unknown[] = [];
writeFileSync(`${folder}/rank-${ranks.rank}.json`, "[]");
for (const [name, task] of JSON.parse(list) as [string, unknown][]) {
  results.push(await tasks[name]!(ranks, task as never));
  writeFileSync(`${folder}/rank-${ranks.rank}.json`, JSON.stringify(results));
}
