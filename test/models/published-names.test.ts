/** @file Names of published files: each names one tensor of the model, and every tensor is named. */
import { describe, expect, test } from "vitest";
import { blueprint } from "../../src/inspect/cost.ts";
import { publishedName } from "../../src/models/published-names.ts";
import { models } from "../../src/models/registry.ts";
import "../../src/runtime/evaluate.ts";

const cellsOf = (name: string, inputShape = [3, 224, 224]): ReadonlyMap<string, { readonly shape: readonly number[] }> =>
  blueprint(() => models[name]({ inputShape, outputs: 1000 })).stateDict();

/** A norm's tensors. */
const norm = (name: string): string[] =>
  ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"].map((part) => `${name}.${part}`);
const both = (name: string): string[] => [`${name}.weight`, `${name}.bias`];

const timmVit = [
  "cls_token",
  "pos_embed",
  ...["patch_embed.proj", "norm", "head"].flatMap(both),
  ...Array.from({ length: 12 }, (_, i) =>
    ["norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2"].flatMap((part) => both(`blocks.${i}.${part}`)),
  ).flat(),
];

const timmMobileNet = [
  "conv_stem.weight",
  ...norm("bn1"),
  ...both("classifier"),
  ...[1, 2, 2, 6, 2].flatMap((n, s) =>
    Array.from({ length: n }, (_, i) => `blocks.${s}.${i}`).flatMap((b) => [
      `${b}.conv_dw.weight`,
      ...norm(`${b}.bn1`),
      `${b}.conv_pw.weight`,
      ...norm(`${b}.bn2`),
    ]),
  ),
];

const listedMobileNet = [
  "module.model.0.0.weight",
  ...norm("module.model.0.1"),
  ...both("module.fc"),
  ...Array.from({ length: 13 }, (_, i) => `module.model.${i + 1}`).flatMap((b) => [
    `${b}.0.weight`,
    ...norm(`${b}.1`),
    `${b}.3.weight`,
    ...norm(`${b}.4`),
  ]),
];

const separable = (name: string): string[] => [
  ...[1, 2].flatMap((n) => [`${name}.separable_${n}.depthwise_conv2d.weight`, `${name}.separable_${n}.pointwise_conv2d.weight`]),
  ...norm(`${name}.bn_sep_1`),
  ...norm(`${name}.bn_sep_2`),
];
const pointwise = (name: string): string[] => [`${name}.conv.weight`, ...norm(`${name}.bn`)];
const paths = (cell: string): string[] => [`${cell}.path_1.conv.weight`, `${cell}.path_2.conv.weight`, ...norm(`${cell}.final_path_bn`)];
const combined = (cell: string, which: readonly string[]): string[] => which.flatMap((name) => separable(`${cell}.comb_iter_${name}`));
const REDUCTION = ["0_left", "0_right", "1_right", "2_right", "4_left"];
const NORMAL = ["0_left", "0_right", "1_left", "1_right", "4_left"];
const nasnet = [
  "conv0.conv.weight",
  ...norm("conv0.bn"),
  ...both("last_linear"),
  ...pointwise("cell_stem_0.conv_1x1"),
  ...combined("cell_stem_0", REDUCTION),
  ...["cell_stem_1"].flatMap((cell) => [...pointwise(`${cell}.conv_1x1`), ...paths(cell), ...combined(cell, REDUCTION)]),
  ...["cell_0", "cell_6", "cell_12"].flatMap((cell) => [...pointwise(`${cell}.conv_1x1`), ...paths(cell), ...combined(cell, NORMAL)]),
  ...["cell_1", "cell_2", "cell_3", "cell_7", "cell_8", "cell_9", "cell_13", "cell_14", "cell_15"].flatMap((cell) => [
    ...pointwise(`${cell}.conv_prev_1x1`),
    ...pointwise(`${cell}.conv_1x1`),
    ...combined(cell, NORMAL),
  ]),
  ...["reduction_cell_0", "reduction_cell_1"].flatMap((cell) => [
    ...pointwise(`${cell}.conv_prev_1x1`),
    ...pointwise(`${cell}.conv_1x1`),
    ...combined(cell, REDUCTION),
  ]),
];

describe("names of published files", () => {
  test.each([
    ["vit_tiny_16", timmVit],
    ["mobilenet_v1", timmMobileNet],
    ["mobilenet_v1", listedMobileNet],
    ["nasnet_mobile", nasnet],
  ])("%s (%#)", (model, names) => {
    const cells = cellsOf(model);
    expect(names.map((name) => publishedName(name, cells)).sort()).toEqual([...cells.keys()].sort());
  });

  test("5×5 and 3×3 separable convolutions stand where the authors have them", () => {
    const cells = cellsOf("nasnet_mobile");
    const kernel = (name: string): number => cells.get(publishedName(`${name}.separable_1.depthwise_conv2d.weight`, cells))!.shape[2];
    expect(["0_left", "0_right", "1_left", "1_right"].map((which) => kernel(`cell_7.comb_iter_${which}`))).toEqual([5, 3, 5, 3]);
    expect(REDUCTION.map((which) => kernel(`reduction_cell_0.comb_iter_${which}`))).toEqual([5, 7, 7, 5, 3]);
  });
});
