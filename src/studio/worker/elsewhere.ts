/** @file What the worker of the one file has in the place of the computations of rooms that are in the served page alone. */
const refuse = (room: string): never => {
  throw new Error(`the room ${room} is in the served page alone: npx nabla studio`);
};

export const regularize = (): never => refuse("Norm");

export class DuelDesk {
  constructor() {
    refuse("Duel");
  }
}
