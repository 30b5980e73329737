/** @file Tables, arrays and folders of one's own on the command line: the preprocessing belongs to the model, and nothing is silently wrong. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encode } from "fast-png";
import { beforeAll, describe, expect, test } from "vitest";
import { run as nabla } from "../../src/cli/program.ts";
import { type NpySource, readSafetensors, writeNpy, writeNpz } from "../../src/formats/index.ts";
import { loadRun, type Prediction } from "../../src/train/index.ts";
import { captureConsole } from "./console.ts";

const { out, err, folder } = captureConsole();
const at = (...names: string[]): string => join(folder, ...names);
const read = (...names: string[]): string => readFileSync(at(...names), "utf8");
const json = (...names: string[]): Record<string, unknown> => JSON.parse(read(...names));
const write = (name: string, content: string | Uint8Array): string => {
  writeFileSync(at(name), content);
  return at(name);
};
const numberIn = (pattern: RegExp): number => Number(pattern.exec(out.join("\n"))![1]);

/** Two classes that differ in size; `city` says nothing. */
const row = (i: number, shift = 0): string =>
  `${(i % 2 ? 10 : 20) + ((i * 7) % 5) + shift},${["Rome", "Oslo", "Lima"][i % 3]},${i % 2 ? "cat" : "dog"}`;
const table = (n: number, shift = 0): string => ["size,city,kind", ...Array.from({ length: n }, (_, i) => row(i, shift))].join("\n");

describe("a table of classes", () => {
  beforeAll(async () => {
    write("pets.csv", table(120));
    expect(
      await nabla([
        "train",
        "mlp",
        "--hidden",
        "8",
        "--data",
        at("pets.csv"),
        "--epochs",
        "6",
        "--lr",
        "0.05",
        "--batch-size",
        "16",
        "--out",
        at("pets"),
      ]),
    ).toBe(0);
  }, 60_000);

  test("a new file is measured whole, by the statistics and categories of training", async () => {
    // All sizes are those of cats: by statistics of its own the file would be split into two halves.
    const cats = table(40)
      .split("\n")
      .filter((line) => !line.endsWith("dog"))
      .join("\n");
    expect(await nabla(["evaluate", at("pets"), "--data", write("cats.csv", cats), "--json", at("cats.json")])).toBe(0);
    expect(out[0]).toContain("on the 20 examples of cats.csv, the whole file");
    expect(json("cats.json")).toMatchObject({ accuracy: 1, examples: 20, split: "all" });
  });

  test("rows that cannot be measured are counted and named; columns beside the model's too", async () => {
    const file = `agent,${table(10).split("\n")[0]}\nx,11,Paris,cat\nx,,Rome,cat\nx,21,Rome,dog`;
    expect(await nabla(["evaluate", at("pets"), "--data", write("odd.csv", file)])).toBe(0);
    expect(out[0]).toContain("on the 1 examples");
    expect(err.join("\n")).toMatch(
      /note: 2 of 3 rows are left out: line 2: column "city" is "Paris", which training never saw; .*line 3: column "size" is empty/,
    );
    expect(err.join("\n")).toContain("columns that the model does not look at: agent");
  });

  test("a class or a column that is not there is an error", async () => {
    expect(await nabla(["evaluate", at("pets"), "--data", write("cow.csv", "size,city,kind\n11,Rome,cow")])).toBe(1);
    expect(await nabla(["evaluate", at("pets"), "--data", write("short.csv", "size,kind\n11,cat")])).toBe(1);
    expect(err).toEqual([
      expect.stringMatching(/cow\.csv, line 2: label "kind" is "cow", a class that the model does not know; it knows cat, dog$/),
      expect.stringMatching(/short\.csv: has no column "city", which the model wants; it has size, kind$/),
    ]);
  });

  test("the same file under another name has the run's own split; one that has changed is refused, and so is another split", async () => {
    expect(await nabla(["evaluate", at("pets"), "--data", write("copy.csv", table(120))])).toBe(0);
    expect(out[0]).toMatch(/on the 24 examples of copy, test split$/);
    write("pets.csv", table(130));
    expect(await nabla(["evaluate", at("pets")])).toBe(1);
    expect(await nabla(["predict", at("pets"), "--example", "0"])).toBe(1);
    expect(await nabla(["replay", at("pets"), "--step", "2"])).toBe(1);
    write("pets.csv", table(120));
    expect(await nabla(["evaluate", at("pets"), "--test-share", "0.5"])).toBe(1);
    expect(err.filter((line) => /has changed since the run was (trained|started)/.test(line))).toHaveLength(3);
    expect(err.at(-1)).toContain("with another one rows that trained would test");
  });

  test("predict flags rows and goes on, on the terminal and in files", async () => {
    const file = write("new.csv", "kind,city,size\n?,Rome,11\n?,Rome,\n?,Paris,12\n?,Oslo,22");
    expect(await nabla(["predict", at("pets"), file])).toBe(0);
    expect(out).toHaveLength(4);
    expect(out[0]).toMatch(/line 2: cat/);
    expect(out[1]).toMatch(/line 3: not predicted: column "size" is empty/);
    expect(out[3]).toMatch(/line 5: dog/);
    expect(err).toEqual([expect.stringMatching(/^warning: 2 of 4 could not be predicted: .*line 3/)]);
    expect(await nabla(["predict", at("pets"), file, "--top", "1", "--out", at("p.csv")])).toBe(0);
    const [head, first, flagged] = read("p.csv").split("\n");
    expect(head).toBe("input,class1,probability1,error");
    expect(first).toMatch(/line 2",cat,[\d.]+,$/);
    expect(flagged).toMatch(/line 3",,,"column ""size"" is empty/);
    expect(await nabla(["predict", at("pets"), write("gaps.csv", "city,size\nRome,")])).toBe(1);
  });

  test("loadRun predicts rows as they come, and an exported file has all that belongs to it", async () => {
    const trained = await loadRun(at("pets"));
    const said = await trained.predict([
      { size: 11, city: " Rome" },
      { size: null, city: "Rome" },
      { city: "Oslo", size: "22" },
    ]);
    expect(said.map((one) => one.class)).toEqual(["cat", undefined, "dog"]);
    expect(said[1].error).toContain('column "size" is empty');
    expect(await nabla(["export", at("pets"), at("pets.safetensors")])).toBe(0);
    const { metadata } = readSafetensors(readFileSync(at("pets.safetensors")));
    expect(JSON.parse(metadata.classes)).toEqual(["cat", "dog"]);
    expect(JSON.parse(metadata.columns)[1]).toEqual({ name: "city", categories: ["Lima", "Oslo", "Rome"] });
    expect([JSON.parse(metadata.mean), JSON.parse(metadata.std)].map((list) => list.length)).toEqual([4, 4]);
    const again = await loadRun(at("pets.safetensors"));
    expect((await again.predict([{ size: 11, city: "Rome" }]))[0]).toEqual(said[0]);
  });
});

describe("regression", () => {
  const prices = ["when,price", ...Array.from({ length: 200 }, (_, i) => `${1.7e9 + i},${5000 + 30 * i}`)].join("\n");

  test("timestamps are learnt, and errors are in the target's own units everywhere", async () => {
    const flags = [
      "--data",
      write("prices.csv", prices),
      "--epochs",
      "40",
      "--lr",
      "0.02",
      "--batch-size",
      "64",
      "--validation",
      "0.2",
      "--json",
      at("r.json"),
    ];
    expect(await nabla(["train", "mlp", "--hidden", "16", ...flags, "--out", at("prices")])).toBe(0);
    expect(out.find((line) => line.startsWith("epoch  1/40"))).toMatch(
      /loss [\d.]+ {2}MAE \d{4} {2}validation loss [\d.]+ {2}MAE \d{4} {2}test loss [\d.]+ {2}MAE \d{4} /,
    );
    expect(numberIn(/R² ([\d.]+)/)).toBeGreaterThan(0.98);
    const mae = numberIn(/^test MAE ([\d.]+)/m);
    expect(mae).toBeGreaterThan(1);
    expect(mae).toBeLessThan(300);
    expect(json("r.json").testMae).toBeCloseTo(mae, 0);
    expect(json("prices", "run.json").testMae).toBeCloseTo(mae, 0);
    expect(read("prices", "epochs.csv").split("\n")[0]).toMatch(/trainMae,trainRmse,trainR2,validationMae,.*testR2,seconds$/);
    expect(await nabla(["evaluate", at("prices"), "--json", at("e.json")])).toBe(0);
    expect(json("e.json").mae).toBeCloseTo(mae, 0);
  }, 60_000);
});

test("the result says when the test split decided, and a smaller weight decays no bias", async () => {
  const flags = ["--data", "moons", "--hidden", "4", "--epochs", "2", "--batch-size", "250"];
  expect(await nabla(["train", "mlp", ...flags, "--patience", "3", "--out", at("peek")])).toBe(0);
  expect(out.at(-2)).toMatch(/^note: the weights were picked by the test loss/);
  expect(json("peek", "run.json").note).toContain("test loss");
  expect(await nabla(["train", "mlp", ...flags, "--patience", "3", "--validation", "0.2", "--out", at("fair")])).toBe(0);
  expect(json("fair", "run.json").note).toBeUndefined();
  const biases = async (name: string, ...more: string[]): Promise<number> => {
    expect(
      await nabla([
        "train",
        "mlp",
        ...flags,
        "--optimizer",
        "sgd",
        "--optimizer-options",
        "momentum=0",
        "--lr",
        "1e-9",
        ...more,
        "--out",
        at(name),
      ]),
    ).toBe(0);
    const { entries } = readSafetensors(readFileSync(at(name, "model.safetensors")));
    return (entries.get("1.bias")!.data as Float32Array).reduce((sum, x) => sum + Math.abs(x), 0);
  };
  // So small a rate and so large a decay that nothing but the decay moves weights.
  expect(await biases("decay", "--weight-decay", "1e7")).toBeCloseTo(await biases("none"), 4);
}, 60_000);

test("a checkpoint of a run that averages its weights predicts with the average, as the table shows it", async () => {
  const flags = [
    "--data",
    "moons",
    "--hidden",
    "4",
    "--epochs",
    "2",
    "--batch-size",
    "250",
    "--ema",
    "0.9",
    "--lr",
    "0.05",
    "--keep-last",
    "1",
  ];
  expect(await nabla(["train", "mlp", ...flags, "--out", at("ema")])).toBe(0);
  const last = /step-\d+\.safetensors/.exec((await import("node:fs")).readdirSync(at("ema", "checkpoints")).sort().at(-1)!)![0];
  const weights = async (path: string): Promise<number[]> =>
    [...(await loadRun(path)).model.stateDict().get("1.weight")!.value.dataSync()] as number[];
  expect(await weights(at("ema", "checkpoints", last))).toEqual(await weights(at("ema", "model.safetensors")));
}, 60_000);

describe("folders of images", () => {
  const image = (name: string, value: number, channels: 1 | 3): void => {
    mkdirSync(at(name, ".."), { recursive: true });
    const data = new Uint8Array(64 * channels).map((_, i) => (channels === 3 && i % 3 ? 0 : value) + (i % 7));
    writeFileSync(at(name), encode({ width: 8, height: 8, channels, data }));
  };
  beforeAll(() => {
    for (const part of ["train", "valid", "test"])
      for (let i = 0; i < 8; i++) {
        image(`pics/${part}/dark/${i}.png`, 20 + i, i === 0 ? 1 : 3);
        image(`pics/${part}/light/${i}.png`, 200 + i, 3);
      }
    for (let i = 0; i < 4; i++) image(`new/light/${i}.png`, 190 + i, 3);
  });

  test("one grey image leaves the others their colours, valid/ validates, and a new folder is measured whole", async () => {
    expect(
      await nabla([
        "train",
        "mlp",
        "--hidden",
        "4",
        "--data",
        at("pics"),
        "--epochs",
        "3",
        "--lr",
        "0.01",
        "--patience",
        "2",
        "--out",
        at("pics-run"),
      ]),
    ).toBe(0);
    expect(out[0]).toContain("(16 + 16 examples + 16 for validation)");
    expect(out.find((line) => line.startsWith("validation loss "))).toMatch(/accuracy .* %/);
    expect((await loadRun(at("pics-run"))).about.inputShape).toEqual([3, 8, 8]);
    expect(await nabla(["evaluate", at("pics-run"), "--data", at("new")])).toBe(0);
    expect(out.find((line) => line.includes("on the 4 examples of new, the whole file"))).toBeDefined();
  }, 60_000);

  test("random parts of images come from disk, the same again, and goes on to the same bits", async () => {
    const flags = [
      "--data",
      at("pics"),
      "--image-size",
      "4",
      "--augment",
      "random-resized-crop=0.3",
      "--epochs",
      "2",
      "--batch-size",
      "4",
      "--hidden",
      "4",
    ];
    expect(await nabla(["train", "mlp", ...flags, "--out", at("crops")])).toBe(0);
    expect(await nabla(["train", "mlp", ...flags, "--out", at("crops2")])).toBe(0);
    expect(read("crops", "steps.csv")).toEqual(read("crops2", "steps.csv"));
    expect(await nabla(["replay", at("crops"), "--step", "6"])).toBe(0);
    expect(out.join("\n")).toContain("the recorded bits");
    expect(
      await nabla([
        "train",
        "mlp",
        ...flags.slice(0, 4),
        "--epochs",
        "2",
        "--from-disk",
        "--batch-size",
        "4",
        "--hidden",
        "4",
        "--out",
        at("plain"),
      ]),
    ).toBe(0);
    expect(read("plain", "steps.csv")).not.toEqual(read("crops", "steps.csv"));
    expect(await nabla(["evaluate", at("crops")])).toBe(0);
  }, 60_000);

  test("weights that are there are gone on from, with other classes and all else frozen", async () => {
    for (let i = 0; i < 8; i++) for (const name of ["a", "b", "c"]) image(`three/${name}/${i}.png`, 60 * (name.charCodeAt(0) - 96) + i, 3);
    const flags = ["--weights", at("pics-run"), "--freeze", "backbone", "--epochs", "2", "--hidden", "4"];
    expect(await nabla(["train", "mlp", "--data", at("three"), ...flags, "--out", at("tuned")])).toBe(0);
    expect(out[1]).toMatch(/: 2 tensors; new: 3\.weight, 3\.bias; 15 parameters train$/);
    const cells = async (name: string): Promise<unknown> => (await loadRun(at(name))).model.stateDict().get("1.weight")!.value.dataSync();
    expect(await cells("tuned")).toEqual(await cells("pics-run"));
    expect(
      await nabla(["train", "mlp", "--data", at("three"), ...flags.slice(0, 2), "--freeze", "tail", "--hidden", "4", "--out", at("none")]),
    ).toBe(1);
    expect(err.at(-1)).toMatch(/freeze: no parameter's name begins with "tail"/);
  }, 60_000);
});

describe("arrays", () => {
  const n = 40;
  const bytes = Uint8Array.from({ length: n * 16 }, (_, i) => (Math.floor(i / 16) % 2 ? 200 : 30) + (i % 16));
  const labels = Int32Array.from({ length: n }, (_, i) => (i % 2 ? 7 : 3));

  test("npz and npy train, and new arrays go the way of the first", async () => {
    const x = { shape: [n, 4, 4], data: bytes };
    write(
      "x.npz",
      writeNpz(
        new Map<string, NpySource>([
          ["x_train", x],
          ["y_train", { shape: [n], data: labels }],
          ["x_test", x],
          ["y_test", { shape: [n], data: labels }],
        ]),
      ),
    );
    const flags = ["--hidden", "4", "--epochs", "4", "--lr", "0.05"];
    expect(await nabla(["train", "mlp", "--data", at("x.npz"), ...flags, "--out", at("npz")])).toBe(0);
    expect(out[0]).toContain("(40 + 40 examples)");
    write("x.npy", writeNpy(x));
    write("y.npy", writeNpy({ shape: [n], data: labels }));
    expect(await nabla(["train", "mlp", "--data", at("x.npy"), "--targets", at("y.npy"), ...flags, "--out", at("npy")])).toBe(0);
    expect((await loadRun(at("npy"))).classes).toEqual(["3", "7"]);
    expect(await nabla(["predict", at("npz"), at("x.npy")])).toBe(0);
    expect(out.filter((line) => /x\.npy\[\d+\]: 7/.test(line))).toHaveLength(20);
    expect(await nabla(["evaluate", at("npz"), "--data", at("x.npy"), "--targets", at("y.npy")])).toBe(0);
    expect(out.find((line) => line.startsWith("accuracy"))).toContain("100.0 %");
    expect(await nabla(["train", "mlp", "--data", at("x.npy"), ...flags, "--out", at("no")])).toBe(1);
    expect(err.at(-1)).toContain("want the file of the targets too");
  }, 60_000);
});

describe("settings of daily work", () => {
  const small = ["--data", "moons", "--hidden", "4", "--epochs", "1", "--batch-size", "64"];
  test.each([
    ["--class-weights", "balanced"],
    ["--class-weights", "0=2, 1=1"],
    ["--label-smoothing", "0.1"],
    ["--dropout", "0.2"],
    ["--optimizer", "adamax", "--optimizer-options", "betas=0.8:0.99, eps=1e-6"],
    ["--optimizer", "sgd", "--optimizer-options", "momentum=0.8,nesterov"],
    ...["radam", "lamb", "adagrad", "adadelta", "asgd", "rprop", "adafactor", "muon"].map((name) => ["--optimizer", name]),
    ["--schedule", "step", "--schedule-options", "size=1,gamma=0.5"],
    ...["multi-step", "exponential", "polynomial", "cosine-restarts", "cyclic"].map((name) => ["--schedule", name]),
  ])(
    "%j %j %j %j",
    async (...more) => {
      expect(await nabla(["train", "mlp", ...small, "--fast-dev-run", ...more.filter(Boolean)])).toBe(0);
    },
    30_000,
  );

  test.each([
    [["--class-weights", "2=2"], 'unknown class "2"'],
    [["--optimizer-options", "momentum=1"], 'unknown option of adam "momentum"'],
    [["--optimizer", "sgd", "--optimizer-options", "momentum=x"], 'option of sgd momentum: want a number, got "x"'],
    [["--schedule", "step", "--schedule-options", "size=0"], "scheduleOptions: step: stepDecay: size must be above 0, got 0"],
  ])("%j is refused", async (more, message) => {
    expect(await nabla(["train", "mlp", ...small, "--fast-dev-run", ...more])).toBe(1);
    expect(err.join("\n")).toContain(message);
  });

  test("--balanced draws every class as often, and the run keeps it", async () => {
    // The number says nothing of the class: a run comes to the share that each class has among what it is shown.
    const rows = Array.from({ length: 240 }, (_, i) => `${(i * 7) % 11},${i % 12 === 0 ? "rare" : "common"}`);
    write("lopsided.csv", ["x,y", ...rows].join("\n"));
    const train = ["train", "mlp", "--data", at("lopsided.csv"), "--hidden", "4", "--epochs", "8", "--lr", "0.05"];
    expect(await nabla([...train, "--out", at("as-they-are")])).toBe(0);
    expect(await nabla([...train, "--balanced", "--out", at("balanced")])).toBe(0);
    const rareIn = async (folder: string): Promise<number> => {
      const [{ classes }] = (await (await loadRun(at(folder))).predict([{ x: 5 }])) as [Prediction];
      return classes!.find((each) => each.class === "rare")!.probability;
    };
    expect(await rareIn("as-they-are")).toBeLessThan(0.2);
    expect(await rareIn("balanced")).toBeGreaterThan(0.35);
    expect(await nabla(["train", "mlp", "--data", "sine", "--fast-dev-run", "--balanced"])).toBe(1);
    expect(err.at(-1)).toContain("balanced");
  }, 60_000);

  test("spaces in lists are no part of names, and quotes keep commas in them", async () => {
    const rows = Array.from({ length: 20 }, (_, i) => `${i},${i},text ${i},${i % 2 ? "p" : "q"}`);
    write("wide.csv", ['id,a,"b, or ""c""",y', ...rows].join("\n"));
    const train = ["train", "mlp", "--data", at("wide.csv"), "--fast-dev-run", "--hidden", "4"];
    expect(await nabla([...train, "--ignore", ' id, "b, or ""c""" '])).toBe(0);
    expect(out).toContain("numbers: a");
    expect(await nabla([...train, "--ignore", "id,b"])).toBe(1);
    expect(err.at(-1)).toContain('no column "b"; it has id, a, "b, or ""c""", y');
  });

  test("sweep shows every combination, the best first; summary and bench take a run", async () => {
    expect(
      await nabla([
        "sweep",
        "mlp",
        "--data",
        "moons",
        "--epochs",
        "1",
        "--batch-size",
        "250",
        "--rates",
        "0.01,0.1",
        "--widths",
        "4,4x4",
        "--seeds",
        "0",
        "--json",
        at("s.json"),
      ]),
    ).toBe(0);
    const rows = JSON.parse(read("s.json")) as { accuracy: number }[];
    expect(rows).toHaveLength(4);
    expect(rows.map(({ accuracy }) => accuracy)).toEqual(rows.map(({ accuracy }) => accuracy).sort((a, b) => b - a));
    expect(out.find((line) => /^ *lr +hidden +seed/.test(line))).toBeDefined();
    expect(await nabla(["summary", at("peek")])).toBe(0);
    expect(out.join("\n")).toMatch(/bytes of +activations +weights/);
  }, 60_000);
});
