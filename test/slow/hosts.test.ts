/** @file Hosts that forbid something: workers (`--permission`), WebAssembly (`--jitless`), code from texts. The built package trains there, too. */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

const root = new URL("../../", import.meta.url).pathname;

const PROGRAM = `
import { data, getThreads, manualSeed, nn, optim, setThreads, train } from "nabla";
manualSeed(1);
if (process.env.ASK) setThreads(2);
const model = new nn.Sequential(new nn.Linear(2, 64), new nn.Tanh(), new nn.Linear(64, 2));
const { epochs } = await train.fit(model, data.moons({ count: 512 }), { optimizer: new optim.Adam(model.parameters(), { lr: 0.05 }), epochs: 2, batchSize: 256 });
console.log(JSON.stringify({ losses: epochs.map(({ trainLoss }) => trainLoss), threads: getThreads() }));
`;

function run(flags: readonly string[], env: Readonly<Record<string, string>> = {}): { losses: number[]; threads: number; said: string } {
  const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, "--input-type=module", "-e", PROGRAM], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  expect(stderr).not.toMatch(/Error/);
  expect(status).toBe(0);
  return { ...JSON.parse(stdout), said: stderr };
}

const usual = run([]);
const said = (text: string): string[] => text.split("\n").filter((line) => line.startsWith("nabla:"));

test("where workers are forbidden one thread computes, and one line says so", () => {
  const permission = Number(process.versions.node.split(".")[0]) < 23 ? "--experimental-permission" : "--permission";
  const { losses, threads, said: text } = run([permission, "--allow-fs-read=*"], { ASK: "yes" });
  expect(losses).toEqual(usual.losses);
  expect(threads).toBe(1);
  expect(said(text)).toEqual([
    expect.stringMatching(/^nabla: one thread computes: this host starts no workers \(.*\); in Node under --permission, --allow-worker/),
  ]);
});

test.each([["--jitless"], ["--jitless", "--disallow-code-generation-from-strings"]])(
  "without WebAssembly the interpreter computes the same, up to the rounding of products that are fused with sums: %s %s",
  (...flags) => {
    const { losses, threads, said: text } = run(flags.filter(Boolean));
    expect(losses).toEqual(usual.losses.map((loss) => expect.closeTo(loss, 5)));
    expect(threads).toBe(1);
    expect(said(text)).toEqual([expect.stringMatching(/^nabla: the interpreter computes, which is slow: this host has no WebAssembly/)]);
  },
);

test("without code from texts WebAssembly still computes", () => {
  expect(run(["--disallow-code-generation-from-strings"]).losses).toEqual(usual.losses);
});
