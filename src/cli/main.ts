#!/usr/bin/env node
/** @file The command `nabla`. */
import { endWithOutput } from "./interruption.ts";
import { run } from "./program.ts";

endWithOutput();
process.exitCode = await run(process.argv.slice(2));
