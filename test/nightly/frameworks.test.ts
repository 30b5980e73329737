/**
 * @file The packed package in Parcel, which knows no conditions of packages unless it is told to, and in Next.js: one component of the page, one handler of the
 * server. They are installed here alone (test/consumers/package.json), and take minutes.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { installConsumer, isFramework } from "../consumers/install.ts";

const folder = mkdtempSync(join(tmpdir(), "nabla-frameworks-"));
const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1", PARCEL_WORKERS: "1", CI: "1" };
delete (env as { VITEST?: string }).VITEST;
delete (env as { NODE_ENV?: string }).NODE_ENV;

const run = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { cwd: folder, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
const write = (path: string, text: string): void => {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), text);
};

beforeAll(() => void installConsumer(folder, isFramework));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a page has, and Node has not. */
const SELF = 'data:text/javascript,globalThis.self = Object.assign(globalThis, { location: { href: "http://page/" } })';
const LINE = "@parcel/resolver-default";

function parcel(entry: string): string {
  run("npx", "parcel", "build", `${entry}.js`, "--dist-dir", "parcel", "--no-cache", "--no-source-maps");
  return run(process.execPath, "--import", SELF, `parcel/${entry}.js`).trim();
}

test("Parcel bundles the root as it is, and with one line the other entries", () => {
  const file = join(folder, "package.json");
  const manifest = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  writeFileSync(file, JSON.stringify({ ...manifest, [LINE]: undefined }));
  expect(parcel("core")).toBe("2,4,6");
  expect(() => parcel("inference")).toThrow("nabla/formats");
  writeFileSync(file, JSON.stringify(manifest));
  expect(manifest[LINE]).toEqual({ packageExports: true });
  expect(readFileSync(new URL("../../docs/browser.md", import.meta.url), "utf8")).toContain(`"${LINE}": { "packageExports": true }`);
  expect(parcel("inference")).toBe("1");
  expect(parcel("training")).toBe("1");
});

const LAYOUT = `export default function Layout({ children }) {
  return <html lang="en"><body>{children}</body></html>;
}
`;

const PAGE = `"use client";
import { grad, tensor } from "nabla";
import { useEffect, useState } from "react";

export default function Page() {
  const [text, setText] = useState("");
  useEffect(() => {
    const slope = grad((x) => x.square().sum())(tensor([1, 2, 3]));
    slope.data().then((values) => setText([...values].join()));
  }, []);
  return <p id="slope">{text}</p>;
}
`;

const ROUTE = `import { tensor } from "nabla";
import * as nn from "nabla/nn";

export const dynamic = "force-dynamic";

export async function GET() {
  const layer = new nn.Linear(2, 1, { weightInitializer: nn.initializers.ones, bias: false });
  return Response.json({ sum: await layer.forward(tensor([[1, 2]])).item() });
}
`;

test("Next.js computes in a component of the page and in a handler of the server", async () => {
  write("app/layout.js", LAYOUT);
  write("app/page.js", PAGE);
  write("app/api/sum/route.js", ROUTE);
  expect(run("npx", "next", "build")).toContain("Compiled successfully");
  const server = spawn(process.execPath, ["node_modules/next/dist/bin/next", "start", "--port", "0"], { cwd: folder, env });
  try {
    const address = await new Promise<string>((resolve, reject) => {
      let said = "";
      server.stdout.on("data", (part) => {
        said += part;
        const found = /http:\/\/localhost:\d+/.exec(said)?.[0];
        if (found && said.includes("Ready")) resolve(found);
      });
      server.on("exit", () => reject(new Error(said)));
    });
    expect(await (await fetch(`${address}/api/sum`)).json()).toEqual({ sum: 3 });
    const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(address);
    await page.waitForFunction(() => document.querySelector("#slope")?.textContent !== "", undefined, { timeout: 60_000 });
    expect([await page.textContent("#slope"), errors]).toEqual(["2,4,6", []]);
    await browser.close();
  } finally {
    server.kill();
  }
});
