/**
 * @file The primitives as a table in Markdown, from the registry: the source of `docs/ops.md`.
 */
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

/** A line per primitive: name, meaning, example types with the domain of the tests, derivative, lowering, cost. */
export function opTable(): string {
  const escaped = (text: string): string => text.replaceAll("|", "\\|");
  const rows = [...registry]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((op) => [`\`${op.name}\``, op.doc, exampleOf(op), derivativeOf(op), LOWERING[op.lower.kind], op.cost].map(escaped));
  const head = ["op", "meaning", "types, and the domain of the tests", "derivative", "lowered to", "limited by"];
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return `# The primitives\n\nMade from the registry by \`npm run docs\`; a test fails when this page is stale. Everything else is a composite of these ${registry.length} (\`src/math\`).\n\n${lines.join("\n")}\n`;
}
