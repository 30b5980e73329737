/** @file Parameters in groups: which are frozen, which learn at another rate. What decays is in `optim/groups.ts`, which knows no modules. */
import { check, fn, listOf } from "../base/check.ts";
import { checkModule, type Module } from "./module.ts";
import type { Parameter } from "./parameter.ts";

/** Whether a parameter belongs to a group, from its name, itself, and the module that owns it. */
export type ParameterPredicate = (name: string, parameter: Parameter, owner: Module) => boolean;

/**
 * The parameters of a module in groups: each goes to the first predicate that holds, the rest to one more group at the end. Every parameter
 * is in exactly one group.
 */
export function groupParameters(module: Module, ...predicates: readonly ParameterPredicate[]): Parameter[][] {
  checkModule("groupParameters: the module", module);
  check("groupParameters: predicates", predicates, listOf(fn));
  const groups: Parameter[][] = [...predicates.map(() => []), []];
  const owners = new Map<string, Module>(module.namedModules().map(([name, owner]) => [name, owner]));
  for (const [name, parameter] of module.namedParameters()) {
    const at = predicates.findIndex((holds) => holds(name, parameter, ownerOf(name, owners, module)));
    groups[at < 0 ? predicates.length : at].push(parameter);
  }
  return groups;
}

/** The module with the longest name that the parameter's begins with. */
function ownerOf(name: string, owners: ReadonlyMap<string, Module>, root: Module): Module {
  for (let cut = name.lastIndexOf("."); cut > 0; cut = name.lastIndexOf(".", cut - 1)) {
    const owner = owners.get(name.slice(0, cut));
    if (owner) return owner;
  }
  return root;
}
