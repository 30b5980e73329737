/** @file What can be chosen of the deep net. */
import type { JSX } from "solid-js";
import { Choice, Examples, NumWithin, Toggle } from "../ui/controls.tsx";
import { ACTIVATIONS } from "../worker/config.ts";
import { type DeepNet, FLOW_INITIALIZERS, NET_LIMITS, NORMS } from "../worker/deep-net.ts";
import { FLOW_EXAMPLES } from "./flow-nets.ts";

export function NetControls(props: { readonly net: DeepNet; readonly set: (patch: Partial<DeepNet>) => void }): JSX.Element {
  return (
    <div class="group">
      <Examples
        examples={FLOW_EXAMPLES}
        isChosen={({ net }) => JSON.stringify(net) === JSON.stringify(props.net)}
        ownHint="Your own net."
        choose={({ net }) => props.set(net)}
      />
      <NumWithin label="Layers" value={props.net.depth} range={NET_LIMITS.depth} step={1} whole set={(depth) => props.set({ depth })} />
      <NumWithin label="Width" value={props.net.width} range={NET_LIMITS.width} step={1} whole set={(width) => props.set({ width })} />
      <Choice label="Activation" value={props.net.activation} options={ACTIVATIONS} set={(activation) => props.set({ activation })} />
      <Choice label="Weights" value={props.net.initializer} options={FLOW_INITIALIZERS} set={(initializer) => props.set({ initializer })} />
      <NumWithin label="times" value={props.net.scale} range={NET_LIMITS.scale} step={0.05} set={(scale) => props.set({ scale })} />
      <Choice label="Norm" value={props.net.norm} options={NORMS} set={(norm) => props.set({ norm })} />
      <div class="row">
        <Toggle label="residual" on={props.net.residual} set={(residual) => props.set({ residual })} />
        <button type="button" class="plain" onClick={() => props.set({ seed: (props.net.seed + 1) % (NET_LIMITS.seed[1] + 1) })}>
          Draw again
        </button>
      </div>
    </div>
  );
}
