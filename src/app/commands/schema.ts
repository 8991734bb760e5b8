// `cosearch schema`: what each kind of file may hold, as JSON Schema.
import { fileSchema, SCHEMA_KINDS } from "../../../experiments/registry.js";
import { CosearchError, suggestion } from "../../core/errors.js";
import { EXIT } from "../exit-codes.js";
import type { Terminal } from "../terminal.js";

/** @throws CosearchError USAGE */
export async function schemaCommand(kind: string | undefined, terminal: Terminal): Promise<number> {
  const wanted = SCHEMA_KINDS.find((name) => name === (kind ?? "study"));
  if (wanted === undefined) {
    throw new CosearchError("USAGE", `schema ${kind}: no such kind of file${suggestion(kind ?? "", SCHEMA_KINDS)}`);
  }
  terminal.out(`${JSON.stringify(fileSchema(wanted), null, 2)}\n`);
  return EXIT.ok;
}
