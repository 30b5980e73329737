/** @file The page docs/onnx.md, made from the table of operators. */
import type { Op } from "./call.ts";
import { FAMILIES } from "./ops/index.ts";

const TEXTS = "strings are not held in tensors";

/** Operators of the newest set (opset 28, and the sets of ONNX beside it) that are not supported, and why. */
export const MISSING: Readonly<Record<string, string>> = {
  MaxRoiPool: "replaced by RoiAlign everywhere; not asked for yet",
  RegexFullMatch: TEXTS,
  StringConcat: TEXTS,
  StringNormalizer: TEXTS,
  StringSplit: TEXTS,
  "ai.onnx.preview.training.Gradient": "`backward` differentiates any function of the model",
  "ai.onnx.ml.*": "trees, scalers and label encoders, but for ArrayFeatureExtractor and Binarizer: not asked for yet",
};

const HEAD = `# ONNX

Made from the table of operators by \`npm run docs\`; a test fails when this page is stale.

\`\`\`js
import { zeros } from "nabla";
import * as onnx from "nabla/onnx";

const x = zeros([1, 3, 224, 224]);
const model = await onnx.load("net.onnx");   // a path, a URL in a page, or the bytes
const y = model.forward(x);                  // or model.forward({ input_ids, attention_mask })
model.parameters();                          // trains as any module: backward, compile, optimizers
await onnx.inspect("net.onnx");              // operators, what is missing, inputs, initializers
\`\`\`

On the command line: \`nabla onnx net.onnx\` shows what is in a file, \`nabla summary net.onnx\` its size, \`nabla predict --model net.onnx images/\` runs it, \`nabla train --model net.onnx --data DATA\` trains it further.

Opsets 7 to 28 are read (older files where their operators mean the same), IR versions up to 14, model-local functions, control flow, sequences, and elements in other files.

## Inputs and shapes

* A whole-number input may be given as a number, a list or a typed array. It is then known while a function is recorded, and part of \`compile\`'s signature; what decides shapes must be given so inside \`compile\` (\`model.numberInputs\` names these inputs).
* Sizes with a name (\`N\`) are open; one name has one size in a call. Sizes that a graph computes from shapes are numbers and cost no instruction.
* \`fixed: { name: value }\` gives inputs once for all.

## What is trained

ONNX does not say which initializers are weights. Taken for weights are floats that convolutions, products, recurrent layers, embeddings, PReLU and norms read as theirs, and others with two or more elements that arithmetic reads, unless they look made by a rule: masks with -∞,
grids and tables (whole numbers, even spacing, constant ratios, sines and cosines), the scale and bias of a group norm's inner norm, means that are subtracted from inputs. Running statistics are state. \`trainable: (name, tensor) => boolean\` decides otherwise.

Exporters fold batch norms into convolutions and transpose the weights of dense layers (\`onnx::MatMul_123\`); what is trained is the file's own. To keep norms export with PyTorch's \`training=TrainingMode.PRESERVE, do_constant_folding=False\`. By default the graph runs as it stands;
with \`trainable: true\` batch normalization and dropout follow \`train()\` and \`eval()\`. A batch normalization that the file has in training mode updates its statistics while the module trains. Initializers that an exporter merged because they were equal are one parameter.

## Element types

| file | held as |
| --- | --- |
| float, double, int32, uint32, uint8, bool | the same; arithmetic on bytes is made in 32 bits and cut |
| int64, uint64 | i32; a constant beyond ±2³¹ that a tensor must hold is an error, one that is a limit (Slice, Range, Pad) is not |
| int8, int16, uint16, int4, uint4, int2, uint2 | i32, cut to their bits after arithmetic |
| float16, bfloat16, float8, float4 | f32; \`Cast\` to them rounds to the format |
| sparse initializers and constants | filled in, up to 2²⁶ elements |
| string, complex, maps | not supported; an initializer of strings that nothing reads is passed over |

## Elements in other files

In Node they are read beside the model, by their places, never as a whole. The location must be relative, inside the model's folder, and lead out of it through no link. In a page, or for other places: \`external: { "model.onnx.data": bytes }\` or a function of the location.

## How much of ONNX

Of the 1,884 backend tests of operators of ONNX 1.23.1 (opsets 1 to 28) 1,829 pass, the same on WebAssembly, on the interpreter and inside \`compile\`; of those whose inputs and outputs are of float, double, int32, int64, uint8 and bool 992 of 1,000 up to opset 22 and 492 of 495 above.
What does not: 33 with operators, or values, that are listed below (strings, trees, numbers beyond 32 bits), 6 that compare draws without a seed, 14 that compare sums in float16 or bfloat16, which are made in f32 here, and 2 that compare rounding errors of a transform.
Run a folder of such cases with \`npm run onnx -- FOLDER [--compiled] [--backend B] [--json FILE]\`. 189 files as PyTorch's exporters, Keras and onnxruntime's quantizer write them run in \`npm test\`.

| opset | cases | pass | | opset | cases | pass |
| --- | --- | --- | --- | --- | --- | --- |
| none (ai.onnx.ml, training) | 15 | 9 | | 18 | 195 | 195 |
| 1, 7, 8 | 28 | 28 | | 19 | 54 | 51 |
| 9 | 13 | 13 | | 20 | 55 | 40 |
| 10 | 12 | 6 | | 21 | 12 | 12 |
| 11 | 22 | 22 | | 22 | 221 | 215 |
| 13 | 308 | 308 | | 23, 24 | 233 | 221 |
| 14 | 64 | 64 | | 25 | 194 | 194 |
| 15 | 16 | 16 | | 26 | 41 | 38 |
| 16 | 47 | 47 | | 27 | 62 | 62 |
| 17 | 65 | 65 | | 28 | 227 | 223 |
`;

/** A row of the table: name, version, limits. */
function row(name: string, { since, host, limits }: Op): string {
  const known =
    host === undefined ? "" : host === "all" ? "all inputs known in `compile`" : `inputs ${host.join(", ")} known in \`compile\``;
  return `| ${name} | ${since} | ${[limits, limits === undefined ? known : ""].filter(Boolean).join("; ")} |`;
}

/** The page. */
export function onnxPage(): string {
  const families = Object.entries(FAMILIES).map(([family, ops]) => {
    const rows = Object.entries(ops)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, op]) => row(name, op));
    return `### ${family}\n\n| operator | since | |\n| --- | --- | --- |\n${rows.join("\n")}\n`;
  });
  const missing = Object.entries(MISSING).map(([name, why]) => `| ${name} | ${why} |`);
  const count = Object.values(FAMILIES).reduce((n, ops) => n + Object.keys(ops).length, 0);
  return `${HEAD}\n## The ${count} operators\n\n\`since\` is the version of the operator set that introduced it; all later forms are read.\n\n${families.join("\n")}\n## Not supported\n\n| operator | why |\n| --- | --- |\n${missing.join("\n")}\n`;
}
