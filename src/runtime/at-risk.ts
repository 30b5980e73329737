/**
 * @file Which cells a program may have written when one of its host functions fails. A host function makes arrays, so it can run out of memory; a
 * kernel cannot. Programs write cells last where they can, so there are rarely any.
 */
import type { Address, Buffer, Program, Step } from "../kernel/kernel.ts";

/** Bindings that have been written when the last call of a host function ends. */
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
        // Twice: what an iteration writes last, it has written before the host functions of the next.
        visit([...body, ...body]);
      }
    }
  };
  if (hosts.length > 0) visit(steps);
  return atRisk;
}
