/** @file Points on a side of the lattice that the layers bend. */
export const LATTICE = 33;
