/** @file The command line of `nabla`: what it understands. The work is done next door, in the files named `*-command.ts`. */
import "../runtime/evaluate.ts";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { setReadLimit } from "../formats/budget.ts";
import { clean, cleanLines } from "../formats/clean.ts";
import { benchCommand } from "./bench-command.ts";
import { checkCommand } from "./check-command.ts";
import { demoCommand } from "./demo-command.ts";
import { evaluateCommand } from "./evaluate-command.ts";
import { findLrCommand } from "./find-lr-command.ts";
import { generateCommand } from "./generate-command.ts";
import { imagenetCommand } from "./imagenet-command.ts";
import { infoCommand, version } from "./info-command.ts";
import { INSTRUMENTS, type Instrument, inspectCommand } from "./inspect-command.ts";
import { onnxCommand } from "./onnx-command.ts";
import { plotCommand } from "./plot-command.ts";
import { predictCommand } from "./predict-command.ts";
import { probeCommand } from "./probe-command.ts";
import { exportCommand, replayCommand, runsCommand } from "./runs-command.ts";
import { aboutOf, type Config, flagOf, parseFlag, settings } from "./settings.ts";
import { studioCommand } from "./studio-command.ts";
import { summaryCommand } from "./summary-command.ts";
import { sweepCommand } from "./sweep-command.ts";
import { withCleanConsole } from "./terminal.ts";
import { trainCommand } from "./train-command.ts";

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError("Want a positive integer.");
  return value;
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Infinity)) throw new InvalidArgumentError("Want a number above 0.");
  return value;
}

function nonNegative(text: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!(value >= 0 && value < Infinity)) throw new InvalidArgumentError("Want a number of at least 0.");
  return value;
}

function seed(text: string): number {
  return parse("seed", text) as number;
}

function positions(text: string): number[] {
  const values = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (values.every((value) => Number.isSafeInteger(value) && value >= 0)) return values;
  throw new InvalidArgumentError("Want integers from 0, with commas between.");
}

const listOf = <T>(text: string, read: (part: string) => T): T[] => text.split(",").map((part) => read(part.trim()));

/** flow,units as names of instruments. */
function instruments(text: string): Instrument[] {
  return listOf(text, oneOf(INSTRUMENTS));
}

/** 3x224x224 as numbers. */
function imageShape(text: string): number[] {
  const sizes = text.split("x").map(Number);
  if (sizes.some((n) => !Number.isSafeInteger(n) || n < 1))
    throw new InvalidArgumentError("Want positive integers with x between, such as 3x224x224.");
  return sizes;
}

function oneOf<T extends string>(names: readonly T[]): (text: string) => T {
  return (text) => {
    const found = names.find((name) => name === text);
    if (found === undefined) throw new InvalidArgumentError(`Want one of ${names.join(", ")}.`);
    return found;
  };
}

function parse(name: keyof Config, text: string): unknown {
  try {
    return parseFlag(name, text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

const MODEL = "a name that nabla info lists, such as lenet5 or resnet18, or an .onnx file";
const TRAINED = "a model's file, a checkpoint, or the folder of a run";

const WEIGHTS = "published weights (safetensors, PyTorch, Keras, TensorFlow.js), with --model";
const WEIGHTS_KEY = "of a checkpoint with several state dicts, the one to take, such as model or ema.state_dict";
const CLASSES = "names of the classes that the weights are for: a text with one per line, or JSON (default: numbers)";

/** A limit holds from where it is read, so that it also reaches weights and models. */
function limiting(name: keyof Config, value: unknown): unknown {
  if (name === "maxBytes") setReadLimit(value as number);
  return value;
}

/** A flag for each of some settings. */
function withSettings(command: Command, names: readonly (keyof Config)[]): Command {
  for (const name of names) {
    const option = command.createOption(flagOf(name), aboutOf(name));
    command.addOption(settings[name].kind === "switch" ? option : option.argParser((text) => limiting(name, parse(name, text))));
  }
  return command;
}

const all = (Object.keys(settings) as (keyof Config)[]).filter((name) => name !== "model");
const DATA: readonly (keyof Config)[] = [
  "data",
  "dataDir",
  "label",
  "targets",
  "task",
  "ignore",
  "categorical",
  "missing",
  "imageSize",
  "testShare",
  "header",
  "decimal",
  "thousands",
  "currency",
  "na",
  "encoding",
  "maxBytes",
];

function buildProgram(done: (exitCode: number) => void): Command {
  setReadLimit(undefined);
  const program = new Command("nabla")
    .exitOverride()
    .description("Deep learning in TypeScript: train a network on a data set, from the command line.")
    .version(version())
    // Commander breaks the line before a suggestion; an error is one line here.
    .configureOutput({ outputError: (text, write) => write(`${clean(text.trimEnd())}\n`) });
  addTraining(program, done);
  addRuns(program, done);
  addTrained(program, done);
  addGenerate(program, done);
  addModels(program, done);
  addInstruments(program, done);
  program
    .command("demo")
    .description("list the points of the lectures, or compute one of them: its numbers beside those that it must show, and a drawing")
    .argument("[name]", "which one (default: list them all)")
    .option("--json", "as JSON")
    .option("--out <file>", "draw to a file: *.svg or *.html")
    .action(async (name: string | undefined, flags) => done(await demoCommand(name, flags)));
  program
    .command("studio")
    .description(
      "serve the studio to this machine: a page in which networks train while you change them, runs are compared, and every point of the lectures is computed",
    )
    .argument("[run]", "a run that is shown first, a folder of runs (default: runs, if it is there), or a model: a file such as model.mjs")
    .option(
      "--data <file>",
      "data of your own: a CSV, npy, npz, idx or safetensors file, or a folder of images with one folder for each class",
    )
    .option("--port <n>", "default: any that is free", positiveInteger)
    .option("--open", "show it in the browser")
    .addOption(new Option("--live", "the process that starts this one trains the run").hideHelp())
    .action(async (run: string | undefined, flags) => done(await studioCommand({ ...flags, run })));
  program
    .command("info")
    .description("show version, backend, features and what can be trained")
    .action(async () => console.log(await infoCommand()));
  return program;
}

/** Commands on a network with fresh or trained weights, and on files of models. */
function addModels(program: Command, done: (exitCode: number) => void): void {
  program
    .command("check")
    .description("compare a model's gradients with central differences in f64")
    .argument("<model>", MODEL)
    .option("--entries <n>", "parameters tried one by one", positiveInteger, 100)
    .option("--seed <n>", "seed of the model and the batch", seed, 0)
    .action((model: string, flags) => done(checkCommand(model, flags)));
  program
    .command("summary")
    .description("show a model layer by layer: shapes, activations, parameters, multiply-accumulates")
    .argument("<model>", `${MODEL}; or ${TRAINED}`)
    .option("--input <shape>", "shape of an example, such as 3x224x224 (default: the model's own)", imageShape)
    .option("--batch <n>", "examples", positiveInteger, 1)
    .option("--compare <models...>", "totals of other models beside this one's")
    .option("--receptive", "also what the units of each layer see: pixels, pixels from unit to unit, first pixel")
    .option("--optimizer <name>", "whose state is part of training memory", (text) => parse("optimizer", text), "adam")
    .option("--measure", "plan a compiled training step too, and say what it takes of the arena: seconds")
    .option("--json", "as JSON")
    .action(async (model: string, flags) => done(await summaryCommand(model, flags)));
  program
    .command("onnx")
    .description("show what an ONNX file holds: inputs, outputs, operators and which of them are not supported")
    .argument("<file>", "the .onnx file")
    .option("--json", "as JSON")
    .action(async (path: string, flags) => done(await onnxCommand(path, flags)));
  program
    .command("bench")
    .description("time a network on this machine, forward and for a training step on made-up examples, and say which kernels take the time")
    .argument("<model>", `${MODEL}; or ${TRAINED}`)
    .option("--input <shape>", "shape of an example, such as 3x224x224 (default: the model's own)", imageShape)
    .option("--batch <n>", "examples", positiveInteger, 32)
    .option("--optimizer <name>", "update rule of the training step", (text) => parse("optimizer", text), "adam")
    .option("--threads <n>", "threads that compute (default: NABLA_THREADS, or the cores available)", positiveInteger)
    .option("--seconds <s>", "how long each of the two is measured", positiveNumber, 2)
    .option("--inference", "only the forward pass")
    .option("--profile", "every kernel: its time, GFLOP/s, GB/s, and the share of its time that the machine needs at its peak")
    .option("--kernels", "the same, and the text of the kernels")
    .option("--json", "as JSON")
    .action(async (model: string, flags) => done(await benchCommand(model, flags)));
}

/** Commands that look into a network. */
function addInstruments(program: Command, done: (exitCode: number) => void): void {
  const probing = program
    .command("probe")
    .description(
      "shift (along the diagonal), rotate and scale images, and say what changes in a network's features and answers: equivariance and invariance",
    )
    .argument("<model>", `${MODEL}, with fresh weights; or ${TRAINED}`);
  withSettings(probing, DATA)
    .option("--examples <n>", "images", positiveInteger, 64)
    .option("--layer <name>", "whose maps of features are compared (default: the last of more than one unit)")
    .option("--seed <n>", "of fresh weights", seed, 0)
    .option("--json", "as JSON")
    .action(async (what: string, flags) => done(await probeCommand(what, flags)));
  const inspecting = program
    .command("inspect")
    .description(
      "say why a network learns or does not: how gradients flow, what its units do, which rules it breaks, with causes and remedies",
    )
    .argument("<model>", `${MODEL}, with fresh weights; or ${TRAINED}`);
  withSettings(inspecting, [...DATA, "optimizer", "lr"])
    .option("--what <list>", `instruments, of ${INSTRUMENTS.join(", ")}`, instruments, ["flow", "units", "rules"])
    .option("--examples <n>", "examples of the training split that are looked at", positiveInteger, 512)
    .option("--seed <n>", "of fresh weights", seed, 0)
    .option("--json", "one JSON object: findings, flow, units, ... as asked for")
    .option("--html <file>", "a report as one page")
    .action(async (what: string, flags) => done(await inspectCommand(what, flags)));
}

function addTraining(program: Command, done: (exitCode: number) => void): void {
  const train = program
    .command("train")
    .description("train a model, test it after every epoch, save it; settings come from flags or from a file, flags win")
    .argument("[model]", MODEL)
    .option("--config <file>", "settings as JSON (schema: nabla/schema/train.schema.json)")
    .option("--model <name>", "the model, if it does not come first");
  withSettings(train, all)
    .option("--out <dir>", "folder of the run (default: runs/<model>-<data>, with a number if that is taken)")
    .option("--overwrite", "replace the run in the folder: the files that it has written, no others")
    .option("--resume <dir>", "go on with the run in this folder")
    .option("--take-over", "take the folder from the process that trains in it; that one ends")
    .option("--json <file>", "write settings, metrics of every epoch and the result to a file")
    .option("--distributed", "train on all processes that mpirun or srun has started, to the same bits on 1, 2, 4 and 8 of them")
    .option("--fast", "with --distributed: let ranks add up in any order; bits then depend on their number")
    .option("--shard-optimizer", "with --distributed: each rank keeps a part of the optimizer's state (sgd, adam, adamw)")
    .option("--ranks <n>", "start so many processes with mpirun, and train on all of them", positiveInteger)
    .option("--restarts <n>", "with --ranks: start again from the last checkpoint, so often, when a process has failed", positiveInteger)
    .option("--hostfile <file>", "with --ranks: the machines, as mpirun wants them")
    .option("--studio", "show the run in the studio, to this machine alone; the studio serves on when the run has ended")
    .option("--port <n>", "with --studio (default: any that is free)", positiveInteger)
    .option("--fast-dev-run", "train and test one batch, to see that everything runs; save nothing")
    .option("--overfit-one-batch", "learn one batch by heart, to see that the model can learn; save nothing")
    .action(async (model: string | undefined, flags) => done(await trainCommand(model ?? flags.model, flags)));
  const find = program
    .command("find-lr")
    .description("draw the loss over a rising learning rate, and suggest one")
    .argument("[model]", MODEL)
    .option("--config <file>", "settings as JSON");
  withSettings(find, [...DATA, "hidden", "validation", "batchSize", "optimizer", "weightDecay", "seed", "backend"])
    .option("--steps <n>", "rates to try", positiveInteger, 100)
    .action(async (model: string | undefined, flags) => done(await findLrCommand(model, flags)));
  const sweep = program
    .command("sweep")
    .description("train with several rates, widths and seeds, every combination, and show a table, the best first; nothing is saved")
    .argument("[model]", MODEL)
    .option("--config <file>", "settings as JSON")
    .option("--rates <list>", "learning rates, with commas between", (text) => listOf(text, (part) => parse("lr", part) as number))
    .option("--widths <list>", "mlp: units of the hidden layers, with commas between; several layers with x, such as 32,64x32", (text) =>
      listOf(text, (part) => parse("hidden", part.replaceAll("x", ",")) as number[]),
    )
    .option("--seeds <list>", "seeds, with commas between", (text) => listOf(text, (part) => parse("seed", part) as number));
  withSettings(
    sweep,
    all.filter((name) => !["lr", "hidden", "seed", "keepLast", "keepBest", "saveEvery", "tensorboard"].includes(name)),
  )
    .option("--json <file>", "write the table to a file")
    .action(async (model: string | undefined, flags) => done(await sweepCommand(model, flags)));
}

/** Commands on runs that have been saved. */
function addRuns(program: Command, done: (exitCode: number) => void): void {
  program
    .command("runs")
    .description("a table of runs")
    .argument("[dir]", "folder with runs in it", "runs")
    .action(async (folder: string) => done(await runsCommand(folder)));
  program
    .command("plot")
    .description("draw the curves of runs in the terminal, or to a file: losses, accuracies, any recorded column")
    .argument("<run...>", "folders of runs; of several, the held-out curves beside each other")
    .option("--metric <name>", "loss, accuracy, mae, r2, or a column of epochs.csv (default: loss, and accuracy where there is one)")
    .option("--steps", "of single steps (steps.csv): loss or lr")
    .option("--svg <file>", "write a picture")
    .option("--html <file>", "write a page with all pictures")
    .action(async (runs: string[], flags) => done(await plotCommand(runs, flags)));
  program
    .command("replay")
    .description("compute a step of a run once more, to the same bits")
    .argument("<run>", "folder of the run")
    .requiredOption("--step <n>", "number of the step in the run, from 1", positiveInteger)
    .option("--out <file>", "write the model after this step to a file")
    .action(async (run: string, flags) => done(await replayCommand(run, flags)));
}

function addTrained(program: Command, done: (exitCode: number) => void): void {
  const evaluate = program
    .command("evaluate")
    .description(
      "measure a trained model: loss, accuracy, precision, recall, F1, ROC-AUC, confusions; errors and R² for regression; or published weights by ImageNet's protocol: top-1 and top-5",
    )
    .argument("[checkpoint]", `${TRAINED}; none with --weights`)
    .option("--weights <file>", WEIGHTS)
    .option("--weights-key <keys>", WEIGHTS_KEY)
    .option("--model <name>", "the network that the weights are for, such as resnet50")
    .option("--classes <file>", CLASSES)
    .option("--ten-crop", "with --weights: the mean over corners, middle and their mirror images");
  withSettings(evaluate, DATA)
    .option(
      "--split <name>",
      "test or train, of data that have these parts; new files are measured whole",
      oneOf(["test", "train"]),
      "test",
    )
    .option("--json <file>", "write the numbers to a file")
    .action(async (path: string | undefined, flags) => {
      if (flags.weights !== undefined && path === undefined) return done(await imagenetCommand(flags));
      if (path === undefined || flags.weights !== undefined)
        throw new Error("want either a trained model (the folder of a run, a model's file) or --weights FILE --model NAME");
      if (flags.model !== undefined || flags.classes !== undefined || flags.tenCrop)
        throw new Error("--model, --classes and --ten-crop go with --weights: a model that nabla train has written says itself what it is");
      done(await evaluateCommand(path, flags));
    });
  const predict = program
    .command("predict")
    .description("say what a trained model, or a network with published weights, makes of images, arrays (.npy) or tables")
    .argument("[checkpoint]", `${TRAINED}; with --weights the first input`)
    .argument("[input...]", "files, or folders of them")
    .option("--weights <file>", WEIGHTS)
    .option("--weights-key <keys>", WEIGHTS_KEY)
    .option("--model <name>", "the network that the weights are for, such as resnet50, or without --weights an .onnx file")
    .option("--classes <file>", CLASSES)
    .option("--image-size <n>", "side of the images that the network takes (default: its own)", positiveInteger)
    .option("--example <positions>", "examples of the test split of the model's own data set, from 0, with commas between", positions)
    .option("--data-dir <dir>", "where that data set is now")
    .option("--top <k>", "classes to name", positiveInteger, 5)
    .option("--json", "a JSON object per line")
    .option("--out <file>", "write a table (.csv) or a list (.json) instead of printing");
  withSettings(predict, ["maxBytes"]).action(async (path: string | undefined, files: string[], flags) =>
    done(await predictCommand(path, files, flags)),
  );
  program
    .command("export")
    .description("write the model alone for other programs: weights as safetensors, or the network with them as ONNX")
    .argument("<checkpoint>", TRAINED)
    .argument("<file>", "file to write, .safetensors or .onnx")
    .action(async (path: string, file: string) => done(await exportCommand(path, file)));
}

function addGenerate(program: Command, done: (exitCode: number) => void): void {
  program
    .command("generate")
    .description("write a text: characters that a trained gpt puts behind a prompt, one after another")
    .argument("<checkpoint>", TRAINED)
    .option("--prompt <text>", "what it goes on from (default: a new line)")
    .option("--tokens <n>", "characters to write", positiveInteger, 200)
    .option("--temperature <x>", "how freely it draws: 0 takes the most probable character always", nonNegative, 1)
    .option("--top-k <k>", "draw among so many of the most probable characters (default: all)", positiveInteger)
    .option("--seed <n>", "of the draws", seed, 0)
    .option("--json", "as JSON")
    .action(async (path: string, flags) => done(await generateCommand(path, flags)));
}

/** Runs a command line; gives the exit code. Every error is one line on stderr. */
export async function run(argv: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = buildProgram((code) => {
    exitCode = code;
  });
  try {
    await withCleanConsole(() => program.parseAsync(argv, { from: "user" }));
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode; // it has printed its message
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    console.error(process.env.DEBUG ? cleanLines(`${stack}`) : `error: ${clean(message.replaceAll(/\s*\n\s*/g, " "))}`);
    return 1;
  }
}
