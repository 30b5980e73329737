/** @file The program of a network's sites: recorded and compiled once for the types of a batch, and run as often as wanted. Its results come as plain arrays. */
import { type Checks, check, checkFields, checkOptions, expectation, flag } from "../base/check.ts";
import { formatType, type Shape } from "../base/shape.ts";
import { type Compiled, compile } from "../function/compile.ts";
import type { Layer } from "../nn/module.ts";
import { isTensor } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { batchLoss } from "../train/batch-loss.ts";
import { type BatchTensors, checkModel, type Loss, lossOf, mainOutput, outputsOfModel, someLoss } from "../train/task.ts";
import { recordSites, type SiteList, type SiteTensors, siteTensors } from "./sites.ts";

/** Elements with their shape, in order. */
export interface Elements {
  readonly shape: Shape;
  readonly data: Float32Array | Float64Array;
}

/** What was at one site. */
export interface SiteValues {
  readonly inputs: readonly Elements[];
  /** Of the loss by the inputs, as far as they go through this site. */
  readonly inputCotangents: readonly Elements[];
  readonly output: Elements;
  readonly cotangent: Elements;
  /** g′ of an activation, element by element. */
  readonly slope?: Elements;
  /** Largest |g′| of the activation between -10 and 10, and the least. */
  readonly slopes?: { readonly most: number; readonly least: number };
  /** What a linear site multiplies by. */
  readonly weight?: Elements;
}

/** What a network did with one batch: the arrays that every instrument is a function of. */
export interface SiteReading {
  readonly list: SiteList;
  readonly examples: number;
  readonly loss: number;
  readonly outputs: Elements;
  readonly outputCotangent: Elements;
  readonly at: readonly SiteValues[];
  /** ‖∂L/∂w‖ of each parameter, by name. */
  readonly gradients: ReadonlyMap<string, number>;
  /** ∂L/∂w of each parameter in the order of `list.parameters`, where they were asked for. */
  readonly vectors: readonly Elements[];
}

/** Options of {@link SiteProgram}. */
export interface SiteProgramOptions {
  /** Whether readings carry the gradients of all parameters. Default false: only their lengths. */
  readonly vectors?: boolean;
}

const OPTIONS: Checks<SiteProgramOptions> = { vectors: flag };

async function elements(x: Tensor): Promise<Elements> {
  return { shape: x.shape, data: (await x.data()) as Float32Array };
}

const aTensor = expectation("a tensor", isTensor);

const aReading = expectation("a reading, as `new SiteProgram(model, loss).read({ x, y })` gives it", (value) => {
  const { list, at, examples } = (value ?? {}) as Partial<SiteReading>;
  return Array.isArray(list?.sites) && Array.isArray(at) && at.length === list.sites.length && typeof examples === "number";
});

/** @throws {TypeError} for what is no reading. */
export function checkReading(what: string, reading: unknown): void {
  check(`${what}: the reading`, reading, aReading);
}

/** Reads the sites of a model, whose mode counts: in training mode norms use the batch, and dropout drops. Cells are left as they are. */
export class SiteProgram {
  readonly #model: Layer;
  readonly #program: Compiled<(x: Tensor, y: Tensor, lengths?: Tensor, more?: BatchTensors["more"]) => SiteTensors>;
  readonly #lists = new Map<string, SiteList>();
  #key = "";

  constructor(model: Layer, loss: Loss, options: SiteProgramOptions = {}) {
    checkModel("SiteProgram", model);
    checkOptions("SiteProgram", options, OPTIONS);
    check("SiteProgram: loss", loss, someLoss);
    this.#model = model;
    this.#program = compile((x: Tensor, y: Tensor, lengths?: Tensor, more?: BatchTensors["more"]) => {
      const recording = recordSites(
        (input) => {
          const outputs = outputsOfModel(model, input!, lengths, more);
          return { loss: batchLoss(lossOf(loss, outputs, y, more), x.shape[0]!).value, outputs: mainOutput(outputs) };
        },
        [x],
        model,
      );
      this.#lists.set(this.#key, recording.list);
      const all = siteTensors(recording);
      return options.vectors ? all : { ...all, gradients: [] };
    });
  }

  /** How often the sites were recorded. */
  get recordings(): number {
    return this.#program.recompilations;
  }

  /** Runs it on a batch { x, y }. */
  async read(batch: Omit<BatchTensors, "lengths"> & Partial<Pick<BatchTensors, "lengths">>): Promise<SiteReading> {
    checkFields("SiteProgram.read", batch, { x: aTensor, y: aTensor });
    const { x, y, lengths, more } = batch;
    this.#key = `${formatType(x)} ${formatType(y)} ${this.#model.training}`;
    const found = lengths || more ? this.#program(x, y, lengths, more) : this.#program(x, y);
    const list = this.#lists.get(this.#key)!;
    const at: SiteValues[] = [];
    const seen = new Map<Tensor, Promise<Elements>>();
    const once = (t: Tensor): Promise<Elements> => seen.get(t) ?? seen.set(t, elements(t)).get(t)!;
    for (const place of found.at) {
      const { slope, weight, slopes } = place;
      at.push({
        inputs: await Promise.all(place.inputs.map(once)),
        inputCotangents: await Promise.all(place.inputCotangents.map(once)),
        output: await once(place.output),
        cotangent: await once(place.cotangent),
        ...(slope && { slope: await elements(slope) }),
        ...(slopes && { slopes: { most: await slopes[0].item(), least: await slopes[1].item() } }),
        ...(weight && { weight: await once(weight) }),
      });
    }
    const squares = await Promise.all(found.gradientSquares.map((square) => square.item()));
    return {
      list,
      examples: x.shape[0]!,
      loss: await found.loss.item(),
      outputs: await elements(found.outputs),
      outputCotangent: await elements(found.outputCotangent),
      at,
      gradients: new Map(list.parameters.map((name, i) => [name, Math.sqrt(squares[i]!)])),
      vectors: await Promise.all(found.gradients.map(elements)),
    };
  }

  dispose(): void {
    this.#program.dispose();
  }
}
