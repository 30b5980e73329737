/**
 * @file Adapters of the groups of layers and losses: activations, conv_pool, normalisation, losses, recurrent_attention.
 */
import type { Group } from "./adapter.ts";

export const layerGroups: Readonly<Record<string, Group>> = {};
