// Who follows a run from the command line: the log in the run folder, and the picture for whoever watches.
import type { ComposedStudy } from "../../experiments/compose.js";
import type { RunListener } from "../study/listeners.js";
import { LOG_FILE, type RunFolder } from "../study/run-folder.js";
import { liveView } from "../track/live.js";
import { runLog } from "../track/run-log.js";
import type { Terminal } from "./terminal.js";

export function runListeners(
  composed: ComposedStudy,
  folder: RunFolder,
  options: { readonly quiet?: boolean },
  terminal: Terminal,
): RunListener[] {
  const log = runLog({ file: folder.file(LOG_FILE), clock: Date.now });
  if (options.quiet || !terminal.interactive) return [log];
  const { columns, rows } = terminal;
  const view = liveView({
    screen: { write: (text) => terminal.err(text), columns, ...(rows !== undefined && { rows }) },
    interactive: true,
    color: terminal.colour,
    clock: Date.now,
    metrics: composed.axes.map(({ metric }) => metric),
  });
  return [log, view];
}
