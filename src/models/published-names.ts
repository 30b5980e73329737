/**
 * @file What published files call the tensors of networks whose names here are others: those of timm (Wightman 2019), of Cadene's pretrained models
 * (NASNet), and of older versions of torchvision.
 */

/** What older files call things that torchvision now names otherwise. */
const RENAMED: readonly (readonly [RegExp, string])[] = [
  [/^(.*denselayer\d+\.(?:norm|conv))\.(\d\..*)$/, "$1$2"], // DenseNet's norm.1 is norm1
  [/^(.*\.mlp)\.linear_1\.(.*)$/, "$1.0.$2"], // Vision Transformer
  [/^(.*\.mlp)\.linear_2\.(.*)$/, "$1.3.$2"],
];

/** Vision Transformers of timm. */
const VIT: readonly (readonly [RegExp, string])[] = [
  [/^cls_token$/, "class_token"],
  [/^pos_embed$/, "encoder.pos_embedding"],
  [/^patch_embed\.proj\./, "conv_proj."],
  [/^blocks\.(\d+)\./, "encoder.layers.encoder_layer_$1."],
  [/^norm\./, "encoder.ln."],
  [/^head\./, "heads.head."],
  [/\.norm1\./, ".ln_1."],
  [/\.norm2\./, ".ln_2."],
  [/\.attn\.qkv\./, ".self_attention.in_proj_"],
  [/\.attn\.proj\./, ".self_attention.out_proj."],
  [/\.mlp\.fc1\./, ".mlp.0."],
  [/\.mlp\.fc2\./, ".mlp.3."],
];

const substitute = (name: string, rules: readonly (readonly [RegExp, string])[]): string =>
  rules.reduce((old, [pattern, now]) => old.replace(pattern, now), name);

/** Blocks of each of timm's stages. */
const MOBILENET_STAGES = [1, 2, 2, 6, 2];

/** MobileNet v1 as timm has it (`blocks.1.0.conv_dw`), or as a list of layers of six (`model.3.4`); ours alternates depthwise and pointwise layers. */
function mobilenetName(name: string): string {
  const timm = /^blocks\.(\d+)\.(\d+)\.(conv_dw|bn1|conv_pw|bn2)\.(.*)$/.exec(name);
  if (timm) {
    const block = MOBILENET_STAGES.slice(0, Number(timm[1])).reduce((sum, n) => sum + n, Number(timm[2]));
    const [layer, part] = { conv_dw: [1, 0], bn1: [1, 1], conv_pw: [2, 0], bn2: [2, 1] }[timm[3]]!;
    return `features.${2 * block + layer}.${part}.${timm[4]}`;
  }
  const listed = /^model\.(\d+)\.([0134])\.(.*)$/.exec(name);
  if (listed) {
    const [block, part] = [Number(listed[1]), Number(listed[2])];
    return block === 0 ? `features.0.${part}.${listed[3]}` : `features.${2 * block - (part < 3 ? 1 : 0)}.${part % 3}.${listed[3]}`;
  }
  return name
    .replace(/^conv_stem\./, "features.0.0.")
    .replace(/^bn1\./, "features.0.1.")
    .replace(/^fc\./, "classifier.");
}

const NASNET_CELLS = [
  ...["cell_stem_0", "cell_stem_1", "cell_0", "cell_1", "cell_2", "cell_3", "reduction_cell_0"],
  ...["cell_6", "cell_7", "cell_8", "cell_9", "reduction_cell_1", "cell_12", "cell_13", "cell_14", "cell_15"],
];

/** Combinations of the two kinds of cells; pooling has no tensors. */
const NORMAL = { "0_left": "left5", "0_right": "left3", "1_left": "right5", "1_right": "right3", "4_left": "last3" };
const REDUCTION = { "0_left": "h5", "0_right": "p7a", "1_right": "p7b", "2_right": "p5", "4_left": "last3" };

/** NASNet-A as Cadene and timm have it: `cell_6.comb_iter_0_left.separable_1.depthwise_conv2d`. */
function nasnetName(name: string): string {
  const [, cell, rest] = /^((?:reduction_)?cell_(?:stem_)?\d+)\.(.*)$/.exec(name) ?? [];
  if (cell === undefined) return name.replace(/^conv0\.conv\./, "conv0.").replace(/^conv0\.bn\./, "bn0.");
  const combinations: Readonly<Record<string, string>> = /stem|reduction/.test(cell) ? REDUCTION : NORMAL;
  const inside = rest
    .replace(/^conv_1x1\./, "enter.")
    .replace(/^conv_prev_1x1\./, "adjust.")
    .replace(/^path_1\.conv\./, "adjust.even.")
    .replace(/^path_2\.conv\./, "adjust.odd.")
    .replace(/^final_path_bn\./, "adjust.bn.")
    .replace(/^comb_iter_(\d_(?:left|right))\./, (_, which: string) => `${combinations[which] ?? which}.`)
    .replace(/separable_(\d)\.(depthwise|pointwise)_conv2d\./, "$2$1.")
    .replace(/bn_sep_(\d)\./, "bn$1.");
  return `cells.${NASNET_CELLS.indexOf(cell)}.${inside}`;
}

/** The name that a model has for a tensor of a published file: its own, if it is known, else what its authors' or others' names stand for. */
export function publishedName(name: string, known: ReadonlyMap<string, unknown>): string {
  const plain = name.replace(/^module\./, ""); // of PyTorch's DataParallel
  if (known.has(plain)) return plain;
  const here = substitute(plain, RENAMED);
  if (known.has(here)) return here;
  if (known.has("encoder.pos_embedding")) return substitute(plain, VIT);
  if (known.has("cells.0.enter.conv.weight")) return nasnetName(plain);
  if (known.has("features.2.0.weight")) return mobilenetName(plain);
  return here;
}
