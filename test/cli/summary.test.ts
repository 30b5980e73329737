/** @file `nabla summary`: the table, the comparison with what lectures print, JSON, and one line for each wrong call. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { run } from "../../src/cli/program.ts";

afterEach(() => vi.restoreAllMocks());

async function output(...argv: string[]): Promise<string> {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  expect(await run(["summary", ...argv])).toBe(0);
  return log.mock.calls.flat().join("\n");
}

async function fault(...argv: string[]): Promise<string> {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const write = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
  expect(await run(["summary", ...argv])).not.toBe(0);
  return [...vi.mocked(console.error).mock.calls.flat(), ...write.mock.calls.map(([text]) => String(text))].join("").trim();
}

describe("nabla summary", () => {
  test("a table", async () => {
    const text = await output("lenet5");
    expect(text).toMatch(
      /^layer +output +activations +kept +parameters +MACs\ninput +\[1, 1, 28, 28\] +784 +3\.1 KiB\n0 +Conv2d +\[1, 6, 28, 28\] +4,704 +156 +0\.3% +117,600 +28\.2%\n1 +ReLU +\[1, 6, 28, 28\] +4,704 +18\.4 KiB /,
    );
    expect(text).toMatch(/\ntotal +[\d,]+ +40\.8 KiB +61,706 +416,520\n/);
  });

  test("training memory by optimizer and batch, with the plan of a compiled step", async () => {
    const [adam, sgd] = [await output("lenet5"), await output("lenet5", "--optimizer", "sgd", "--batch", "8", "--measure")];
    expect(adam).toMatch(
      / = 241\.0 KiB weights \+ 241\.0 KiB gradients \+ 482\.1 KiB optimizer state \+ 40\.8 KiB kept for the backward pass$/,
    );
    expect(sgd).toMatch(/ = 241\.0 KiB weights \+ 241\.0 KiB gradients \+ 241\.0 KiB optimizer state \+ 326\.4 KiB kept /);
    expect(sgd).toMatch(/\ntraining, a compiled step: [\d.]+ [KM]iB = 482\.1 KiB weights and state \+ [\d.]+ KiB scratch, as planned$/);
  });

  test("receptive fields", async () => {
    const text = await output("lenet5", "--receptive");
    expect(text).toMatch(/\n3 +Conv2d +\[1, 16, 10, 10\] .* 14 +2 +-2\n/);
  });

  test("another size and batch, as JSON", async () => {
    const { inputShape, rows, totals } = JSON.parse(await output("resnet18", "--input", "1x32x32", "--batch", "2", "--json"));
    expect(inputShape).toEqual([2, 1, 32, 32]);
    expect(rows[0]).toMatchObject({ name: "conv1", outputShape: [2, 64, 32, 32], parameters: 576 });
    expect(totals.macs).toBe(rows.reduce((n: number, row: { macs: number }) => n + row.macs, 0));
  });

  test("a comparison", async () => {
    const text = await output("vgg16", "--compare", "alexnet", "googlenet");
    expect(text).toMatch(/\nvgg16 +138,357,544 +15,470,264,320 /);
    expect(text).toMatch(/\ngooglenet +6,624,904 +1\/20\.9 +1,498,376,192 +1\/10\.3 /);
    expect(text).toContain("googlenet: printed 5 M parameters");
  });

  test.each([
    [["resnet19"], /^error: unknown model "resnet19"; did you mean "resnet18"\? \(known: [^\n]*\)$/],
    [
      ["resnet18", "--input", "3x4"],
      /^error: resnet18: want images \[channels, height, width\] of at least 8x8 pixels, the data have \[3, 4\]$/,
    ],
    [["lenet5", "--optimizer", "adamm"], /"?adam/],
    [["resnet18", "--input", "3xx4"], /Want positive integers with x between, such as 3x224x224\.$/],
  ])("%j", async (argv, message) => {
    expect(await fault(...argv)).toMatch(message);
  });
});
