/** @file The room Model: a net that is written as text, its layers with shapes, weights, work and memory, and how a gradient flows through it. */
import { createEffect, createSignal, For, type JSX, onCleanup, Show } from "solid-js";
import { download } from "../export/one-file.ts";
import { servedModel, watchModel } from "../source/model-file.ts";
import { LocalSource, startWorker } from "../source/source.ts";
import { syntaxLine } from "../source/syntax-line.ts";
import type { Studio } from "../state/studio.ts";
import { Examples, Out } from "../ui/controls.tsx";
import { counted, fixed } from "../ui/numbers.ts";
import type { ModelAnswer, ModelRow } from "../worker/model-desk.ts";
import { SYNTAX } from "../worker/model-text.ts";
import { MODEL_EXAMPLES } from "./model-examples.ts";
import type { Room } from "./room.ts";

/** What the table and the description show too. */
const [shown, setShown] = createSignal<ModelAnswer>();

/** Texts that the reader has asked to run, and those of the page itself. Code that came with a link waits for Run. */
const trusted = new Set(MODEL_EXAMPLES.map(({ text }) => text));

/** The worker that runs the code; a new one after the last was ended. */
let runner: LocalSource | undefined;

function stop(): void {
  runner?.close();
  runner = undefined;
}

/** An error of the parser, with its line. */
async function withLine(message: string, text: string): Promise<string> {
  if (!message.startsWith(SYNTAX)) return message;
  const line = await syntaxLine(text);
  return `${line > 0 ? `line ${line}: ` : ""}${message.slice(SYNTAX.length)}`;
}

function View(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const [text, setText] = studio.view<string>("code", MODEL_EXAMPLES[0]!.text);
  const [fault, setFault] = createSignal("");
  const [isBusy, setBusy] = createSignal(false);
  const [ran, setRan] = createSignal("");
  const file = watchModel(setFault);
  const run = async (): Promise<void> => {
    const asked = text();
    trusted.add(asked);
    stop();
    const source = new LocalSource(startWorker("models"));
    runner = source;
    setBusy(true);
    setFault("");
    setRan(asked);
    try {
      const answer = await source.send<ModelAnswer>({ do: "model", text: asked });
      if (runner === source) setShown(answer);
    } catch (error) {
      const fault = await withLine((error as Error).message, asked);
      if (runner === source) setFault(fault);
    } finally {
      if (runner === source) setBusy(false);
    }
  };
  const end = (): void => {
    stop();
    setBusy(false);
    setFault("It was stopped.");
  };
  onCleanup(stop);
  createEffect(() => {
    const found = file();
    if (found === undefined) return;
    trusted.add(found);
    setText(found);
  });
  createEffect(() => {
    if (trusted.has(text()) && text() !== ran()) void run();
  });
  const line = (): number => Number(/^line (\d+)/.exec(fault())?.[1] ?? 0);
  return (
    <div class="room boundary list model">
      <section class="stage" aria-label="The layers" aria-busy={isBusy()}>
        <div class="stage-head">
          <h2>Layer by layer, for one example</h2>
          <span class="hint">{shown() ? `input ${shown()!.input.join(" × ")}` : ""}</span>
        </div>
        <Show when={shown()} fallback={<p class="hint">{isBusy() ? "Reading the model …" : "No model has been run yet."}</p>}>
          {(answer) => (
            <>
              <Layers answer={answer()} />
              <Totals answer={answer()} />
            </>
          )}
        </Show>
      </section>
      <section class="controls" aria-label="The model's code">
        <Examples
          examples={MODEL_EXAMPLES}
          isChosen={(example) => example.text === text()}
          ownHint={servedModel() === undefined ? "Your own model." : `${servedModel()}: saved changes are shown here.`}
          choose={(example) => setText(example.text)}
        />
        <label class="code-label" for="model-code">
          Code, also a file for Node
        </label>
        <textarea
          id="model-code"
          class="code"
          rows="18"
          spellcheck={false}
          wrap="off"
          aria-invalid={fault() !== ""}
          aria-describedby="model-fault"
          value={text()}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
            event.preventDefault();
            void run();
          }}
        />
        <p id="model-fault" class="bad" role="alert">
          {fault()}
          <Show when={line() > 0}>
            <code class="fault-line">{ran().split("\n")[line() - 1]?.trim()}</code>
          </Show>
        </p>
        <Show when={!isBusy() && text() !== ran() && !trusted.has(text()) && ran() === ""}>
          <p class="hint">This code came with the link or the page. Read it, then run it.</p>
        </Show>
        <div class="row">
          <Show
            when={isBusy()}
            fallback={
              <button type="button" class="primary" title="Run (Ctrl Enter)" onClick={() => void run()}>
                Run
              </button>
            }
          >
            <button type="button" class="plain" onClick={end}>
              Stop
            </button>
          </Show>
          <button type="button" class="plain" onClick={() => download("model.mjs", text(), "text/javascript")}>
            Save as a file
          </button>
        </div>
        <Show when={shown()}>{(answer) => <Finding answer={answer()} />}</Show>
      </section>
    </div>
  );
}

const shapeText = (shape: readonly number[]): string => (shape.length > 0 ? shape.join(" × ") : "1");

/** A number with a bar beside it that says its share of the largest. */
function Bar(props: { readonly name: string; readonly value: number; readonly most: number }): JSX.Element {
  return (
    <td class="bar-cell" data-name={props.name}>
      <Show when={props.value > 0} fallback={<span class="none">–</span>}>
        <span class="bar-number">{counted(props.value)}</span>
        <span class="bar" aria-hidden="true" style={{ width: `${Math.max(1, (100 * props.value) / Math.max(1, props.most))}%` }} />
      </Show>
    </td>
  );
}

/** Columns of numbers: narrow pages write their names beside each. */
const COLUMNS = ["weights", "multiply-adds", "memory, kB", "‖∂L/∂W‖"] as const;

function Layers(props: { readonly answer: ModelAnswer }): JSX.Element {
  const most = (of: (row: ModelRow) => number): number => Math.max(...props.answer.rows.map(of));
  return (
    <section class="layers-table" aria-label="Layers" tabindex="0">
      <table>
        <thead>
          <tr>
            <th scope="col">layer</th>
            <th scope="col">output</th>
            <For each={COLUMNS}>{(name) => <th scope="col">{name}</th>}</For>
          </tr>
        </thead>
        <tbody>
          <For each={props.answer.rows}>
            {(row) => (
              <tr>
                <th scope="row">
                  <span class="layer-path">{row.name}</span> {row.layer}
                </th>
                <td class="shape">
                  {shapeText(row.output)}
                  <Show when={row.field}>{(field) => <small class="sees">sees {shapeText(field())}</small>}</Show>
                </td>
                <Bar name={COLUMNS[0]} value={row.parameters} most={most(({ parameters }) => parameters)} />
                <Bar name={COLUMNS[1]} value={row.macs} most={most(({ macs }) => macs)} />
                <Bar name={COLUMNS[2]} value={Math.round(row.bytes / 1000)} most={most(({ bytes }) => bytes / 1000)} />
                <td class="shape" data-name={COLUMNS[3]}>
                  {row.gradient === undefined ? <span class="none">–</span> : fixed(row.gradient, 3)}
                </td>
              </tr>
            )}
          </For>
        </tbody>
      </table>
    </section>
  );
}

function Totals(props: { readonly answer: ModelAnswer }): JSX.Element {
  return (
    <div class="outs">
      <Out label="weights and biases" name="parameters" value={counted(props.answer.parameters)} />
      <Out label="without biases" name="without-biases" value={counted(props.answer.parameters - props.answer.biases)} />
      <Out label="multiply-adds" name="macs" value={counted(props.answer.macs)} />
      <Out label="outputs, kB" name="memory" value={counted(Math.round(props.answer.bytes / 1000))} />
      <Out label="training with Adam, MB, about" name="training" value={fixed(props.answer.training / 1e6, 3)} />
      <Out label="gradient, first layer over last" name="ratio" value={fixed(props.answer.flow?.ratio ?? Number.NaN, 3)} />
    </div>
  );
}

const VERDICTS = {
  healthy: "The gradient arrives",
  vanishing: "The gradient vanishes",
  exploding: "The gradient explodes",
  none: "There is no gradient",
} as const;

function Finding(props: { readonly answer: ModelAnswer }): JSX.Element {
  return (
    <Show when={props.answer.flow} fallback={<p class="hint">{props.answer.note}</p>}>
      {(found) => (
        <div class="finding" classList={{ bad: ["vanishing", "exploding"].includes(found().verdict) }} role="status">
          <strong>{VERDICTS[found().verdict]}</strong>
          <Show when={found().cause}>{(cause) => <p>{cause()}.</p>}</Show>
          <ul>
            <For each={found().remedies}>{(remedy) => <li class="hint">{remedy}</li>}</For>
          </ul>
        </div>
      )}
    </Show>
  );
}

export const model: Room = {
  View,
  describe() {
    const found = shown();
    return found ? `${found.rows.length} layers, ${counted(found.parameters)} weights and biases` : "A model, layer by layer";
  },
  table() {
    const rows = shown()?.rows.map(({ name, layer, output, field, parameters, biases, macs, bytes, gradient }) => [
      `${name} ${layer}`,
      shapeText(output),
      field ? shapeText(field) : "–",
      ...[parameters, biases, macs, bytes].map(counted),
      gradient === undefined ? "–" : fixed(gradient),
    ]);
    return {
      caption: "The layers of the model, for one example",
      head: ["layer", "output", "sees", "weights and biases", "biases", "multiply-adds", "bytes", "‖∂L/∂W‖"],
      rows: rows ?? [],
    };
  },
};
