/**
 * @file What the tests that run in a page use of `node:fs`, `node:path` and `node:url`. Files are read from the server of the suite, in a Worker and so at once;
 * they lie there as in the project: it is `/project`, and what is beside it `/shared`.
 */

function get(path: string | URL, method: "GET" | "HEAD"): XMLHttpRequest {
  const request = new XMLHttpRequest();
  request.open(method, new URL(path, location.origin), false);
  if (method === "GET") request.responseType = "arraybuffer";
  request.send();
  return request;
}

export const existsSync = (path: string | URL): boolean => get(path, "HEAD").status === 200;

export function readFileSync(path: string | URL, encoding?: "utf8"): Uint8Array | string {
  const { status, response } = get(path, "GET");
  if (status !== 200) throw new Error(`ENOENT: no such file, open '${path}' (${status})`);
  const bytes = new Uint8Array(response as ArrayBuffer);
  return encoding === undefined ? bytes : new TextDecoder().decode(bytes);
}

/** The server gives a folder as a list of its names. */
export const readdirSync = (path: string | URL): string[] => JSON.parse(readFileSync(path, "utf8") as string) as string[];

export const fileURLToPath = (url: string | URL): string => new URL(url).pathname;

export const join = (...parts: readonly string[]): string => new URL(parts.join("/").replaceAll(/\/+/g, "/"), location.origin).pathname;
