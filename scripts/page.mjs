/**
 * @file A page to try things in: Debian's Chromium without a window, and a server on loopback. For tests and benchmarks; a browser that the test tool
 * would download itself is not wanted.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

export const CHROMIUM = "/usr/bin/chromium";

const FLAGS =
  "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

/** Without these headers a page has no shared memory, and so no threads. */
export const ISOLATION = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".ts": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

/** Starts the browser. @returns {Promise<import("playwright-core").Browser>} */
export async function launch() {
  const { chromium } = await import("playwright-core");
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS.split(" ") });
}

/**
 * Serves texts by their path, and the files below folders by the prefix of theirs (`{ "/dist/": folder }`); a folder itself is a JSON list of names.
 * @param {{ texts?: ReadonlyMap<string, string>, folders?: Readonly<Record<string, string>>, headers?: Readonly<Record<string, string>>, port?: number }} what
 * @returns {Promise<{ url: string, close: () => void }>} The address, without a slash at its end.
 */
export async function serve({ texts = new Map(), folders = {}, headers = ISOLATION, port = 0 }) {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname));
    const content = texts.get(path) ?? contentBelow(folders, path);
    if (content === undefined) return response.writeHead(404, headers).end();
    const type = TYPES[extname(path)] ?? (path.endsWith("/") ? "text/html" : "application/octet-stream");
    return response.writeHead(200, { ...headers, "content-type": `${type}; charset=utf-8` }).end(content);
  });
  await new Promise((done) => server.listen(port, "127.0.0.1", () => done(undefined)));
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${address.port}`, close };
}

function contentBelow(folders, path) {
  const prefix = Object.keys(folders).find((name) => path.startsWith(name));
  if (prefix === undefined) return undefined;
  const file = join(folders[prefix], path.slice(prefix.length));
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat?.isDirectory()) return JSON.stringify(readdirSync(file));
  return stat?.isFile() ? readFileSync(file) : undefined;
}
