/**
 * @file Extending Nabla from outside the package: an op, a transform, a layer and an optimizer of one's own, in one small training. Nothing of it is
 * registered anywhere: derivatives, batching, fusion, compilation, state dicts and schedules follow from what is written here.
 */
import { checkGradients, compile, cost, data, defineOp, elementwise, intervalRules, intervals, kernel as k, manualSeed, nn, optim, rebind, taylor, taylorRules, tensor, train, vmap } from "nabla"; // biome-ignore format: one list

// ---- an op: squareplus, (x + √(x² + b))/2, a smooth ReLU without exponentials (Barron 2021) ------------------------------------------------

const squareplusOp = elementwise("squareplus", {
  doc: "a smooth rectifier, (x + √(x² + b))/2",
  arity: 1,
  // One element, in the kernel language: a constant takes the dtype of the result.
  scalar: ([x], { b }, { dtype }) => {
    const of = (value) => k.constant(value, dtype);
    return k.mul(of(0.5), k.add(x, k.sqrt(k.add(k.mul(x, x), of(b)))));
  },
  // dy/dx from the result y and the operand x: y / √(x² + b), and √(x² + b) = 2y - x.
  partials: [(y, x) => y.div(y.mul(2).sub(x))],
});
const squareplus = (x, b = 4) => x.bind(squareplusOp, [x], { b });

/** An op with a transpose: the mean of neighbours along the last axis, which is linear. */
const neighbours = defineOp("neighbours", {
  doc: "x[i] + x[i + 1] along the last axis",
  arity: 1,
  type: ([x]) => ({ shape: [...x.shape.slice(0, -1), x.shape.at(-1) - 1], dtype: x.dtype }),
  derivative: "jointly",
  transpose: (ct) => {
    const [none, one] = [0, 1].map((edge) => ct.shape.map((_, axis) => (axis === ct.rank - 1 ? edge : 0)));
    return [ct.pad(none, one).add(ct.pad(one, none))];
  },
  // The batch is a new first axis, and the last one stays the last.
  batch: ([x]) => x.bind(neighbours, [x]),
  // In terms of other ops; `kind: "pointwise"` and `kind: "reduce"` write kernels instead.
  lower: { kind: "expand", expand: ([x]) => [x.narrow(-1, 0, x.shape.at(-1) - 1).add(x.narrow(-1, 1, x.shape.at(-1) - 1))] },
});

// ---- a transform: the same function with every intermediate rounded to bfloat16 ----------------------------------------------------------

const rounded = (x) => (x.dtype === "f32" ? x.bitcast("i32").add(0x8000).and(-0x10000).bitcast("f32") : x);

/** Records `fn`, and walks over its list: each instruction again, on rounded operands. */
function inBfloat16(fn) {
  return (...args) => {
    const { list, inputs, outputs } = cost.recordOn(fn, args);
    const value = new Map(inputs.map((x, i) => [x, rounded(args[i])]));
    for (const instruction of list) {
      if (!instruction.operands.some((x) => value.has(x))) continue;
      const results = rebind(
        instruction,
        instruction.operands.map((x) => value.get(x) ?? x),
      );
      for (const [i, y] of instruction.results.entries()) value.set(y, rounded(results[i]));
    }
    return value.get(outputs[0]);
  };
}

// Transforms of the package take rules for new ops: squareplus never falls, so bounds go through it end by end.
intervalRules.squareplus = ([x], instruction) => ({ low: rebind(instruction, [x.low])[0], high: rebind(instruction, [x.high])[0] });
// To first order: y + y′·t.
taylorRules.squareplus = ([x], instruction) => {
  if (x.length > 2) throw new Error("squareplus: a Taylor rule of first order");
  const [y] = rebind(instruction, [x[0]]);
  return [y, y.div(y.mul(2).sub(x[0])).mul(x[1])];
};

// ---- a layer, whose sharpness is learnt ----------------------------------------------------------------------------------------------------

class Squareplus extends nn.Module {
  scale = new nn.Parameter(tensor(1));

  forward(x) {
    return squareplus(x.mul(this.scale));
  }
}

// ---- an optimizer: the sign of the momentum (signSGD with momentum; Bernstein et al. 2018, "signSGD") -------------------------------------

class Signum extends optim.Optimizer {
  decay = "decoupled";

  constructor(parameters, options = {}) {
    super(parameters, options, { lr: 1e-3, weightDecay: 0, maximize: false, momentum: 0.9 });
    this.velocity = this.zeros("velocity");
  }

  rule({ options: { momentum }, rate }) {
    const lr = rate.value;
    return (p, g, i) => {
      const v = this.velocity[i].value.mul(momentum).add(g.mul(1 - momentum));
      this.velocity[i].set(v);
      return p.sub(v.sign().mul(lr));
    };
  }
}

// ---- all of it together --------------------------------------------------------------------------------------------------------------------

manualSeed(1);
const moons = data.moons({ count: 400, noise: 0.1 });
const model = new nn.Sequential(new nn.Linear(2, 16), new Squareplus(), new nn.Linear(16, 2));
const history = await train.fit(model, moons, {
  optimizer: new Signum(model.parameters(), { lr: 0.03 }),
  schedule: optim.cosine(0.03),
  epochs: 40,
});

const x = tensor([[0.3, -1.2, 2.5]]);
const exact = (z) => squareplus(z).sum();
const [low, high] = [tensor([-1, 0]), tensor([1, 2])];
const bounds = intervals((z) => squareplus(z))([low], [high]);
export const results = {
  accuracy: history.epochs.at(-1).testAccuracy,
  gradientsOfOp: checkGradients((z) => squareplus(z), [x]).worst.error,
  gradientsOfLinearOp: checkGradients((z) => z.bind(neighbours, [z]), [x]).worst.error,
  mapped: vmap((row) => row.bind(neighbours, [row]))(x).toArray()[0],
  compiled: Math.abs(compile(exact)(x).itemSync() - exact(x).itemSync()),
  bfloat16: Math.abs(inBfloat16(exact)(x).itemSync() - exact(x).itemSync()),
  bounds: [bounds.low.toArray(), bounds.high.toArray()],
  slope: taylor((z) => squareplus(z), 1)([tensor(0)], [tensor(1)])[1].itemSync(),
  state: [...model.stateDict().keys()],
};
console.log(results);
