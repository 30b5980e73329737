/** @file Files that are whole or not there: on a disk, on a full one, and what a killed process leaves. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import * as realFs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { Adam } from "../../src/optim/index.ts";
import {
  Checkpoints,
  CsvSink,
  folderStore,
  latestCheckpoint,
  memoryStore,
  Recorder,
  type Store,
  fit as trainModel,
} from "../../src/train/index.ts";
import { bitsOf, few, makeModel } from "./small.ts";

const root = mkdtempSync(join(tmpdir(), "nabla-store-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** A disk on which `free.bytes` are left: a write that does not fit is cut, as a real one is, and fails with ENOSPC. */
function fullDisk(free: { bytes: number }): typeof realFs {
  const spend = (n: number): number => {
    const fits = Math.min(n, free.bytes);
    free.bytes -= fits;
    return fits;
  };
  const noSpace = (): Error => Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  const open = async (path: string, flags?: string): Promise<realFs.FileHandle> => {
    const file = await realFs.open(path, flags);
    return Object.assign(Object.create(file) as realFs.FileHandle, {
      async writeFile(content: Uint8Array | string) {
        const bytes = Buffer.from(content as Uint8Array);
        const fits = spend(bytes.length);
        await file.write(bytes, 0, fits);
        if (fits < bytes.length) throw noSpace();
      },
      async write(content: Uint8Array, from: number, n: number, at: number) {
        const fits = spend(n);
        if (fits < n) {
          await file.write(content, from, fits, at);
          throw noSpace();
        }
        return file.write(content, from, n, at);
      },
      sync: () => file.sync(),
      truncate: (n: number) => file.truncate(n),
      close: () => file.close(),
    });
  };
  return { ...realFs, open: open as typeof realFs.open };
}

describe.each([
  ["a folder", (name: string) => folderStore(join(root, name, "below"))],
  ["memory", () => memoryStore()],
] as [string, (name: string) => Store][])("%s", (_, make) => {
  test("keeps files by name", async () => {
    const store = make("kept");
    expect(await store.list()).toEqual([]);
    await store.write("b", "two");
    await store.write("a", Uint8Array.of(1, 2, 3));
    await store.write("b", "zwei");
    expect(await store.list()).toEqual(["a", "b"]);
    expect(text(await store.read("b"))).toBe("zwei");
    await store.writeAt("b", 2, new TextEncoder().encode("o or more"));
    expect(text(await store.read("b"))).toBe("zwo or more");
    await store.writeAt("b", 0, new TextEncoder().encode("x"));
    expect(text(await store.read("b"))).toBe("x");
    await store.remove("a");
    await store.remove("a");
    expect(await store.list()).toEqual(["b"]);
    await expect(store.read("a")).rejects.toThrow(/cannot read .*a: /);
  });
});

describe("a folder", () => {
  test("shows nothing of a write that a kill cut short", async () => {
    const store = folderStore(join(root, "killed"));
    await store.write("a", "whole");
    writeFileSync(join(root, "killed", ".a.tmp"), "ha");
    expect(await store.list()).toEqual(["a"]);
    expect(text(await store.read("a"))).toBe("whole");
    await store.tidy();
    expect(readdirSync(join(root, "killed"))).toEqual(["a"]);
  });

  test("a full disk leaves the old file, and no rubbish", async () => {
    const free = { bytes: 1000 };
    const store = folderStore(join(root, "full"), fullDisk(free));
    await store.write("a", "x".repeat(900));
    await expect(store.write("a", "y".repeat(900))).rejects.toThrow(
      `cannot write ${join(root, "full")}/a: ENOSPC: no space left on device, write`,
    );
    expect(text(await store.read("a"))).toBe("x".repeat(900));
    expect(readdirSync(join(root, "full"))).toEqual(["a"]);
  });
});

/** A file system of which one function fails as often as it is told, with an error of this code; it counts the calls. */
function failing(
  name: "rename" | "rm" | "sync",
  code: string,
  times = Number.POSITIVE_INFINITY,
): { fs: typeof realFs; calls: () => number } {
  let calls = 0;
  const fail = (): void => {
    if (++calls <= times) throw Object.assign(new Error(`${code}: injected`), { code });
  };
  const wrapped = {
    rename: async (from: string, to: string) => {
      fail();
      return realFs.rename(from, to);
    },
    rm: async (path: string, options: { force: boolean }) => {
      fail();
      return realFs.rm(path, options);
    },
    open: async (path: string, flags?: string) => {
      const file = await realFs.open(path, flags);
      file.sync = async () => fail();
      return file;
    },
  };
  const key = name === "sync" ? "open" : name;
  return { fs: { ...realFs, [key]: wrapped[key] } as typeof realFs, calls: () => calls };
}

describe("a file system", () => {
  afterEach(() => vi.useRealTimers());

  test.each(["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "ENOTTY", "EPERM"])(
    "without fsync (%s) keeps files all the same",
    async (code) => {
      const { fs, calls } = failing("sync", code);
      const store = folderStore(join(root, `sync-${code}`), fs);
      await store.write("a", "one");
      await store.writeAt("a", 1, new TextEncoder().encode("ld"));
      expect(text(await store.read("a"))).toBe("old");
      expect(calls()).toBeGreaterThanOrEqual(3); // file, folder, log
    },
  );

  test.each(["EIO", "ENOSPC", "EDQUOT"])("whose fsync says that bytes are lost (%s) leaves the old file", async (code) => {
    const path = join(root, `lost-${code}`);
    await folderStore(path).write("a", "old");
    const store = folderStore(path, failing("sync", code).fs);
    await expect(store.write("a", "new")).rejects.toThrow(`cannot write ${path}/a: ${code}: injected`);
    expect(text(await store.read("a"))).toBe("old");
    expect(readdirSync(path)).toEqual(["a"]);
  });

  test.each(["EPERM", "EBUSY", "EACCES"])("in which a file is busy for a while (%s) is waited for", async (code) => {
    for (const name of ["rename", "rm"] as const) {
      const path = join(root, `busy-${name}-${code}`);
      await folderStore(path).write("a", "old");
      const { fs, calls } = failing(name, code, 2);
      const store = folderStore(path, fs);
      await (name === "rename" ? store.write("a", "new") : store.remove("a"));
      expect(calls()).toBe(3);
      expect(readdirSync(path)).toEqual(name === "rename" ? ["a"] : []);
    }
  });

  test("in which a file stays busy is an error after some seconds, and the old file is there", async () => {
    const path = join(root, "busy");
    await folderStore(path).write("a", "old");
    const { fs, calls } = failing("rename", "EBUSY");
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    const failed = expect(folderStore(path, fs).write("a", "new")).rejects.toThrow(`cannot write ${path}/a: EBUSY: injected`);
    while (calls() < 9) {
      await vi.advanceTimersByTimeAsync(2000);
      await new Promise(setImmediate);
    }
    await failed;
    expect(readdirSync(path)).toEqual(["a"]);
    expect(text(await folderStore(path).read("a"))).toBe("old");
  });

  test("that does not rename between devices (EXDEV) is not asked twice", async () => {
    const { fs, calls } = failing("rename", "EXDEV");
    await expect(folderStore(join(root, "devices"), fs).write("a", "new")).rejects.toThrow("EXDEV");
    expect(calls()).toBe(1);
  });
});

describe("checkpoints", () => {
  const train = async (checkpoints: Checkpoints, epochs = 6, more = {}): Promise<ReturnType<typeof makeModel>> => {
    const model = makeModel();
    const optimizer = new Adam(model.parameters(), { lr: 3e-3 });
    await trainModel(model, few, { optimizer, epochs, batchSize: 14, callbacks: [checkpoints], ...more });
    return model;
  };

  test("the last k and the best k are kept", async () => {
    const store = memoryStore();
    const model = makeModel();
    const lr = 0.3; // goes up and down
    const history = await trainModel(model, few, {
      optimizer: new Adam(model.parameters(), { lr }),
      epochs: 8,
      batchSize: 70,
      callbacks: [new Checkpoints(store, { last: 2, best: 2, monitor: "testLoss" })],
    });
    const order = history.epochs.map((_, i) => i).sort((a, b) => history.epochs[a].testLoss - history.epochs[b].testLoss);
    const want = [...new Set([7, 8, order[0] + 1, order[1] + 1])].sort();
    expect(await store.list()).toEqual(want.map((n) => `step-0000000${n}.safetensors`));
  });

  test("in the middle of an epoch, and what they hold is the run", async () => {
    const store = memoryStore();
    const whole = await train(new Checkpoints(store, { last: 3, best: 0, everySteps: 3 }), 2);
    expect(await store.list()).toEqual(["step-00000006.safetensors", "step-00000009.safetensors", "step-00000010.safetensors"]);
    const found = await latestCheckpoint(store, { upTo: 8 });
    expect(found?.step).toBe(6);
    const again = await train(new Checkpoints(store, { last: 3, best: 0, everySteps: 3 }), 2, { resume: found!.bytes });
    expect(bitsOf(again)).toEqual(bitsOf(whole));
  });

  test("one that is damaged is passed over, and told of", async () => {
    const store = memoryStore();
    await train(new Checkpoints(store), 3);
    const newest = (await store.list()).at(-1)!;
    await store.write(newest, (await store.read(newest)).slice(0, 3000));
    const damaged: string[] = [];
    const found = await latestCheckpoint(store, { onDamaged: ({ message }) => damaged.push(message) });
    expect(found?.step).toBe(10);
    expect(damaged).toHaveLength(1);
    expect(damaged[0]).toMatch(/^step-00000015\.safetensors: truncated file/);
    expect(await latestCheckpoint(memoryStore())).toBeUndefined();
  });

  test("a disk that fills up loses nothing that was saved, and does not end the run", async () => {
    const folder = join(root, "training");
    // Room for the first two and a bit.
    const free = { bytes: 50_000 };
    const store = folderStore(folder, fullDisk(free));
    const errors: string[] = [];
    const onError = ({ message }: Error): void => void errors.push(message);
    const steps = new CsvSink(store, "steps.csv");
    const checkpoints = new Checkpoints(store, { last: 10, best: 0, onError });
    const model = await train(checkpoints, 6, { callbacks: [new Recorder({ steps: [steps], onError }), checkpoints] });
    expect(errors.length).toBeGreaterThan(0);
    expect(errors.every((message) => message.includes("ENOSPC"))).toBe(true);
    expect(existsSync(join(folder, ".step-00000030.safetensors.tmp"))).toBe(false);
    const found = await latestCheckpoint(store, { onDamaged: () => expect.unreachable("a damaged checkpoint") });
    expect(found!.step).toBeGreaterThan(0);
    expect(found!.step).toBeLessThan(30);
    free.bytes = 1e9;
    const again = await train(new Checkpoints(store), 6, { resume: found!.bytes });
    expect(bitsOf(again)).toEqual(bitsOf(model));
  });

  test("without anyone to tell, an error ends the run", async () => {
    const store = folderStore(join(root, "hard"), fullDisk({ bytes: 10 }));
    await expect(train(new Checkpoints(store))).rejects.toThrow("ENOSPC");
    expect(() => new Checkpoints(store, { last: 0 })).toThrow("Checkpoints: last must be a positive integer, got 0");
  });
});

describe("records", () => {
  const train = async (store: Store, more = {}): Promise<void> => {
    const model = makeModel();
    const recorder = new Recorder({ steps: [new CsvSink(store, "steps.csv")], epochs: [new CsvSink(store, "epochs.csv")] });
    await trainModel(model, few, {
      optimizer: new Adam(model.parameters()),
      epochs: 2,
      batchSize: 14,
      ...more,
      callbacks: [recorder, new Checkpoints(store, { last: 100, everySteps: 1 })],
    });
  };
  const rows = async (store: Store, name: string): Promise<string[][]> =>
    text(await store.read(name)).trimEnd().split("\n").map((row) => row.split(",")); // biome-ignore format: one thought

  test("every step and every epoch, to the bit", async () => {
    const store = memoryStore();
    await train(store);
    const steps = await rows(store, "steps.csv");
    expect(steps[0]).toEqual(["step", "loss", "lr"]);
    expect(steps.slice(1).map(([step]) => Number(step))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(steps.slice(1).every(([, loss]) => Math.fround(Number(loss)) === Number(loss))).toBe(true);
    const epochs = await rows(store, "epochs.csv");
    expect(epochs[0]).toEqual(["step", "epoch", "trainLoss", "trainAccuracy", "testLoss", "testAccuracy", "seconds"]);
    expect(epochs.slice(1).map(([step, epoch]) => [step, epoch])).toEqual([["5", "1"], ["10", "2"]]); // biome-ignore format: a table
  });

  test("a resumed run forgets what came after its checkpoint, and a row that was cut short", async () => {
    const [whole, broken] = [memoryStore(), memoryStore()];
    await train(whole);
    await train(broken);
    const steps = await broken.read("steps.csv");
    await broken.write("steps.csv", steps.slice(0, -5));
    const resume = (await latestCheckpoint(broken, { upTo: 7 }))!.bytes;
    await train(broken, { resume });
    expect(text(await broken.read("steps.csv"))).toBe(text(await whole.read("steps.csv")));
    expect((await rows(broken, "epochs.csv")).length).toBe(3);
  });
});
