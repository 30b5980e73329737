/** @file Circles in a graph of files: what the tests of imports and of limits both look for. */

/** The circles among files and what each imports: strongly connected components of two files or more, and files that import themselves (Tarjan 1972), each sorted. */
export function circles(targets: ReadonlyMap<string, readonly string[]>): string[][] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (file: string): void => {
    index.set(file, index.size);
    low.set(file, index.get(file)!);
    stack.push(file);
    for (const next of targets.get(file) ?? []) {
      if (!index.has(next)) visit(next);
      if (stack.includes(next)) low.set(file, Math.min(low.get(file)!, low.get(next)!));
    }
    if (low.get(file) !== index.get(file)) return;
    const component = stack.splice(stack.indexOf(file)).sort();
    if (component.length > 1 || targets.get(file)?.includes(file)) found.push(component);
  };
  for (const file of targets.keys()) if (!index.has(file)) visit(file);
  return found;
}
