/**
 * @file Which adapters each golden group has. Groups of tensors and functions are in files of their own name, those of layers in `layers.ts`.
 */
import type { Group } from "./adapter.ts";
import { elementwise } from "./elementwise.ts";
import { higherOrder } from "./higher-order.ts";
import { large } from "./large.ts";
import { layerGroups } from "./layers.ts";
import { linalgGroup } from "./linalg.ts";
import { lrSchedules } from "./lr-schedules.ts";
import { matmulShape } from "./matmul-shape.ts";
import { networks } from "./networks.ts";
import { optimizers } from "./optimizers.ts";
import { randomBits } from "./random-bits.ts";
import { reductions } from "./reductions.ts";
import { training } from "./training.ts";
import { zooFacts, zooForward } from "./zoo.ts";

export const groups: Readonly<Record<string, Group>> = {
  elementwise,
  reductions,
  matmul_shape: matmulShape,
  random_bits: randomBits,
  higher_order: higherOrder,
  large,
  linalg: linalgGroup,
  optimizers,
  lr_schedules: lrSchedules,
  ...layerGroups,
  networks,
  training,
  zoo_facts: zooFacts,
  zoo_forward: zooForward,
};
