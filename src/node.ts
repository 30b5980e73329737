/** @file The public face in Node: what every host has, and the backend that only Node can run. */
import "./runtime/x64/register.ts";

export * from "./index.ts";
