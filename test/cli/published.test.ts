/** @file Published weights on the command line: predict with bars and to files, the ImageNet protocol (SUM-2), and one line for each mistake. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { encode } from "fast-png";
import { beforeAll, describe, expect, test } from "vitest";
import { run as nabla } from "../../src/cli/program.ts";
import { type Entry, writeSafetensors } from "../../src/formats/safetensors.ts";
import { writeZip } from "../../src/formats/zip.ts";
import { manualSeed } from "../../src/math/random.ts";
import { softmax } from "../../src/math/softmax.ts";
import { zoo } from "../../src/models/index.ts";
import { tensor } from "../../src/ops/create.ts";
import { captureConsole } from "./console.ts";

const { out, err, folder } = captureConsole();
const at = (...names: string[]): string => join(folder, ...names);
const NAMES = ["tench", "goldfish", "shark", "hen", "owl", "newt", "crane"];
const SYNSETS = NAMES.map((_, i) => `n0000000${i}`);
// A network for images of 32 pixels with seven classes, so that a file of it is small.
const MODEL = ["--model", "squeezenet1_1", "--image-size", "32"];
const classes = () => ["--classes", at("names.txt")];
const weights = () => ["--weights", at("net.safetensors"), ...MODEL, ...classes()];
const make = () => zoo.squeezenet1_1.make({ classes: NAMES.length, smallImages: true }).eval();

function picture(name: string, colour: readonly number[], [width, height] = [40, 56]): string {
  mkdirSync(dirname(at(name)), { recursive: true });
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => colour[i % 3]);
  writeFileSync(at(name), encode({ width, height, channels: 3, data }));
  return at(name);
}

manualSeed(3);
const network = make();
/** Its entries, larger than they are drawn, so that its answers differ. */
const drawn = new Map<string, Entry>(
  [...network.stateDict()].map(([name, { value }]) => [
    name,
    { dtype: "F32", shape: [...value.shape], data: Float32Array.from(value.dataSync(), (v) => 1.5 * Number(v)) },
  ]),
);
const entries = (): Map<string, Entry> => new Map(drawn);

const COLOURS = [
  [250, 20, 30],
  [10, 230, 40],
  [30, 10, 240],
  [255, 255, 255],
  [0, 0, 0],
];

/** What the network says of images of these colours, without the command. */
const answers: number[][] = (() => {
  const mean = [0.485, 0.456, 0.406];
  const deviation = [0.229, 0.224, 0.225];
  network.loadStateDict(entries() as never);
  const planes = COLOURS.flatMap((colour) => colour.flatMap((c, i) => new Array(32 * 32).fill((c / 255 - mean[i]) / deviation[i])));
  const all = [...softmax(network.forward(tensor(planes, { shape: [COLOURS.length, 3, 32, 32] })), 1).dataSync()].map(Number);
  return COLOURS.map((_, i) => all.slice(i * NAMES.length, (i + 1) * NAMES.length));
})();
const expected = (colour: readonly number[]): number[] => answers[COLOURS.findIndex((known) => known.join() === colour.join())];

beforeAll(() => {
  writeFileSync(at("net.safetensors"), writeSafetensors(entries()));
  writeFileSync(at("names.txt"), NAMES.map((name, i) => `${SYNSETS[i]} ${name}\n`).join(""));
  COLOURS.forEach((colour, i) => {
    picture(`images/${i}.png`, colour, i % 2 ? [56, 40] : [40, 56]);
  });
});

describe("predict", () => {
  test("five classes with bars: the image resized, cropped, standardized", async () => {
    expect(await nabla(["predict", ...weights(), at("images", "0.png")])).toBe(0);
    const best = expected(COLOURS[0])
      .map((p, i) => ({ p, name: NAMES[i] }))
      .sort((a, b) => b.p - a.p);
    expect(out).toHaveLength(6);
    expect(out[0]).toBe(at("images", "0.png"));
    best.slice(0, 5).forEach(({ p, name }, i) => {
      const [, shown, percent, bar] = /^ {2}(\w+) +([\d.]+) % *([█▏▎▍▌▋▊▉]*)$/.exec(out[i + 1])!;
      expect(shown).toBe(name);
      expect(Number(percent)).toBeCloseTo(100 * p, 1);
      expect(Math.abs(bar.length - 30 * p)).toBeLessThanOrEqual(1);
    });
  });

  test("a folder to CSV and to JSON", async () => {
    for (const name of ["found.csv", "found.json"])
      expect(await nabla(["predict", ...weights(), at("images"), "--top", "2", "--out", at(name)])).toBe(0);
    expect(out).toEqual([]);
    const found = JSON.parse(readFileSync(at("found.json"), "utf8"));
    const rows = readFileSync(at("found.csv"), "utf8").trimEnd().split("\n");
    expect(rows[0]).toBe("input,class1,probability1,class2,probability2");
    expect([found.length, rows.length]).toEqual([5, 6]);
    COLOURS.forEach((colour, i) => {
      const want = expected(colour);
      const [first, second] = found[i].classes;
      expect(found[i].input).toBe(at("images", `${i}.png`));
      expect(found[i].classes).toHaveLength(2);
      expect(first.probability).toBeCloseTo(Math.max(...want), 4);
      expect(want[NAMES.indexOf(second.class)]).toBeCloseTo(second.probability, 4);
      expect(rows[i + 1]).toBe([found[i].input, first.class, first.probability, second.class, second.probability].join());
    });
  });

  test("without names, classes have numbers; lists are cut to batches", async () => {
    const images = Array.from({ length: 9 }, (_, i) => at("images", `${i % 5}.png`));
    writeFileSync(at("names.json"), JSON.stringify(Object.fromEntries(NAMES.map((name, i) => [i, [SYNSETS[i], name]]))));
    expect(await nabla(["predict", ...weights().slice(0, -1), at("names.json"), ...images, "--json"])).toBe(0);
    const lines = out.map((text) => JSON.parse(text));
    expect(lines.map(({ input }) => input)).toEqual(images);
    expect(lines[5].classes.map((c: { class: string }) => c.class)).toEqual(lines[0].classes.map((c: { class: string }) => c.class));
    expect(lines[0].classes).toHaveLength(7);
  });
});

describe("evaluate by ImageNet's protocol", () => {
  /** Two images of the right class and one of the next in each of the first five folders; all shares are known. */
  function data(): { top1: number; top5: number } {
    let [top1, top5, count] = [0, 0, 0];
    COLOURS.forEach((colour, i) => {
      const said = expected(colour);
      for (const label of [i, (i + 1) % 7]) {
        picture(`data/val/${SYNSETS[label]}/${i}.png`, colour, [48, 40 + label]);
        // SqueezeNet ends with a ReLU: of equal ones, those before count as more.
        const rank = said.filter((p, c) => p > said[label] || (p === said[label] && c < label)).length;
        if (rank < 1) top1++;
        if (rank < 5) top5++;
        count++;
      }
    });
    return { top1: top1 / count, top5: top5 / count };
  }

  test.each([["centre crop"], ["ten crops"]])("%s", async (crops) => {
    const want = data();
    const flags = [...weights(), "--data", at("data"), "--json", at("report.json"), ...(crops === "ten crops" ? ["--ten-crop"] : [])];
    expect(await nabla(["evaluate", ...flags])).toBe(0);
    expect(out[0]).toBe(`squeezenet1_1 (${at("net.safetensors")}) on the 10 images of ${at("data")}, shorter side 37, 32x32, ${crops}`);
    expect(out[1]).toBe(`top-1      ${(100 * want.top1).toFixed(2)} %`);
    expect(JSON.parse(readFileSync(at("report.json"), "utf8"))).toMatchObject({ images: 10, ...want, tenCrop: crops === "ten crops" });
    expect(want.top5).toBeGreaterThan(want.top1);
  });
});

const file = (name: string, content: string | Uint8Array): string => {
  writeFileSync(at(name), content);
  return at(name);
};

function spoilt(name: string, spoil: (all: Map<string, Entry>) => void): string[] {
  const all = entries();
  spoil(all);
  return ["--weights", file(name, writeSafetensors(all)), ...MODEL, ...classes()];
}

/** pickle.dumps(..., 2) of what the text says, in PyTorch's zip. */
const pickled = (pickle: string): Uint8Array =>
  writeZip(new Map([["m/data.pkl", Uint8Array.from(`\x80\x02${pickle}.`, (c) => c.charCodeAt(0))]]));

describe("mistakes are one line each", () => {
  const image = () => at("images", "0.png");
  test.each<[string, () => string[], RegExp]>([
    [
      "missing",
      () => ["predict", ...spoilt("a.safetensors", (e) => e.delete("classifier.1.bias")), image()],
      /a\.safetensors: "classifier\.1\.bias" is missing; are these the weights of SqueezeNet\?$/,
    ],
    [
      "extra",
      () => ["predict", ...spoilt("b.safetensors", (e) => e.set("fc.bias", e.get("classifier.1.bias")!)), image()],
      /b\.safetensors: the model has no "fc\.bias"; /,
    ],
    [
      "mis-shaped",
      () => ["predict", "--weights", at("net.safetensors"), ...MODEL, image()],
      /"classifier\.1\.\w+" has shape \[7.*\], the model wants \[1000.*\] \(and 1 more of the kind\); /,
    ],
    [
      "no tensors in a .pth",
      () => ["predict", "--weights", file("c.pth", pickled("}X\u0001\0\0\0aK\u0001s")), ...MODEL, image()],
      /c\.pth: holds no tensors with names; want a state dict/,
    ],
    [
      "code in a .pth",
      () => ["predict", "--weights", file("d.pth", pickled("cos\nsystem\nX\u0002\0\0\0ls\x85R")), ...MODEL, image()],
      /d\.pth: .*os\.system/,
    ],
    ["no weights at all", () => ["predict", "--weights", file("e.pth", "hello, this is text"), ...MODEL, image()], /e\.pth: /],
    ["no such file", () => ["predict", "--weights", at("none.pth"), ...MODEL, image()], /no file .*none\.pth/],
    [
      "an unknown model",
      () => ["predict", "--weights", at("net.safetensors"), "--model", "squeezenet1_2", image()],
      /unknown model "squeezenet1_2"; did you mean "squeezenet1_\d"\?/,
    ],
    ["no model", () => ["predict", "--weights", at("net.safetensors"), image()], /want --model with the network that they are for/],
    [
      "images too small for the network",
      () => ["predict", "--weights", at("net.safetensors"), "--model", "resnet18", "--image-size", "4", image()],
      /resnet18: want images .* of at least 8x8 pixels, the data have \[3, 4, 4\]$/,
    ],
    [
      "a size that is fixed",
      () => ["predict", "--weights", at("net.safetensors"), "--model", "alexnet_lecture", "--image-size", "224", image()],
      /alexnet_lecture: want inputs \[3, 227, 227\], the data have \[3, 224, 224\]$/,
    ],
    [
      "an image like a thread",
      () => ["predict", ...weights(), picture("thread.png", [1, 2, 3], [1, 100_000])],
      /thread\.png.*1x100000 is too long and thin/,
    ],
    ["an image that is damaged", () => ["predict", ...weights(), file("bad.png", "no image")], /bad\.png: want a PNG or JPEG image/],
    ["no image", () => ["predict", ...weights()], /want something to predict: images, or a folder of them$/],
    [
      "a folder without images",
      () => ["predict", ...weights(), dirname(picture("x/y.gif", [1, 1, 1]))],
      /x: is a folder without anything to predict/,
    ],
    [
      "no classes in the file",
      () => ["predict", "--weights", at("net.safetensors"), ...MODEL, "--classes", file("n.txt", "\n"), image()],
      /n\.txt: has no names; want one class per line$/,
    ],
    [
      "a table in another format",
      () => ["predict", ...weights(), image(), "--out", at("a.xlsx")],
      /--out .*a\.xlsx: want a file that ends in \.json or \.csv$/,
    ],
    ["--model without weights", () => ["predict", at("run"), "--model", "resnet18"], /--model and --classes go with --weights/],
    ["neither model nor weights", () => ["evaluate"], /want either a trained model .* or --weights FILE --model NAME$/],
    ["no data", () => ["evaluate", ...weights()], /want --data with a folder of images, a sub-folder for each class/],
    [
      "a folder that is no class",
      () => {
        picture("odd/what/1.png", [1, 2, 3]);
        return ["evaluate", ...weights(), "--data", at("odd")];
      },
      /odd.what: is none of the 7 classes of the model \(n00000000, n00000001, n00000002, \.\.\.\)$/,
    ],
    [
      "folders without names",
      () => {
        picture("two/a/1.png", [1, 2, 3]);
        const all = spoilt("z.safetensors", () => {});
        return ["evaluate", ...all.slice(0, 2), "--model", "lenet1", "--data", at("two")];
      },
      /z\.safetensors: /,
    ],
  ])("%s", async (_, argv, message) => {
    expect(await nabla(argv())).not.toBe(0);
    expect(err).toHaveLength(1);
    expect(err[0]).toMatch(/^error: /);
    expect(err[0]).not.toContain("\n");
    expect(err[0]).toMatch(message);
  });
});
