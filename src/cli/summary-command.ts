/** @file `nabla summary <model>`: the table of a network or of one's own run, layer by layer, or of several side by side. */
import { existsSync } from "node:fs";
import { columns } from "../base/columns.ts";
import { blueprint } from "../inspect/cost.ts";
import { type Summary, summary } from "../inspect/summary.ts";
import { models } from "../models/registry.ts";
import { zoo } from "../models/zoo.ts";
import type { Layer } from "../nn/module.ts";
import type { Cell } from "../runtime/cell.ts";
import { isOnnx, onnxNetwork } from "./onnx-command.ts";
import { makeOptimizer } from "./optimizers.ts";
import { type Recipe, recipeFor } from "./recipes.ts";
import { isTrained, loadTrained } from "./trained.ts";
import { unknownName } from "./unknown-name.ts";

export interface SummaryFlags {
  /** Shape of an example, such as [3, 224, 224]. Default the network's own. */
  readonly input?: readonly number[];
  readonly batch: number;
  readonly json?: boolean;
  /** Whether to show receptive fields. */
  readonly receptive?: boolean;
  /** Whose state is part of training memory. */
  readonly optimizer: Recipe["optimizer"];
  /** Whether to plan a training step. */
  readonly measure?: boolean;
  /** Networks to put beside the first. */
  readonly compare?: readonly string[];
}

/** What the small models of this library are made for. */
const INPUTS: Readonly<Record<string, readonly number[]>> = {
  lenet5: [1, 28, 28],
  "lenet5-cosine": [1, 28, 28],
  mlp: [1, 28, 28],
  cnn: [1, 8, 8],
  convnet: [1, 28, 28],
  xor: [2],
  gpt: [64],
};

/** A network by name, for examples of a shape (its own, unless given) and the classes it is known for. */
export function networkOf(name: string, input?: readonly number[]): { readonly model: Layer; readonly inputShape: readonly number[] } {
  if (!Object.hasOwn(models, name)) throw unknownName("model", name, Object.keys(models));
  const entry = Object.hasOwn(zoo, name) ? zoo[name] : undefined;
  const inputShape = input ?? entry?.input ?? INPUTS[name];
  const outputs = entry?.classes ?? (name === "xor" ? 1 : 10);
  return { model: models[name]({ inputShape, outputs }), inputShape };
}

/** A network by its name, or that of a run or a model's file. @throws {Error} if it is neither. */
export async function networkFrom(what: string, input?: readonly number[]): Promise<ReturnType<typeof networkOf>> {
  if (isOnnx(what)) return onnxNetwork(what, input);
  if (!existsSync(what) || !isTrained(what)) return blueprint(() => networkOf(what, input));
  const { model, about } = await loadTrained(what);
  return { model, inputShape: input ?? about.inputShape };
}

async function summaryOf(name: string, { input, batch, receptive, optimizer, measure }: SummaryFlags): Promise<Summary> {
  const { model, inputShape } = await networkFrom(name, input);
  const { lr } = recipeFor(name, { optimizer });
  return summary(model.eval(), inputShape, {
    batch,
    receptive,
    measure,
    optimizer: (parameters) => makeOptimizer(unnamed(parameters), { optimizer, lr }),
  });
}

/** Parameters whose names nobody knows any more: all of them decay alike. */
export const unnamed = (parameters: Iterable<Cell>): [string, Cell][] => [...parameters].map((cell, i) => [`weight.${i}`, cell]);

/** What lectures print of a network, and what it is by count. They call multiply-accumulates FLOPs. */
const CLAIMS: Readonly<Record<string, string>> = {
  alexnet: "printed 60 M parameters; exactly 61,100,840 in torchvision's form, 62,378,344 in the lectures' (alexnet_lecture)",
  vgg16:
    "printed 138 M parameters, by line 138,344,128, which leaves out 13,416 biases; to 28x28 printed 7,485 M, exactly 9,335 M: 7,485 M are the convolutions of vgg11",
  googlenet:
    "printed 5 M parameters, 12 and 27 times fewer than AlexNet and VGG-16; exactly 6,624,904 without auxiliary heads, 9.2 and 20.9 times; stem printed 418 M, exactly 478 M",
};

/** Prints the table, or with several names their totals; gives the exit code. */
export async function summaryCommand(name: string, flags: SummaryFlags): Promise<number> {
  const names = [name, ...(flags.compare ?? [])];
  const tables: Summary[] = [];
  for (const other of names) tables.push(await summaryOf(other, flags));
  if (flags.json)
    console.log(JSON.stringify(names.length === 1 ? tables[0] : Object.fromEntries(names.map((other, i) => [other, tables[i]])), null, 2));
  else console.log([names.length === 1 ? `${tables[0]}` : comparison(names, tables), ...claimsOf(names)].join("\n"));
  return 0;
}

/** What lectures print of these networks, if they do. */
function claimsOf(names: readonly string[]): string[] {
  const claims = names.filter((name) => Object.hasOwn(CLAIMS, name)).map((name) => `${name}: ${CLAIMS[name]}`);
  return claims.length > 0 ? ["", "What lectures print, and call FLOPs what are MACs:", ...claims] : [];
}

/** How many times the first one's number another's is: 9.2, or 1/9.2. */
function factorOf(first: number, other: number): string {
  if (first === 0 || other === 0) return "";
  return other >= first ? (other / first).toFixed(1) : `1/${(first / other).toFixed(1)}`;
}

/** A line per network. */
function comparison(names: readonly string[], tables: readonly Summary[]): string {
  const count = (n: number): string => n.toLocaleString("en-US");
  const rows = tables.map(({ totals }, i) => {
    const factor = (key: "parameters" | "macs"): string => (i === 0 ? "" : factorOf(tables[0].totals[key], totals[key]));
    return [names[i], count(totals.parameters), factor("parameters"), count(totals.macs), factor("macs"), count(totals.activations)];
  });
  return columns([["model", "parameters", "", "MACs", "", "activations"], ...rows]).join("\n");
}
