/** @file The op of loops, with the passes that only loops need: whoever records one takes it from here. */
import { fission } from "../optimize/fission.ts";
import { loopPasses } from "./passes.ts";

export { type Scan, scan } from "../ops/scan.ts";

loopPasses.fission = fission;
