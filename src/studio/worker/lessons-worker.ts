/** @file The worker of the served page that computes the points of all five lectures; loaded when the lessons are opened. */
import { demos } from "../../demo/index.ts";
import { answer } from "./entry.ts";

answer(demos);
