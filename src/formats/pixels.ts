/** @file Images in memory. */

/** An image as bytes of colour. */
export interface Image {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 3 red, green, blue. */
  readonly channels: 1 | 3;
  /** Rows from the top, pixels from the left, channels together; 0 to 255. */
  readonly data: Uint8Array;
}
