/** @file Spells out the words that the build has shortened to one byte or two (scripts/studio-words.mjs). */

/** The text of the bytes: words in UTF-8 with commas between them, a zero byte, and a text with codes of words. */
export function spell(bytes: Uint8Array<ArrayBuffer>): string {
  const end = bytes.indexOf(0);
  const words = new TextDecoder().decode(bytes.subarray(0, end)).split(",");
  const parts: string[] = [];
  for (let i = end + 1; i < bytes.length; i++) {
    const code = bytes[i]!;
    if (code >= 128) parts.push(words[code - 128]!);
    else if (code > 0 && code < 9) parts.push(words[128 + (code - 1) * 200 + bytes[++i]! - 32]!);
    else parts.push(String.fromCharCode(code));
  }
  return parts.join("");
}
