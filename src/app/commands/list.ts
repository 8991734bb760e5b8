// `cosearch list`: everything that a study or a command can name.
import { LIST_KINDS, LISTS, type ListKind } from "../../../experiments/registry.js";
import { CosearchError, suggestion } from "../../core/errors.js";
import { EXIT } from "../exit-codes.js";
import type { Terminal } from "../terminal.js";
import { table } from "../terminal.js";

/** @throws CosearchError USAGE */
export async function listCommand(
  kind: string | undefined,
  options: { readonly json?: boolean },
  terminal: Terminal,
): Promise<number> {
  const kinds = kind === undefined ? LIST_KINDS : LIST_KINDS.filter((name) => name === kind);
  if (kinds.length === 0) {
    throw new CosearchError("USAGE", `list ${kind}: no such kind${suggestion(kind ?? "", LIST_KINDS)}`);
  }
  const lists = Object.fromEntries(kinds.map((name) => [name, LISTS[name]()])) as Record<
    ListKind,
    ReturnType<(typeof LISTS)[ListKind]>
  >;
  if (options.json) {
    terminal.out(`${JSON.stringify(lists, null, 2)}\n`);
    return EXIT.ok;
  }
  for (const name of kinds) {
    terminal.out(`${terminal.paint.bold(name)}\n`);
    terminal.out(
      `${table(
        ["name", "what it is"],
        lists[name].map((entry) => [entry.name, entry.summary]),
      )}\n`,
    );
  }
  return EXIT.ok;
}
