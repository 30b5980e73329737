/**
 * @file All primitives, collected from the exports of the family files, so that there is no list to maintain.
 */
import * as bits from "./bits.ts";
import * as collective from "./collective.ts";
import * as contract from "./contract.ts";
import * as control from "./control.ts";
import * as convolution from "./convolution.ts";
import * as elementwise from "./elementwise.ts";
import * as fft from "./fft.ts";
import * as hostSpecial from "./host-special.ts";
import * as indexing from "./indexing.ts";
import * as leaves from "./leaves.ts";
import * as linalg from "./linalg.ts";
import * as factors from "./linalg-factors.ts";
import * as spectral from "./linalg-spectral.ts";
import * as movement from "./movement.ts";
import type { Op } from "./op.ts";
import * as places from "./places.ts";
import * as reduce from "./reduce.ts";
import * as scan from "./scan.ts";
import * as search from "./search.ts";
import * as sort from "./sort.ts";
import * as special from "./special.ts";
import * as variates from "./variates.ts";
import * as loop from "./while.ts";

const FAMILIES = {
  elementwise,
  special,
  reduce,
  sort,
  movement,
  indexing,
  bits,
  variates,
  contract,
  collective,
  convolution,
  control,
  scan,
  loop,
  linalg,
  spectral,
  factors,
  fft,
  places,
  search,
  hostSpecial,
  leaves,
};

const isOp = (x: unknown): x is Op => typeof x === "object" && x !== null && "lower" in x && "derivative" in x;

const allOps = (): Op[] => Object.values(FAMILIES).flatMap((family) => Object.values(family).filter(isOp));

// Marked as pure, so that a bundle that does not use the list does not contain every op.
export const registry: readonly Op[] = /* @__PURE__ */ allOps();
