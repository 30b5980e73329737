/**
 * @file `nabla studio`: serves the studio's page to this machine alone. The address holds a random token, requests must name this host, and a page of another origin is
 * refused, so that no other program's page can read what is served.
 */
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { escaped } from "../figures/svg.ts";
import type { RunList } from "../train/run-record.ts";
import { type ServedFile, servedFiles } from "./studio-data.ts";
import { LiveRun } from "./studio-live.ts";
import { RunShelf } from "./studio-runs.ts";

export interface StudioFlags {
  /** A run, or a folder of runs. Default: `runs`, if it is there. A path that ends in .mjs or .js is a model, which the page reads again whenever it changes. */
  readonly run?: string;
  /** Whether the process that started this one trains that run. */
  readonly live?: boolean;
  /** A file whose points are shown (CSV, npy, npz, idx with its labels beside it, safetensors), or a folder of images with one folder for each class. */
  readonly data?: string;
  /** Default: any that is free. */
  readonly port?: number;
  readonly open?: boolean;
}

const TYPES: Readonly<Record<string, string>> = { html: "text/html", js: "text/javascript", css: "text/css", wasm: "application/wasm" };

/** An isolated page has shared memory; the rest keeps other pages out. */
const HEADERS = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
} as const;

/** The studio's files, where the build has put them: beside the command's folder. */
const folder = (): string => fileURLToPath(new URL("../studio/", import.meta.url));

export interface Studio {
  readonly url: string;
  readonly server: Server;
}

/** What a server has to show. */
interface Served {
  readonly token: string;
  readonly from: string;
  readonly data: readonly ServedFile[];
  /** The path of a model's file. */
  readonly model: string | undefined;
  readonly shelf: RunShelf | undefined;
  readonly live: LiveRun | undefined;
}

/** Starts the server. @throws {Error} if the page is not built, the data or the runs cannot be read, or the port is taken. */
export async function startStudio({ run: given, live = false, data, port = 0 }: StudioFlags): Promise<Studio> {
  const isModel = given !== undefined && MODEL.test(given);
  const run = isModel ? undefined : given;
  const from = folder();
  if (!existsSync(join(from, "index.html"))) throw new Error("the studio's page is not built; run npm run build");
  const served: Served = {
    token: randomBytes(16).toString("hex"),
    from,
    data: data === undefined ? [] : servedFiles(data),
    model: isModel ? checkedModel(given) : undefined,
    shelf: run !== undefined || existsSync("runs") ? new RunShelf(run ?? "runs") : undefined,
    live: live && run !== undefined ? new LiveRun(run) : undefined,
  };
  const server = createServer((request, response) => void answer(request, response, served));
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(error.code === "EADDRINUSE" ? new Error(`port ${port} is taken; choose another, or leave --port out`) : error),
    );
    server.listen(port, "127.0.0.1", resolve);
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/${served.token}/`, server };
}

const MODEL = /\.m?js$/i;

/** @throws {Error} if there is no such file. */
function checkedModel(path: string): string {
  if (existsSync(path)) return path;
  throw new Error(`there is no model ${path}; want a file that exports one: export default () => new nn.Sequential(...)`);
}

/** Whether a request comes from this machine's own page: the host is the loopback address, and the origin, if there is one, is the host. */
function isOwn({ headers: { host = "", origin } }: IncomingMessage): boolean {
  return /^(127\.0\.0\.1|localhost)(:\d+)?$/.test(host) && (origin === undefined || origin === `http://${host}`);
}

interface Found {
  readonly type: string;
  readonly content: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

async function answer(request: IncomingMessage, response: ServerResponse, served: Served): Promise<void> {
  try {
    const found = await find(request, served);
    if (typeof found === "number") response.writeHead(found, HEADERS).end();
    else {
      const type = found.type.startsWith("text/") ? `${found.type}; charset=utf-8` : found.type;
      response.writeHead(200, { ...HEADERS, "content-type": type, ...found.headers }).end(found.content);
    }
  } catch (error) {
    response.writeHead(400, { ...HEADERS, "content-type": "text/plain; charset=utf-8" }).end((error as Error).message);
  }
}

/** What a request gets, or the status that refuses it. */
async function find(request: IncomingMessage, served: Served): Promise<Found | number> {
  if (!isOwn(request)) return 403;
  const path = (request.url ?? "").split("?")[0]!;
  const start = `/${served.token}/`;
  if (!path.startsWith(start)) return 403;
  const name = path.slice(start.length) || "index.html";
  if (request.method === "POST") return command(request, name, served);
  if (request.method !== "GET" && request.method !== "HEAD") return 405;
  if (name === "runs") return served.shelf ? runs(request, served) : 404;
  if (name === "looks") return served.live ? versioned(request, JSON.stringify(served.live.looks())) : 404;
  if (name === "model") return served.model === undefined ? 404 : changed(request, readFileSync(served.model, "utf8"));
  return fileNamed(name, served);
}

const versionOf = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 16);

/** A text, or that it has not changed since the page asked last. */
function changed({ headers }: IncomingMessage, content: string): Found | number {
  const etag = versionOf(content);
  return headers["if-none-match"] === etag ? 304 : { type: "text/plain", content, headers: { etag } };
}

/** The reader's own code runs in this worker. It computes, and can load nothing and send nothing. */
const POLICY_OF_MODELS = "default-src 'none'; script-src 'self' blob: 'wasm-unsafe-eval'";

/** The worker that makes plans loads the solver, and can send nothing. */
const POLICY_OF_SOLVER = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'";

/** The files of the solver by the names that the page asks for. */
const SOLVER: Readonly<Record<string, string>> = { "highs.js": "highs.mjs", "highs.wasm": "highs.wasm" };

/** The path of a file of the solver, of an optional package: it is served from there, since it is twice as large as the studio. Undefined where it is not installed. */
function solverFile(name: string): string | undefined {
  try {
    const path = join(dirname(createRequire(import.meta.url).resolve("highs")), SOLVER[name]!);
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

function fileNamed(name: string, { from, data, shelf, model }: Served): Found | number {
  const own = data.find((_, i) => name === `data/${i}`);
  if (own) return { type: "application/octet-stream", content: readFileSync(own.path) };
  if (Object.hasOwn(SOLVER, name)) {
    const path = solverFile(name);
    return path === undefined ? 404 : { type: TYPES[name.split(".").at(-1)!]!, content: readFileSync(path) };
  }
  // What the build has put there is served, and nothing else.
  const file = readdirSync(from).find((each) => each === name);
  if (!file) return 404;
  const content = readFileSync(join(from, file), "utf8");
  const type = TYPES[file.split(".").at(-1)!]!;
  if (file === "models.js") return { type, content, headers: { "content-security-policy": POLICY_OF_MODELS } };
  if (file === "solver.js") return { type, content, headers: { "content-security-policy": POLICY_OF_SOLVER } };
  if (file !== "index.html") return { type, content };
  const names = data.length > 0 ? JSON.stringify(data.map((each) => each.name)) : undefined;
  const metas = {
    ...(names && { data: names }),
    ...(shelf && { runs: shelf.chosen ?? "" }),
    ...(model && { model: basename(model) }),
    ...(solverFile("highs.wasm") && { solver: "HiGHS" }),
  };
  const said = Object.entries(metas).map(([key, value]) => `<meta name="nabla-${key}" content="${escaped(value)}">\n`);
  return { type, content: content.replace("</head>", () => `${said.join("")}</head>`) };
}

/** All runs, or that nothing has changed since the page asked last. */
async function runs(request: IncomingMessage, { shelf, live }: Served): Promise<Found | number> {
  const records = await shelf!.records();
  const list: RunList = { runs: live ? records.map((record) => live.with(record)) : records, ...(live && { live: live.state }) };
  return versioned(request, JSON.stringify(list));
}

/** An object's text with its version, or that it has not changed since the page asked last. */
function versioned(request: IncomingMessage, text: string): Found | number {
  const version = versionOf(text);
  return request.headers["if-none-match"] === version
    ? 304
    : { type: "application/json", content: `{"version":"${version}",${text.slice(1)}` };
}

/** The longest command has five letters. */
const MOST_COMMAND = 64;

/** Takes a command for the run that trains. A form of another page cannot send JSON. */
async function command(request: IncomingMessage, name: string, { live }: Served): Promise<number> {
  if (name !== "command" || request.headers.origin === undefined) return 403;
  if (request.headers["content-type"] !== "application/json") return 415;
  if (!live) return 409;
  let text = "";
  for await (const part of request) {
    text += part;
    if (text.length > MOST_COMMAND) return 413;
  }
  live.command(String(JSON.parse(text)));
  return 204;
}

/** Serves until it is interrupted; gives the process's exit code. */
export async function studioCommand(flags: StudioFlags): Promise<number> {
  const { url, server } = await startStudio(flags);
  console.log(`the studio is at ${url}\nit serves this machine alone; Ctrl-C ends it`);
  if (flags.open) openInBrowser(url);
  await new Promise<void>((resolve) => {
    // The process whose run is shown has gone.
    if (flags.live) process.once("disconnect", resolve);
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  server.close();
  server.closeAllConnections();
  // An open channel would keep both processes alive.
  if (process.connected) process.disconnect();
  return 0;
}

/** Asks the system to show a page. Where it cannot, the address that was printed serves. */
function openInBrowser(url: string): void {
  const [command, ...args] = { darwin: ["open"], win32: ["cmd", "/c", "start", ""] }[process.platform as string] ?? ["xdg-open"];
  const child = spawn(command!, [...args, url], { stdio: "ignore", detached: true });
  child.on("error", () => console.error(`${command} is not here; open the address by hand`));
  child.unref();
}
