/** @file The outputs that documents show, made from the nets they speak of. A block stands behind a mark: `<!-- case: NAME -->` for findings, `<!-- flow: NAME -->` for gains. */
import { flowText } from "../../src/cli/inspect-drawing.ts";
import { look } from "../../src/inspect/look.ts";
import { findingText } from "../../src/train/finding.ts";
import { BROKEN } from "./broken.ts";

const MARK = /<!-- (case|flow): ([^>]+?) -->(\n\n\*\*[^\n]*\n\n```text\n[\s\S]*?\n```|\n\n```text\n[\s\S]*?\n```)?/g;

async function blockFor(kind: string, name: string): Promise<string> {
  const found = BROKEN.find(([each]) => each === name);
  if (!found) throw new Error(`there is no broken net "${name}"`);
  const { model, ...options } = found[2]();
  const { findings, flow } = await look(model, options);
  const mark = `<!-- ${kind}: ${name} -->`;
  if (kind === "flow") return `${mark}\n\n\`\`\`text\n${flowText(flow, 79)}\n\`\`\``;
  return `${mark}\n\n**${name.charAt(0).toUpperCase()}${name.slice(1)}**\n\n\`\`\`text\n${findings.map(findingText).join("\n")}\n\`\`\``;
}

/** A document with every block as it is now. */
export async function filled(text: string): Promise<string> {
  const blocks: string[] = [];
  for (const [, kind, name] of text.matchAll(MARK)) blocks.push(await blockFor(kind!, name!));
  return text.replace(MARK, () => blocks.shift()!);
}
