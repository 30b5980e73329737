/** @file The room Flow: how long the gradient is at each layer of a net, what makes it so, and what helps. */
import { createSignal, For, type JSX, Show } from "solid-js";
import { gains, gradients, pixelsToLayer } from "../draw/flow.ts";
import { desk } from "../source/source.ts";
import type { Studio } from "../state/studio.ts";
import { Canvas } from "../ui/canvas.tsx";
import { Num, Out, Segments } from "../ui/controls.tsx";
import { Formula } from "../ui/formula.tsx";
import { latest } from "../ui/latest.ts";
import { counted, fixed } from "../ui/numbers.ts";
import { type DeepNet, FIRST_NET, readNet } from "../worker/deep-net.ts";
import type { FlowAnswer, FlowFactor, FlowQuestion } from "../worker/flow.ts";
import { NetControls } from "./flow-controls.tsx";
import { patchFor } from "./flow-nets.ts";
import type { Room } from "./room.ts";

const SOURCES = ["deep", "run"] as const;
type Of = (typeof SOURCES)[number];

/** What the table and the description show too. */
const [shown, setShown] = createSignal<FlowAnswer>();

function View(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const [of, setOf] = studio.view<Of>("of", "deep");
  const [given, setNet] = studio.view<DeepNet>("net", FIRST_NET);
  const [at, setAt] = studio.view<number>("layer", 1);
  const net = (): DeepNet => readNet(given());
  studio.watch(() => (of() === "run" ? [{ id: "weights" }, { id: "points" }] : []));
  const question = (): FlowQuestion | undefined => {
    if (of() === "deep") return { net: net() };
    const [weights, points] = [studio.tap("weights"), studio.tap("points")];
    return weights && points ? { config: studio.config(), weights: weights.data, points: trainingOf(points.data) } : undefined;
  };
  const { answer, isBusy } = latest(
    question,
    async (asked) => {
      const found = await desk().send<FlowAnswer>({ do: "flow", question: asked });
      setShown(found);
      return found;
    },
    (error) => void studio.say(error.message),
  );
  const layers = (): number => answer()?.layers.length ?? 1;
  const layer = (): number => Math.min(at(), layers());
  return (
    <div class="room boundary list flow">
      <section class="stage" aria-label="The gradient at each layer" aria-busy={isBusy()}>
        <h2>
          Length of the gradient behind each layer, ‖δ‖<span class="flow-ends">input ← loss</span>
        </h2>
        <Chart class="flow-gradients" answer={answer()} layer={layer()} pick={setAt} label={gradientsInWords(answer())} draw={gradients} />
        <p class="legend units-legend">
          <span class="key value" />
          &nbsp;measured <span class="key slope" />
          &nbsp;upper bound <span class="key dots" />
          &nbsp;lower bound
        </p>
        <h2>What each layer multiplies it by</h2>
        <Chart class="flow-gains" answer={answer()} layer={layer()} pick={setAt} label={gainsInWords(answer())} draw={gains} />
        <p class="legend units-legend">
          <span>
            <i class="mark-weights">●</i> weights, σ min to σ max
          </span>
          <span>
            <i class="mark-activations">◆</i> activation, least to largest slope
          </span>
        </p>
        <Num label="Layer" value={layer()} min={1} max={layers()} step={1} whole set={setAt} />
        <Numbers answer={answer()} layer={layer()} />
      </section>
      <section class="controls" aria-label="The net, and what is found">
        <Segments
          label="Of which net"
          value={of()}
          options={SOURCES}
          names={{ deep: "A deep net", run: "The net of the run" }}
          set={setOf}
        />
        <Show
          when={of() === "deep"}
          fallback={
            <p class="hint">
              The net of the room Boundary, at this step, over its {studio.config().layers.length + 1} layers. Press play: it is measured as
              it trains.
            </p>
          }
        >
          <NetControls net={net()} set={(patch) => setNet({ ...net(), ...patch })} />
        </Show>
        <Finding answer={answer()} apply={of() === "deep" ? (patch) => setNet({ ...net(), ...patch }) : undefined} />
        <Formula math={tex`\delta^{l} = \left(W^{l+1}\right)^{\!\top} \delta^{l+1} \odot g'(z^{l})`} />
        <Formula
          math={tex`\prod \sigma_{\min}\, \min|g'| \;\le\; \frac{\|\delta^{1}\|}{\|\delta^{L}\|} \;\le\; \prod \sigma_{\max}\, \max|g'|`}
        />
      </section>
    </div>
  );
}

/** x, y, label of the points for training, of rows of x, y, label and part. */
function trainingOf(rows: ArrayLike<number>): number[] {
  const points: number[] = [];
  for (let i = 0; i < rows.length; i += 4) if (rows[i + 3] === 0) points.push(rows[i]!, rows[i + 1]!, rows[i + 2]!);
  return points;
}

interface ChartProps {
  readonly class: string;
  readonly answer: FlowAnswer | undefined;
  readonly layer: number;
  readonly pick: (layer: number) => void;
  readonly label: string;
  readonly draw: typeof gradients;
}

function Chart(props: ChartProps): JSX.Element {
  return (
    <div class={`curve-box ${props.class}`}>
      <Canvas
        label={props.label}
        draw={(ctx, box, palette) => {
          if (props.answer) props.draw(ctx, box, props.answer, props.layer, palette);
        }}
        events={{
          style: { cursor: "pointer" },
          onClick: (event) => {
            const { left, width } = event.currentTarget.getBoundingClientRect();
            if (props.answer) props.pick(pixelsToLayer(width, props.answer.layers.length, event.clientX - left));
          },
        }}
      />
      <Show when={!props.answer}>
        <p class="empty-note">Measuring …</p>
      </Show>
    </div>
  );
}

function Finding(props: {
  readonly answer: FlowAnswer | undefined;
  readonly apply: ((patch: Partial<DeepNet>) => void) | undefined;
}): JSX.Element {
  return (
    <Show when={props.answer}>
      {(found) => (
        <div class="finding" classList={{ bad: ["vanishing", "exploding"].includes(found().verdict) }} role="status">
          <strong>{VERDICTS[found().verdict]}</strong>
          <Show when={found().cause}>{(cause) => <p>{withPowers(cause())}.</p>}</Show>
          <Show when={found().remedies.length > 0}>
            <ul classList={{ chips: props.apply !== undefined }}>
              <For each={found().remedies}>
                {(remedy) => (
                  <li>
                    <Show when={props.apply && patchFor(remedy)} fallback={<span class="hint">{remedy}</span>}>
                      {(patch) => (
                        <button type="button" class="plain" title={remedy} onClick={() => props.apply!(patch())}>
                          {wordsOf(patch())}
                        </button>
                      )}
                    </Show>
                  </li>
                )}
              </For>
            </ul>
          </Show>
        </div>
      )}
    </Show>
  );
}

/** Powers of ten as the other numbers of the page are written. */
const withPowers = (text: string): string => text.replaceAll(/10\^(-?[\d.]*\d)/g, (_, power) => fixed(10 ** Number(power), 2));

/** What a patch sets, in a few words. */
const wordsOf = ({ activation, initializer, norm, residual }: Partial<DeepNet>): string =>
  activation ?? initializer ?? norm ?? (residual ? "residual" : "");

const VERDICTS: Readonly<Record<FlowAnswer["verdict"], string>> = {
  healthy: "The gradient arrives",
  vanishing: "The gradient vanishes",
  exploding: "The gradient explodes",
  none: "There is no gradient",
};

const factorOf = (answer: FlowAnswer | undefined, layer: number, kind: FlowFactor["kind"]): FlowFactor | undefined =>
  answer?.factors.find((factor) => factor.layer === layer && factor.kind === kind);

const gainOf = (factor: FlowFactor | undefined): string => fixed(factor?.gain ?? Number.NaN, 3);
const rangeOf = (factor: FlowFactor | undefined): string => (factor ? `, of ${fixed(factor.low, 3)} to ${fixed(factor.high, 3)}` : "");

function Numbers(props: { readonly answer: FlowAnswer | undefined; readonly layer: number }): JSX.Element {
  const answer = (): FlowAnswer | undefined => props.answer;
  const own = () => answer()?.layers[props.layer - 1];
  const weights = () => factorOf(answer(), props.layer, "linear");
  const activation = () => factorOf(answer(), props.layer, "activation");
  return (
    <div class="outs">
      <Out label={`‖δ‖ behind layer ${props.layer}`} name="gradient" value={fixed(own()?.gradient ?? Number.NaN)} />
      <Out label={`its weights ×${rangeOf(weights())}`} name="weights" value={gainOf(weights())} />
      <Out label={`its activation ×${rangeOf(activation())}`} name="activation" value={gainOf(activation())} />
      <Out label="first layer over last" name="ratio" value={fixed(answer()?.ratio ?? Number.NaN)} />
      <Out label="all activations, at most" name="activations" value={fixed(answer()?.activations ?? Number.NaN, 3)} />
      <Out label="‖∂L/∂W¹‖, upper bound" name="upper" value={fixed(answer()?.bounds.upper ?? Number.NaN)} />
      <Out label="‖∂L/∂W¹‖, measured" name="truth" value={fixed(answer()?.bounds.truth ?? Number.NaN)} />
      <Out
        label={`lower bound${answer()?.bounds.vacuous ? `: ${answer()!.bounds.vacuous}` : ""}`}
        name="lower"
        value={fixed(answer()?.bounds.lower ?? Number.NaN)}
        class={answer()?.bounds.vacuous ? "vacuous" : ""}
      />
      <Out label="products, from the loss" name="vector-first" value={answer() ? counted(answer()!.vectorFirst) : "–"} />
      <Out label="products, from the input" name="matrix-first" value={answer() ? counted(answer()!.matrixFirst) : "–"} />
    </div>
  );
}

function gradientsInWords(answer: FlowAnswer | undefined): string {
  if (!answer) return "The gradient at each layer, being measured";
  const [first, last] = [answer.layers[0]!, answer.layers.at(-1)!];
  return `The gradient is ${fixed(last.gradient, 3)} long at the last layer and ${fixed(first.gradient, 3)} at the first, where the bounds are ${fixed(first.lower, 3)} and ${fixed(first.upper, 3)}`;
}

const gainsInWords = (answer: FlowAnswer | undefined): string =>
  answer
    ? `Layer by layer: ${answer.factors
        .map(({ layer, kind, gain }) => `${layer} ${kind} ${fixed(gain, 2)}`)
        .slice(0, 24)
        .join(", ")}`
    : "The gains, being measured";

export const flow: Room = {
  View,
  describe() {
    const found = shown();
    return found ? `${VERDICTS[found.verdict]}: first layer over last ${fixed(found.ratio)}` : "The gradient at each layer";
  },
  table() {
    const found = shown();
    const rows = found?.layers.map(({ gradient, upper, lower }, i) => [
      String(i + 1),
      fixed(gradient),
      fixed(upper),
      fixed(lower),
      gainOf(factorOf(found, i + 1, "linear")),
      gainOf(factorOf(found, i + 1, "activation")),
    ]);
    return {
      caption: "The gradient behind each layer, its bounds, and what multiplies it",
      head: ["layer", "‖δ‖", "upper bound", "lower bound", "weights", "activation"],
      rows: rows ?? [],
    };
  },
};
