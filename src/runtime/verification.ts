/** @file Verification of each list and kernel after each pass. Tests switch it on. */
import { verifyKernel } from "../kernel/verify.ts";
import { verifyRegion } from "../tape/verify.ts";
import { type Made, watching } from "./passes.ts";
import "./dump.ts";

/** Verifies what a pass has made. The error names the pass. */
function verify(pass: string, made: Made): void {
  try {
    if ("body" in made) verifyKernel(made);
    else if ("outputs" in made) verifyRegion(made);
    else if ("kernels" in made) for (const kernel of made.kernels) verifyKernel(kernel);
  } catch (error) {
    throw new Error(`internal: after the pass ${pass}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

/** While it is set, lists and kernels are verified. */
export const verification: { on: boolean } = {
  get on(): boolean {
    return watching.verify !== undefined;
  },
  set on(on: boolean) {
    watching.verify = on ? verify : undefined;
  },
};
