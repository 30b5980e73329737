/** @file Learning-rate schedules: what the rate is multiplied by as training goes on. */

/** The factor of the learning rate when the share `done` of all steps, from 0 to 1, has been taken. */
export type Schedule = (done: number) => number;

/** ½(1 + cos π·done): slow, then fast, then slow from 1 to 0. Loshchilov & Hutter (2017), eq. 5, without restarts. */
export const cosine: Schedule = (done) => (1 + Math.cos(Math.PI * done)) / 2;
