// The formats that a design can be written in.
import type { ExportDesign, Exported } from "./design.js";
import { exportMaestro } from "./maestro.js";
import { exportScalesim } from "./scalesim.js";
import { exportTimeloop } from "./timeloop.js";
import { exportZigzag } from "./zigzag.js";

export const EXPORTERS = {
  timeloop: exportTimeloop,
  maestro: exportMaestro,
  scalesim: exportScalesim,
  zigzag: exportZigzag,
} as const satisfies Record<string, (design: ExportDesign) => Exported>;

export type ExportFormat = keyof typeof EXPORTERS;
export const EXPORT_FORMATS = Object.keys(EXPORTERS) as ExportFormat[];
