/**
 * @file Every test file that does not need Node, in a Worker of an isolated page in Chromium, on one thread and on two: `npm run test:browser`. A part of it runs
 * in the slow suite.
 */
import { pageFiles } from "./bundle.ts";
import { testInPage } from "./suite.ts";

testInPage([1, 2].flatMap((threads) => pageFiles().map((file) => ({ file, threads }))));
