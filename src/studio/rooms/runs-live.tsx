/** @file The views of a run in Node that trains: its layers over the steps, and what it takes for what. */
import { createEffect, createMemo, createSignal, For, type JSX, Show } from "solid-js";
import type { LiveCheck, LiveLayer, LiveLook, LiveMistake, LivePoint } from "../../train/run-record.ts";
import { curves, type DrawnCurve } from "../draw/curves.ts";
import { watchLooks } from "../source/runs.ts";
import type { Studio } from "../state/studio.ts";
import { Canvas } from "../ui/canvas.tsx";
import { Out, Segments, Toggle } from "../ui/controls.tsx";
import { counted, fixed, percent } from "../ui/numbers.ts";
import { Swatch } from "../ui/swatch.tsx";
import type { Room } from "./room.ts";

const MEASURES = ["gradient", "ratio", "size"] as const satisfies readonly (keyof LivePoint)[];
type LayerMeasure = (typeof MEASURES)[number];
const NAMES = { gradient: "Gradient", ratio: "Step", size: "Weights" } as const;
const WORDS = {
  gradient: "‖∂L/∂w‖ over 32 training examples",
  ratio: "‖Δw‖ / ‖w‖ of one step: near 0.001 is usual",
  size: "‖w‖",
} as const;

/** Layers that are drawn: more are no picture. The table has all. */
const MOST_DRAWN = 12;

/** Sides of a picture, in pixels. */
const SIDE = 64;

const [seen, setSeen] = createSignal<LiveLook>();
const [shownView, setShownView] = createSignal<"layers" | "mistakes">("layers");

/** Places of the layers that are drawn: the first, the last, and others at even distances. */
function drawnOf(count: number): number[] {
  const shown = Math.min(count, MOST_DRAWN);
  return Array.from({ length: shown }, (_, i) => (shown === 1 ? 0 : Math.round((i * (count - 1)) / (shown - 1))));
}

export function LiveView(props: { readonly studio: Studio; readonly view: "layers" | "mistakes"; readonly ended: boolean }): JSX.Element {
  const looks = watchLooks();
  createEffect(() => setSeen(looks().last));
  createEffect(() => setShownView(props.view));
  const waits = (): string =>
    props.ended
      ? "The run has ended, and nobody looked at it while it trained."
      : "The first look is being compiled; it comes within a few steps.";
  return (
    <Show when={looks().last} fallback={<p class="hint live-waits">{waits()}</p>}>
      {(look) => (
        <>
          <Show when={props.view === "layers"} fallback={<Mistakes look={look()} />}>
            <Layers studio={props.studio} look={look()} history={looks().history} />
          </Show>
          <p class="hint">
            Taken after step {counted(look().step)}, in {counted(Math.max(1, Math.round(look().ms)))} ms. The run looks at itself only while
            this is shown, and spends at most a twentieth of its time on it.
          </p>
        </>
      )}
    </Show>
  );
}

// ---- layers ---------------------------------------------------------------------------------------------------------------------------

function Layers(props: { readonly studio: Studio; readonly look: LiveLook; readonly history: readonly LivePoint[] }): JSX.Element {
  const [measure, setMeasure] = props.studio.view<LayerMeasure>("layers", "gradient");
  const [isLog, setLog] = props.studio.view<boolean>("layersLog", true);
  const drawn = createMemo(() => drawnOf(props.look.layers.length));
  const lines = (): DrawnCurve[] =>
    drawn().map((layer, series) => ({
      series,
      points: props.history
        .map((point): [number, number] => [point.step, point[measure()][layer] ?? Number.NaN])
        .filter(([, y]) => Number.isFinite(y)),
    }));
  return (
    <>
      <div class="live-head">
        <Segments label="What of the layers" value={measure()} options={MEASURES} names={NAMES} set={setMeasure} />
        <Toggle label="logarithmic" on={isLog()} set={setLog} />
        <span class="hint">{WORDS[measure()]}</span>
      </div>
      <div class="curve-box live-curves">
        <Canvas
          label={`${WORDS[measure()]} of ${drawn().length} layers over steps ${props.history[0]?.step ?? 0} to ${props.look.step}`}
          draw={(ctx, box, palette) =>
            curves(ctx, box, lines(), { smoothing: 0, isLog: isLog(), from: props.history[0]?.step ?? 0 }, palette)
          }
        />
      </div>
      <Findings look={props.look} />
      <LayerTable layers={props.look.layers} placeOf={(layer) => drawn().indexOf(layer)} />
    </>
  );
}

function Findings(props: { readonly look: LiveLook }): JSX.Element {
  return (
    <Show
      when={props.look.findings.length > 0}
      fallback={
        <p class="hint">
          {props.look.reason ? `The gradients cannot be seen: ${props.look.reason}.` : "Nothing is wrong with the gradients and the units."}
        </p>
      }
    >
      <ul class="live-findings">
        <For each={props.look.findings}>
          {({ rule, where, severity, cause, remedies }) => (
            <li class={`live-finding is-${severity}`}>
              <strong>
                {severity}: {rule} in {where}
              </strong>
              <span>{cause}.</span>
              <Show when={remedies.length > 0}>
                <span class="hint">Try: {remedies.join("; ")}.</span>
              </Show>
            </li>
          )}
        </For>
      </ul>
    </Show>
  );
}

function LayerTable(props: { readonly layers: readonly LiveLayer[]; readonly placeOf: (layer: number) => number }): JSX.Element {
  const most = (): number => Math.max(1e-12, ...props.layers.flatMap(({ spread }) => [Math.abs(spread[0]!), Math.abs(spread[4]!)]));
  return (
    <section class="live-layers" aria-label="Layers" tabindex="0">
      <table class="facts">
        <thead>
          <tr>
            <th scope="col">weights</th>
            <th scope="col">‖w‖</th>
            <th scope="col">‖∂L/∂w‖</th>
            <th scope="col">‖Δw‖/‖w‖</th>
            <th scope="col">
              from −{fixed(most(), 2)} to {fixed(most(), 2)}
            </th>
          </tr>
        </thead>
        <tbody>
          <For each={props.layers.map((_, i) => i)}>
            {(i) => (
              <tr>
                <th scope="row">
                  <Swatch place={props.placeOf(i)} />
                  {props.layers[i]!.name} <small>{props.layers[i]!.shape.join(" × ")}</small>
                </th>
                <td>{fixed(props.layers[i]!.size, 3)}</td>
                <td>{shown(props.layers[i]!.gradient)}</td>
                <td>{shown(props.layers[i]!.ratio)}</td>
                <td>
                  <Whisker spread={props.layers[i]!.spread} most={most()} />
                </td>
              </tr>
            )}
          </For>
        </tbody>
      </table>
    </section>
  );
}

const shown = (value: number | null): string => (value === null ? "–" : fixed(value, 3));

/** From the least to the most weight, the middle nine tenths thick, on a scale that is the same for all. */
function Whisker(props: { readonly spread: readonly number[]; readonly most: number }): JSX.Element {
  const x = (i: number): number => 60 + (56 * props.spread[i]!) / props.most;
  return (
    <svg class="whisker" viewBox="0 0 120 14" role="img" aria-label={props.spread.map((v) => fixed(v, 2)).join(", ")}>
      <path class="zero" d="M60 0v14" />
      <path class="thin" d={`M${x(0)} 7H${x(4)}`} />
      <path class="thick" d={`M${x(1)} 7H${x(3)}`} />
      <path class="middle" d={`M${x(2)} 2v10`} />
    </svg>
  );
}

// ---- mistakes -------------------------------------------------------------------------------------------------------------------------

/** A kind of mistake: class and what it was taken for. */
type Kind = readonly [actual: number, predicted: number];

function Mistakes(props: { readonly look: LiveLook }): JSX.Element {
  const [kind, setKind] = createSignal<Kind>();
  return (
    <Show
      when={props.look.check}
      fallback={<p class="hint live-waits">Which class is taken for which is shown of classifiers with up to 50 classes.</p>}
    >
      {(check) => (
        <>
          <div class="outs">
            <Out label={`right of ${counted(check().count)} ${check().split} examples`} name="right" value={percent(rightOf(check()))} />
            <Out label="mistakes" name="mistakes" value={counted(Math.round(check().count * (1 - rightOf(check()))))} />
            <Out label="most often" name="most-often" value={worstOf(check())} />
          </div>
          <div class="live-mistakes">
            <Confusions check={check()} kind={kind()} choose={setKind} />
            <Pictures check={check()} kind={kind()} all={() => setKind(undefined)} />
          </div>
        </>
      )}
    </Show>
  );
}

const rightOf = ({ table, count }: LiveCheck): number => table.reduce((sum, row, i) => sum + row[i]!, 0) / Math.max(1, count);

/** Class names by index, and one for no class. */
const nameOf = ({ classes }: LiveCheck, index: number): string => classes[index] ?? "none";

function worstKinds({ table }: LiveCheck): { readonly kind: Kind; readonly count: number }[] {
  return table
    .flatMap((row, actual) => row.map((count, predicted) => ({ kind: [actual, predicted] as const, count })))
    .filter(({ kind: [actual, predicted], count }) => actual !== predicted && count > 0)
    .sort((a, b) => b.count - a.count);
}

function worstOf(check: LiveCheck): string {
  const [worst] = worstKinds(check);
  return worst ? `${nameOf(check, worst.kind[0])} → ${nameOf(check, worst.kind[1])}, ${worst.count}` : "none";
}

function Confusions(props: {
  readonly check: LiveCheck;
  readonly kind: Kind | undefined;
  readonly choose: (kind: Kind | undefined) => void;
}): JSX.Element {
  const columns = (): number[] => props.check.table[0]!.map((_, i) => i);
  const share = (row: readonly number[], count: number): number =>
    count /
    Math.max(
      1,
      row.reduce((a, b) => a + b, 0),
    );
  const isChosen = (actual: number, predicted: number): boolean => props.kind?.[0] === actual && props.kind[1] === predicted;
  return (
    <section class="confusions" aria-label="Which class is taken for which" tabindex="0">
      <table>
        <caption class="hint">rows: what it is · columns: what it is taken for</caption>
        <thead>
          <tr>
            <td />
            <For each={columns()}>{(j) => <th scope="col">{nameOf(props.check, j)}</th>}</For>
          </tr>
        </thead>
        <tbody>
          <For each={props.check.classes.map((_, i) => i)}>
            {(i) => (
              <tr>
                <th scope="row">{nameOf(props.check, i)}</th>
                <For each={columns()}>
                  {(j) => {
                    const count = (): number => props.check.table[i]?.[j] ?? 0;
                    const depth = (): number => Math.round(100 * Math.sqrt(share(props.check.table[i] ?? [], count())));
                    return (
                      <td
                        style={{ "--depth": `${i === j ? 0.45 * depth() : depth()}%` }}
                        classList={{ right: i === j, none: count() === 0 }}
                      >
                        <Show when={i !== j && count() > 0} fallback={count() > 0 ? count() : <span aria-hidden="true">·</span>}>
                          <button
                            type="button"
                            aria-pressed={isChosen(i, j)}
                            aria-label={`${nameOf(props.check, i)} taken for ${nameOf(props.check, j)}: ${count()}`}
                            onClick={() => props.choose(isChosen(i, j) ? undefined : [i, j])}
                          >
                            {count()}
                          </button>
                        </Show>
                      </td>
                    );
                  }}
                </For>
              </tr>
            )}
          </For>
        </tbody>
      </table>
    </section>
  );
}

function Pictures(props: { readonly check: LiveCheck; readonly kind: Kind | undefined; readonly all: () => void }): JSX.Element {
  const some = (): LiveMistake[] => {
    const { kind } = props;
    return props.check.mistakes.filter(({ actual, predicted }) => !kind || (actual === kind[0] && predicted === kind[1])).slice(0, 24);
  };
  return (
    <section class="worst" aria-label="The most wrong">
      <div class="worst-head">
        <h2>{props.kind ? `${nameOf(props.check, props.kind[0])} taken for ${nameOf(props.check, props.kind[1])}` : "The most wrong"}</h2>
        <Show when={props.kind}>
          <button type="button" class="plain" onClick={() => props.all()}>
            All kinds
          </button>
        </Show>
      </div>
      <ul>
        <For each={some()} fallback={<li class="hint">None among the examples that were tried.</li>}>
          {(mistake) => (
            <li>
              <Show when={mistake.image} fallback={<span class="worst-values">{mistake.values?.map((v) => fixed(v, 2)).join(", ")}</span>}>
                {(image) => <Picture image={image()} label={`${props.check.split} example ${mistake.index}`} />}
              </Show>
              <span
                title={`${props.check.split} example ${counted(mistake.index)}: ${percent(mistake.share)} for ${nameOf(props.check, mistake.actual)}`}
              >
                {nameOf(props.check, mistake.actual)} → {nameOf(props.check, mistake.predicted)}
              </span>
              <small class="hint">{percent(mistake.taken)} sure</small>
            </li>
          )}
        </For>
      </ul>
    </section>
  );
}

function Picture(props: { readonly image: NonNullable<LiveMistake["image"]>; readonly label: string }): JSX.Element {
  return (
    <canvas
      ref={(canvas) => createEffect(() => paint(canvas, props.image))}
      role="img"
      aria-label={props.label}
      style={{ width: `${SIDE}px`, height: `${(SIDE * props.image.height) / props.image.width}px` }}
    />
  );
}

function paint(canvas: HTMLCanvasElement, { width, height, channels, bytes }: NonNullable<LiveMistake["image"]>): void {
  const given = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));
  canvas.width = width;
  canvas.height = height;
  const ctx = canvas.getContext("2d")!;
  const pixels = ctx.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = given[channels * i + (channels === 3 ? c : 0)]!;
    pixels.data[4 * i + 3] = 255;
  }
  ctx.putImageData(pixels, 0, 0);
}

// ---- the same in words ----------------------------------------------------------------------------------------------------------------

export function liveWords(): string {
  const look = seen();
  if (!look) return "No look at the run has come yet";
  const { check } = look;
  if (shownView() === "mistakes" && check)
    return `${percent(rightOf(check))} right of ${check.count} ${check.split} examples; most often ${worstOf(check)}`;
  return `${look.layers.length} layers after step ${look.step}; ${look.findings.map(({ rule, where }) => `${rule} in ${where}`).join(", ") || "nothing is wrong"}`;
}

export function liveTable(): ReturnType<Room["table"]> {
  const look = seen();
  if (shownView() === "mistakes")
    return {
      caption: "What is taken for what",
      head: ["is", "taken for", "examples"],
      rows: look?.check
        ? worstKinds(look.check).map(({ kind: [a, p], count }) => [nameOf(look.check!, a), nameOf(look.check!, p), counted(count)])
        : [],
    };
  return {
    caption: "Layers of the run",
    head: ["weights", "shape", "‖w‖", "‖∂L/∂w‖", "‖Δw‖/‖w‖", "5 %", "middle", "95 %"],
    rows: (look?.layers ?? []).map(({ name, shape, size, gradient, ratio, spread }) => [
      name,
      shape.join(" × "),
      fixed(size, 3),
      shown(gradient),
      shown(ratio),
      ...spread.slice(1, 4).map((v) => fixed(v, 3)),
    ]),
  };
}
