/**
 * @file `nabla train --distributed`: rank 0 does what `nabla train` does alone (the folder of the run, what is said), and tells the others the settings; all
 * ranks load the data and train. `--ranks` and `--restarts` start the ranks from here, and start them again.
 */
import { type Distributed, distribute } from "../distributed/distributed.ts";
import { checkSlurm, isLaunched, launchedSize } from "../distributed/mpi-library.ts";
import { ShardedOptimizer } from "../optim/sharded.ts";
import { Evaluator } from "../train/evaluate.ts";
import { fit } from "../train/fit.ts";
import { version } from "./info-command.ts";
import { Interruption } from "./interruption.ts";
import { fingerprint } from "./run-info.ts";
import { openSession, type Session, type Settled } from "./session.ts";

/** Flags that say how ranks work together; they are no settings, since a run goes on with any number of ranks. */
export interface DistributedFlags {
  readonly distributed?: boolean;
  readonly fast?: boolean;
  readonly shardOptimizer?: boolean;
}

/** The ranks, if the command is to train on several. @throws {Error} if a launcher has started several processes and nobody said what for. */
export async function ranksFor({ distributed, fast, shardOptimizer }: DistributedFlags): Promise<Distributed | undefined> {
  if (distributed) {
    const ranks = await distribute({ fast: fast ?? false });
    ranks.checkSame(`has nabla ${version()}`, "install the same version on all machines");
    return ranks;
  }
  if (shardOptimizer) throw new Error("--shard-optimizer divides the optimizer's state among ranks; it wants --distributed");
  if (fast) throw new Error("--fast is about how ranks add up; it wants --distributed");
  checkSlurm();
  const size = launchedSize() ?? 1;
  if (isLaunched() && size > 1)
    throw new Error(`mpirun has started ${size} processes, each of which would train by itself; to train together: --distributed`);
  return undefined;
}

/** Tells the other ranks what rank 0 trains with. */
export function announce(ranks: Distributed | undefined, settings: Settled): void {
  if (ranks) ranks.communicator.bytesOfFirst(new TextEncoder().encode(JSON.stringify(settings)));
}

/** A session on these ranks. */
export function sessionOn(ranks: Distributed, session: Session, { shardOptimizer }: DistributedFlags): Session {
  ranks.checkSame(`has loaded the data ${fingerprint(session.data)} from ${session.settings.data}`, "give all machines the same files");
  const { optimizer } = session.options;
  const sharded = shardOptimizer ? { optimizer: new ShardedOptimizer(optimizer, ranks) } : {};
  return { ...session, options: { ...session.options, ...sharded, distributed: ranks } };
}

/** What a rank other than 0 does; gives the exit code. */
export async function follow(ranks: Distributed, flags: DistributedFlags): Promise<number> {
  const bytes = ranks.communicator.bytesOfFirst(undefined);
  if (!bytes) throw new Error("internal: rank 0 has told no settings");
  const session = await openSession(JSON.parse(new TextDecoder().decode(bytes)) as Settled);
  const { model, data, options } = sessionOn(ranks, session, flags);
  const interruption = new Interruption(() => {});
  try {
    const { stopped } = await fit(model, data, { ...options, signal: interruption.signal });
    if (!stopped) await new Evaluator(model, data, options.loss, {}, ranks).measure(data.test);
    return 0;
  } finally {
    interruption.close();
  }
}
