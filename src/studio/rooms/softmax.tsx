/** @file Softmax: logits that are dragged, a temperature, and the shares that come out. */
import { For, type JSX } from "solid-js";
import type { Studio } from "../state/studio.ts";
import { Num, Out } from "../ui/controls.tsx";
import { Formula } from "../ui/formula.tsx";
import { latest } from "../ui/latest.ts";
import { fixed } from "../ui/numbers.ts";
import type { SoftmaxAnswer } from "../worker/activations.ts";
import { LOGITS } from "./logits.ts";

const REACH = 5;

export function Softmax(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const [logits, setLogits] = studio.view<readonly number[]>("logits", LOGITS);
  const [temperature, setTemperature] = studio.view<number>("T", 1);
  const { answer } = latest(
    () => ({ do: "softmax", logits: logits(), temperature: temperature() }),
    (question) => studio.ask<SoftmaxAnswer>(question),
    (error) => void studio.say(error.message),
  );
  const shares = (): readonly number[] => answer()?.shares ?? [];
  const top = (): number => shares().indexOf(Math.max(...shares()));
  return (
    <section class="controls softmax" aria-label="Softmax">
      <h2>Softmax</h2>
      <Formula math={tex`p_i = \frac{e^{z_i/T}}{\sum_j e^{z_j/T}}`} />
      <Formula math={tex`H = -\sum_i p_i \ln p_i`} />
      <Num label="T" value={temperature()} min={0.01} max={100} log set={setTemperature} />
      <p class="bars-head" aria-hidden="true">
        <span>logit z</span>
        <span>share p</span>
        <span>p</span>
      </p>
      <ol class="bars">
        <For each={logits().map((_, i) => i)}>
          {(i) => (
            <li classList={{ largest: top() === i }}>
              <input
                type="range"
                aria-label={`Logit ${i + 1}`}
                min={-REACH}
                max={REACH}
                step="0.01"
                value={logits()[i]}
                onInput={(event) => setLogits(logits().map((z, k) => (k === i ? event.currentTarget.valueAsNumber : z)))}
              />
              <span class="share" aria-hidden="true">
                <i style={{ width: `${100 * (shares()[i] ?? 0)}%` }} />
              </span>
              <output>{fixed(shares()[i] ?? Number.NaN, 4)}</output>
            </li>
          )}
        </For>
      </ol>
      <div class="outs">
        <Out label="entropy H, nats" name="entropy" value={fixed(answer()?.entropy ?? Number.NaN, 4)} />
        <Out label="at most, ln n" value={fixed(Math.log(logits().length), 4)} />
        <Out label="arg max" name="arg-max" value={String(top() + 1)} />
        <Out label="sum of the shares" value={fixed(answer()?.sum ?? Number.NaN, 4)} />
      </div>
      <button type="button" class="add" onClick={() => setLogits(LOGITS)}>
        The lecture’s logits
      </button>
    </section>
  );
}
