/**
 * @file The golden groups `zoo_facts` and `zoo_forward`: torchvision's networks by name. Facts are counts, names and shapes; forward passes and
 * gradients use weights that a hash of their names makes.
 */
import { cost, models, nn, type Tensor, tensor, vjp } from "nabla";
import { type Attributes, type Case, type CaseData, type Group, type Outcome, PERFECT, Uncovered, worse } from "./adapter.ts";
import { fnv1a32, lowbias32 } from "./large.ts";

function build(a: Attributes): nn.Layer {
  const entry = Object.hasOwn(models.zoo, a.model) ? models.zoo[a.model] : undefined;
  if (!entry) throw new Uncovered(`there is no model ${a.model}`);
  return cost.blueprint(() => entry.make({ classes: a.num_classes ?? 1000, auxiliary: a.aux_logits ?? false }));
}

/** Parameters and running statistics by name; the counters of batches are left out, as in the data. */
function cellsOf(model: nn.Layer): Map<string, nn.Parameter | nn.State> {
  const cells = [...model.stateDict()] as [string, nn.Parameter | nn.State][];
  return new Map(cells.filter(([name]) => !name.endsWith("num_batches_tracked")));
}

// ---- facts --------------------------------------------------------------------------------------------------------------------------

/** A fact that must be equal; numbers and texts have no tolerance. */
function same(what: string, got: unknown, want: unknown): void {
  if (JSON.stringify(got) !== JSON.stringify(want)) throw new Error(`${what} is ${JSON.stringify(got)}, expected ${JSON.stringify(want)}`);
}

function runFacts(_: unknown, c: Case): Outcome {
  const model = build(c.attrs).eval();
  const { list, outputs } = cost.recordOn((x) => model.forward(x), [c.input_shape as number[]]);
  const { conv, dot, total } = cost.macsOf(list);
  same("parameters", cost.parameterCount(model), c.parameters);
  same("buffer_elements", cost.bufferCount(model), c.buffer_elements);
  same("output_shape", outputs[0]!.shape, c.output_shape);
  same("macs_conv", conv, c.macs_conv);
  same("macs_linear", dot, c.macs_linear);
  same("macs", total, c.macs);
  const want = c.state_dict as [string, number[], string][];
  const got = [...cellsOf(model)].map(([name, cell]) => [name, cell.shape, cell.trainable ? "parameter" : "buffer"]);
  same("length of the state dict", got.length, want.length);
  for (const [i, entry] of want.entries()) same(`entry ${i} of the state dict`, got[i], entry);
  return PERFECT;
}

// ---- forward ------------------------------------------------------------------------------------------------------------------------

/** What `fill` of the manifest says, by the last part of the name. */
function valueFor(name: string, shape: readonly number[]): (u: number) => number {
  const fanIn = shape.slice(1).reduce((a, b) => a * b, 1);
  const last = name.split(".").at(-1)!;
  if (last === "running_mean" || last === "bias") return (u) => 0.1 * (2 * u - 1);
  if (last === "running_var") return (u) => 0.75 + 0.5 * u;
  if (last === "layer_scale") return (u) => 0.5 + 0.5 * u;
  return shape.length >= 2 ? (u) => (2 * u - 1) * Math.sqrt(6 / fanIn) : (u) => 0.8 + 0.4 * u;
}

function filled(name: string, shape: readonly number[], value = valueFor(name, shape)): Tensor {
  const start = fnv1a32(name);
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i++) data[i] = value(lowbias32((start + i) >>> 0) / 2 ** 32);
  return tensor(data, { shape });
}

const sum = (data: ArrayLike<number>): number => Array.from(data).reduce((a, b) => a + b, 0);
const norm = (data: ArrayLike<number>): number => Math.sqrt(Array.from(data).reduce((total, x) => total + x * x, 0));

/** What a case asks for, computed in a dtype. */
function compute(c: Case, dtype: "f32" | "f64"): Record<string, ArrayLike<number>> {
  const { batch, size, mode, num_classes: classes, channels = 3 } = c.attrs;
  const model = build(c.attrs).train(mode === "train");
  const cells = [...cellsOf(model)];
  const made = (trainable: boolean): Record<string, Tensor> => {
    const chosen = cells.filter(([, cell]) => cell.trainable === trainable);
    return Object.fromEntries(chosen.map(([name, { shape }]) => [name, filled(name, shape).cast(dtype)]));
  };
  const signed = (u: number): number => 2 * u - 1;
  const input = filled("input", [batch, channels, size, size], signed).cast(dtype);
  const cotangent = filled("cotangent", [batch, classes], signed).cast(dtype);

  const buffers = made(false);
  const { value, pullback } = vjp((parameters: Record<string, Tensor>, x: Tensor) => {
    const { result, state } = nn.functionalCall(model, { ...buffers, ...parameters }, () => model.forward(x));
    return { logits: result, state };
  })(made(true), input);
  const none = Object.fromEntries(Object.entries(value.state).map(([name, s]) => [name, s.like(0)]));
  const [grads, inputGrad] = pullback({ logits: cotangent, state: none });
  return {
    logits: value.logits.dataSync(),
    input_grad_norm: [norm(inputGrad.dataSync())],
    param_grad_norms: (c.parameter_names as string[]).map((name) => norm(grads[name]!.dataSync())),
    ...(c.buffer_names ? { buffer_sums: (c.buffer_names as string[]).map((name) => sum(value.state[name]!.dataSync())) } : {}),
  };
}

/**
 * Values must agree in f32 as they stand. Gradients must too, unless some unit lies within rounding of the kink of its ReLU: which side it
 * takes depends on the order of a sum, and moves norms by more than the tolerance, which was measured with another order. So gradients that
 * miss in f32 are computed again in f64, where they must agree.
 */
function runForward(_: unknown, c: Case, data: CaseData): Outcome {
  const compare = (found: Record<string, ArrayLike<number>>, role: string): Outcome => {
    if (!found[role]) throw new Error(`there is no output ${role}`);
    return data.compare(found[role], c.outputs![role]!, c.tol!.outputs![role]!, role);
  };
  const roles = Object.keys(c.outputs!);
  const single = compute(c, "f32");
  const outcome = roles.map((role) => compare(single, role)).reduce(worse, PERFECT);
  const missed = roles.filter((role) => compare(single, role).worst > 1);
  if (missed.length === 0 || missed.some((role) => !role.endsWith("_norm") && !role.endsWith("_norms"))) return outcome;
  const double = compute(c, "f64");
  return roles.map((role) => compare(missed.includes(role) ? double : single, role)).reduce(worse, PERFECT);
}

const ownRun = (): never => {
  throw new Error("the zoo has runs of its own");
};

export const zooFacts: Group = { run: runFacts, adapters: { model: ownRun } };
export const zooForward: Group = { run: runForward, lightest: "shufflenet_v2_x1_0_2x64_eval", adapters: { model: ownRun } };
