// Makes the pictures of docs/dashboard.md from real runs: `npm run screenshots [folder for the pictures] [folder for the runs]`.
import { existsSync, mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listen } from "../../src/app/server/listen.js";
import { launch } from "./chromium.js";
import { command } from "./live-run.js";

const [images = "docs/images", runs = mkdtempSync(join(tmpdir(), "cosearch-pictures-"))] = process.argv.slice(2);
mkdirSync(images, { recursive: true });

/** Runs a study, unless the folder holds it from the last time. */
async function made(study: string, id: string, trials: number, seed: number): Promise<void> {
  if (existsSync(join(runs, id))) return;
  const options = ["--seed", String(seed), "--trials", String(trials), "--out", runs, "--id", id, "--quiet"];
  await command(["run", study, ...options]);
}

for (const seed of [1, 2, 3]) await made("quick", `quick-s${seed}`, 320, seed);
await made("edge-joint", "edge-joint-s1", 1500, 1);

const server = await listen({ runsFolder: runs, host: "127.0.0.1", port: 0 });
const browser = await launch();
const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });

/** A view, once it has drawn. */
async function shoot(name: string, hash: string, ready: string, whole = false): Promise<void> {
  await page.goto(`${server.url}#/${hash}`);
  await page.locator(ready).first().waitFor();
  await page.waitForTimeout(500);
  await page.screenshot({ path: join(images, `dashboard-${name}.png`), fullPage: whole });
  process.stdout.write(`${join(images, `dashboard-${name}.png`)}\n`);
}

const scrollTo = (heading: string): Promise<unknown> =>
  page.evaluate(`[...document.querySelectorAll("h2")].find((h) => h.textContent === "${heading}").scrollIntoView()`);

await shoot("runs", "", "tbody tr");
await shoot("compare", "compare/quick-s1,quick-s2,quick-s3", ".uplot");
await shoot("curves", "run/edge-joint-s1", ".uplot");
await page.goto(`${server.url}#/run/quick-s1`);
await page.getByRole("checkbox", { name: "band over 3 seeds" }).check();
await page.locator(".legend", { hasText: "band from lowest to highest" }).waitFor();
await page.screenshot({ path: join(images, "dashboard-seeds.png") });
await shoot("policy", "run/edge-joint-s1/policy", ".knob");
await shoot("front", "run/edge-joint-s1/front", ".on-front");
await shoot("design", "run/edge-joint-s1/design", ".network .block");
await page.setViewportSize({ width: 1280, height: 1500 });
await scrollTo("Network");
await page.screenshot({ path: join(images, "dashboard-chip.png") });
await scrollTo("Roofline");
await page.screenshot({ path: join(images, "dashboard-layers.png") });
await page.setViewportSize({ width: 1280, height: 860 });
await page.emulateMedia({ colorScheme: "dark" });
await shoot("dark", "run/edge-joint-s1", ".uplot");
await page.setViewportSize({ width: 400, height: 860 });
await shoot("narrow", "run/edge-joint-s1/design", ".network .block");
await browser.close();
await server.close();
