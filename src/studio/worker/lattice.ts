/** @file How finely the views look. */

/** Points on a side of the lattice that the layers bend. */
export const LATTICE = 33;

/** Bins of the histograms of z, and half the range that they divide. */
export const UNIT_BINS = 60;
export const UNIT_REACH = 6;
