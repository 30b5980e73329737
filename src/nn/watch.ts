/** @file Looking into a network: what goes into a layer, what comes out, and the gradient there. */
import { check, expectation, fn } from "../base/check.ts";
import { capture } from "../function/capture.ts";
import { vjp } from "../function/derivative.ts";
import { isTensor, zeros } from "../ops/create.ts";
import type { Tensor } from "../ops/tensor.ts";
import { checkModule, type Module } from "./module.ts";

// A layer that the loss does not depend on has a gradient of zero there, which is what is looked at.
const UNUSED = { unused: "ignore" } as const;

/** One call of a layer. */
export interface Sighting {
  readonly inputs: readonly Tensor[];
  readonly output: Tensor;
  /** Of the function's result by `output`. */
  readonly gradient: Tensor;
}

export interface Watched {
  /** The function's result. */
  readonly value: Tensor;
  /** Calls of each module, in order: a shared one has several. Modules that were not called are missing. */
  readonly seen: ReadonlyMap<Module, readonly Sighting[]>;
}

/**
 * Runs `loss`, which gives a float scalar, and tells what passed through the given modules, whose outputs must be single tensors. Cells are
 * written as by calling `loss` once.
 */
export function watch(modules: Iterable<Module>, loss: () => Tensor): Watched {
  check("watch: loss", loss, fn);
  check(
    "watch: modules",
    modules,
    expectation("modules", (all) => typeof (all as Iterable<Module> | null)?.[Symbol.iterator] === "function"),
  );
  const watched = [...new Set(modules)];
  for (const module of watched) checkModule("watch: each module", module);
  const observe = (hook: (module: Module, inputs: readonly unknown[], y: Tensor) => unknown): (() => void)[] =>
    watched.map((module) =>
      module.onForward((inputs, y) => {
        if (!isTensor(y)) throw new TypeError(`watch: ${module.constructor.name} does not give a single tensor; watch a layer within it`);
        return hook(module, inputs, y);
      }),
    );
  const withHooks = <T>(hook: (module: Module, inputs: readonly unknown[], y: Tensor) => unknown, fn: () => T): T => {
    const removals = observe(hook);
    try {
      return fn();
    } finally {
      for (const remove of removals) remove();
    }
  };
  // Recorded once for the shapes of the outputs; its writes are forgotten.
  const probes: Tensor[] = [];
  withHooks(
    (_, __, y) => {
      probes.push(zeros(y.shape, y.dtype));
    },
    () => capture("watch", loss),
  );
  const calls: Module[] = [];
  // A zero added to each output: its gradient is the output's.
  const { value, pullback } = vjp((shifts: Tensor[]) => {
    const inputs: Tensor[][] = [];
    const outputs: Tensor[] = [];
    calls.length = 0;
    const result = withHooks((module, given, y) => {
      calls.push(module);
      inputs.push(given.filter(isTensor));
      const shifted = y.add(shifts[outputs.length]);
      outputs.push(shifted);
      return shifted;
    }, loss);
    return { result, inputs, outputs };
  }, UNUSED)(probes);
  const [gradients] = pullback({
    result: value.result.like(1),
    inputs: value.inputs.map((list) => list.map((x) => x.like(0))),
    outputs: value.outputs.map((y) => y.like(0)),
  });
  const seen = new Map<Module, Sighting[]>();
  calls.forEach((module, i) => {
    const sighting = { inputs: value.inputs[i], output: value.outputs[i], gradient: gradients[i] };
    seen.set(module, [...(seen.get(module) ?? []), sighting]);
  });
  return { value: value.result, seen };
}
