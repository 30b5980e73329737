/** @file The room Convolve: a kernel over an image, number by number; the two derivatives over the same numbers; the matrix that a convolution is; pooling. */
import { createEffect, createMemo, createSignal, type JSX, Match, Show, Switch } from "solid-js";
import { convolutionMatrix } from "../draw/matrix.ts";
import { desk } from "../source/source.ts";
import type { Studio } from "../state/studio.ts";
import { Canvas } from "../ui/canvas.tsx";
import { Out, Segments } from "../ui/controls.tsx";
import { Formula } from "../ui/formula.tsx";
import { latest } from "../ui/latest.ts";
import { NumberGrid } from "../ui/number-grid.tsx";
import { counted, exact, fixed, percent } from "../ui/numbers.ts";
import type { ConvolveAnswer } from "../worker/convolve.ts";
import {
  type ConvolveChoice,
  FIRST_CONVOLUTION,
  pooledPlaces,
  productsOf,
  readConvolution,
  sideOf,
  upstreamOf,
} from "../worker/convolve-choice.ts";
import { ConvolveControls } from "./convolve-controls.tsx";
import { CONVOLVE_LOOKS, type ConvolveLook } from "./convolve-examples.ts";
import type { Room } from "./room.ts";

/** What the table and the description show too. */
const [shown, setShown] = createSignal<ConvolveAnswer>();

/** Sums of more terms are told by their count. */
const MOST_TERMS = 9;

interface Term {
  readonly a: number;
  readonly b: number;
}

function View(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const [given, setGiven] = studio.view<ConvolveChoice>("convolution", FIRST_CONVOLUTION);
  const [look, setLook] = studio.view<ConvolveLook>("look", "forward");
  const [place, setPlace] = studio.view<number>("place", 0);
  const choice = createMemo(() => readConvolution(given()));
  studio.watch(() => []);
  const { answer } = latest(
    choice,
    (question) => desk().send<ConvolveAnswer>({ do: "convolve", question }),
    (error) => void studio.say(error.message),
  );
  createEffect(() => setShown(answer()));
  return (
    <div class="room boundary convolve">
      <section class="stage" aria-label="The convolution">
        <div class="stage-head">
          <Segments
            label="View"
            value={look()}
            options={CONVOLVE_LOOKS}
            names={{ forward: "Forward", kernel: "∂L/∂K", input: "∂L/∂X", matrix: "Matrix", pool: "Pooling" }}
            set={(next) => {
              setPlace(0);
              setLook(next);
            }}
          />
        </div>
        <Show when={answer()}>{(found) => <Stage answer={found()} look={look()} place={place()} setPlace={setPlace} />}</Show>
      </section>
      <ConvolveControls
        choice={choice()}
        look={look()}
        set={(patch) => setGiven({ ...choice(), ...patch })}
        open={({ look: next, choice: example }) => {
          setPlace(0);
          setLook(next);
          setGiven(example);
        }}
        answer={answer()}
      />
    </div>
  );
}

interface StageProps {
  readonly answer: ConvolveAnswer;
  readonly look: ConvolveLook;
  readonly place: number;
  readonly setPlace: (place: number) => void;
}

function Stage(props: StageProps): JSX.Element {
  return (
    <Switch>
      <Match when={props.look === "pool"}>
        <Pool {...props} />
      </Match>
      <Match when={props.look === "matrix"}>
        <Matrix {...props} />
      </Match>
      <Match when={true}>
        <Products {...props} />
      </Match>
    </Switch>
  );
}

const Sign = (props: { readonly children: string }): JSX.Element => (
  <span class="grid-sign" aria-hidden="true">
    {props.children}
  </span>
);

const FORMULAS: Readonly<Record<Exclude<ConvolveLook, "matrix" | "pool">, string>> = {
  forward: tex`y_{r,c} = b + \sum_{i,j} k_{i,j}\; x_{rS + iD - P,\; cS + jD - P}, \qquad W' = \left\lfloor \frac{W + 2P - D(K - 1) - 1}{S} \right\rfloor + 1`,
  kernel: tex`\frac{\partial L}{\partial k_{i,j}} = \sum_{r,c} g_{r,c}\; x_{rS + iD - P,\; cS + jD - P}`,
  input: tex`\frac{\partial L}{\partial x_{u,v}} = \sum_{r,c} g_{r,c}\; k_{i,j} \quad \text{where } rS + iD - P = u,\; cS + jD - P = v`,
};

/** The products of one sum: of an output, of a place of the kernel, or of a pixel. */
function Products(props: StageProps): JSX.Element {
  const choice = (): ConvolveChoice => props.answer.choice;
  const n = (): number => sideOf(choice().image);
  const k = (): number => sideOf(choice().kernel);
  const length = (): number =>
    ({ forward: props.answer.outputs.length, kernel: choice().kernel.length, input: choice().image.length })[mode()];
  const mode = (): "forward" | "kernel" | "input" => (props.look === "kernel" || props.look === "input" ? props.look : "forward");
  const place = (): number => Math.min(Math.max(0, Math.round(props.place)), length() - 1);
  const all = createMemo(() => productsOf(choice()));
  const part = { forward: "y", kernel: "k", input: "x" } as const;
  const products = createMemo(() => all().filter((product) => product[part[mode()]] === place()));
  const upstream = (): number[] => upstreamOf(props.answer.outputs.length);
  const terms = (): Term[] =>
    products().map(({ x, k: tap, y }) => {
      const pixel = props.answer.image[x] ?? 0;
      if (mode() === "forward") return { a: pixel, b: choice().kernel[tap]! };
      return mode() === "kernel" ? { a: pixel, b: upstream()[y]! } : { a: choice().kernel[tap]!, b: upstream()[y]! };
    });
  const result = (): readonly number[] =>
    ({ forward: props.answer.outputs, kernel: props.answer.kernelGradient, input: props.answer.inputGradient })[mode()];
  /** Cells of the padded image that products touch: each output's window is known, in the padding too. */
  const windowCells = createMemo(() => {
    const { stride, dilation, padding } = choice();
    const whole = n() + 2 * padding;
    return new Set(
      products().map(({ k: tap, y }) => {
        const [r, c] = [Math.floor(y / props.answer.side), y % props.answer.side];
        return (r * stride + Math.floor(tap / k()) * dilation) * whole + c * stride + (tap % k()) * dilation;
      }),
    );
  });
  const toWindow = (row: number, column: number): void => {
    const { stride, padding, dilation } = choice();
    const middle = (dilation * (k() - 1)) / 2;
    const to = (at: number): number => Math.max(0, Math.min(props.answer.side - 1, Math.round((at + padding - middle) / stride)));
    props.setPlace(to(row) * props.answer.side + to(column));
  };
  const size = (side: number): string => `${side} × ${side}`;
  const columns = (): number => n() + 2 * choice().padding + k() + props.answer.side;
  return (
    <>
      <div class="grids" style={{ "--columns": columns(), "--widest": Math.max(n() + 2 * choice().padding, props.answer.side) }}>
        <Show
          when={mode() === "input"}
          fallback={
            <NumberGrid
              title={`X, ${size(n())}${choice().padding > 0 ? `, padding ${choice().padding}` : ""}`}
              values={props.answer.image}
              side={n()}
              border={choice().padding}
              marks={windowCells()}
              {...(mode() === "forward" && {
                pick: () => {},
                pickAt: toWindow,
                press: { place: place(), side: props.answer.side, go: props.setPlace },
              })}
            />
          }
        >
          <NumberGrid title={`∂L/∂X, ${size(n())}`} values={result()} side={n()} chosen={place()} isResult pick={props.setPlace} />
        </Show>
        <Sign>{mode() === "forward" ? "∗" : mode() === "kernel" ? "" : "="}</Sign>
        <div class="grids-middle">
          <Show
            when={mode() === "kernel"}
            fallback={
              <NumberGrid title={`K, ${size(k())}`} values={choice().kernel} side={k()} marks={new Set(products().map((each) => each.k))} />
            }
          >
            <NumberGrid title={`∂L/∂K, ${size(k())}`} values={result()} side={k()} chosen={place()} isResult pick={props.setPlace} />
          </Show>
          <Show when={mode() === "forward"}>
            <NumberGrid title="products" values={terms().map(({ a, b }) => a * b)} side={k()} />
          </Show>
        </div>
        <Sign>{mode() === "forward" ? "=" : mode() === "kernel" ? "" : "∗"}</Sign>
        <Show
          when={mode() === "forward"}
          fallback={
            <NumberGrid
              title={`G = ∂L/∂Y, ${size(props.answer.side)}`}
              values={upstream()}
              side={props.answer.side}
              marks={new Set(products().map(({ y }) => y))}
            />
          }
        >
          <NumberGrid
            title={`Y, ${size(props.answer.side)}`}
            values={result()}
            side={props.answer.side}
            chosen={place()}
            isResult
            pick={props.setPlace}
          />
        </Show>
      </div>
      <p class="sum">
        <Show when={terms().length <= MOST_TERMS} fallback={`a sum of ${terms().length} products`}>
          {terms()
            .map(({ a, b }) => `${exact(a)}·${b < 0 ? `(${exact(b)})` : exact(b)}`)
            .join(" + ") || "no product"}
        </Show>
        <Show when={mode() === "forward" && choice().bias !== 0}> + bias {exact(choice().bias)}</Show> ={" "}
        <output data-out="sum">{exact(result()[place()] ?? Number.NaN)}</output>
      </p>
      <Formula math={FORMULAS[mode()]} />
      <div class="outs">
        <Out label="W, F, P, S, D" name="geometry" value={[n(), k(), choice().padding, choice().stride, choice().dilation].join(", ")} />
        <Out label="outputs on a side, W′" name="side" value={String(props.answer.side)} />
        <Out
          label={mode() === "forward" ? "products in a sum" : mode() === "kernel" ? "outputs that it is in" : "outputs that it touches"}
          name="terms"
          value={String(products().length)}
        />
        <Out
          label={`parameters, ${choice().filters} filters on ${choice().channels}`}
          name="parameters"
          value={counted(props.answer.parameters)}
        />
        <Show when={choice().right !== 0 || choice().down !== 0}>
          <Out
            label="the map moved along: difference"
            name="moved"
            value={props.answer.moved === undefined ? "no such shift" : exact(props.answer.moved)}
          />
        </Show>
      </div>
    </>
  );
}

function Matrix(props: StageProps): JSX.Element {
  const rows = (): number => props.answer.outputs.length;
  const columns = (): number => props.answer.image.length;
  const row = (): number => Math.min(Math.max(0, Math.round(props.place)), rows() - 1);
  const places = (): number => props.answer.matrix.filter((x) => x !== 0).length;
  let isHeld = false;
  const pick = (event: PointerEvent): void => {
    const { top, height } = (event.currentTarget as HTMLElement).getBoundingClientRect();
    props.setPlace(Math.max(0, Math.min(rows() - 1, Math.floor(((event.clientY - top) / height) * rows()))));
  };
  return (
    <>
      <div class="matrix-box" style={{ "--ratio": columns() / rows() }}>
        <Canvas
          label={`The matrix of the convolution, ${rows()} × ${columns()}: row ${row() + 1} makes output ${row() + 1}`}
          draw={(ctx, box, palette) =>
            convolutionMatrix(ctx, box, { values: props.answer.matrix, rows: rows(), columns: columns(), row: row() }, palette)
          }
          events={{
            style: { cursor: "ns-resize", "touch-action": "none" },
            onPointerDown: (event) => {
              isHeld = true;
              event.currentTarget.setPointerCapture(event.pointerId);
              pick(event);
            },
            onPointerMove: (event) => isHeld && pick(event),
            onPointerUp: () => {
              isHeld = false;
            },
          }}
        />
      </div>
      <Formula
        math={tex`\operatorname{vec}(Y) = M \operatorname{vec}(X) + b, \qquad \frac{\partial L}{\partial \operatorname{vec}(X)} = M^{\mathsf T} \operatorname{vec}(G)`}
      />
      <label class="stage-slider">
        <span>
          Output <output>{row() + 1}</output>
        </span>
        <input
          type="range"
          min="1"
          max={rows()}
          step="1"
          value={row() + 1}
          onInput={(event) => props.setPlace(event.currentTarget.valueAsNumber - 1)}
        />
      </label>
      <div class="outs">
        <Out label="rows × columns" name="matrix" value={`${rows()} × ${columns()}`} />
        <Out label="weights of a dense layer" name="dense" value={counted(rows() * columns())} />
        <Out label="places that are not 0" name="places" value={counted(places())} />
        <Out label="different weights" name="weights" value={String(props.answer.choice.kernel.length)} />
        <Out label="largest |M x + b − y|" name="forward" value={exact(props.answer.differences[0])} />
        <Out label="largest |Mᵀ g − ∂L/∂x|" name="back" value={exact(props.answer.differences[1])} />
      </div>
    </>
  );
}

function Pool(props: StageProps): JSX.Element {
  const choice = (): ConvolveChoice => props.answer.choice;
  const n = (): number => sideOf(choice().image);
  const place = (): number => Math.min(Math.max(0, Math.round(props.place)), props.answer.pooled.length - 1);
  const places = createMemo(() => pooledPlaces(choice(), place()));
  const inWindow = (): number[] => places().map((i) => props.answer.image[i]!);
  const toWindow = (row: number, column: number): void => {
    const { window, poolStride } = choice();
    const to = (at: number): number => Math.max(0, Math.min(props.answer.pooledSide - 1, Math.round((at - (window - 1) / 2) / poolStride)));
    props.setPlace(to(row) * props.answer.pooledSide + to(column));
  };
  return (
    <>
      <div class="grids" style={{ "--columns": n() + choice().window + props.answer.pooledSide, "--widest": n() }}>
        <NumberGrid
          title={`X, ${n()} × ${n()}`}
          values={props.answer.image}
          side={n()}
          marks={new Set(places())}
          {...(props.answer.winners.length > 0 && { chosen: props.answer.winners[place()]! })}
          pick={() => {}}
          pickAt={toWindow}
          press={{ place: place(), side: props.answer.pooledSide, go: props.setPlace }}
        />
        <div class="grids-middle">
          <NumberGrid title="the window" values={inWindow()} side={choice().window} />
        </div>
        <NumberGrid
          title={`pooled, ${props.answer.pooledSide} × ${props.answer.pooledSide}`}
          values={props.answer.pooled}
          side={props.answer.pooledSide}
          chosen={place()}
          isResult
          pick={props.setPlace}
        />
      </div>
      <p class="sum">
        {choice().pool} of {inWindow().map(exact).join(", ")} = <output data-out="sum">{exact(props.answer.pooled[place()]!)}</output>
      </p>
      <div class="outs">
        <Out label="outputs on a side" name="side" value={String(props.answer.pooledSide)} />
        <Out label="parameters" name="parameters" value="0" />
        <Out
          label="the gradient goes to"
          name="winners"
          value={choice().pool === "max" ? "the largest alone" : `all ${choice().window ** 2}, in equal parts`}
        />
        <Show when={choice().right !== 0 || choice().down !== 0}>
          <Out label="outputs that stay as the image moves" name="kept" value={percent(props.answer.kept)} />
        </Show>
      </div>
    </>
  );
}

export const convolve: Room = {
  View,
  describe() {
    const found = shown();
    if (!found) return "A kernel over an image";
    return `A kernel of ${sideOf(found.choice.kernel)} × ${sideOf(found.choice.kernel)} over ${sideOf(found.choice.image)} × ${sideOf(found.choice.image)} numbers gives ${found.side} × ${found.side}; the first output is ${fixed(found.outputs[0] ?? Number.NaN)}`;
  },
  table() {
    const found = shown();
    const named = (name: string, values: readonly number[]): string[][] =>
      values.map((value, i) => [`${name} ${Math.floor(i / sideOf(values)) + 1}, ${(i % sideOf(values)) + 1}`, exact(value)]);
    const rows = found
      ? [
          ...named("Y", found.outputs),
          ...named("X", found.image),
          ...named("K", found.choice.kernel),
          ...named("∂L/∂K", found.kernelGradient),
          ...named("∂L/∂X", found.inputGradient),
          ...named("pooled", found.pooled),
        ]
      : [];
    return { caption: "Image, kernel, outputs and derivatives", head: ["row, column", "value"], rows };
  },
};
