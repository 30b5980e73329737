/** @file Leases of folders: one holder, whoever asks and however the holder before has ended. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { hasLease, holderOf, LeaseLost, takeLease } from "../../src/cli/lease.ts";

const root = mkdtempSync(join(tmpdir(), "nabla-lease-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const folder = (): string => mkdtempSync(join(root, "run-"));
/** Two looks are enough for a lease that nobody renews. */
const quick = { looks: 2 };
const leaseIn = (path: string): string => join(path, readdirSync(path).find((name) => name.startsWith(".lease-"))!);

/** A lease of somebody else. */
function forge(path: string, change: object, number = 1): void {
  writeFileSync(join(path, `.lease-${number}`), `${"0".repeat(16)}\n${JSON.stringify({ token: "other", host: hostname(), ...change })}\n`);
}

describe("a lease", () => {
  test("has one holder, of eight who ask at once", async () => {
    const path = folder();
    const asked = await Promise.allSettled(Array.from({ length: 8 }, () => takeLease(path, quick)));
    const held = asked.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    expect(held).toHaveLength(1);
    for (const result of asked) {
      if (result.status === "rejected")
        expect(result.reason.message).toBe(`${path}: process ${process.pid} is training there already (--take-over takes the run from it)`);
    }
    held[0].check();
    expect(await holderOf(path, 1)).toMatchObject({ pid: process.pid });
    held[0].release();
    expect(readdirSync(path)).toEqual([]);
    (await takeLease(path, quick)).release();
  });

  // Each waits for the looks, so all are tried at once.
  test("of a process of another container, or of no process, is watched, not believed", async () => {
    const pids = [0, -1, 1, process.ppid, process.pid, 2 ** 40, 1.5, "7", null];
    const tries = pids.map(async (pid) => {
      const path = folder();
      forge(path, { pid, boot: "another", namespace: "pid:[1]" });
      const waits: string[] = [];
      const lease = await takeLease(path, { ...quick, onWait: (message) => waits.push(message) });
      expect(waits, `pid ${pid}`).toHaveLength(1);
      expect(readdirSync(path), `pid ${pid}`).toEqual([".lease-2"]);
      lease.check();
      lease.release();
    });
    await Promise.all(tries);
  });

  test("that is not whole, or no lease at all, is watched too", async () => {
    const tries = ["", "0000", "null\nnull", "\n[1]"].map(async (content) => {
      const path = folder();
      writeFileSync(join(path, ".lease-3"), content);
      (await takeLease(path, quick)).release();
      expect(hasLease(path), JSON.stringify(content)).toBe(false);
    });
    await Promise.all(tries);
  });

  test("that is renewed while we look has a living holder, whatever its clock says", async () => {
    const path = folder();
    forge(path, { pid: 4711, host: "elsewhere" });
    let beat = 0;
    const timer = setInterval(() => {
      const text = readFileSync(join(path, ".lease-1"), "utf8");
      writeFileSync(join(path, ".lease-1"), String(++beat).padStart(16, "0") + text.slice(16));
    }, 50);
    await expect(takeLease(path)).rejects.toThrow("process 4711 on elsewhere is training there already");
    clearInterval(timer);
  });

  test.skipIf(process.platform !== "linux")(
    "of a process that has ended is taken at once: its number is gone, or somebody else's by now",
    async () => {
      const path = folder();
      const mine = await takeLease(path, quick);
      const holder = JSON.parse(readFileSync(leaseIn(path), "utf8").split("\n")[1]);
      mine.release();
      const gone = spawnSync("true").pid;
      for (const change of [{ pid: gone }, { pid: process.ppid, started: "1" }, { pid: process.pid, started: "1" }]) {
        forge(path, { ...holder, token: "other", ...change });
        const waits: string[] = [];
        (await takeLease(path, { onWait: (message) => waits.push(message) })).release();
        expect(waits).toEqual([]);
      }
    },
  );

  test("that is taken over is lost to the one who had it", async () => {
    const path = folder();
    const first = await takeLease(path, quick);
    const second = await takeLease(path, { takeOver: true });
    expect(() => first.check()).toThrow(LeaseLost);
    second.check();
    first.release();
    second.check();
    rmSync(leaseIn(path));
    expect(() => second.check()).toThrow("is gone: another process has taken the run over, or its folder was removed");
    second.release();
  });

  test("of the first number does not hide one that was created meanwhile", async () => {
    const path = folder();
    forge(path, { pid: 1, host: "elsewhere" }, 5);
    const takes = takeLease(path, quick);
    forge(path, { token: "new", pid: 1, host: "elsewhere" }, 1); // seen only after our own was created
    const lease = await takes;
    lease.check();
    expect(readdirSync(path)).toHaveLength(1);
    lease.release();
  });
});
