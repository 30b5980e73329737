/** @file Rails: pictures, probabilities, a threshold against the plan of least cost, and the weeks of work. */
import { createEffect, createMemo, type JSX } from "solid-js";
import { railImages } from "../../demo/planning/rail-images.ts";
import { hoursOf, type Policy, policiesOver, RAIL, type RailTask, thresholdPlan } from "../../demo/planning/rail-plan.ts";
import { segmentAt, segments } from "../draw/segments.ts";
import { Board, type Chip } from "../ui/board.tsx";
import { Canvas } from "../ui/canvas.tsx";
import { Choice, Num, NumWithin, Segments } from "../ui/controls.tsx";
import {
  atThreshold,
  BEST_RAILS,
  FAILURES,
  isRailPlan,
  isSolved,
  policiesOf,
  railCost,
  railFaults,
  railKey,
  railNumbers,
  railTask,
  type Solved,
  STATED_RAIL,
  seedOf,
  thresholdSweep,
  WEEKS,
} from "../worker/decide-choice.ts";
import { RailCosts, type Way, waysOf } from "./decide-costs.tsx";
import { DecideTabs, Solve, type Told, tell, Verdict, type ViewProps } from "./decide-solve.tsx";

const PLANS = ["threshold", "best", "own"] as const;
type Plan = (typeof PLANS)[number];

const ACTIONS = ["none", "grind", "replace"] as const;
const LETTER = { none: "", grind: "g", replace: "R" } as const;
const SIDE = 32;

interface Shown {
  readonly task: RailTask;
  readonly policies: readonly Policy[];
  readonly ways: readonly Way[];
  readonly faults: readonly string[];
}

const within = (given: unknown, [low, high]: readonly [number, number], first: number): number =>
  typeof given === "number" && given >= low && given <= high ? given : first;

export function RailView(props: ViewProps): JSX.Element {
  const { studio } = props;
  const [givenSeed, setGivenSeed] = studio.view<number>("rails", STATED_RAIL);
  const [givenFailure, setFailure] = studio.view<number>("failure", RAIL.failure);
  const [givenThreshold, setThreshold] = studio.view<number>("threshold", 0.5);
  const [givenPlan, setPlan] = studio.view<Plan>("plan", "threshold");
  const [givenOwn, setOwn] = studio.view<readonly number[]>("own", []);
  const [solved, setSolved] = studio.view<Solved | null>("rail plan", null);
  const [chosen, setChosen] = studio.view<number>("segment", 3);
  // A change of any control lets all be asked for anew; what comes out the same changes nothing further.
  const seed = createMemo(() => seedOf(givenSeed(), STATED_RAIL));
  const failure = createMemo(() => within(givenFailure(), FAILURES, RAIL.failure));
  const threshold = createMemo(() => within(givenThreshold(), [0, 1], 0.5));
  const key = (): string => railKey(seed(), failure());
  const task = createMemo(() => railTask(seed(), failure()));
  const sweep = createMemo(() => thresholdSweep(task()));
  const best = createMemo((): Solved | undefined => {
    const found = [solved(), ...BEST_RAILS].find((each) => isSolved(each, key(), isRailPlan));
    return found ? { ...found, cost: railCost(policiesOf(found.plan), task()) } : undefined;
  });
  const byThreshold = createMemo(() => thresholdPlan(task(), threshold()).policies);
  const plan = createMemo(
    (): Plan => (givenPlan() === "own" && isRailPlan(givenOwn()) ? "own" : givenPlan() === "best" && best() ? "best" : "threshold"),
  );
  const policies = createMemo((): readonly Policy[] =>
    plan() === "own" ? policiesOf(givenOwn()) : plan() === "best" ? policiesOf(best()!.plan) : byThreshold(),
  );
  const faults = createMemo(() => railFaults(policies(), task()));
  const segment = (): number => Math.round(within(chosen(), [1, 24], 3)) - 1;
  const costs = createMemo(() => ({
    sweep: sweep(),
    threshold: atThreshold(task(), threshold()),
    half: atThreshold(task(), 0.5),
    best: best(),
    cost: railCost(policies(), task()),
    isByThreshold: plan() === "threshold",
  }));
  createEffect(() => tell(toldOf({ task: task(), policies: policies(), ways: waysOf(costs()), faults: faults() })));
  const change = (i: number, policy: Policy): void => {
    setOwn(railNumbers(policies().map((old, k) => (k === i ? policy : old))));
    setPlan("own");
  };
  /** What is changed to weeks that are not there stays in the first or the last. */
  const act = (action: Policy["action"], week: number): void =>
    change(segment(), action === "none" ? policiesOver(0)[0]! : { action, week: Math.max(0, Math.min(WEEKS - 1, week)) });
  const other = (number: number): void => {
    setGivenSeed(number);
    setPlan("threshold");
  };
  return (
    <div class="room boundary decide">
      <section class="stage" aria-label="Segments, and when they are treated">
        <DecideTabs tab={props.tab} setTab={props.setTab} />
        <Pictures task={task()} policies={policies()} threshold={threshold()} chosen={segment()} choose={(i) => setChosen(i + 1)} />
        <p class="legend units-legend">
          <span>0.93: how probable a defect is; the pictures are made to fit</span>
          <span>
            <i class="made-point">■</i> above the threshold
          </span>
          <span>g2: ground in week 2, R: replaced</span>
        </p>
        <Weeks task={task()} policies={policies()} chosen={segment()} choose={(i) => setChosen(i + 1)} change={change} />
        <Verdict faults={faults()} />
      </section>
      <RailCosts {...costs()} />
      <section class="controls" aria-label="Plan">
        <div class="group">
          <Segments
            label="Plan"
            value={plan()}
            options={PLANS}
            names={{ threshold: "Threshold", best: "Best", own: "Own" }}
            set={(next) => {
              if (next === "best" && !best()) studio.say("this instance has no best plan yet: solve it");
              else {
                if (next === "own" && plan() !== "own") setOwn(railNumbers(policies()));
                setPlan(next);
              }
            }}
          />
          <Num
            label="Threshold"
            value={threshold()}
            min={0}
            max={1}
            step={0.01}
            set={(t) => {
              setThreshold(t);
              setPlan("threshold");
            }}
          />
          <NumWithin label="Failure" unit="cost" value={failure()} range={FAILURES} step={25} set={setFailure} />
        </div>
        <div class="group">
          <Num label="Segment" value={segment() + 1} min={1} max={24} step={1} whole set={setChosen} />
          <Choice
            label="Work"
            value={policies()[segment()]!.action}
            options={ACTIONS}
            names={{ none: "nothing", grind: "grind: 4, 2 h", replace: "replace: 18, 6 h" }}
            set={(action) => act(action, policies()[segment()]!.week)}
          />
          <Num
            label="Week"
            value={policies()[segment()]!.week + 1}
            min={1}
            max={WEEKS}
            step={1}
            whole
            set={(week) => act(policies()[segment()]!.action, week - 1)}
          />
        </div>
        <Solve
          studio={studio}
          command={{ do: "rail", seed: seed(), failure: failure() }}
          wanted={key()}
          setSeed={other}
          best={best()}
          take={(found) => {
            setSolved(found);
            setPlan("best");
          }}
        />
        <p class="hint">
          A line that is closed for a week costs {RAIL.closure}, once for all work on it then. A week has {RAIL.hours} hours. Drag work to
          another week, or use the arrow keys on it; a picture that is pressed is the segment above.
        </p>
      </section>
    </div>
  );
}

interface PicturesProps {
  readonly task: RailTask;
  readonly policies: readonly Policy[];
  readonly threshold: number;
  readonly chosen: number;
  readonly choose: (i: number) => void;
}

/** Pictures made to fit: a segment that is more probably defective than not is drawn with a defect. */
function Pictures(props: PicturesProps): JSX.Element {
  const scratch = document.createElement("canvas");
  const pixels = createMemo(
    () =>
      railImages(
        props.task.defect.map((p) => (p > 0.5 ? 1 : 0)),
        11,
      ).pixels,
  );
  return (
    <div class="curve-box segments-box">
      <Canvas
        label={`24 segments of three lines; the most probably defective is segment ${props.task.defect.indexOf(Math.max(...props.task.defect)) + 1}`}
        draw={(ctx, box, palette) =>
          segments(
            ctx,
            box,
            {
              pixels: pixels(),
              side: SIDE,
              defect: props.task.defect,
              perLine: props.task.perLine,
              work: props.policies.map(({ action, week }) => (action === "none" ? "" : `${LETTER[action]}${week + 1}`)),
              threshold: props.threshold,
              chosen: props.chosen,
            },
            scratch,
            palette,
          )
        }
        events={{
          style: { cursor: "pointer" },
          onPointerDown: (event) => {
            const { left, top, width, height } = event.currentTarget.getBoundingClientRect();
            props.choose(segmentAt({ width, height }, 24, props.task.perLine, event.clientX - left, event.clientY - top));
          },
        }}
      />
    </div>
  );
}

interface WeeksProps {
  readonly task: RailTask;
  readonly policies: readonly Policy[];
  readonly chosen: number;
  readonly choose: (i: number) => void;
  readonly change: (i: number, policy: Policy) => void;
}

function Weeks(props: WeeksProps): JSX.Element {
  const late = (i: number, { week }: Policy): boolean => props.task.defect[i]! > RAIL.urgent.above && week >= RAIL.urgent.weeks;
  const chips = (): Chip[] =>
    props.policies.flatMap((policy, i): Chip[] =>
      policy.action === "none"
        ? []
        : [
            {
              id: String(i),
              text: `${i + 1}${LETTER[policy.action]}`,
              title: `segment ${i + 1}, ${policy.action === "grind" ? "ground" : "replaced"} in week ${policy.week + 1}`,
              row: Math.floor(i / props.task.perLine),
              column: policy.week,
              tone: policy.action === "grind" ? "high" : "low",
              isBad: late(i, policy),
            },
          ],
    );
  const hours = (): { text: string; isBad: boolean }[] =>
    hoursOf(props.policies, WEEKS).map((used) => ({ text: `${used}/${RAIL.hours}`, isBad: used > RAIL.hours }));
  return (
    <Board
      caption="Weeks of work"
      columns={Array.from({ length: WEEKS }, (_, w) => `week ${w + 1}`)}
      rows={["A", "B", "C"].map((name) => ({ name: `line ${name}`, note: "" }))}
      chips={chips()}
      chosen={String(props.chosen)}
      choose={(id) => props.choose(Number(id))}
      // A segment lies on its line: only the week is moved.
      move={(id, _row, week) => props.change(Number(id), { ...props.policies[Number(id)]!, week })}
      feet={hours()}
    />
  );
}

function toldOf({ task, policies, ways, faults }: Shown): Told {
  const costs = ways.map(([name, above, , cost]) => `${name}${above === "–" ? "" : ` above ${above}`} ${cost}`);
  const work = task.defect.map((p, i) => {
    const { action, week } = policies[i]!;
    return [`segment ${i + 1}`, p.toFixed(3), "", action === "none" ? "nothing" : `${action}, week ${week + 1}`];
  });
  return {
    words: `Costs: ${costs.join(", ")}. ${faults.length === 0 ? "The plan keeps all rows" : faults.join("; ")}`,
    table: {
      caption: "Plan of the rails",
      head: ["what", "threshold, or chance of a defect", "right, %", "cost, or work"],
      rows: [...ways, ...work],
    },
  };
}
