/** @file One Chromium for the tests of a file. */
import { existsSync } from "node:fs";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll } from "vitest";
import { CHROMIUM, launch } from "../../../scripts/page.mjs";

export const hasChromium: boolean = existsSync(CHROMIUM);

/** There while tests run, where Chromium is installed. */
export let browser: Browser;

beforeAll(async () => {
  if (hasChromium) browser = await launch();
});
afterAll(async () => {
  await browser?.close();
});
