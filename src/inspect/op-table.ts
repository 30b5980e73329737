/**
 * @file The primitives as a table in Markdown, from the registry: the source of `docs/ops.md`.
 */
import { type Dtype, isFloat, promote, wide } from "../base/dtype.ts";
import { formatType } from "../base/shape.ts";
import type { Op } from "../ops/op.ts";
import { registry } from "../ops/registry.ts";

/** How the derivative of an op is given. */
function derivativeOf(op: Op): string {
  const { derivative } = op;
  if (derivative.kind === "none") return "none";
  if (derivative.kind === "jvp") return derivative.transpose ? "jvp, transpose" : "jvp";
  const which = derivative.in === "all" ? "" : ` in operand ${derivative.in.join(", ")}`;
  return derivative.how === "jointly" ? `linear${which}` : "linear in each operand";
}

const LOWERING: Readonly<Record<Op["lower"]["kind"], string>> = {
  pointwise: "an element",
  reduce: "a sum over elements",
  expand: "other primitives",
  host: "the host, in f64",
  control: "a step of its own",
};

/** `f64[3,4] f64[4,5] → f64[3,5]` and where tests draw operands. */
function exampleOf(op: Op): string {
  const sample = op.samples[0];
  if (!sample) return "";
  const operands = sample.operands.map((t) => `${formatType(t)}${t.domain ? ` in [${t.domain.join(", ")}]` : ""}`).join("; ");
  const results = op.type(sample.operands, sample.params, sample.regions?.() ?? []).map(formatType);
  return `${operands} → ${results.join("; ")}`;
}

const DTYPES: readonly Dtype[] = ["bool", "u8", "i32", "u32", "f32", "f64"];

/** Which dtype results have, by family: the rule for two operands of dtypes a and b. */
export const PROMOTION: Readonly<Record<string, { readonly of: string; readonly rule: (a: Dtype, b: Dtype) => Dtype }>> = {
  Choice: { of: "`maximum`, `minimum`, `where`, `concat`, `and`, `or`, `xor`", rule: promote },
  Arithmetic: { of: "`add`, `sub`, `mul`, `div`, `rem`, `matmul`, `dot`", rule: (a, b) => wide(promote(a, b)) },
  "Real functions": {
    of: "`pow`, `atan2`, `hypot`, `lerp`, `logAddExp`, `xlogy`, `trueDivide`, losses and distances",
    rule: (a, b) => (isFloat(promote(a, b)) ? promote(a, b) : "f32"),
  },
};

/** The tables of promotion, one for each family. */
function promotionTables(): string {
  const tables = Object.entries(PROMOTION).map(([name, { of, rule }]) => {
    const head = [`${name}`, ...DTYPES];
    const rows = DTYPES.map((a) => [`**${a}**`, ...DTYPES.map((b) => rule(a, b))]);
    const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
    return `${of}:\n\n${lines.join("\n")}`;
  });
  const rest = [
    "Comparisons, `isNaN`, `isInf` and `isFinite` give bool. Functions of one number (`exp`, `sqrt`, `sin`, ...), `mean`, `var` and `std` give floats, of integers f32.",
    "`sum`, `prod` and `cumsum` of bool and u8 are i32, as is `neg`; `max`, `min`, `abs`, `sign`, `clamp` and whatever only moves elements keep the dtype; positions and counts are i32.",
    "A number beside a tensor takes the tensor's dtype; a fraction or an infinity makes integers f32, any number makes bool f32. Nothing becomes f64 that no operand was.",
  ];
  return `## Promotion\n\nA test computes every cell.\n\n${tables.join("\n\n")}\n\n${rest.map((line) => `* ${line}`).join("\n")}\n`;
}

/** A line per primitive: name, meaning, example types with the domain of the tests, derivative, lowering, cost. */
export function opTable(): string {
  const cellText = (text: string): string => text.replaceAll("|", "\\|");
  const rows = [...registry]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((op) => [`\`${op.name}\``, op.doc, exampleOf(op), derivativeOf(op), LOWERING[op.lower.kind], op.cost].map(cellText));
  const head = ["op", "meaning", "types, and the domain of the tests", "derivative", "lowered to", "limited by"];
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return `# The primitives\n\nMade from the registry by \`npm run docs\`; a test fails when this page is stale. Everything else is a composite of these ${registry.length} (\`src/math\`).\n\n${lines.join("\n")}\n\n${promotionTables()}`;
}
