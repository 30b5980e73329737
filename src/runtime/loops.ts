/** @file The op `scan`, with the passes that only loops need. Code that records a loop imports the op from here, which installs the passes. */
import { fission } from "../optimize/fission.ts";
import { loopPasses } from "./passes.ts";

export { type Scan, scan } from "../ops/scan.ts";

loopPasses.fission = fission;
