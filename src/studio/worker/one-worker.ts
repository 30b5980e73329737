/** @file The worker of the one file: sessions, and the points of the three lectures that the rooms are about. All five would make the file a third larger. */
import { activations } from "../../demo/activations.ts";
import { derivatives } from "../../demo/derivatives.ts";
import { networks } from "../../demo/networks.ts";
import { answer } from "./entry.ts";

answer([...networks, ...derivatives, ...activations]);
