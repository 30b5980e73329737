/** @file Icons of lines, 24 × 24. */
import type { JSX } from "solid-js";

export const ICONS = {
  play: "M7 4.5v15l12-7.5z",
  pause: "M7 5h3.5v14H7zM13.5 5H17v14h-3.5z",
  step: "M6 5v14l9-7zM17 5v14",
  reset: "M4.5 12a7.5 7.5 0 1 0 2.5-5.6M4.5 4.5v3.5H8",
  lessons: "M5 5.5c2.5-1 5-.7 7 1 2-1.700 4.500-2 7-1v13c-2.500-1-5-.7-7 1-2-1.700-4.500-2-7-1zM12 6.500v13",
  table: "M4 5h16v14H4zM4 10h16M4 14.500h16M10 5v14",
  share: "M10 14l8-8M13 5h6v6M18 14v5H5V6h5",
  save: "M12 4v11M7.500 11l4.500 4.500 4.500-4.500M5 19.500h14",
  theme: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16",
  help: "M9 9.500a3 3 0 1 1 4.500 2.600c-1 .6-1.500 1.100-1.500 2.400M12 18v.5",
  close: "M6 6l12 12M18 6L6 18",
} as const;

export function Icon(props: { readonly path: string }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={props.path} />
    </svg>
  );
}
