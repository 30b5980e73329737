/** @file The room List: a formula as a graph of its instructions; the derivative as a sum over paths; and the game of eliminating vertices. */
import { createEffect, createMemo, createSignal, For, type JSX, Show } from "solid-js";
import { desk } from "../source/source.ts";
import type { Studio } from "../state/studio.ts";
import { Choice, Num, Out, Segments } from "../ui/controls.tsx";
import { fixed } from "../ui/numbers.ts";
import type { GraphAnswer } from "../worker/graphs.ts";
import { eliminated, type WeightedEdge } from "../worker/merge.ts";
import { FORMULA_EXAMPLES } from "./formula-examples.ts";
import { GraphView } from "./graph-view.tsx";
import type { Room } from "./room.ts";

const LOOKS = ["paths", "eliminate"] as const;
type Look = (typeof LOOKS)[number];

/** Paths that are written out. */
const LISTED = 24;

/** What the table and the description show too. */
const [shown, setShown] = createSignal<GraphAnswer>();

function View(props: { readonly studio: Studio }): JSX.Element {
  const { studio } = props;
  const [look, setLook] = studio.view<Look>("look", "paths");
  const [text, setText] = studio.view<string>("formula", FORMULA_EXAMPLES[0]!.text);
  const [values, setValues] = studio.view<Readonly<Record<string, number>>>("values", FORMULA_EXAMPLES[0]!.values);
  const [answer, setAnswer] = createSignal<GraphAnswer>();
  const [fault, setFault] = createSignal("");
  studio.watch(() => []);
  let number = 0;
  createEffect(() => {
    const own = ++number;
    desk()
      .send<GraphAnswer>({ do: "graph", text: text(), values: values() })
      .then(
        (found) => {
          if (own !== number) return;
          setFault("");
          setAnswer(() => found);
          setShown(() => found);
        },
        (error: Error) => {
          if (own === number) setFault(error.message);
        },
      );
  });
  const example = () => FORMULA_EXAMPLES.find((each) => each.text === text());
  const choose = (name: string): void => {
    const found = FORMULA_EXAMPLES.find((each) => each.name === name);
    if (!found) return;
    setValues(found.values);
    setText(found.text);
  };
  return (
    <div class="room boundary list">
      <section class="stage" aria-label="The graph of the formula">
        <div class="stage-head">
          <Segments label="View" value={look()} options={LOOKS} names={{ paths: "Paths", eliminate: "Eliminate" }} set={setLook} />
        </div>
        <Show when={answer()}>
          {(found) => (
            <Show when={look() === "paths"} fallback={<Elimination answer={found()} />}>
              <PathsView answer={found()} />
            </Show>
          )}
        </Show>
      </section>
      <section class="controls" aria-label="The formula">
        <div class="group">
          <Choice
            label="Example"
            value={example()?.name ?? "your own"}
            options={[...FORMULA_EXAMPLES.map(({ name }) => name), ...(example() ? [] : ["your own"])]}
            set={choose}
          />
          <Show when={example()}>{(found) => <p class="hint">{found().hint}</p>}</Show>
        </div>
        <div class="group">
          <label for="formula">Formula, one result a line</label>
          <textarea
            id="formula"
            rows={6}
            spellcheck={false}
            value={text().replaceAll("; ", "\n")}
            aria-invalid={fault() !== ""}
            aria-describedby="formula-fault"
            onInput={(event) => setText(event.currentTarget.value.replaceAll("\n", "; "))}
          />
          <p id="formula-fault" class={fault() ? "bad" : "hint"}>
            {fault() || "+ − * / ^, sin, cos, exp, ln, sqrt, tanh, sigmoid, relu, abs"}
          </p>
        </div>
        <div class="group">
          <For each={answer()?.inputs ?? []}>
            {(name) => (
              <Num
                label={name}
                value={values()[name] ?? 1}
                min={-5}
                max={5}
                step={0.05}
                set={(value) => setValues({ ...values(), [name]: value })}
              />
            )}
          </For>
        </div>
      </section>
    </div>
  );
}

/** The paths between an input and an output: products along each, and their sum. */
function PathsView(props: { readonly answer: GraphAnswer }): JSX.Element {
  const [input, setInput] = createSignal(0);
  const [output, setOutput] = createSignal(0);
  const [lit, setLit] = createSignal(-1);
  const from = (): number => Math.min(input(), props.answer.inputs.length - 1);
  const to = (): number => Math.min(output(), props.answer.outputs.length - 1);
  const between = createMemo(() => {
    const [first, last] = [props.answer.inputVertices[from()], props.answer.outputVertices[to()]];
    return props.answer.paths.filter(({ vertices }) => vertices[0] === first && vertices.at(-1) === last);
  });
  const marked = createMemo(() => {
    const chosen = lit() >= 0 ? between().slice(lit(), lit() + 1) : between();
    return new Set(chosen.flatMap(({ vertices }) => vertices.slice(1).map((v, i) => `${vertices[i]} ${v}`)));
  });
  const names = (vertices: readonly number[]): string => vertices.map((v) => props.answer.labels[v]!.name).join(" → ");
  return (
    <>
      <GraphView answer={props.answer} edges={props.answer.edges} marked={marked()} />
      <div class="choices">
        <Choice
          label="Derivative of"
          value={props.answer.outputs[to()]!}
          options={props.answer.outputs}
          set={(name) => setOutput(props.answer.outputs.indexOf(name))}
        />
        <Choice
          label="by"
          value={props.answer.inputs[from()]!}
          options={props.answer.inputs}
          set={(name) => setInput(props.answer.inputs.indexOf(name))}
        />
      </div>
      <ol class="paths" onMouseLeave={() => setLit(-1)}>
        <For each={between().slice(0, LISTED)} fallback={<li class="hint">No path leads there: the derivative is 0.</li>}>
          {(path, i) => (
            <li>
              <button
                type="button"
                classList={{ lit: lit() === i() }}
                onMouseEnter={() => setLit(i())}
                onFocus={() => setLit(i())}
                onBlur={() => setLit(-1)}
              >
                <span>{names(path.vertices)}</span>
                <output class="product">{fixed(path.product)}</output>
              </button>
            </li>
          )}
        </For>
      </ol>
      <Show when={between().length > LISTED}>
        <p class="hint">and {between().length - LISTED} more</p>
      </Show>
      <div class="outs">
        <Out
          label={`∂${props.answer.outputs[to()]}/∂${props.answer.inputs[from()]}, the sum`}
          name="derivative"
          value={fixed(props.answer.jacobian[to()]![from()]!, 6)}
        />
        <Out label="paths between the two" name="paths" value={String(between().length)} />
        <Out label="paths in all" name="all-paths" value={String(props.answer.totalPaths)} />
        <Out label="multiplications, each path written out" name="multiplications" value={String(props.answer.multiplications)} />
      </div>
    </>
  );
}

/** Vertices are clicked away; edges merge. The fewest multiplications win. */
function Elimination(props: { readonly answer: GraphAnswer }): JSX.Element {
  const [order, setOrder] = createSignal<readonly number[]>([]);
  createEffect(() => {
    void props.answer;
    setOrder([]);
  });
  const inner = (): number[] => {
    const ends = new Set([...props.answer.inputVertices, ...props.answer.outputVertices]);
    return props.answer.labels.map((_, v) => v).filter((v) => !ends.has(v));
  };
  const state = createMemo(() => {
    let edges: readonly WeightedEdge[] = props.answer.edges;
    let cost = 0;
    let made: ReadonlySet<string> = new Set();
    for (const v of order()) {
      const next = eliminated(edges, v);
      edges = next.edges;
      cost += next.cost;
      made = next.made;
    }
    return { edges, cost, made };
  });
  const isDone = (): boolean => order().length >= inner().length;
  const next = (v: number): void => {
    if (inner().includes(v) && !order().includes(v)) setOrder([...order(), v]);
  };
  const { orders } = props.answer;
  const verdict = (): string => {
    if (!isDone()) return `${inner().length - order().length} vertices left: pick one to take it out.`;
    const best = props.answer.orders.best.cost;
    return state().cost <= best
      ? "As few as there can be. Every edge is now a derivative."
      : `Done, with ${state().cost - best} more than the best order.`;
  };
  return (
    <>
      <GraphView answer={props.answer} edges={state().edges} marked={state().made} gone={order()} pick={next} inner={inner()} />
      <p class="hint" role="status">
        {verdict()}
      </p>
      <div class="buttons">
        <button type="button" class="plain" disabled={order().length === 0} onClick={() => setOrder(order().slice(0, -1))}>
          Undo
        </button>
        <button type="button" class="plain" disabled={order().length === 0} onClick={() => setOrder([])}>
          Again
        </button>
        <For
          each={
            [
              ["forward", "Forward"],
              ["reverse", "Reverse"],
              ["best", "Best"],
            ] as const
          }
        >
          {([key, name]) => (
            <button type="button" class="plain" onClick={() => setOrder(props.answer.orders[key].order)}>
              {name}: {props.answer.orders[key].cost}
            </button>
          )}
        </For>
      </div>
      <div class="outs">
        <Out label="multiplications so far" name="cost" value={String(state().cost)} class="big" />
        <Out
          label="best order of vertices"
          name="best"
          value={`${props.answer.orders.best.cost}${orders.best.optimal ? "" : " (found, not proven)"}`}
          class="big"
        />
        <Out label="forward mode" name="forward" value={String(props.answer.orders.forward.cost)} />
        <Out label="reverse mode" name="reverse" value={String(props.answer.orders.reverse.cost)} />
      </div>
    </>
  );
}

export const list: Room = {
  View,
  describe() {
    const found = shown();
    if (!found) return "A formula as a graph";
    return `${found.labels.length} vertices, ${found.totalPaths} paths; forward ${found.orders.forward.cost}, reverse ${found.orders.reverse.cost}, best ${found.orders.best.cost} multiplications`;
  },
  table() {
    const found = shown();
    const name = (v: number): string => found!.labels[v]!.name;
    const vertices = found?.labels.map(({ name: own, op, value }) => [own, op, fixed(value, 6)]) ?? [];
    const edges = found?.edges.map(({ from, to, weight }) => [`∂${name(to)}/∂${name(from)}`, "edge", fixed(weight, 6)]) ?? [];
    const derivatives =
      found?.jacobian.flatMap((row, i) => row.map((d, j) => [`∂${found.outputs[i]}/∂${found.inputs[j]}`, "derivative", fixed(d, 6)])) ?? [];
    return { caption: "Vertices, edges and derivatives", head: ["name", "what", "value"], rows: [...vertices, ...edges, ...derivatives] };
  },
};
