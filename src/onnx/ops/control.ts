/**
 * @file Branches and loops. What is known on the host decides here; what is computed becomes `cond`, `scan` or `whileLoop` where a function is recorded, and is read
 * where none is.
 */

import type { OnnxDtype } from "../../formats/onnx.ts";
import { cond, scan } from "../../function/control.ts";
import { whileLoop } from "../../function/while.ts";
import { concatenate, stack, tensor } from "../../ops/create.ts";
import type { Tensor } from "../../ops/tensor.ts";
import { type Call, knownNow, type Op, type Plan, unsupported } from "../call.ts";
import { type Given, isSequence, Known, Live, range, type Value, whole } from "../value.ts";

/** Loops of at most so many turns are written out inside a recorded function; longer ones become one. */
const MOST_TURNS = 16;

function tensorOf(value: Value | undefined, what: string): Live {
  if (value === undefined || isSequence(value)) throw unsupported(`${what} that is no tensor`);
  return value instanceof Live ? value : new Live(value.tensor, value.dtype);
}

const flagOf = (value: Value | undefined): boolean | undefined => {
  const known = knownNow(value);
  return known && known.data[0] !== 0;
};

function branch(c: Call): Given[] {
  const [yes, no] = [c.graph("then_branch"), c.graph("else_branch")];
  const known = flagOf(c.value(0));
  if (known !== undefined) return c.run(known ? yes : no, []);
  const types: OnnxDtype[] = [];
  const side = (plan: Plan) => (): Tensor[] =>
    c.run(plan, []).map((value, i) => {
      const live = tensorOf(value, "a result of a branch");
      types[i] = live.dtype;
      return live.tensor;
    });
  const results: Tensor[] = cond(c.tensor(0).reshape([]).cast("bool"), side(yes), side(no));
  return results.map((x, i) => new Live(x, types[i]));
}

/** A turn of a loop: the next condition, what is carried, and what is collected. */
interface Turn {
  readonly on: Value | undefined;
  readonly carried: (Value | undefined)[];
  readonly collected: (Value | undefined)[];
}

function turn(c: Call, plan: Plan, i: Value, on: Value | undefined, carried: readonly (Value | undefined)[]): Turn {
  const results = c.run(plan, [i, on, ...carried]);
  return { on: results[0], carried: results.slice(1, 1 + carried.length), collected: results.slice(1 + carried.length) };
}

/** Values of all turns on a new first axis. */
function stacked(rows: readonly (Value | undefined)[]): Live {
  const lives = rows.map((row) => tensorOf(row, "what a loop collects"));
  return new Live(
    stack(
      lives.map(({ tensor: x }) => x),
      0,
    ),
    lives[0].dtype,
  );
}

const TRUE = new Known("bool", [], [1]);

function loop(c: Call): Given[] {
  const plan = c.graph("body");
  const limit = c.has(0) ? knownNow(c.value(0))?.data[0] : Number.POSITIVE_INFINITY;
  let on: Value | undefined = c.has(1) ? c.value(1) : TRUE;
  let carried: (Value | undefined)[] = c.inputs.slice(2);
  const rows: (Value | undefined)[][] = [];
  if (limit === undefined || flagOf(on) === undefined) return repeated(c, plan, on, carried);
  for (let i = 0; i < limit && flagOf(on); i++) {
    const next = turn(c, plan, whole([i], []), on, carried);
    if (flagOf(next.on) === undefined) return repeated(c, plan, c.inputs[1], c.inputs.slice(2));
    if (i === 0 && limit > MOST_TURNS && isRecording(next.carried) && next.on instanceof Known) {
      const all = counted(c, plan, limit, carried);
      if (all) return all;
    }
    ({ on, carried } = next);
    rows.push(next.collected);
  }
  const many = plan.outputs.length - 1 - carried.length;
  if (rows.length === 0) return [...carried, ...nothing(many, () => turn(c, plan, whole([0], []), on, carried).collected)];
  return [...carried, ...range(many).map((j) => stacked(rows.map((row) => row[j])))];
}

/** What a loop without turns collects: nothing, in the shape that one turn would have, where that can be told. */
function nothing(count: number, probe: () => (Value | undefined)[]): Given[] {
  if (count === 0) return [];
  try {
    return probe().map((value) => {
      const one = stacked([value]);
      return new Live(one.tensor.narrow(0, 0, 0), one.dtype);
    });
  } catch {
    return range(count).map(() => new Known("float", [0], [])); // the body reads what is not there
  }
}

const isRecording = (values: readonly (Value | undefined)[]): boolean => values.some((v) => v instanceof Live && knownNow(v) === undefined);

/** A loop of a known number of turns as one: what is carried keeps its type. */
function counted(c: Call, plan: Plan, turns: number, carried: readonly (Value | undefined)[]): Given[] | undefined {
  const start = carried.map((value) => tensorOf(value, "what a loop carries"));
  const types = start.map(({ dtype }) => dtype);
  let collectedTypes: OnnxDtype[] = [];
  try {
    const [last, ys] = scan(
      (state: Tensor[], i: Tensor): readonly [Tensor[], Tensor[]] => {
        const next = turn(
          c,
          plan,
          new Live(i, "int64"),
          TRUE,
          state.map((x, j) => new Live(x, types[j])),
        );
        const lives = next.collected.map((value) => tensorOf(value, "what a loop collects"));
        collectedTypes = lives.map(({ dtype }) => dtype);
        return [next.carried.map((value) => tensorOf(value, "what a loop carries").tensor), lives.map(({ tensor: x }) => x)];
      },
      start.map(({ tensor: x }) => x),
      tensor(Int32Array.from(range(turns)), { shape: [turns] }),
    );
    return [...last.map((x, i) => new Live(x, types[i])), ...ys.map((x, i) => new Live(x, collectedTypes[i]))];
  } catch {
    return undefined; // the body needs its counter, or shapes change: it is written out
  }
}

/** A loop that values end. */
function repeated(c: Call, plan: Plan, first: Value | undefined, given: readonly (Value | undefined)[]): Given[] {
  if (plan.outputs.length > 1 + given.length)
    throw unsupported(
      "a loop inside compile whose number of turns depends on values and that collects results, whose size would be unknown",
    );
  const start = given.map((value) => tensorOf(value, "what a loop carries"));
  const like = start[0]?.tensor ?? tensorOf(first, "the condition").tensor;
  const limit = c.has(0) ? c.tensor(0).reshape([]) : like.constantOf({ shape: [], dtype: "i32" }, 2 ** 31 - 1);
  type Carry = { i: Tensor; on: Tensor; state: Tensor[] };
  const carry: Carry = {
    i: like.constantOf({ shape: [], dtype: "i32" }, 0),
    on: first === undefined ? like.constantOf({ shape: [], dtype: "i32" }, 1).gt(0) : tensorOf(first, "the condition").tensor.reshape([]),
    state: start.map(({ tensor: x }) => x),
  };
  const last = whileLoop<Carry>(
    ({ i, on }) => on.and(i.lt(limit)),
    ({ i, on, state }) => {
      const next = turn(
        c,
        plan,
        new Live(i, "int64"),
        new Live(on, "bool"),
        state.map((x, j) => new Live(x, start[j].dtype)),
      );
      return {
        i: i.add(1),
        on: tensorOf(next.on, "the condition").tensor.reshape([]),
        state: next.carried.map((value) => tensorOf(value, "what a loop carries").tensor),
      };
    },
    carry,
  );
  return last.state.map((x, i) => new Live(x, start[i].dtype));
}

/** Version 8 has a batch axis and lengths before the states. */
function scanOver(c: Call): Given[] {
  const plan = c.graph("body");
  const count = c.int("num_scan_inputs", 1);
  if (c.opset < 9) return batchedScan(c, plan, count);
  return scanned(c, plan, c.inputs, count);
}

function batchedScan(c: Call, plan: Plan, count: number): Given[] {
  if (c.has(0)) throw unsupported("lengths of sequences in version 8");
  const inputs = c.inputs.slice(1).map((value) => tensorOf(value, "an input"));
  const batch = inputs[0].shape[0];
  const runs = range(batch).map((n) =>
    scanned(
      c,
      plan,
      inputs.map(({ tensor: x, dtype }) => new Live(x.select(0, n), dtype)),
      count,
    ),
  );
  return runs[0].map((_, i) => stacked(runs.map((run) => run[i] as Value)));
}

/** An input of a Scan: what it is cut from, and which axis is cut from which end. */
interface Sliced {
  readonly x: Tensor;
  readonly dtype: OnnxDtype;
  readonly axis: number;
  readonly reverse: boolean;
}

function scanned(c: Call, plan: Plan, inputs: readonly (Value | undefined)[], count: number): Given[] {
  const states = inputs.length - count;
  const axes = c.ints("scan_input_axes") ?? range(count).map(() => 0);
  const directions = c.ints("scan_input_directions") ?? range(count).map(() => 0);
  const sliced = inputs.slice(states).map((value, i): Sliced => {
    const { tensor: x, dtype } = tensorOf(value, "a scan input");
    return { x, dtype, axis: axes[i] < 0 ? axes[i] + x.rank : axes[i], reverse: directions[i] === 1 };
  });
  const outputs = plan.outputs.length - states;
  const outDirections = c.ints("scan_output_directions");
  const backwards = range(outputs).map((j) => outDirections?.[j] === 1);
  const { last, stacks } =
    asLoop(c, plan, inputs.slice(0, states), sliced, backwards) ?? writtenOut(c, plan, inputs.slice(0, states), sliced, backwards);
  const outAxes = c.ints("scan_output_axes");
  const collected = stacks.map(({ tensor: x, dtype }, j): Given => {
    const axis = outAxes?.[j] ?? 0;
    return new Live(x.moveAxis(0, axis < 0 ? axis + x.rank : axis), dtype);
  });
  return [...last, ...collected];
}

interface Scanned {
  readonly last: readonly (Value | undefined)[];
  /** What is collected, on a new first axis. */
  readonly stacks: readonly Live[];
}

/** One loop for all turns; undefined where the body reads what it computes. */
function asLoop(
  c: Call,
  plan: Plan,
  states: readonly (Value | undefined)[],
  sliced: readonly Sliced[],
  backwards: readonly boolean[],
): Scanned | undefined {
  // Where all run from the end the loop does, and what it collects stands where its slices did.
  const reverse = [...sliced.map((each) => each.reverse), ...backwards].every(Boolean);
  const start = states.map((value) => tensorOf(value, "what a loop carries"));
  let types: OnnxDtype[] = [];
  const facing = (x: Tensor, flipped: boolean): Tensor => (flipped ? x.flip(0) : x);
  try {
    const [last, stacks] = scan(
      (state: Tensor[], xs: Tensor[]): readonly [Tensor[], Tensor[]] => {
        const results = c.run(plan, [
          ...state.map((x, i) => new Live(x, start[i].dtype)),
          ...xs.map((x, i) => new Live(x, sliced[i].dtype)),
        ]);
        const lives = results.map((value) => tensorOf(value, "a result of a loop"));
        types = lives.slice(start.length).map(({ dtype }) => dtype);
        return [lives.slice(0, start.length).map(({ tensor: x }) => x), lives.slice(start.length).map(({ tensor: x }) => x)];
      },
      start.map(({ tensor: x }) => x),
      sliced.map((each) => facing(each.x.moveAxis(each.axis, 0), each.reverse !== reverse)),
      { reverse },
    );
    return {
      last: last.map((x, i) => new Live(x, start[i].dtype)),
      stacks: stacks.map((x, i) => new Live(facing(x, backwards[i] !== reverse), types[i])),
    };
  } catch {
    return undefined; // sizes or values in the body: it is written out
  }
}

/** One turn after another. */
function writtenOut(
  c: Call,
  plan: Plan,
  states: readonly (Value | undefined)[],
  sliced: readonly Sliced[],
  backwards: readonly boolean[],
): Scanned {
  const slices = sliced.map(({ x, axis, reverse, dtype }) => {
    const rows = range(x.shape[axis]).map((i) => new Live(x.select(axis, i), dtype));
    return reverse ? rows.reverse() : rows;
  });
  let carried: readonly (Value | undefined)[] = states;
  const rows: (Value | undefined)[][] = [];
  const count = slices[0]?.length ?? 0;
  for (let t = 0; t < count; t++) {
    const results = c.run(plan, [...carried, ...slices.map((each) => each[t])]);
    carried = results.slice(0, states.length);
    rows.push(results.slice(states.length));
  }
  if (count === 0) {
    const blank = sliced.map(
      ({ x, axis, dtype }) => new Live(x.constantOf({ shape: x.shape.toSpliced(axis, 1), dtype: x.dtype }, 0), dtype),
    );
    const stacks = nothing(backwards.length, () => c.run(plan, [...states, ...blank]).slice(states.length));
    return { last: states, stacks: stacks as Live[] };
  }
  const stacks = backwards.map((reverse, j) => {
    const column = rows.map((row) => row[j]);
    return stacked(reverse ? column.reverse() : column);
  });
  return { last: carried, stacks };
}

// ---- sequences ------------------------------------------------------------------------------------------------------------------------

const placeIn = (c: Call, i: number, length: number, most: number): number => {
  if (!c.has(i)) return length;
  const at = c.number(i);
  const place = at < 0 ? at + length : at;
  if (!(place >= 0 && place <= most)) throw new RangeError(`position ${at} of a sequence of ${length}`);
  return place;
};

function splitToSequence(c: Call): Given {
  const x = c.tensor(0);
  const axis = c.axis(0);
  const size = x.shape[axis];
  const given = c.has(1) ? c.known(1) : undefined;
  const each = given && given.shape.length === 0 ? given.data[0] : 1;
  const lengths =
    given && given.shape.length > 0 ? Array.from(given.data) : range(Math.ceil(size / each)).map((i) => Math.min(each, size - i * each));
  let start = 0;
  return lengths.map((length) => {
    start += length;
    const piece = x.narrow(axis, start - length, length);
    return new Live(!given && !c.flag("keepdims", true) ? piece.squeeze(axis) : piece, c.dtype(0));
  });
}

function concatFromSequence(c: Call): Given {
  const list = c.sequence(0).map((value) => tensorOf(value, "an element"));
  const all = list.map(({ tensor: x }) => x);
  const axis = c.int("axis", 0);
  const y = c.flag("new_axis")
    ? stack(all, axis < 0 ? axis + all[0].rank + 1 : axis)
    : concatenate(all, axis < 0 ? axis + all[0].rank : axis);
  return new Live(y, list[0].dtype);
}

function sequenceMap(c: Call): Given[] {
  const plan = c.graph("body");
  const first = c.sequence(0);
  const rows = first.map((_, i) => {
    return c.run(
      plan,
      c.inputs.map((value) => (isSequence(value) ? value[i] : value)),
    );
  });
  return plan.outputs.map((_, j) => rows.map((row) => row[j] as Value));
}

export const controls: Readonly<Record<string, Op>> = {
  If: { since: 1, run: branch },
  Loop: { since: 1, run: loop, limits: "inside compile a loop that values end collects nothing" },
  Scan: { since: 8, run: scanOver, limits: "lengths of sequences in version 8" },
  SequenceConstruct: { since: 11, run: (c) => c.inputs as Value[] },
  SequenceEmpty: { since: 11, run: () => [] as Value[] },
  SequenceAt: { since: 11, host: [1], run: (c) => [c.sequence(0)[placeIn(c, 1, c.sequence(0).length, c.sequence(0).length - 1)]] },
  SequenceInsert: {
    since: 11,
    host: [2],
    run: (c) => {
      const list = c.sequence(0);
      return list.toSpliced(placeIn(c, 2, list.length, list.length), 0, c.value(1)) as Value[];
    },
  },
  SequenceErase: {
    since: 11,
    host: [1],
    run: (c) => {
      const list = c.sequence(0);
      const at = c.has(1) ? placeIn(c, 1, list.length, list.length - 1) : list.length - 1;
      return list.toSpliced(at, 1) as Value[];
    },
  },
  SequenceLength: { since: 11, run: (c) => whole([c.sequence(0).length], []) },
  SplitToSequence: { since: 11, host: [1], run: splitToSequence },
  ConcatFromSequence: { since: 11, run: concatFromSequence },
  SequenceMap: { since: 17, run: sequenceMap },
  Optional: { since: 15, run: (c) => [c.inputs[0]] },
  OptionalGetElement: { since: 15, run: (c) => [c.value(0)] },
  OptionalHasElement: { since: 15, run: (c) => new Known("bool", [], [Number(c.has(0))]) },
};
