/** @file The worker of the served page: sessions alone, so that it loads fast. */
import { answer } from "./entry.ts";

answer();
