/** @file One rank: a process that mpirun has started; does a task, and writes what it gives into a file of its own. */
import { writeFileSync } from "node:fs";
import { mpi } from "../../src/distributed/mpi.ts";
import { tasks } from "./tasks.ts";

const [name, task, folder] = process.argv.slice(2) as [string, string, string];
const ranks = await mpi();
const result = await tasks[name]!(ranks, JSON.parse(task) as never);
writeFileSync(`${folder}/rank-${ranks.rank}.json`, JSON.stringify(result));
