/**
 * @file Adapters of the groups of layers and losses: activations, conv_pool, normalisation, losses, recurrent_attention.
 */

import { activations } from "./activations.ts";
import type { Group } from "./adapter.ts";
import { convPool } from "./conv-pool.ts";
import { losses } from "./losses.ts";
import { normalisation } from "./normalisation.ts";
import { recurrentAttention } from "./recurrent-attention.ts";

export const layerGroups: Readonly<Record<string, Group>> = {
  activations,
  conv_pool: convPool,
  normalisation,
  losses,
  recurrent_attention: recurrentAttention,
};
