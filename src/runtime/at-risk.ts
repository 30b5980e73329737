/**
 * @file Finds the cells that a program may have written when one of its host functions fails. A host function allocates arrays and can run out of memory; a
 * kernel cannot. Programs write cells as late as possible, so there are rarely any.
 */
import type { Address, Buffer, Program, Step } from "../kernel/kernel.ts";

/** The bindings that a program has written by the end of its last call of a host function. */
export function writtenBeforeHosts({ kernels, hosts = [], steps }: Program): Set<number> {
  const written = new Set<number>();
  const atRisk = new Set<number>();
  const write = (buffers: readonly Buffer[], args: readonly Address[]): void => {
    for (const [i, { binding }] of args.entries()) if (buffers[i]!.written) written.add(binding);
  };
  const visit = (list: readonly Step[]): void => {
    for (const s of list) {
      if (s.kind === "call") write(kernels[s.kernel]!.buffers, s.args);
      else if (s.kind === "copy") written.add(s.to.binding);
      else if (s.kind === "host") {
        write(hosts[s.host]!.buffers, s.args);
        for (const binding of written) atRisk.add(binding);
      } else if (s.kind === "branch") visit([...s.then, ...s.otherwise]);
      else {
        const body = s.kind === "while" ? [...s.test, ...s.body] : s.body;
        // Twice: what an iteration writes at its end is written before the host functions of the next iteration.
        visit([...body, ...body]);
      }
    }
  };
  if (hosts.length > 0) visit(steps);
  return atRisk;
}
