/** @file The square that is shown: half its side. */
export const EXTENT = 1.15;
