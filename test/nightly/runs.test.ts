/** @file Runs under ill treatment, in numbers: killed, damaged, started together. `test/slow/interruption.test.ts` has a few of each. */
import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { encode } from "fast-png";
import { afterAll, describe, expect, test } from "vitest";
import { readSafetensors } from "../../src/formats/index.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const main = join(root, "dist/cli/main.js");
const folder = mkdtempSync(join(tmpdir(), "nabla-runs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }), 600_000);
const at = (...names: string[]): string => join(folder, ...names);

const KILLS = 20;
const DAMAGES = 100;
const TOGETHER = { processes: 8, times: 20 };
const HOUR = 3_600_000;

function table(): string {
  const rows = Array.from({ length: 200 }, (_, i) => `${i % 17},${["red", "blue", "green"][i % 3]},${(i % 17) * 3 + (i % 3)}`);
  writeFileSync(at("paint.csv"), `size,colour,price\n${rows.join("\n")}\n`);
  return at("paint.csv");
}

/** Two classes of pictures, 40 each: brighter above, or below. */
function pictures(): string {
  for (const [name, upper] of [
    ["above", true],
    ["below", false],
  ] as const) {
    mkdirSync(at("pictures", name), { recursive: true });
    for (let i = 0; i < 40; i++) {
      const data = Uint8Array.from({ length: 64 }, (_, k) => ((k < 32 === upper ? 150 : 20) + 7 * i + k) & 255);
      writeFileSync(at("pictures", name, `${i}.png`), encode({ width: 8, height: 8, data, channels: 1 }));
    }
  }
  return at("pictures");
}

const often = ["--save-every", "5"];
const configurations: Record<string, () => string[]> = {
  "a table": () => ["mlp", "--data", table(), "--task", "regression", "--epochs", "40", ...often],
  pictures: () => ["cnn", "--data", pictures(), "--epochs", "12", "--batch-size", "8", "--augment", "translate=0.1", ...often],
  "an average": () => ["mlp", "--epochs", "12", "--ema", "0.98", ...often],
  "a validation split, early stopping and a plateau": () => [
    "mlp",
    "--epochs",
    "12",
    "--validation",
    "0.1",
    "--patience",
    "30",
    "--plateau",
    "2",
    ...often,
  ],
};

// The script kills every third run twice.
test.each(Object.keys(configurations))(
  `%s: ${KILLS} kills at random moments, the same bits`,
  (name) => {
    const seed = Date.now() % 1000;
    const args = [join(root, "scripts/kill.mjs"), String(KILLS), String(seed), ...configurations[name]()];
    const output = execFileSync(process.execPath, args, { encoding: "utf8" });
    console.log(`${name}, seed ${seed}\n${output}`);
    expect(output).toMatch(/^\d+ kills, \d+ checkpoints read after them; all runs to the same bits$/m);
  },
  HOUR,
);

/** Tensors and losses of a finished run. */
const bits = (run: string): unknown[] => [
  [...readSafetensors(readFileSync(join(run, "model.safetensors"))).entries].map(([cell, { data }]) => [
    cell,
    Buffer.from(data.buffer).toString("hex"),
  ]),
  readFileSync(join(run, "steps.csv"), "utf8"),
];

function nabla(args: readonly string[], cwd = folder): Promise<{ code: number | null; errors: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, ...args], { cwd, stdio: ["ignore", "ignore", "pipe"] });
    let errors = "";
    child.stderr.on("data", (chunk) => {
      errors += chunk;
    });
    child.on("close", (code) => resolve({ code, errors }));
  });
}

describe("damaged checkpoints", () => {
  const damages: readonly ((bytes: Uint8Array, at: number) => Uint8Array)[] = [
    (bytes, where) => bytes.map((byte, i) => (i === where ? byte ^ 16 : byte)),
    (bytes, where) => bytes.fill(0, where, where + 5000),
    (bytes, where) => bytes.slice(0, where),
  ];

  test(
    `${DAMAGES} of them: none goes on to other bits`,
    async () => {
      const flags = ["mlp", "--data", "moons", "--epochs", "3", "--keep-last", "9"];
      for (const [name, seed] of [["whole", "0"], ["other", "1"]]) expect((await nabla(["train", ...flags, "--seed", seed, "--out", at(name)])).code).toBe(0); // biome-ignore format: one thought
      const want = bits(at("whole"));
      const names = readdirSync(at("whole", "checkpoints")).sort();
      const outcomes = { resumed: 0, refused: 0 };
      for (let k = 0; k < DAMAGES; k++) {
        const run = at("damaged");
        rmSync(run, { recursive: true, force: true });
        cpSync(at("whole"), run, { recursive: true });
        writeFileSync(
          join(run, "run.json"),
          JSON.stringify({ ...JSON.parse(readFileSync(join(run, "run.json"), "utf8")), state: "interrupted" }),
        );
        const newest = join(run, "checkpoints", names.at(-1)!);
        const kind = k % 5;
        const content = new Uint8Array(readFileSync(newest));
        if (kind < 3) writeFileSync(newest, damages[kind](content, Math.floor((content.length * (k + 0.5)) / DAMAGES)));
        else if (kind === 3) cpSync(join(run, "checkpoints", names[k % (names.length - 1)]), newest);
        else cpSync(at("other", "checkpoints", names[k % names.length]), newest);
        const { code, errors } = await nabla(["train", "--resume", run]);
        expect(errors, `damage ${k}`).toMatch(/damaged|another/);
        if (code === 0) expect(bits(run), `damage ${k}`).toEqual(want);
        outcomes[code === 0 ? "resumed" : "refused"]++;
      }
      console.log(JSON.stringify(outcomes));
    },
    HOUR,
  );
});

test(
  `${TOGETHER.processes} trainings started together, ${TOGETHER.times} times: a folder for each, all with the same bits`,
  async () => {
    for (let time = 0; time < TOGETHER.times; time++) {
      const place = at(`together-${time}`);
      mkdirSync(place);
      const ends = await Promise.all(
        Array.from({ length: TOGETHER.processes }, () => nabla(["train", "mlp", "--data", "moons", "--epochs", "2"], place)),
      );
      expect(ends).toEqual(ends.map(() => ({ code: 0, errors: "" })));
      const runs = readdirSync(join(place, "runs"));
      expect(runs).toHaveLength(TOGETHER.processes);
      for (const run of runs) {
        expect(bits(join(place, "runs", run))).toEqual(bits(join(place, "runs", runs[0])));
        expect(JSON.parse(readFileSync(join(place, "runs", run, "run.json"), "utf8")).state).toBe("finished");
      }
    }
  },
  HOUR,
);
