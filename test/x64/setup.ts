/** @file Setup of the suite that runs on machine code: makes it one of the backends. */
import "../../src/runtime/x64/register.ts";
