/**
 * @file Adapters of the golden group `networks`: networks as pure functions of their parameters and buffers.
 */
import { nn, type Tensor, tensor } from "nabla";
import { type Adapter, type Attributes, type Case, type Group, Uncovered, type Values } from "./adapter.ts";
import { buildNetwork, type Network } from "./network-models.ts";

/** Exact XOR (Goodfellow et al. 2016, §6.1): h = relu(Wᵀx + c), y = wᵀh + b. */
function xor(v: Values, { target, offset }: Attributes): Values {
  const h = v.x!.matmul(v.W!).add(v.c!).relu();
  const y = h.matmul(v.w!).add(v.b!);
  return target ? { loss: nn.mseLoss(y.add(offset), tensor(target)) } : { h, y };
}

export function networkOf({ params, attrs }: Case, shapes: (name: string) => readonly number[]): Network {
  const model = buildNetwork(attrs.network, shapes, attrs, (name) => name in params!);
  if (!model) throw new Uncovered(`there is no network ${attrs.network}`);
  return model;
}

const network: Adapter = (v, attrs, c) => {
  if (attrs.network === "xor") return xor(v, attrs);
  const model = networkOf(c, (name) => v[name]!.shape).train(c.mode !== "eval");
  const cells = Object.fromEntries(Object.keys({ ...c.params, ...c.buffers }).map((name) => [name, v[name]!]));
  const { result, state } = nn.functionalCall(model, cells, () => model.forward(v.x!));
  return { ...state, ...outputs(result, v, attrs) };
};

function outputs(y: Tensor, { target }: Values, { loss }: Attributes): Values {
  if (loss === undefined) return { out: y };
  if (loss === "cross_entropy") return { logits: y, loss: nn.crossEntropy(y, target!) };
  throw new Uncovered(`there is no loss ${loss}`);
}

// Sizes, told by the parameters.
export const networks: Group = { adapters: { network }, remarks: ["classes", "width", "kernel"] };
