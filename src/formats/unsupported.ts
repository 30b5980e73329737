/** @file Files that are whole and legal, but of a kind that is not read: their errors must not say "damaged". */

const UNSUPPORTED = "unsupported";

export const unsupported = (message: string): Error => new Error(message, { cause: UNSUPPORTED });
export const isUnsupported = (error: unknown): boolean => error instanceof Error && error.cause === UNSUPPORTED;
