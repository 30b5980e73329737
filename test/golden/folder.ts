/** @file Where the golden set (values and gradients by PyTorch in float64) is: a part is kept here, the whole may lie beside the project. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Of every group the cases whose tensors are small: scripts/golden-extract.mjs. By way of the parent, so that a chunk of a page one folder aside finds it. */
export const keptFolder: string = fileURLToPath(new URL("../golden/data/", import.meta.url));

const whole = fileURLToPath(new URL("../../../shared/golden/", import.meta.url));

/** The whole set if it is there, else the part. */
export const goldenFolder: string = existsSync(whole) ? whole : keptFolder;
