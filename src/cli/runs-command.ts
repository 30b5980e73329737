/** @file `nabla runs`, `nabla export` and `nabla replay`: what there is, taking a model out, and a step once more. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { columns } from "../base/columns.ts";
import { zeros } from "../ops/create.ts";
import type { Callback, StepRecord } from "../train/callback.ts";
import { saveModel } from "../train/checkpoint.ts";
import { fit } from "../train/fit.ts";
import { answering } from "../train/trained.ts";
import { outputFile } from "./output.ts";
import { formatLoss, formatNumber, formatSeconds, percent } from "./reporter.ts";
import { RunFolder } from "./run-folder.ts";
import { weightsDigest } from "./run-info.ts";
import { checkUnchanged, runsIn } from "./runs.ts";
import { openSession } from "./session.ts";
import { loadTrained, modelMetadata } from "./trained.ts";

/** Looks, at four a second, whether a run on another host is still alive: longer than the two seconds between its signs of life. */
const LOOKS = 12;

/** A table of the runs in a folder. */
export async function runsCommand(folder: string): Promise<number> {
  const runs = runsIn(folder);
  if (runs.length === 0) {
    console.log(`no runs in ${folder}`);
    return 0;
  }
  const head = ["run", "state", "epochs", "test", "parameters", "trained", "settings", "started"];
  console.log(columns([head, ...(await Promise.all(runs.map(rowOf)))], head.length).join("\n"));
  return 0;
}

async function rowOf(run: RunFolder): Promise<string[]> {
  const { info, settings } = run;
  const state = await run.state(LOOKS);
  const { testAccuracy, testLoss, epochs = 0, seconds = 0 } = info;
  const result =
    testAccuracy !== null && testAccuracy !== undefined
      ? percent(testAccuracy)
      : info.testMae !== undefined
        ? `MAE ${formatNumber(info.testMae)}`
        : testLoss !== undefined
          ? `loss ${formatLoss(testLoss)}`
          : "";
  const { optimizer, lr, batchSize, seed } = settings;
  const what = `${settings.model === "pbp" ? "pbp" : `${optimizer}, lr ${lr}, batch ${batchSize}`}, seed ${seed}`;
  const started = info.started.slice(0, 16).replace("T", " ");
  return [
    run.path,
    state,
    `${epochs}/${settings.epochs}`,
    result,
    info.parameters.toLocaleString("en-US"),
    formatSeconds(seconds),
    what,
    started,
  ];
}

/** Writes the model alone, for other programs. */
export async function exportCommand(path: string, file: string): Promise<number> {
  if (file.endsWith(".onnx")) return exportOnnx(path, file);
  if (!file.endsWith(".safetensors"))
    throw new Error(`${file}: want a name that ends in .safetensors or .onnx, the formats that are written`);
  const output = outputFile(file, [path]);
  const { model, run, path: from } = await loadTrained(path);
  const bytes = await saveModel(model, { format: "pt", ...run.metadata });
  await output.write(bytes);
  console.log(`${from} -> ${file}: ${model.stateDict().size} tensors, ${bytes.length.toLocaleString("en-US")} bytes`);
  return 0;
}

/** The network with its weights and what it must know of its data, for other runtimes; any number of examples. */
async function exportOnnx(path: string, file: string): Promise<number> {
  const output = outputFile(file, [path]);
  const { model, about, run, path: from } = await loadTrained(path);
  // Only this command needs ONNX.
  const { decodeOnnx, export: exportModel } = await import("../onnx/index.ts");
  const bytes = exportModel(answering(model), zeros([2, ...about.inputShape]), { metadata: run.metadata });
  await output.write(bytes);
  const { graph, opsets } = decodeOnnx("Model", bytes, file);
  const shape = [...about.inputShape].join(", ");
  console.log(
    `${from} -> ${file}: ${graph!.nodes!.length} nodes (opset ${opsets![0]!.version}), input [N, ${shape}], ${bytes.length.toLocaleString("en-US")} bytes`,
  );
  return 0;
}

export interface ReplayFlags {
  readonly step: number;
  readonly out?: string;
}

/** Computes a step of a run again, from the checkpoint before it or from the seed. Exit code 1 if it differs from what was recorded. */
export async function replayCommand(path: string, { step, out }: ReplayFlags): Promise<number> {
  const run = new RunFolder(path);
  const { settings } = run;
  if (settings.model === "pbp") throw new Error(`${path}: pbp learns example by example in closed form; there are no steps to replay`);
  const output = out === undefined ? undefined : outputFile(out, [settings.data]);
  const session = await openSession(settings);
  const { model, data, options } = session;
  checkUnchanged(run, data);
  const last = settings.epochs * Math.ceil(data.train.count / settings.batchSize);
  if (step > last) throw new Error(`${path}: has ${last} steps, there is no step ${step}`);
  const from = await run.latest({ upTo: step - 1 });
  let taken: (StepRecord & { readonly digest: string; readonly bytes: Uint8Array }) | undefined;
  const witness: Callback = {
    async onStep(record, training) {
      if (record.total !== step) return;
      taken = { ...record, digest: weightsDigest(model), bytes: await saveModel(model, modelMetadata(settings, data)) };
      training.stop("replayed");
    },
  };
  // The callbacks that decide are there too, and come to the same, as they did.
  await fit(model, data, { ...options, callbacks: [...options.callbacks, witness], resume: from?.bytes });
  if (!taken) throw new Error(`${path}: the run ended before step ${step}: ${run.info.reason ?? "it was stopped"}`);
  const { epoch, step: inEpoch, loss, lr, digest, bytes } = taken;
  const recorded = recordedLoss(run, step);
  const verdict = recorded === undefined ? "not recorded" : recorded === loss ? "the recorded bits" : `recorded was ${recorded}`;
  console.log(`step ${step} (epoch ${epoch}, step ${inEpoch} of it), from ${from ? `step ${from.step}` : "the seed"}`);
  console.log(`loss ${loss}, ${verdict}; lr ${lr}; weights after it ${digest}`);
  if (output) {
    await output.write(bytes);
    console.log(`saved ${out}`);
  }
  return recorded === undefined || recorded === loss ? 0 : 1;
}

function recordedLoss(run: RunFolder, step: number): number | undefined {
  let text: string;
  try {
    text = readFileSync(join(run.path, "steps.csv"), "utf8");
  } catch {
    return undefined;
  }
  const row = text.split("\n").find((line) => line.startsWith(`${step},`));
  return row === undefined ? undefined : Number(row.split(",")[1]);
}
