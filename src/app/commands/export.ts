// `cosearch export`: a layer, an accelerator and a mapping as the files of Timeloop, MAESTRO, SCALE-Sim or ZigZag.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ExportRequest, exportLayer } from "../../../experiments/export-layer.js";
import { CosearchError } from "../../core/errors.js";
import { EXIT } from "../exit-codes.js";
import { type Terminal, table } from "../terminal.js";

export interface ExportCommandOptions extends ExportRequest {
  readonly out: string;
  readonly json?: boolean;
}

/** @returns EXIT.infeasible when there is no mapping to write. Nothing is written unless everything can be */
export async function exportCommand(options: ExportCommandOptions, terminal: Terminal): Promise<number> {
  const outcome = exportLayer(options);
  if (outcome.kind === "infeasible") {
    const { reason, violations, code } = outcome.infeasible;
    if (options.json) terminal.out(`${JSON.stringify(outcome, null, 2)}\n`);
    terminal.err(`infeasible (${code}): ${reason}\n`);
    const rows = violations.map(({ subject, needed, available, unit }) => [
      subject,
      String(needed),
      String(available),
      unit,
    ]);
    if (rows.length > 0) terminal.err(table(["what", "needed", "available", "unit"], rows));
    return EXIT.infeasible;
  }
  const paths = outcome.files.map(({ name }) => join(options.out, name));
  try {
    if (!existsSync(options.out)) mkdirSync(options.out, { recursive: true });
    outcome.files.forEach(({ text }, i) => {
      writeFileSync(paths[i]!, text);
    });
  } catch (error) {
    throw new CosearchError("FILE_UNREADABLE", `--out ${options.out}: ${(error as Error).message}`, { cause: error });
  }
  const { format, layer, notes } = outcome;
  if (options.json) terminal.out(`${JSON.stringify({ format, layer, files: paths, notes }, null, 2)}\n`);
  else {
    terminal.out(paths.map((path) => `${path}\n`).join(""));
    terminal.err(notes.map((note) => `note: ${note}\n`).join(""));
  }
  return EXIT.ok;
}
