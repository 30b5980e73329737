/** @file The links of the pages lead somewhere: files that are there, headings that exist, and places in the site for the pages among them. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";

const root = new URL("../", import.meta.url).pathname;

interface Site {
  readonly pages: () => string[];
  readonly staged: (path: string) => string;
  readonly unlinked: () => string[];
}
let site: Site;
beforeAll(async () => {
  site = (await import(new URL("../scripts/site.mjs", import.meta.url).href)) as Site;
});

/** A page without its code. */
const prose = (path: string): string => readFileSync(join(root, path), "utf8").replace(/^```[\s\S]*?^```$|`[^`\n]*`/gm, "");

/** The anchor of a heading, as GitHub and VitePress make it. */
const slug = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(/\s/g, "-");

const anchors = (path: string): string[] =>
  [...readFileSync(join(root, path), "utf8").matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) => slug(heading!.replaceAll("`", "")));

function dead(path: string, text = prose(path)): string[] {
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!).filter((target) => !/^[a-z]+:/.test(target));
  return links.filter((target) => {
    const [file, anchor] = target.split("#") as [string, string?];
    const to = file ? posix.join(dirname(path), file) : path;
    if (!existsSync(join(root, to))) return true;
    return anchor !== undefined && statSync(join(root, to)).isFile() && !anchors(to).includes(anchor);
  });
}

describe("pages", () => {
  test("have no dead links", () => {
    expect(site.pages()).toEqual(
      expect.arrayContaining(["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "docs/tutorial.md", "docs/reference/nn.md"]),
    );
    expect(site.pages().flatMap((path) => dead(path).map((target) => `${path}: ${target}`))).toEqual([]);
  });

  test("a dead link is found: the test could fail", () => {
    expect(dead("README.md", "[a](docs/no.md) [b](#nowhere) [c](docs/tutorial.md#nowhere) [d](docs/tutorial.md) [e](https://x.y)")).toEqual(
      ["docs/no.md", "#nowhere", "docs/tutorial.md#nowhere"],
    );
  });

  test("are all in the navigation of the site", () => {
    expect(site.unlinked()).toEqual([]);
  });

  test("link within the site: pages by their places, and files of the repository as text", () => {
    expect(site.staged("README.md")).toContain("[from PyTorch](./from-pytorch.md)");
    expect(site.staged("README.md")).toContain("[bench/README.md](./benchmarks.md)");
    expect(site.staged("docs/how-it-works.md")).toContain("[the architecture](./architecture.md)");
    expect(site.staged("docs/reference/README.md")).toContain("[nn](./nn.md)");
  });

  test("the ones that a newcomer wants are in the site", () => {
    for (const name of ["tutorial", "from-pytorch", "from-keras", "from-tensorflow-js", "browser", "how-it-works"])
      expect(site.pages()).toContain(`docs/${name}.md`);
    expect(site.pages()).toContain("bench/README.md");
  });
});
