/**
 * @file Whether a rank that does not answer is at work or gone. A rank that works alone for minutes (it evaluates, or writes to a slow disk) must not end the others, and
 * one that is gone must not keep them waiting.
 */
import { builtinModule, nodeModule } from "../base/host.ts";

/** What is known of a process: of one on another machine nothing. */
export type State = "at work" | "gone" | "unknown";

interface Files {
  readFileSync(path: string, encoding: "utf8"): string;
  readlinkSync(path: string): string;
}

interface System {
  hostname(): string;
}

let system: System | undefined;

/** The name of this machine. */
export function hostName(): string {
  system ??= builtinModule<System>("node:os");
  return system?.hostname() ?? "page";
}

/** This process: its machine, as far as the machine's processes see each other (a container is one), and its number there. */
export async function ownProcess(): Promise<string> {
  system ??= await nodeModule<System>("node:os");
  const files = await nodeModule<Files>("node:fs");
  const namespaces = ["pid", "net"].map((kind) => {
    try {
      return files.readlinkSync(`/proc/self/ns/${kind}`);
    } catch {
      return "";
    }
  });
  return `${hostName()} ${namespaces.join(" ")}\n${process.pid}`;
}

/** The processes of all ranks. */
export class Presence {
  readonly #machines: readonly string[];
  readonly #processes: readonly number[];
  readonly #own: number;

  /** @param said What {@link ownProcess} gave on every rank, `own` being this one. */
  constructor(said: readonly string[], own: number) {
    const pairs = said.map((text) => text.split("\n") as [machine: string, pid: string]);
    this.#machines = pairs.map(([machine]) => machine);
    this.#processes = pairs.map(([, pid]) => Number(pid));
    this.#own = own;
  }

  of(rank: number): State {
    if (this.#machines[rank] !== this.#machines[this.#own]) return "unknown";
    return runs(this.#processes[rank]!) ? "at work" : "gone";
  }

  /** The number of a rank's process on its machine. */
  processOf(rank: number): number {
    return this.#processes[rank]!;
  }
}

/** Whether a process of this machine runs. One that has ended stays in the list until its parent has asked for it. */
function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // It exists, and belongs to somebody else.
    return (error as { code?: string }).code === "EPERM";
  }
  try {
    const stat = builtinModule<Files>("node:fs")?.readFileSync(`/proc/${pid}/stat`, "utf8") ?? "";
    // The name of the program, in parentheses, may have spaces and parentheses.
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return true;
  }
}
