/** @file All adapters, by the name of the operator, or name and variant. */
import type { Adapter } from "./call.ts";
import { layers } from "./layers.ts";
import { linearAlgebra } from "./linear-algebra.ts";
import { movement } from "./movement.ts";
import { pointwise } from "./pointwise.ts";
import { reductions } from "./reductions.ts";

export const adapters: Readonly<Record<string, Adapter>> = { ...pointwise, ...reductions, ...movement, ...linearAlgebra, ...layers };
