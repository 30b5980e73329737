/** @file The command line of `nabla`: what it understands. The work is done next door, in the files named `*-command.ts`. */
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { datasets } from "../data/registry.ts";
import { checkCommand } from "./check-command.ts";
import { infoCommand, version } from "./info-command.ts";
import { unknownName } from "./recipes.ts";
import { summaryCommand } from "./summary-command.ts";
import { trainCommand } from "./train-command.ts";

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError("Want a positive integer.");
  return value;
}

function seed(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError("Want an integer from 0 to 2^53 - 1.");
  return value;
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError("Want a number above 0.");
  return value;
}

/** 3x224x224 as numbers. */
function imageShape(text: string): number[] {
  const sizes = text.split("x").map(Number);
  if (sizes.some((n) => !Number.isSafeInteger(n) || n < 1))
    throw new InvalidArgumentError("Want positive integers with x between, such as 3x224x224.");
  return sizes;
}

/** A parser for one of some names; another one gets the nearest as a suggestion. */
function oneOf(what: string, names: readonly string[]): (text: string) => string {
  return (text) => {
    if (names.includes(text)) return text;
    throw new InvalidArgumentError(`It is an ${unknownName(what, text, names).message}.`);
  };
}

function buildProgram(done: (exitCode: number) => void): Command {
  const program = new Command("nabla")
    .exitOverride()
    .description("Deep learning in TypeScript: train a network on a data set, from the command line.")
    .version(version())
    // Commander breaks the line before a suggestion; an error is one line here.
    .configureOutput({ outputError: (text, write) => write(`${text.trimEnd().replaceAll("\n", " ")}\n`) });
  program
    .command("train")
    .description("train a model, test it after every epoch, save it")
    .argument("<model>", "a name that nabla info lists, such as lenet5 or resnet18")
    .option("--data <name>", `data set, one of ${Object.keys(datasets).join(", ")} (default: the model's own)`)
    .option("--data-dir <dir>", "folder of the data set's files, for mnist and fashion-mnist")
    .option("--epochs <n>", "passes over the training examples", positiveInteger)
    .option("--batch-size <n>", "examples per step", positiveInteger)
    .option("--optimizer <name>", "sgd or adam (default: adam)", oneOf("optimizer", ["sgd", "adam"]))
    .option("--lr <x>", "learning rate", positiveNumber)
    .option("--seed <n>", "seed of initial values, order and dropout", seed, 0)
    .option("--backend <name>", "auto, wasm or interpreter", oneOf("backend", ["auto", "wasm", "interpreter"]), "auto")
    .option("--out <dir>", "folder for model.safetensors (default: runs/<model>-<data>)")
    .option("--json <file>", "write settings, metrics of every epoch and the result to a file")
    .action(async (model: string, flags) => {
      done(await trainCommand(model, flags));
    });
  program
    .command("check")
    .description("compare a model's gradients with central differences in f64")
    .argument("<model>", "a name that nabla info lists, such as lenet5 or resnet18")
    .option("--entries <n>", "parameters tried one by one", positiveInteger, 100)
    .option("--seed <n>", "seed of the model and the batch", seed, 0)
    .action((model: string, flags) => done(checkCommand(model, flags)));
  program
    .command("summary")
    .description("show a model layer by layer: shapes, activations, parameters, multiply-accumulates")
    .argument("<model>", "a name that nabla info lists, such as lenet5 or resnet18")
    .option("--input <shape>", "shape of an example, such as 3x224x224 (default: the model's own)", imageShape)
    .option("--batch <n>", "examples", positiveInteger, 1)
    .option("--compare <models...>", "totals of other models beside this one's")
    .option("--receptive", "also what the units of each layer see: pixels, pixels from unit to unit, first pixel")
    .option("--json", "as JSON")
    .action((model: string, flags) => done(summaryCommand(model, flags)));
  program
    .command("info")
    .description("show version, backend, features and what can be trained")
    .action(async () => console.log(await infoCommand()));
  return program;
}

/** Runs a command line; gives the exit code. Every error is one line on stderr. */
export async function run(argv: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = buildProgram((code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode; // it has printed its message
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    console.error(process.env.DEBUG ? stack : `error: ${message.replaceAll(/\s*\n\s*/g, " ")}`);
    return 1;
  }
}
