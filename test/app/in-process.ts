// One command line of the program in this process, with what it prints, for tests that need no process of their own.
import { main } from "../../src/app/main.js";
import { plainPaint, type Terminal } from "../../src/app/terminal.js";

export async function cosearch(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const text = { out: "", err: "" };
  const terminal: Terminal = {
    out: (more) => {
      text.out += more;
    },
    err: (more) => {
      text.err += more;
    },
    interactive: false,
    paint: plainPaint,
    colour: false,
    columns: 80,
    rows: undefined,
  };
  return { code: await main(argv, terminal), ...text };
}
