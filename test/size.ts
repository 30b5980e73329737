/**
 * @file How much a randomized test does: a small count in `npm test`, the full one in `npm run test:nightly`, which sets NABLA_FULL_TESTS. A page has no
 * environment and runs the small count.
 */
const full = (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env?.NABLA_FULL_TESTS === "1";

export const sized = (small: number, whole: number): number => (full ? whole : small);
