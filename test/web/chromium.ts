// The browser of the tests: Debian's Chromium, or whatever CHROMIUM names. Nothing is downloaded.
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export const chromiumPath: string | undefined = [process.env.CHROMIUM, ...PATHS].find(
  (path) => path !== undefined && path !== "" && existsSync(path),
);

/** Why a test without a browser is skipped, and what helps. */
export const NO_CHROMIUM = "no Chromium found: `apt-get install chromium`, or set CHROMIUM to a browser's path";

export function launch(): Promise<Browser> {
  if (chromiumPath === undefined) throw new Error(NO_CHROMIUM);
  const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"];
  return chromium.launch({ executablePath: chromiumPath, args });
}
