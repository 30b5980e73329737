/** @file Places that are too long for a link: kept in this browser, and named in the link, so that a reload and the way back find them. */

const KEY = "nabla-studio-places";

/** More are not kept: the oldest goes. */
const MOST = 10;

/** A kept place is shorter; what is longer is not kept. */
const MOST_CHARACTERS = 300_000;

const isPlace = (each: unknown): each is [id: string, text: string] =>
  Array.isArray(each) && each.length === 2 && each.every((part) => typeof part === "string");

function stored(): [id: string, text: string][] {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "[]") as unknown;
    return Array.isArray(found) ? found.filter(isPlace) : [];
  } catch {
    return [];
  }
}

/** 64 bits of a text, two multiplications by odd constants (Knuth): the same text has the same name. */
function nameOf(text: string): string {
  let [a, b] = [0x9e3779b9, 0x85ebca6b];
  for (let i = 0; i < text.length; i++) {
    a = Math.imul(a ^ text.charCodeAt(i), 2654435761);
    b = Math.imul(b ^ text.charCodeAt(i), 1597334677) ^ (a >>> 13);
  }
  return (a >>> 0).toString(36) + (b >>> 0).toString(36);
}

/** Keeps a text; gives its name, or undefined where there is no room for it. */
export function keepPlace(text: string): string | undefined {
  if (text.length > MOST_CHARACTERS) return undefined;
  const id = nameOf(text);
  try {
    localStorage.setItem(KEY, JSON.stringify([[id, text], ...stored().filter(([other]) => other !== id)].slice(0, MOST)));
    return id;
  } catch {
    return undefined;
  }
}

export const keptPlace = (id: string): string | undefined => stored().find(([name]) => name === id)?.[1];
