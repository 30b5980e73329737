/** @file What can be chosen of the deep net. */
import type { JSX } from "solid-js";
import { Choice, Num, Toggle } from "../ui/controls.tsx";
import { ACTIVATIONS } from "../worker/config.ts";
import { type DeepNet, FLOW_INITIALIZERS, NET_LIMITS, NORMS } from "../worker/deep-net.ts";
import { FLOW_EXAMPLES } from "./flow-nets.ts";

export function NetControls(props: { readonly net: DeepNet; readonly set: (patch: Partial<DeepNet>) => void }): JSX.Element {
  const example = () => FLOW_EXAMPLES.find(({ net }) => JSON.stringify(net) === JSON.stringify(props.net));
  return (
    <div class="group">
      <Choice
        label="Example"
        value={example()?.name ?? "your own"}
        options={[...FLOW_EXAMPLES.map(({ name }) => name), ...(example() ? [] : ["your own"])]}
        set={(name) => {
          const found = FLOW_EXAMPLES.find((each) => each.name === name);
          if (found) props.set(found.net);
        }}
      />
      <p class="hint">{example()?.hint ?? "Your own net."}</p>
      <Num
        label="Layers"
        value={props.net.depth}
        min={NET_LIMITS.depth[0]}
        max={NET_LIMITS.depth[1]}
        step={1}
        whole
        set={(depth) => props.set({ depth })}
      />
      <Num
        label="Width"
        value={props.net.width}
        min={NET_LIMITS.width[0]}
        max={NET_LIMITS.width[1]}
        step={1}
        whole
        set={(width) => props.set({ width })}
      />
      <Choice label="Activation" value={props.net.activation} options={ACTIVATIONS} set={(activation) => props.set({ activation })} />
      <Choice label="Weights" value={props.net.initializer} options={FLOW_INITIALIZERS} set={(initializer) => props.set({ initializer })} />
      <Num
        label="times"
        value={props.net.scale}
        min={NET_LIMITS.scale[0]}
        max={NET_LIMITS.scale[1]}
        step={0.05}
        set={(scale) => props.set({ scale })}
      />
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
