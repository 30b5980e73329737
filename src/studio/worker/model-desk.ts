/** @file A model that the reader has written: its layers with shapes, parameters and work, and how a gradient flows through it. */
import { blueprint } from "../../inspect/cost.ts";
import { type Flow, flow } from "../../inspect/flow.ts";
import { SiteProgram } from "../../inspect/site-program.ts";
import { type Summary, summary } from "../../inspect/summary.ts";
import { keyOf, manualSeed, normal } from "../../math/random.ts";
import { Linear } from "../../nn/linear.ts";
import { type Layer, Module } from "../../nn/module.ts";
import { concatenate, ones, tensor, zeros } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { moduleText, NABLA, told } from "./model-text.ts";

/** A layer that is called, in the order of the calls. */
export interface ModelRow {
  readonly name: string;
  /** Class and settings. */
  readonly layer: string;
  /** Of one example. */
  readonly output: readonly number[];
  readonly parameters: number;
  readonly biases: number;
  readonly macs: number;
  /** Bytes of the output of one example. */
  readonly bytes: number;
  /** Pixels that a unit in the middle sees, height and width; undefined for no image, and for nets of many layers. */
  readonly field: readonly number[] | undefined;
  /** ‖∂L/∂W‖ at the start; undefined for a layer without weights, and where it was not measured. */
  readonly gradient: number | undefined;
}

export interface ModelAnswer {
  readonly input: readonly number[];
  readonly rows: readonly ModelRow[];
  readonly parameters: number;
  readonly biases: number;
  readonly macs: number;
  /** Bytes of all outputs of one example, and an estimate of what training on it with Adam takes. */
  readonly bytes: number;
  readonly training: number;
  readonly flow: Pick<Flow, "verdict" | "cause" | "remedies" | "ratio"> | undefined;
  /** Why the flow was not measured. */
  readonly note: string;
}

export interface ModelCommand {
  readonly do: "model";
  readonly text: string;
}

/** Examples of noise by which the flow is measured. */
const EXAMPLES = 8;

/** Multiply-accumulates and parameters of a measurement that takes about a second; above, it is left out. */
const MOST_MACS = 2e9;
const MOST_PARAMETERS = 8e6;

/** Layers of a net whose fields are told; of more they take seconds. */
const MOST_WITH_FIELDS = 24;

type Made = { readonly default?: unknown; readonly inputShape?: unknown };

/** How a text becomes a module: in a worker by a blob. */
export type Load = (text: string) => Promise<{ readonly module: Made; readonly url: string }>;

const loadBlob: Load = async (text) => {
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  try {
    return { module: (await import(/* @vite-ignore */ url)) as Made, url };
  } catch (error) {
    throw new Error(told(error, url));
  } finally {
    URL.revokeObjectURL(url);
  }
};

export class ModelDesk {
  readonly #load: Load;

  /** @param nn The layers that the code may use. */
  constructor(nn: object, load: Load = loadBlob) {
    this.#load = load;
    Object.assign(globalThis, { [NABLA]: { nn, concatenate, ones, tensor, zeros, manualSeed } });
  }

  async ask(text: string): Promise<ModelAnswer> {
    const { module, url } = await this.#load(moduleText(text));
    const make = (): unknown => {
      try {
        manualSeed(1);
        return typeof module.default === "function" && !isModel(module.default) ? module.default() : module.default;
      } catch (error) {
        throw new Error(told(error, url));
      }
    };
    const plan = blueprint(make);
    if (!isModel(plan)) throw new Error("the file must export a model: export default () => new nn.Sequential(…)");
    const input = shapeOf(module.inputShape, plan);
    const found = summary(plan, input, { receptive: input.length === 3 && plan.modules().length <= MOST_WITH_FIELDS });
    const rows = rowsOf(plan, found);
    const reason = tooLarge(found);
    const measured = reason === "" ? await measure(make() as Layer, input).catch((error: Error) => error.message) : reason;
    const isMeasured = typeof measured !== "string";
    return {
      input,
      rows: rows.map((row) => ({ ...row, gradient: isMeasured ? measured.gradients.get(row.name) : undefined })),
      parameters: found.totals.parameters,
      biases: found.totals.biases,
      macs: found.totals.macs,
      bytes: found.totals.activationBytes,
      training: found.memory.total,
      flow: isMeasured ? measured.flow : undefined,
      note: isMeasured ? "" : measured,
    };
  }
}

const isModel = (value: unknown): value is Layer => value instanceof Module;

/** What the file says, else the width of a first dense layer. */
function shapeOf(given: unknown, model: Layer): number[] {
  if (given !== undefined) {
    const isShape = Array.isArray(given) && given.length > 0 && given.every((n) => Number.isSafeInteger(n) && n > 0);
    if (!isShape)
      throw new Error(`inputShape must be a list of sizes without the batch, such as [3, 32, 32], got ${JSON.stringify(given)}`);
    return given as number[];
  }
  const first = model.modules().find((module) => module.parameters().length > 0 && module.modules().length === 1);
  if (first instanceof Linear) return [first.weight.shape[1]!];
  throw new Error("say what one example is: export const inputShape = [channels, height, width]");
}

function tooLarge({ totals: { parameters, macs } }: Summary): string {
  if (parameters <= MOST_PARAMETERS && macs * EXAMPLES <= MOST_MACS) return "";
  return "The gradients are not measured: the net is too large for a moment.";
}

function rowsOf(model: Layer, { rows }: Summary): Omit<ModelRow, "gradient">[] {
  const byName = new Map(model.namedModules());
  return rows.map(({ name, layer, outputShape, parameters, biases, macs, activationBytes: bytes, receptiveField }) => {
    const settings = String(byName.get(name) ?? layer)
      .split("\n")[0]!
      .replace(/[({]$/, "");
    return { name, layer: settings, output: outputShape.slice(1), parameters, biases, macs, bytes, field: receptiveField?.size };
  });
}

/** Pulls every output up or down, so that what is seen is the net's doing. */
const towards = (outputs: Tensor, signs: Tensor): Tensor => outputs.mul(signs).mean();

async function measure(model: Layer, input: readonly number[]): Promise<{ gradients: Map<string, number>; flow: ModelAnswer["flow"] }> {
  model.train();
  const x = normal(keyOf(2), [EXAMPLES, ...input]);
  const signs = normal(keyOf(3), model.forward(x).shape).sign();
  const program = new SiteProgram(model, towards);
  const reading = await program.read({ x, y: signs });
  program.dispose();
  const weights = [...reading.gradients].filter(([name]) => name.endsWith("weight"));
  const gradients = new Map(weights.map(([name, norm]) => [name.replace(/\.?weight$/, ""), norm]));
  const { verdict, cause, remedies, ratio } = flow(reading);
  return { gradients, flow: { verdict, remedies, ratio, cause } };
}
