/** @file `nabla/distributed`: training on many machines through MPI. */
import "../runtime/evaluate.ts";

export type { Flight } from "../ops/collective.ts";
export { Communicator, type Elements, single, type Transport } from "./communicator.ts";
export { Distributed, type DistributedOptions, distribute, type Part } from "./distributed.ts";
export type { MessageRequest } from "./flights.ts";
export { type MpiOptions, mpi } from "./mpi.ts";
export { LostRank } from "./mpi-request.ts";
export { threads, threadsMemory } from "./threads.ts";
