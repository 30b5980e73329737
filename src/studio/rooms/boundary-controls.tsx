/** @file Everything that can be set in the room Boundary. */
import { createMemo, For, Index, type JSX, Show } from "solid-js";
import { TableChoice } from "../own/choice.tsx";
import { openOwnDialog } from "../own/dialog.tsx";
import { keepPoints, lastPoints } from "../own/own.ts";
import type { Studio } from "../state/studio.ts";
import { Choice, Num, Toggle } from "../ui/controls.tsx";
import {
  ACTIVATIONS,
  type Config,
  DATA_NAMES,
  type DataName,
  FEATURES,
  type Feature,
  INITIALIZERS,
  LIMITS,
  LOSSES,
  MOST_LAYERS,
  MOST_UNITS,
  OPTIMIZERS,
  OUTPUTS,
} from "../worker/config.ts";
import { PRESETS, viewOf } from "./presets.ts";

const same = (a: Config, b: Config): boolean =>
  (["data", "layers", "loss", "optimizer", "initializer", "features"] as const).every(
    (name) => JSON.stringify(a[name]) === JSON.stringify(b[name]),
  );

export function BoundaryControls(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const config = studio.config;
  const preset = () => PRESETS.find((each) => same(each.config, config()));
  const shows = (name: string): boolean => !studio.hidden(name);
  const choose = (name: string): void => {
    const found = PRESETS.find((each) => each.name === name);
    if (found) void studio.open({ config: found.config, view: viewOf(found) });
  };
  return (
    <section class="controls" aria-label="Controls">
      <Show when={shows("preset")}>
        <div class="group">
          <Choice
            label="Example"
            value={preset()?.name ?? "your own"}
            options={[...PRESETS.map(({ name }) => name), ...(preset() ? [] : ["your own"])]}
            set={choose}
          />
          <Show when={preset()}>{(found) => <p class="hint">{found().text}</p>}</Show>
        </div>
      </Show>
      <Show when={shows("data")}>
        <div class="group">
          <h2>Data</h2>
          <Choice
            label="Points"
            value={config().data}
            options={DATA_NAMES}
            names={{ own: "your own" }}
            set={(data) => chooseData(studio, data)}
          />
          <Show when={config().data === "own"}>
            <TableChoice studio={studio} />
          </Show>
          <button type="button" class="plain" onClick={openOwnDialog}>
            Your own data …
          </button>
          <Show when={config().data !== "own" && config().data !== "xor"}>
            <Num
              label="Number"
              value={config().count}
              min={20}
              max={LIMITS.count[1]}
              step={10}
              whole
              set={(count) => studio.change({ count })}
            />
            <Num label="Noise" value={config().noise} min={0} max={LIMITS.noise[1]} step={0.01} set={(noise) => studio.change({ noise })} />
          </Show>
          <fieldset class="features">
            <legend>Features</legend>
            <For each={FEATURES}>
              {(feature) => (
                <Toggle
                  label={feature}
                  on={config().features.includes(feature)}
                  set={(on) => studio.change({ features: withFeature(config().features, feature, on) })}
                />
              )}
            </For>
          </fieldset>
        </div>
      </Show>
      <Show when={shows("layers")}>
        <Layers studio={studio} />
      </Show>
      <Show when={shows("training")}>
        <Training studio={studio} />
      </Show>
    </section>
  );
}

/** Points of one's own come back as they were; without any, they are asked for. */
function chooseData(studio: Studio, data: DataName): void {
  const { data: before, points: now } = studio.config();
  if (before === "own" && now) keepPoints(now);
  const points = lastPoints();
  if (data !== "own")
    studio.change({ data, points: undefined, noise: data === "spirals" ? 0.02 : data === "rings" || data === "xor" ? 0 : 0.1 });
  else if (points) studio.change({ data, points });
  else openOwnDialog();
}

function withFeature(all: readonly Feature[], feature: Feature, on: boolean): Feature[] {
  const kept = FEATURES.filter((each) => (each === feature ? on : all.includes(each)));
  return kept.length > 0 ? kept : [feature];
}

function Layers(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const layers = () => studio.config().layers;
  const set = (i: number, patch: Partial<Config["layers"][number]>): void =>
    studio.change({ layers: layers().map((layer, k) => (k === i ? { ...layer, ...patch } : layer)) });
  return (
    <div class="group">
      <div class="row">
        <h2>Hidden layers</h2>
        <button
          type="button"
          class="add"
          disabled={layers().length >= MOST_LAYERS}
          onClick={() => studio.change({ layers: [...layers(), layers().at(-1) ?? { units: 4, activation: "tanh" }] })}
        >
          Add a layer
        </button>
      </div>
      <Index each={layers()}>
        {(layer, i) => (
          <div class="layer">
            <span class="layer-number">{i + 1}</span>
            <div class="stepper">
              <button
                type="button"
                aria-label={`One unit fewer in layer ${i + 1}`}
                disabled={layer().units <= 1}
                onClick={() => set(i, { units: layer().units - 1 })}
              >
                −
              </button>
              <output aria-label={`Units in layer ${i + 1}`}>{layer().units}</output>
              <button
                type="button"
                aria-label={`One unit more in layer ${i + 1}`}
                disabled={layer().units >= MOST_UNITS}
                onClick={() => set(i, { units: layer().units + 1 })}
              >
                +
              </button>
            </div>
            <select
              aria-label={`Activation of layer ${i + 1}`}
              onChange={(event) => set(i, { activation: event.currentTarget.value as Config["layers"][number]["activation"] })}
            >
              <For each={ACTIVATIONS}>{(name) => <option selected={name === layer().activation}>{name}</option>}</For>
            </select>
            <button
              type="button"
              class="quiet"
              aria-label={`Remove layer ${i + 1}`}
              onClick={() => studio.change({ layers: layers().filter((_, k) => k !== i) })}
            >
              ×
            </button>
          </div>
        )}
      </Index>
      <Choice
        label="Start"
        value={studio.config().initializer}
        options={INITIALIZERS}
        set={(initializer) => studio.change({ initializer })}
      />
      <Choice label="Loss" value={studio.config().loss} options={LOSSES} set={(loss) => studio.change({ loss })} />
      <Show when={studio.config().loss === "squared error"}>
        <Choice label="Output" value={studio.config().output} options={OUTPUTS} set={(output) => studio.change({ output })} />
      </Show>
    </div>
  );
}

function Training(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const config = studio.config;
  // It stays open when the last of them is wound back to 0.
  const isRegular = createMemo((was: boolean) => was || config().l1 > 0 || config().l2 > 0 || config().dropout > 0, false);
  return (
    <div class="group">
      <h2>Training</h2>
      <Choice label="Optimizer" value={config().optimizer} options={OPTIMIZERS} set={(optimizer) => studio.change({ optimizer })} />
      <Num
        label="Rate η"
        value={config().lr}
        min={LIMITS.lr[0]}
        max={LIMITS.lr[1]}
        log
        set={(value) => studio.edit({ kind: "set", name: "lr", value })}
      />
      <Num
        label="Batch"
        unit="0: all"
        value={config().batch}
        min={0}
        max={Math.min(128, LIMITS.batch[1])}
        step={1}
        whole
        set={(batch) => studio.change({ batch })}
      />
      <details open={isRegular()}>
        <summary>Regularisation</summary>
        <For each={["l1", "l2"] as const}>
          {(name) => (
            <Num
              label={name.toUpperCase()}
              value={config()[name]}
              min={0}
              max={LIMITS[name][1]}
              log
              set={(value) => studio.edit({ kind: "set", name, value })}
            />
          )}
        </For>
        <Num
          label="Dropout"
          value={config().dropout}
          min={0}
          max={LIMITS.dropout[1]}
          step={0.05}
          set={(dropout) => studio.change({ dropout })}
        />
      </details>
    </div>
  );
}
