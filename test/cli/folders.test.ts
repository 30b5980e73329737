/** @file What a command may write over: what the run there has written, and nothing else. */
import { cpSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { run as nabla } from "../../src/cli/program.ts";
import { captureConsole } from "./console.ts";

const { out, err, folder } = captureConsole();
const at = (...names: string[]): string => join(folder, ...names);
const text = (...names: string[]): string => readFileSync(at(...names), "latin1");
const small = ["mlp", "--data", "moons", "--hidden", "4", "--epochs", "1", "--batch-size", "250"];
const train = (...more: string[]): Promise<number> => nabla(["train", ...small, ...more]);
/** Every file below a folder, with its content. */
const contents = (path: string): string[] =>
  (readdirSync(path, { recursive: true }) as string[])
    .sort()
    .map((name) => `${name} ${statSync(join(path, name)).isFile() ? readFileSync(join(path, name), "latin1") : ""}`);

beforeAll(async () => {
  expect(await train("--out", at("run"))).toBe(0);
}, 60_000);

describe("--out", () => {
  test("leaves a finished run alone; --overwrite replaces what it has written, and nothing else", async () => {
    cpSync(at("run"), at("old"), { recursive: true });
    writeFileSync(at("old", "notes.txt"), "mine");
    writeFileSync(at("old", "checkpoints", "mine.safetensors"), "mine");
    const before = contents(at("old"));
    expect(await train("--out", at("old"))).toBe(1);
    expect(err).toEqual([`error: ${at("old")}: holds a finished run; replace it with --overwrite, or choose another folder with --out`]);
    expect(contents(at("old"))).toEqual(before);
    expect(await train("--seed", "3", "--out", at("old"), "--overwrite")).toBe(0);
    expect(JSON.parse(text("old", "config.json")).seed).toBe(3);
    expect([text("old", "notes.txt"), text("old", "checkpoints", "mine.safetensors")]).toEqual(["mine", "mine"]);
    expect(JSON.parse(text("old", "run.json")).files).toEqual([
      "checkpoints/step-00000002.safetensors",
      "config.json",
      "epochs.csv",
      "model.safetensors",
      "run.json",
      "steps.csv",
    ]);
  });

  test.each([
    "model.safetensors",
    "steps.csv",
    "epochs.csv",
    "config.json",
    "run.json",
    "events.out.tfevents.nabla",
    "checkpoints/step-00000002.safetensors",
    "checkpoints",
  ])("leaves a foreign %s alone, with --overwrite too", async (name) => {
    const path = at(`foreign-${name.replace("/", "-")}`);
    mkdirSync(join(path, name, ".."), { recursive: true });
    writeFileSync(join(path, name), "mine");
    for (const more of [[], ["--overwrite"]]) expect(await train("--out", path, ...more)).toBe(1);
    expect(err).toHaveLength(2);
    expect(contents(path).filter((line) => line.endsWith(" mine"))).toHaveLength(1);
    expect((readdirSync(path, { recursive: true }) as string[]).sort()).toEqual(name.includes("/") ? ["checkpoints", name] : [name]);
  });

  test("does not believe a list of files that names others", async () => {
    cpSync(at("run"), at("forged"), { recursive: true });
    writeFileSync(at("precious.txt"), "mine");
    writeFileSync(at("forged", "data.csv"), "mine");
    const info = JSON.parse(text("forged", "run.json"));
    const files = [...info.files, "../precious.txt", at("precious.txt"), "data.csv", "checkpoints/../data.csv", "checkpoints"];
    writeFileSync(at("forged", "run.json"), JSON.stringify({ ...info, files }));
    expect(await train("--out", at("forged"), "--overwrite")).toBe(0);
    expect([text("precious.txt"), text("forged", "data.csv")]).toEqual(["mine", "mine"]);
  });

  test("writes through no link: not to a file under another name, not to a folder elsewhere", async () => {
    for (const [name, link] of [
      ["soft", symlinkSync],
      ["hard", linkSync],
    ] as const) {
      cpSync(at("run"), at(name), { recursive: true });
      const info = JSON.parse(text(name, "run.json"));
      writeFileSync(at(name, "run.json"), JSON.stringify({ ...info, state: "interrupted" }));
      for (const file of ["steps.csv", "epochs.csv", "model.safetensors"]) {
        cpSync(at(name, file), at(`${name}-${file}`));
        rmSync(at(name, file));
        link(at(`${name}-${file}`), at(name, file));
      }
      const before = ["steps.csv", "epochs.csv", "model.safetensors"].map((file) => text(`${name}-${file}`));
      expect(await nabla(["train", "--resume", at(name), "--epochs", "2"])).toBe(0);
      expect(["steps.csv", "epochs.csv", "model.safetensors"].map((file) => text(`${name}-${file}`))).toEqual(before);
      expect(text(name, "steps.csv").split("\n").length).toBeGreaterThan(before[0].split("\n").length);
    }
    mkdirSync(at("linked"));
    mkdirSync(at("elsewhere"));
    symlinkSync(at("elsewhere"), at("linked", "checkpoints"));
    err.length = 0;
    expect(await train("--out", at("linked"))).toBe(1);
    expect(err[0]).toContain("checkpoints: is a link, want a folder: a run writes only within its own");
  });

  test("is not within the data, and no file", async () => {
    mkdirSync(at("images", "a"), { recursive: true });
    symlinkSync(at("images"), at("same-images"));
    for (const path of [at("images"), at("images", "run"), at("same-images", "run")]) {
      expect(await nabla(["train", "mlp", "--data", at("images"), "--out", path])).toBe(1);
      expect(err.at(-1)).toContain("lies in the folder of the data");
    }
    writeFileSync(at("plain"), "mine");
    expect(await train("--out", at("plain"))).toBe(1);
    expect(err.at(-1)).toBe(`error: ${at("plain")}: is a file, want a folder for the run`);
    expect(existsSync(at("images", "run"))).toBe(false);
  });
});

describe("a file to write", () => {
  /** Commands that write a file, by the path that they get. */
  const writers: Record<string, (path: string) => string[]> = {
    "predict --out": (path) => ["predict", at("run"), at("rows.csv"), "--out", path],
    "evaluate --json": (path) => ["evaluate", at("run"), "--json", path],
    export: (path) => ["export", at("run"), path],
    "replay --out": (path) => ["replay", at("run"), "--step", "1", "--out", path],
    "train --json": (path) => ["train", ...small, "--config", at("settings.json"), "--out", at("never"), "--json", path],
  };
  beforeAll(() => {
    writeFileSync(at("rows.csv"), "x,y\n1,2\n");
    writeFileSync(at("settings.json"), "{}");
    symlinkSync(at("rows.csv"), at("soft.csv"));
    linkSync(at("rows.csv"), at("hard.csv"));
  });

  test.each(Object.keys(writers))("%s: no file of a run, no folder", async (name) => {
    const before = contents(at("run"));
    for (const file of ["model.safetensors", "config.json", "run.json", "steps.csv", "checkpoints/step-00000002.safetensors"]) {
      expect(await nabla(writers[name](at("run", file)))).toBe(1);
    }
    expect(await nabla(writers[name](at("run")))).toBe(1);
    expect(contents(at("run"))).toEqual(before);
    expect(existsSync(at("never"))).toBe(false);
  });

  test("is none of the inputs, under any name", async () => {
    for (const path of ["rows.csv", "soft.csv", "hard.csv", "./x/../rows.csv"].map((name) => `${folder}/${name}`)) {
      if (path.includes("x/..")) mkdirSync(at("x"), { recursive: true });
      expect(await nabla(writers["predict --out"](path))).toBe(1);
      expect(err.at(-1)).toContain("is what this command reads");
    }
    expect(text("rows.csv")).toBe("x,y\n1,2\n");
    expect(await nabla(writers["train --json"](at("settings.json")))).toBe(1);
    expect(text("settings.json")).toBe("{}");
  });

  test.skipIf(process.platform === "win32")("that is a device is written to and stays one", async () => {
    expect(await nabla(["evaluate", at("run"), "--json", "/dev/null"])).toBe(0);
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
    expect(out.length).toBeGreaterThan(0);
  });
});

describe("a run whose process is gone", () => {
  test.each([0, -1, 1])("is interrupted, not running, whatever number it had (%s)", async (pid) => {
    const path = at(`gone${pid}`);
    cpSync(at("run"), path, { recursive: true });
    writeFileSync(join(path, "run.json"), JSON.stringify({ ...JSON.parse(text("run", "run.json")), state: "running", pid }));
    expect(await nabla(["runs", path])).toBe(0);
    expect(out[1]).toMatch(/ interrupted /);
    expect(await nabla(["train", "--resume", path])).toBe(0);
    expect(JSON.parse(readFileSync(join(path, "run.json"), "utf8")).state).toBe("finished");
    expect(err).toEqual([]);
  });
});
