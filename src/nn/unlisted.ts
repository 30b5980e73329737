/**
 * @file Parameters that a module uses and does not list. A layer in a `#private` field, or in a variable that `forward` closes over, cannot be found by looking: an
 * optimizer would never get its parameters, and a file would miss them. The first time that a module is called from outside, what is read is compared with
 * what it lists.
 */
import { type Cell, watchReads } from "../runtime/cell.ts";
import { isFrozen } from "../runtime/frozen.ts";
import { Parameter } from "./parameter.ts";

/** What is asked of a module. */
interface Listing {
  parameters(): readonly Parameter[];
}

const looked: WeakSet<Listing> = new WeakSet();
const told: WeakSet<object> = new WeakSet();
let inside = false;

/** Runs `forward`; parameters that it reads and the module does not list are named in one warning for each class. Frozen ones need not be listed. */
export function checkListed<T>(module: Listing, forward: () => T): T {
  if (inside || looked.has(module)) return forward();
  looked.add(module);
  module.parameters(); // guards the properties of all modules below, so that forward cannot put anything else there
  inside = true;
  const read = new Set<Parameter>();
  const note = (cell: Cell): void => {
    if (cell instanceof Parameter && !isFrozen(cell)) read.add(cell);
  };
  try {
    return watchReads(note, forward);
  } finally {
    inside = false;
    tell(module, read);
  }
}

const SHOWN = 4;

function tell(module: Listing, read: ReadonlySet<Parameter>): void {
  const listed = new Set(module.parameters());
  const missing = [...read].filter((parameter) => !listed.has(parameter));
  const kind = module.constructor;
  if (missing.length === 0 || told.has(kind)) return;
  told.add(kind);
  const names = missing.slice(0, SHOWN).map((parameter) => `${parameter}`);
  const more = missing.length > SHOWN ? ` and ${missing.length - SHOWN} more` : "";
  console.warn(
    `${kind.name}: forward uses ${missing.length} parameter${missing.length === 1 ? "" : "s"} that the module does not list (${names.join(", ")}${more}): it cannot see into #private fields and closures, so parameters(), stateDict() and train() pass them by, and they are neither trained nor saved. Keep the layer in a public field (or in an array, a plain object, a Map or a Set there); freeze() one that is meant to stay apart`,
  );
}
