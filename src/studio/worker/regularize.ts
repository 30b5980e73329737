/** @file Questions of the room Norm, by what they are about. */
import { bagging, fitting } from "./fitting.ts";
import { masks } from "./masks.ts";
import { averages, norms } from "./norms.ts";
import { type MatricesQuestion, matricesOf, penalties } from "./penalties.ts";

const ANSWERS = { norms, averages, penalties, masks, bagging, fitting } as const;

export type RegularizeCommand =
  | { readonly do: "regularize"; readonly about: keyof typeof ANSWERS; readonly question: unknown }
  | { readonly do: "regularize"; readonly about: "matrices"; readonly question: MatricesQuestion };

export const regularize = (command: RegularizeCommand): unknown =>
  command.about === "matrices" ? matricesOf(command.question) : ANSWERS[command.about](command.question);
