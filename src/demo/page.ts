/** @file `docs/lectures.md`: every demonstration by lecture, made from the list. */
import { DOCUMENTS, type DocumentId } from "./demo.ts";
import { demos } from "./index.ts";

/** Text in a cell of a table. */
const cell = (text: string): string => text.replaceAll("|", "\\|");

/** The page as Markdown. */
export function lecturesPage(): string {
  const sections = (Object.keys(DOCUMENTS) as DocumentId[]).map((id) => {
    const rows = demos
      .filter(({ document }) => document === id)
      .map(({ name, shows, rows: ids }) => `| \`${name}\` | ${cell(shows)} | ${ids.join(", ")} |`);
    return `## ${capital(DOCUMENTS[id])}\n\n| command: nabla demo … | what it shows | catalogue |\n|---|---|---|\n${rows.join("\n")}\n`;
  });
  return [
    "# The lectures, point by point\n",
    `Each line is a command: \`npx nabla demo NAME\` computes the point and prints its numbers beside those that the lecture prints or that theory demands. \`--out FILE.svg\` or \`--out FILE.html\` draws it, \`--json\` gives the numbers alone, and \`npx nabla demo\` lists all ${demos.length}. \`npm run docs\` makes this page from the list of demonstrations.\n`,
    ...sections,
  ].join("\n");
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
