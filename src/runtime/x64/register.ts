/** @file Makes machine code one of the backends. Loaded by what runs in Node alone, so that a page does not carry it. */
import { BACKENDS } from "../backends.ts";
import { x64 } from "./backend.ts";

BACKENDS.set(x64.name, x64);
