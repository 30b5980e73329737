/** @file Crews: who works where on which day, moved by hand; what the plan costs and breaks; and who stands at the gate. */
import { createEffect, createMemo, type JSX, Show } from "solid-js";
import { CREW, type CrewTask, refusal } from "../../demo/planning/crew-plan.ts";
import { Board, type Chip } from "../ui/board.tsx";
import { Choice, Num, Out } from "../ui/controls.tsx";
import { Formula } from "../ui/formula.tsx";
import {
  BEST_CREW,
  CREW_SIZE,
  crewCost,
  crewFaults,
  crewKey,
  crewTask,
  type Gate,
  gateFaults,
  isCrewPlan,
  isSolved,
  NO_GATE,
  readGate,
  type Solved,
  STATED_CREW,
  seedOf,
  shutGate,
  sitesOf,
} from "../worker/decide-choice.ts";
import { DecideTabs, Solve, type Told, tell, Verdict, type ViewProps } from "./decide-solve.tsx";

const [CREWS, SITES, DAYS] = CREW_SIZE;
const SKILLS = ["△", "□", "○"];

interface Shown {
  readonly sites: readonly (readonly (number | undefined)[])[];
  readonly cost: number;
  readonly best: Solved | undefined;
  readonly faults: readonly string[];
}

const NOTHING: readonly number[] = new Array<number>(CREWS * DAYS).fill(-1);

export function CrewView(props: ViewProps): JSX.Element {
  const { studio } = props;
  const [givenSeed, setGivenSeed] = studio.view<number>("crews", STATED_CREW);
  const [given, setPlan] = studio.view<readonly number[]>("schedule", []);
  const [solved, setSolved] = studio.view<Solved | null>("crew plan", null);
  const [givenGate, setGate] = studio.view<Gate>("gate", NO_GATE);
  const [chosen, setChosen] = studio.view<string>("chip", "0 0");
  // A change of any control lets all be asked for anew; what comes out the same changes nothing further.
  const seed = createMemo(() => seedOf(givenSeed(), STATED_CREW));
  const gate = createMemo((): Gate => readGate(givenGate()));
  const task = createMemo(() => crewTask(seed()));
  const key = (): string => crewKey(seed(), gate());
  const best = createMemo((): Solved | undefined => {
    const found = [solved(), BEST_CREW].find((each) => isSolved(each, key(), isCrewPlan));
    return found ? { ...found, cost: crewCost(found.plan, task()) } : undefined;
  });
  const plan = createMemo((): readonly number[] => {
    if (isCrewPlan(given())) return given();
    return best()?.plan ?? (seed() === STATED_CREW ? BEST_CREW.plan : NOTHING);
  });
  const sites = createMemo(() => sitesOf(plan()));
  const faults = createMemo(() => crewFaults(sites(), task(), gate()));
  const cost = (): number => crewCost(plan(), task());
  const isShut = (): boolean => shutGate(task(), gate()) !== undefined;
  const crewDay = (): readonly [crew: number, day: number] => {
    const [c = 0, d = 0] = String(chosen()).split(" ").map(Number);
    return [Math.max(0, Math.min(CREWS - 1, c || 0)), Math.max(0, Math.min(DAYS - 1, d || 0))];
  };
  const put = (c: number, from: number, to: number, site: number): void => {
    const next = [...plan()];
    // What the crew does on the other day changes places with it.
    next[c * DAYS + from] = next[c * DAYS + to]!;
    next[c * DAYS + to] = site;
    setPlan(next);
    setChosen(`${c} ${to}`);
  };
  createEffect(() => tell(toldOf({ sites: sites(), cost: cost(), best: best(), faults: faults() })));
  const work = (): string => {
    const [c, d] = crewDay();
    const j = plan()[c * DAYS + d]!;
    return j < 0 ? "free" : `site ${j + 1}`;
  };
  return (
    <div class="room boundary decide crews">
      <section class="stage" aria-label="Sites and days">
        <DecideTabs tab={props.tab} setTab={props.setTab} />
        <CrewBoard
          task={task()}
          sites={sites()}
          chosen={crewDay().join(" ")}
          choose={setChosen}
          put={put}
          gate={gate()}
          isRefused={gateFaults(sites(), task(), gate()).length > 0}
          setGate={setGate}
        />
        <p class="legend units-legend">
          <span>1–8: a crew that works there that day</span>
          <span>△ □ ○: the skill a site needs, !: a certificate</span>
          <span>
            <i class="key closed" /> not open yet
          </span>
          <span>
            <i class="key late" /> late
          </span>
        </p>
      </section>
      <section class="middle" aria-label="Is it allowed, and what does it cost">
        <h2>What the plan costs</h2>
        <Verdict faults={faults()} />
        <div class="outs">
          <Out label="cost of the plan" name="cost" value={cost().toFixed(2)} />
          <Out label="least cost" name="best" value={isShut() ? "none" : best() ? best()!.cost.toFixed(2) : "–"} />
          <Out label="above the least" name="above" value={best() ? (cost() - best()!.cost).toFixed(2) : "–"} />
          <Out label="rows broken" name="broken" value={String(faults().length)} />
        </div>
        <CrewFacts task={task()} crew={crewDay()[0]} site={plan()[crewDay()[0] * DAYS + crewDay()[1]]!} />
        <p class="hint">
          A day of work costs {CREW.day}, and {CREW.distance} for each unit of the way from where the crew was seen; a change of site{" "}
          {CREW.change}; a day too late {CREW.late} times the weight of the site. A site holds {CREW.most} crews. A plan that breaks a row
          is none, whatever it costs.
        </p>
        <Formula math={tex`\textstyle \sum_j x_{cjd} \le 1 \quad \sum_{c,d} x_{cjd} = n_j \quad \sum_c x_{cjd} \le 2`} />
      </section>
      <section class="controls" aria-label="Plan and gate">
        <div class="group">
          <Num
            label="Crew"
            value={crewDay()[0] + 1}
            min={1}
            max={CREWS}
            step={1}
            whole
            set={(c) => setChosen(`${c - 1} ${crewDay()[1]}`)}
          />
          <Num label="Day" value={crewDay()[1] + 1} min={1} max={DAYS} step={1} whole set={(d) => setChosen(`${crewDay()[0]} ${d - 1}`)} />
          <Choice
            label="Works at"
            value={work()}
            options={["free", ...Array.from({ length: SITES }, (_, j) => `site ${j + 1}`)]}
            set={(name) => put(crewDay()[0], crewDay()[1], crewDay()[1], name === "free" ? -1 : Number(name.slice(5)) - 1)}
          />
          <Show when={isCrewPlan(given())}>
            <button type="button" class="plain" onClick={() => setPlan([])}>
              {best() ? "Back to the best plan" : "Begin again"}
            </button>
          </Show>
        </div>
        <GateControls gate={gate()} set={setGate} />
        <Solve
          studio={studio}
          command={{ do: "crew", seed: seed(), gate: gate() }}
          wanted={key()}
          setSeed={(number) => {
            setGivenSeed(number);
            setPlan([]);
          }}
          best={best()}
          isInfeasible={isShut()}
          take={(found) => {
            setSolved(found);
            setPlan([]);
          }}
        />
        <p class="hint">Drag a crew to another site or day, or use the arrow keys on it. The last row is who is free.</p>
      </section>
    </div>
  );
}

interface FactsProps {
  readonly task: CrewTask;
  readonly crew: number;
  /** -1 for none. */
  readonly site: number;
}

/** What the chosen crew can do, and what its site needs. */
function CrewFacts(props: FactsProps): JSX.Element {
  const crew = () => props.task.crews[props.crew]!;
  const site = () => props.task.sites[props.site];
  const skills = (): string =>
    crew()
      .skills.flatMap((has, k) => (has ? [SKILLS[k]] : []))
      .join(" ");
  return (
    <>
      <p class="hint">
        <b>Crew {props.crew + 1}</b>: {skills() ? `skills ${skills()}` : "no skills"},{" "}
        {crew().certificate ? "certificate" : "no certificate"}; seen at site {crew().at + 1}.
      </p>
      <Show when={site()}>
        {(here) => (
          <p class="hint">
            <b>Site {props.site + 1}</b>: needs {SKILLS[here().skill]}
            {here().certificate ? " and the certificate" : ""}, {here().days} {here().days === 1 ? "day" : "days"} from day{" "}
            {here().release + 1}; late after day {here().due + 1}, weight {here().weight}.
          </p>
        )}
      </Show>
    </>
  );
}

function GateControls(props: { readonly gate: Gate; readonly set: (gate: Gate) => void }): JSX.Element {
  const names = ["nobody", "an unknown face", ...Array.from({ length: CREWS }, (_, c) => `crew ${c + 1}`)];
  const name = (): string =>
    props.gate.who === "nobody" ? "nobody" : props.gate.who === "unknown" ? "an unknown face" : `crew ${props.gate.who + 1}`;
  const whoIs = (text: string): Gate["who"] =>
    text === "nobody" ? "nobody" : text.startsWith("crew") ? Number(text.slice(5)) - 1 : "unknown";
  return (
    <div class="group">
      <Choice label="At a gate" value={name()} options={names} set={(text) => props.set({ ...props.gate, who: whoIs(text) })} />
      <Show when={props.gate.who !== "nobody"}>
        <Num
          label="Its site"
          value={props.gate.site + 1}
          min={1}
          max={SITES}
          step={1}
          whole
          set={(site) => props.set({ ...props.gate, site: site - 1 })}
        />
      </Show>
    </div>
  );
}

interface CrewBoardProps {
  readonly task: CrewTask;
  readonly sites: readonly (readonly (number | undefined)[])[];
  readonly chosen: string;
  readonly choose: (id: string) => void;
  readonly put: (crew: number, from: number, to: number, site: number) => void;
  readonly gate: Gate;
  /** Whether who is at the gate breaks a row. */
  readonly isRefused: boolean;
  readonly setGate: (gate: Gate) => void;
}

/** Whoever stands at the gate, as a chip. */
const GATE = "gate";

function CrewBoard(props: CrewBoardProps): JSX.Element {
  const chips = (): Chip[] =>
    props.sites.flatMap((days, c) =>
      days.map((site, d): Chip => {
        const why = site === undefined ? undefined : refusal(props.task.crews[c]!, props.task.sites[site]!, d);
        return {
          id: `${c} ${d}`,
          text: String(c + 1),
          title: `crew ${c + 1}, day ${d + 1}, ${site === undefined ? "free" : `site ${site + 1}`}${why ? `: ${why}` : ""}`,
          row: site ?? SITES,
          column: d,
          ...(site !== undefined && { tone: "high" as const }),
          isBad: why !== undefined,
        };
      }),
    );
  const atGate = (): Chip[] => {
    const { who, site } = props.gate;
    if (who === "nobody") return [];
    const name = who === "unknown" ? "an unknown face" : `crew ${who + 1}`;
    return [
      {
        id: GATE,
        text: who === "unknown" ? "?" : `${who + 1}?`,
        title: `at the gate of site ${site + 1}: ${name}`,
        row: site,
        column: 0,
        isBad: props.isRefused,
      },
    ];
  };
  const cell = (row: number, day: number): string => {
    const site = props.task.sites[row];
    return site === undefined ? "" : day < site.release ? "closed" : day > site.due ? "late" : "";
  };
  const rows = () => [
    ...props.task.sites.map(({ skill, certificate, days, release }, j) => ({
      name: `${j + 1} ${SKILLS[skill]}${certificate ? " !" : ""}`,
      note: `${days} d${release > 0 ? `, from ${release + 1}` : ""}`,
    })),
    { name: "free", note: "" },
  ];
  return (
    <Board
      caption="Sites and days"
      columns={Array.from({ length: DAYS }, (_, d) => `day ${d + 1}`)}
      rows={rows()}
      chips={[...chips(), ...atGate()]}
      chosen={props.chosen}
      choose={(id) => id !== GATE && props.choose(id)}
      cell={cell}
      move={(id, row, column) => {
        if (id === GATE) {
          if (row < SITES) props.setGate({ ...props.gate, site: row });
          return;
        }
        const [c, d] = id.split(" ").map(Number) as [number, number];
        props.put(c, d, column, row === SITES ? -1 : row);
      }}
    />
  );
}

function toldOf({ sites, cost, best, faults }: Shown): Told {
  const least = best?.cost.toFixed(2);
  const one = (name: string, value: string): string[] => [name, value, ...new Array<string>(DAYS - 1).fill("")];
  return {
    words: `The plan shown costs ${cost.toFixed(2)}, the least is ${least ?? "not known"}; ${faults.length === 0 ? "it keeps all rows" : `it breaks: ${faults.join("; ")}`}`,
    table: {
      caption: "Plan of the crews",
      head: ["crew", ...Array.from({ length: DAYS }, (_, d) => `day ${d + 1}`)],
      rows: [
        one("cost of the plan shown", cost.toFixed(2)),
        one("least cost", least ?? "–"),
        ...sites.map((days, c) => [`crew ${c + 1}`, ...days.map((site) => (site === undefined ? "free" : `site ${site + 1}`))]),
      ],
    },
  };
}
