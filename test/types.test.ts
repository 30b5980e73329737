/** @file Types as users meet them: functions without annotations get tensors, and what the compiler says of wrong calls. */
import { expectTypeOf, test } from "vitest";
import "../src/runtime/evaluate.ts";
import * as nabla from "../src/index.ts";
import type { Tensor } from "../src/index.ts";

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
