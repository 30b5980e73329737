/** The words in UTF-8 with commas between them, a zero byte, and the text with their codes. @throws {RangeError} for a text with control characters below tab. */
export function shorten(text: string): Uint8Array<ArrayBuffer>;
