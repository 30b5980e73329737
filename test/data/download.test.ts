/** @file Downloads from a server of this test's own: resumed, checked, from the next mirror, or one clear line. */
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { cacheFolder, type DownloadOptions, type DownloadProgress, download } from "../../src/data/download.ts";
import { loadDataset } from "../../src/data/registry.ts";

const content = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 31) % 251);
const file = { name: "data.bin", bytes: content.length, sha256: createHash("sha256").update(content).digest("hex") };

let folder: string;
let server: Server;
let requests: { url: string; range?: string }[];
/** What the server does with a request. */
let answer: (request: IncomingMessage, response: ServerResponse) => void;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "nabla-download-"));
  requests = [];
  server = createServer((request, response) => {
    requests.push({ url: request.url!, ...(request.headers.range && { range: request.headers.range }) });
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const mirror = (path = "") => `http://127.0.0.1:${(server.address() as AddressInfo).port}/${path}`;
const get = (options: Partial<DownloadOptions> = {}) => download(file, folder, { mirrors: [mirror()], ...options });
const start = (range: string | undefined): number => Number(/bytes=(\d+)-/.exec(range ?? "bytes=0-")![1]);
const path = () => join(folder, file.name);

/** A server that knows ranges. */
function whole({ headers: { range } }: IncomingMessage, response: ServerResponse): void {
  response.writeHead(range ? 206 : 200, { "content-length": content.length - start(range) });
  response.end(content.subarray(start(range)));
}

/** Announces all of it, sends `bytes` from where it was asked to, and hangs up when they have arrived. */
const cutAfter =
  (bytes: number) =>
  ({ headers: { range } }: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(range ? 206 : 200, { "content-length": content.length - start(range) });
    response.write(content.subarray(start(range), start(range) + bytes), () => setTimeout(() => response.destroy(), 100));
  };

const closed = "http://127.0.0.1:1";

describe("download", () => {
  test("brings the file, tells how far it is, and asks no second time", async () => {
    answer = whole;
    const progress: DownloadProgress[] = [];
    expect(await get({ onProgress: (p) => progress.push(p) })).toBe(path());
    expect(Buffer.compare(readFileSync(path()), content)).toBe(0);
    expect(progress.at(-1)).toEqual({ file: "data.bin", bytes: content.length, total: content.length });
    expect(progress.every((p, i) => i === 0 || p.bytes > progress[i - 1].bytes)).toBe(true);
    await get();
    expect(requests).toEqual([{ url: "/data.bin" }]);
  });

  test("a cut connection: what came stays, and the next try goes on there", async () => {
    answer = cutAfter(70_000);
    await expect(get()).rejects.toThrow(
      /^data\.bin: cannot be downloaded \(127\.0\.0\.1:\d+: .+\); fetch it by other means and name its folder \(--data-dir DIR\)$/,
    );
    expect(existsSync(path())).toBe(false);
    answer = whole;
    await get();
    expect(Buffer.compare(readFileSync(path()), content)).toBe(0);
    expect(start(requests[1].range)).toBeGreaterThan(0);
  });

  test("the next mirror goes on where the first was cut", async () => {
    answer = (request, response) => (request.url!.startsWith("/a/") ? cutAfter(50_000) : whole)(request, response);
    await get({ mirrors: [mirror("a/"), mirror("b/")] });
    expect(requests.map(({ url }) => url)).toEqual(["/a/data.bin", "/b/data.bin"]);
    expect(start(requests[1].range)).toBe(50_000);
    expect(Buffer.compare(readFileSync(path()), content)).toBe(0);
  });

  test("a server that does not resume sends all of it again", async () => {
    writeFileSync(`${path()}.part`, content.subarray(0, 1000));
    answer = (_, response) => response.end(content);
    await get();
    expect(requests[0].range).toBe("bytes=1000-");
    expect(Buffer.compare(readFileSync(path()), content)).toBe(0);
  });

  test("two at once write a part each; one goes on where the last try was cut", async () => {
    writeFileSync(`${path()}.part`, content.subarray(0, 1000));
    // Pieces of both arrive in turn.
    answer = ({ headers: { range } }, response) => {
      const from = start(range);
      response.writeHead(range ? 206 : 200, { "content-length": content.length - from });
      const send = (at: number): void => void response.write(content.subarray(at, at + 50_000), () => setTimeout(next, 5, at + 50_000));
      const next = (at: number): void => (at < content.length ? send(at) : void response.end());
      send(from);
    };
    expect(await Promise.all([get(), get()])).toEqual([path(), path()]);
    expect(requests.map(({ range }) => start(range)).sort()).toEqual([0, 1000]);
    expect(Buffer.compare(readFileSync(path()), content)).toBe(0);
    expect(readdirSync(folder)).toEqual([file.name]);
  });

  test("what a killed process has left is gone on with, what another one writes is not", async () => {
    answer = whole;
    const [live, old] = [`${path()}.0123abcd.part`, `${path()}.89ab0123.part`];
    writeFileSync(live, content.subarray(0, 3000));
    writeFileSync(old, content.subarray(0, 2000));
    utimesSync(old, 0, 0);
    await get();
    expect(requests[0].range).toBe("bytes=2000-");
    expect(readdirSync(folder).sort()).toEqual([file.name, "data.bin.0123abcd.part"]);
  });

  test("a wrong checksum: nothing is kept, the next mirror is asked for all of it", async () => {
    const wrong = Uint8Array.from(content).fill(0, 5, 6);
    answer = (request, response) => (request.url!.startsWith("/bad/") ? response.end(wrong) : whole(request, response));
    await expect(get({ mirrors: [mirror("bad")] })).rejects.toThrow(
      /: wrong checksum: expected [0-9a-f]{12}\.\.\., got [0-9a-f]{12}\.\.\.\)/,
    );
    expect(readdirSync(folder)).toEqual([]);
    await get({ mirrors: [mirror("bad"), mirror("good")] });
    expect(requests.at(-1)).toEqual({ url: "/good/data.bin" });
    expect(Buffer.compare(readFileSync(path()), content)).toBe(0);
  });

  test.each<[string, () => void, RegExp]>([
    ["a file that is not there", () => (answer = (_, response) => response.writeHead(404).end("no such file")), /: status 404\)/],
    ["too much", () => (answer = (_, response) => response.end(new Uint8Array(300_000))), /: more than the 200000 bytes expected\)/],
    ["silence", () => (answer = () => {}), /: no answer for 0\.2 s\)/],
  ])("%s is one line", async (_, prepare, message) => {
    prepare();
    const error = await get({ timeout: 0.2 }).catch((e: Error) => e);
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).not.toContain("\n");
  });

  test("no network is one line that says what each mirror answered", async () => {
    await expect(get({ mirrors: [closed, "http://nowhere.invalid/x"] })).rejects.toThrow(
      /^data\.bin: cannot be downloaded \(127\.0\.0\.1:1: (ECONNREFUSED|bad port); nowhere\.invalid: (ENOTFOUND|EAI_AGAIN|ECONNREFUSED)\); fetch it by other means/,
    );
  });
});

describe("data sets from the cache", () => {
  test("NABLA_CACHE says where; the data set's own mirrors can be replaced", async () => {
    vi.stubEnv("NABLA_CACHE", folder);
    expect(await cacheFolder()).toBe(folder);
    await expect(loadDataset("mnist", { mirrors: [closed] })).rejects.toThrow(
      /^train-images-idx3-ubyte\.gz: cannot be downloaded \(127\.0\.0\.1:1: .+--data-dir DIR\)$/,
    );
    await expect(loadDataset("cifar10", { mirrors: [closed] })).rejects.toThrow(/^cifar-10-binary\.tar\.gz: cannot be downloaded/);
    answer = (_, response) => response.end(gzipSync("something else"));
    await expect(loadDataset("fashion-mnist", { mirrors: [mirror()] })).rejects.toThrow(/connection cut after \d+ of 26421880 bytes/);
  });
});
