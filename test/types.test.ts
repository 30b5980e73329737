/** @file Types as users meet them: functions without annotations get tensors, and what the compiler says of wrong calls. */
import { expect, expectTypeOf, test } from "vitest";
import "../src/runtime/evaluate.ts";
import type { Tensor } from "../src/index.ts";
import * as nabla from "../src/index.ts";

const { compile, grad, valueAndGrad, vmap, vjp, jvp, jacfwd, jacrev, hessian, checkpoint, tensor, backward, nn } = nabla;
const x = tensor([1, 2]);

test("without annotations the arguments are tensors", () => {
  compile((a, b) => {
    expectTypeOf(a).toEqualTypeOf<Tensor>();
    return a.mul(b).sum();
  });
  const f = compile((a, b) => a.mul(b).sum());
  expectTypeOf(f(x, x)).toEqualTypeOf<Tensor>();
  expectTypeOf(grad((a) => a.sum())(x)).toEqualTypeOf<Tensor>();
  expectTypeOf(valueAndGrad((a, b) => a.mul(b).sum())(x, x)).toEqualTypeOf<{ value: Tensor; grad: Tensor }>();
  expectTypeOf(grad((a) => [a.sum(), { b: a }] as const, { hasAux: true })(x).aux.b).toEqualTypeOf<Tensor>();
  expectTypeOf(vmap((a) => a.sum())(x)).toEqualTypeOf<Tensor>();
  expectTypeOf(vjp((a) => a.sum())(x).value).toEqualTypeOf<Tensor>();
  expectTypeOf(jvp((a) => a.sum())([x], [x]).tangent).toEqualTypeOf<Tensor>();
  expectTypeOf(jacfwd((a) => a.mul(2))(x)).toEqualTypeOf<Tensor>();
  expectTypeOf(jacrev((a) => a.mul(2))(x)).toEqualTypeOf<Tensor>();
  expectTypeOf(hessian((a) => a.mul(a).sum())(x)).toEqualTypeOf<Tensor>();
  expectTypeOf(checkpoint((a) => a.mul(2))(x)).toEqualTypeOf<Tensor>();
  const step = compile((a) => a.sum(), { steps: 4 });
  expectTypeOf(step(x)).toEqualTypeOf<Tensor>();
  expectTypeOf(compile(() => backward(() => x.sum(), []).value)()).toEqualTypeOf<Tensor>();
});

test("with annotations they are what was written", () => {
  interface Net {
    w: Tensor;
    scale: number;
  }
  const g = compile((net: Net, on?: boolean) => (on ? net.w : net.w.mul(net.scale)));
  expectTypeOf(g).parameters.toEqualTypeOf<[net: Net, on?: boolean]>();
  expectTypeOf(g).returns.toEqualTypeOf<Tensor>();
  expectTypeOf(grad((net: Net) => net.w.sum())).toEqualTypeOf<(net: Net) => Net>();
  expectTypeOf(compile(nn.crossEntropy).recompilations).toEqualTypeOf<number>();
});

test("an op, a rule, a layer and an optimizer of one's own have types", () => {
  const twice = nabla.elementwise<1, { readonly by: number }>("typesTestScaled", {
    doc: "x·by",
    arity: 1,
    scalar: ([a], { by }) => nabla.kernel.mul(nabla.kernel.constantLike(a, by), a),
  });
  expectTypeOf(twice).toEqualTypeOf<nabla.Op<1, { readonly by: number }>>();
  expectTypeOf(x.bind(twice, [x], { by: 2 })).toEqualTypeOf<Tensor>();
  expectTypeOf(nabla.intervalRules).toEqualTypeOf<Record<string, nabla.IntervalRule>>();
  expectTypeOf(nabla.taylorRules).toEqualTypeOf<Record<string, nabla.TaylorRule>>();
  expectTypeOf(nabla.tapeOf([x])).toEqualTypeOf<nabla.Instruction[]>();
  class Plain extends nabla.optim.Optimizer {
    constructor(parameters: nabla.optim.Trainable<nabla.optim.OptimizerOptions>, options: nabla.optim.OptimizerOptions = {}) {
      super(parameters, options, { lr: 0.1, weightDecay: 0, maximize: false });
    }
    protected override rule({ rate }: nabla.optim.Group<nabla.optim.OptimizerOptions>): nabla.optim.UpdateRule {
      return (p, g) => p.sub(g.mul(rate.value));
    }
  }
  class Shift extends nn.Module {
    readonly by = new nn.Parameter(tensor(1));
    forward(a: Tensor): Tensor {
      return a.add(this.by);
    }
  }
  const layer = new Shift();
  const optimizer = new Plain(layer.parameters(), { lr: 0.5 });
  optimizer.step(backward(() => layer.forward(x).sum(), layer.parameters()).grads);
  expect(layer.by.value.itemSync()).toBe(0);
  expect(() => nabla.elementwise("sin", { doc: "", arity: 1, scalar: ([a]) => a })).toThrow(/op: the name sin is taken/);
  expect(() => nabla.elementwise("a b", { doc: "", arity: 1, scalar: ([a]) => a })).toThrow(/want a name of letters and digits/);
});
