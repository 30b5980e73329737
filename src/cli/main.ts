#!/usr/bin/env node
/** @file The command `nabla`. */
import { run } from "./program.ts";

process.exitCode = await run(process.argv.slice(2));
