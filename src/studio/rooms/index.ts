/** @file The rooms, in the order of the rail. Each is loaded when it is entered. */
import type { RoomEntry } from "./room.ts";

export const ROOMS: readonly RoomEntry[] = [
  {
    id: "boundary",
    title: "Boundary",
    icon: "M4 4h16v16H4zM4 15c5 0 5-8 9-8s3 5 7 5",
    load: async () => (await import("./boundary.tsx")).boundary,
  },
  {
    id: "units",
    title: "Units",
    icon: "M3 18h6c3 0 3-12 6-12h6M12 3v18",
    load: async () => (await import("./units.tsx")).units,
  },
  {
    id: "flow",
    title: "Flow",
    icon: "M3 7c5 0 5 4 9 4s4-2 9-2M3 12c5 0 5 2 9 2s4-1 9-1M3 17c5 0 5-1 9-1s4 .5 9 .5",
    load: async () => (await import("./flow.tsx")).flow,
  },
  {
    id: "spectra",
    title: "Spectra",
    icon: "M3 19h18M5 19v-4M9 19v-9M13 19V7M17 19v-6M4 12c4-9 10-9 15 5",
    timeless: true,
    load: async () => (await import("./spectra.tsx")).spectra,
  },
  {
    id: "landscape",
    title: "Landscape",
    icon: "M3 6c3 0 4 11 8 11s4-7 6-7 2 3 4 3M3 20h18M8 8a1.500 1.500 0 1 0 3 0a1.500 1.500 0 1 0-3 0",
    load: async () => (await import("./landscape.tsx")).landscape,
  },
  {
    id: "list",
    title: "List",
    icon: "M5 6h4v4H5zM5 14h4v4H5zM15 10h4v4h-4zM9 8l6 4M9 16l6-4",
    timeless: true,
    load: async () => (await import("./list.tsx")).list,
  },
  {
    id: "convolve",
    title: "Convolve",
    icon: "M4 4h10v10H4zM4 9h10M9 4v10M14 14l6 6M16 20h4v-4",
    timeless: true,
    load: async () => (await import("./convolve.tsx")).convolve,
  },
  {
    id: "maps",
    title: "Maps",
    icon: "M3 5h8v8H3zM13 3h8v6h-8zM13 11h8v4h-8zM13 17h8v4h-8zM5 16v4h4",
    timeless: true,
    load: async () => (await import("./maps.tsx")).maps,
  },
  {
    id: "model",
    title: "Model",
    icon: "M9 4h6v4H9zM3 16h6v4H3zM15 16h6v4h-6zM12 8v4M6 16v-4h12v4",
    timeless: true,
    load: async () => (await import("./model.tsx")).model,
  },
  {
    id: "approximate",
    title: "Curves",
    icon: "M3 17l4-7 4 5 4-9 6 8M3 19c4-12 6-3 9-6s5-7 9-4",
    timeless: true,
    load: async () => (await import("./approximate.tsx")).approximate,
  },
  {
    id: "duel",
    title: "Duel",
    icon: "M4 12a8 8 0 0 1 8-8M20 12a8 8 0 0 1-8 8M8 4h4v4M16 20h-4v-4M9 12h.01M15 12h.01",
    load: async () => (await import("./duel.tsx")).duel,
  },
  {
    id: "norm",
    title: "Norm",
    icon: "M4 6h5M4 12h5M4 18h5M15 12h6M9 6l6 6-6 6M18 9v6",
    load: async () => (await import("./norm.tsx")).norm,
  },
  {
    id: "decide",
    title: "Decide",
    icon: "M4 4h7v5H4zM13 4h7v5h-7zM4 11h7v5H4zM14 15l2.5 3L21 12",
    timeless: true,
    load: async () => (await import("./decide.tsx")).decide,
  },
  {
    id: "runs",
    title: "Runs",
    icon: "M4 4v16h16M7 14c3-1 3-6 6-7s4 1 7-1M7 17c4 0 5-4 7-4s3 1 6 0",
    load: async () => (await import("./runs.tsx")).runs,
  },
];
