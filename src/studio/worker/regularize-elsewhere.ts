/** @file What the worker of the one file has in the place of the computations of the room Norm: nothing, as that room is in the served page alone. */
export const regularize = (): never => {
  throw new Error("the room Norm is in the served page alone: npx nabla studio");
};
