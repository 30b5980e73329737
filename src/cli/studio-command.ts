/**
 * @file `nabla studio`: serves the studio's page to this machine alone. The address holds a random token, requests must name this host, and a page of another origin is
 * refused, so that no other program's page can read what is served.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { escaped } from "../figures/svg.ts";

export interface StudioFlags {
  /** A CSV file whose points are shown. */
  readonly data?: string;
  /** Default: any that is free. */
  readonly port?: number;
  readonly open?: boolean;
}

const TYPES: Readonly<Record<string, string>> = { html: "text/html", js: "text/javascript", css: "text/css" };

/** What is served, and nothing else. */
const FILES = ["index.html", "studio.js", "studio.css", "worker.js", "lessons.js", "one.html"] as const;

/** An isolated page has shared memory; the rest keeps other pages out. */
const HEADERS = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
} as const;

/** More than the page shows of a table. */
const MOST_BYTES = 20_000_000;

/** The studio's files, where the build has put them: beside the command's folder. */
const folder = (): string => fileURLToPath(new URL("../studio/", import.meta.url));

export interface Studio {
  readonly url: string;
  readonly server: Server;
}

/** Starts the server. @throws {Error} if the page is not built, the data cannot be read, or the port is taken. */
export async function startStudio({ data, port = 0 }: StudioFlags): Promise<Studio> {
  const from = folder();
  if (!existsSync(join(from, "index.html"))) throw new Error("the studio's page is not built; run npm run build");
  const table = data === undefined ? undefined : { name: basename(data), text: readTable(data) };
  const token = randomBytes(16).toString("hex");
  const server = createServer((request, response) => answer(request, response, token, from, table));
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(error.code === "EADDRINUSE" ? new Error(`port ${port} is taken; choose another, or leave --port out`) : error),
    );
    server.listen(port, "127.0.0.1", resolve);
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/${token}/`, server };
}

function readTable(path: string): string {
  const bytes = readFileSync(path);
  if (bytes.length > MOST_BYTES)
    throw new Error(`${path}: has ${bytes.length} bytes, the studio takes ${MOST_BYTES}; give a sample of the rows`);
  return bytes.toString("utf8");
}

/** Whether a request comes from this machine's own page: the host is the loopback address, and the origin, if there is one, is the host. */
function isOwn({ headers: { host = "", origin } }: IncomingMessage): boolean {
  return /^(127\.0\.0\.1|localhost)(:\d+)?$/.test(host) && (origin === undefined || origin === `http://${host}`);
}

interface NamedText {
  readonly name: string;
  readonly text: string;
}

function answer(request: IncomingMessage, response: ServerResponse, token: string, from: string, table: NamedText | undefined): void {
  const found = find(request, token, from, table);
  if (typeof found === "number") response.writeHead(found, HEADERS).end();
  else response.writeHead(200, { ...HEADERS, "content-type": `${found.type}; charset=utf-8` }).end(found.text);
}

/** What a request gets, or the status that refuses it. */
function find(
  request: IncomingMessage,
  token: string,
  from: string,
  table: NamedText | undefined,
): { type: string; text: string } | number {
  if (!isOwn(request)) return 403;
  if (request.method !== "GET" && request.method !== "HEAD") return 405;
  const path = (request.url ?? "").split("?")[0]!;
  const start = `/${token}/`;
  if (!path.startsWith(start)) return 403;
  const name = path.slice(start.length) || "index.html";
  if (name === "data" && table) return { type: "text/plain", text: table.text };
  const file = FILES.find((each) => each === name);
  if (!file) return 404;
  const text = readFileSync(join(from, file), "utf8");
  const type = TYPES[file.split(".").at(-1)!]!;
  if (file !== "index.html" || !table) return { type, text };
  return { type, text: text.replace("</head>", () => `<meta name="nabla-data" content="${escaped(table.name)}">\n</head>`) };
}

/** Serves until it is interrupted; gives the process's exit code. */
export async function studioCommand(flags: StudioFlags): Promise<number> {
  const { url, server } = await startStudio(flags);
  console.log(`the studio is at ${url}\nit serves this machine alone; Ctrl-C ends it`);
  if (flags.open) openInBrowser(url);
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  server.close();
  server.closeAllConnections();
  return 0;
}

/** Asks the system to show a page. Where it cannot, the address that was printed serves. */
function openInBrowser(url: string): void {
  const [command, ...args] = { darwin: ["open"], win32: ["cmd", "/c", "start", ""] }[process.platform as string] ?? ["xdg-open"];
  const child = spawn(command!, [...args, url], { stdio: "ignore", detached: true });
  child.on("error", () => console.error(`${command} is not here; open the address by hand`));
  child.unref();
}
