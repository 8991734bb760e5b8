import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Listening, listen } from "../../src/app/server/listen.js";
import { tempRoot } from "../study/temp-root.js";
import { chromiumPath, launch, NO_CHROMIUM } from "./chromium.js";
import { type LiveRun, settled, startRun, trialCount, until } from "./live-run.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Serious and critical violations of the page as it stands. */
async function violations(page: Page): Promise<string[]> {
  // through the debugger, so that the page's own policy (no inline script) stays in force
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const run = (
      globalThis as unknown as {
        axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> };
      }
    ).axe;
    const { violations: found } = await run.run();
    return found
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`);
  });
}

/** Presses Tab from the top of the page until the focus has been everywhere. @returns controls that were not reached, that do
 *  not show that they have the focus, or that lie under something else */
async function tabThrough(page: Page): Promise<string[]> {
  const named = `(e) => e.tagName.toLowerCase() + " " + (e.getAttribute("aria-label") ?? e.name ?? "") + " " + (e.textContent ?? "").trim().slice(0, 30)`;
  const wanted = await page.evaluate<number>(`(() => {
    const all = [...document.querySelectorAll("a[href], button, input, select, textarea, [tabindex='0']")];
    const usable = all.filter((e) => !e.disabled && e.getClientRects().length > 0 && getComputedStyle(e).visibility !== "hidden");
    usable.forEach((e, i) => e.setAttribute("data-tab", i));
    document.activeElement?.blur();
    window.scrollTo(0, 0);
    return usable.length;
  })()`);
  expect(wanted).toBeGreaterThan(4);
  const reached = new Set<string>();
  const wrong: string[] = [];
  for (let press = 0; press < wanted + 3; press++) {
    await page.keyboard.press("Tab");
    const [id, problem] = await page.evaluate<[string | null, string]>(`(() => {
      const e = document.activeElement;
      const style = getComputedStyle(e);
      const around = e.closest("label") ? getComputedStyle(e.closest("label")) : style;
      const marked = [style, around].some((s) => (s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0) || s.boxShadow !== "none");
      const { top, bottom, left, right } = e.getBoundingClientRect();
      const onScreen = bottom > 0 && top < innerHeight && right > 0 && left < innerWidth;
      const id = e.getAttribute("data-tab");
      return [id, id === null || (marked && onScreen) ? "" : (marked ? "off the screen: " : "no mark: ") + (${named})(e)];
    })()`);
    if (problem !== "") wrong.push(problem);
    if (id !== null) reached.add(id);
  }
  const missed = await page.evaluate<string[]>(
    `[...document.querySelectorAll("[data-tab]")].filter((e) => !${JSON.stringify([...reached])}.includes(e.getAttribute("data-tab"))).map(${named})`,
  );
  return [...wrong, ...missed.map((name) => `not reached: ${name}`)];
}

if (chromiumPath === undefined) process.stderr.write(`skipped: ${NO_CHROMIUM}\n`);

describe.skipIf(chromiumPath === undefined)("the dashboard in a browser", () => {
  const root = tempRoot();
  const problems: string[] = [];
  let browser: Browser;
  let server: Listening;
  let run: LiveRun;
  let page: Page;

  beforeAll(async () => {
    mkdirSync(join(root, "broken"));
    writeFileSync(join(root, "broken", "manifest.json"), '{"format": 1, "runId": "<img src=x onerror=alert(1)>"}');
    const done = await startRun(root, "done", 64);
    expect(await done.ended).toBe(0);
    const second = await startRun(root, "seed2", 64, ["--seed", "2"]);
    expect(await second.ended).toBe(0);
    run = await startRun(root, "live", 100_000);
    server = await listen({ runsFolder: root, host: "127.0.0.1", port: 0 });
    browser = await launch();
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.on("pageerror", (error) => problems.push(`page: ${error.message}`));
    page.on("console", (message) => {
      if (message.type() === "error") problems.push(`console: ${message.text()}`);
    });
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
    run?.process.kill("SIGKILL");
  });

  const shownTrials = async (): Promise<number> =>
    Number(await page.locator("[data-trials]").getAttribute("data-trials"));

  it("lists runs, filters, sorts, and shows a broken folder as an error of that run alone", async () => {
    await page.goto(server.url);
    await page.getByRole("link", { name: "live", exact: true }).waitFor();
    expect(await page.locator("tbody tr").count()).toBe(4);
    expect(await page.locator("tr", { hasText: "broken" }).locator(".problem").textContent()).toContain(
      "manifest.json",
    );
    await page.getByRole("searchbox", { name: "Filter" }).fill("running");
    await until(async () => (await page.locator("tbody tr").count()) === 1);
    await page.getByRole("searchbox", { name: "Filter" }).fill("");
    await page.getByRole("button", { name: "Run", exact: true }).click();
    expect(await page.locator("tbody tr th").allTextContents()).toEqual(["broken", "done", "live", "seed2"]);
    expect(await violations(page)).toEqual([]);
  });

  it("compares selected runs", async () => {
    await page.getByRole("checkbox", { name: "Select done" }).check();
    await page.getByRole("checkbox", { name: "Select live" }).check();
    await page.getByRole("button", { name: "Compare 2 selected" }).click();
    await page.getByRole("heading", { name: "Compare 2 runs" }).waitFor();
    expect(await page.locator(".uplot").count()).toBe(2);
    expect(await violations(page)).toEqual([]);
  });

  it("follows a run live, and pauses, goes on, and raises its budget", async () => {
    await page.goto(`${server.url}#/run/live`);
    await page.getByText("live", { exact: true }).last().waitFor();
    await page.locator(".uplot").first().waitFor();
    const before = await shownTrials();
    await until(async () => (await shownTrials()) > before);
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByRole("button", { name: "Resume" }).waitFor();
    const paused = await settled(run.folder); // the batch under way ends first
    await until(async () => (await shownTrials()) === paused); // not one is missing on the page
    await page.getByRole("button", { name: "Resume" }).click();
    await until(() => trialCount(run.folder) > paused);
    await page.getByRole("spinbutton", { name: "Budget" }).fill("200000");
    await page.getByRole("button", { name: "Raise" }).click();
    await page.getByText("/ 200,000").waitFor();
    expect(JSON.parse(readFileSync(join(run.folder, "manifest.json"), "utf8")).trials).toBe(200_000);
  });

  it("zooms by keyboard, switches axes, and has no serious accessibility violation", async () => {
    await page.getByRole("button", { name: "Zoom in" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "All", exact: true }).click();
    await page.getByRole("checkbox", { name: "by wall time" }).check();
    await page.getByRole("checkbox", { name: "logarithmic" }).check();
    await page.getByRole("checkbox", { name: "all of the agent's figures" }).check();
    const titles = await page.locator("figure.chart figcaption").allTextContents();
    for (const title of [
      "Reward",
      "Share of feasible trials",
      "Trials per second",
      "Cache hit rate",
      "entropy",
      "learning rate",
    ]) {
      expect(titles).toContain(title);
    }
    expect(await violations(page)).toEqual([]);
  });

  it("zooms a chart by dragging", async () => {
    await page.goto(`${server.url}#/run/done`);
    const plot = page.locator(".u-over").first();
    const box = (await plot.boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.25, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 50, { steps: 5 });
    await page.mouse.up();
    await until(async () =>
      /1[5-8] points/.test((await page.locator("[role=img]").first().getAttribute("aria-label")) ?? ""),
    );
  });

  it("draws the band over the seeds of a study", async () => {
    const reward = page.locator(".charts [role=img]").first();
    expect(await reward.getAttribute("aria-label")).not.toContain("seeds");
    await page.getByRole("checkbox", { name: "band over 3 seeds" }).check(); // done, seed2, and the one that runs
    await until(async () => /best over 3 seeds: median/.test((await reward.getAttribute("aria-label")) ?? ""));
    expect(await page.locator(".legend", { hasText: "band from lowest to highest" }).count()).toBe(1);
    expect(await violations(page)).toEqual([]);
  });

  it("stops a run, which can then be resumed", async () => {
    await page.goto(`${server.url}#/run/live`);
    await page.getByRole("button", { name: "Stop" }).click();
    expect(await run.ended).toBe(130);
    await page.locator(".badge", { hasText: "stopped" }).waitFor();
    expect(await page.getByRole("button", { name: "Pause" }).isDisabled()).toBe(true);
  });

  it("shows what was proposed for every knob over the run", async () => {
    await page.getByRole("link", { name: "Policy" }).click();
    await page.locator(".knob").first().waitFor();
    expect(await page.locator(".knob").count()).toBe(11);
    await page.getByText("The probabilities that the policy itself gave each value").waitFor();
    await page.getByRole("combobox", { name: "Show" }).selectOption("proposed");
    await page.getByText("Share of each value among the candidates that were proposed").waitFor();
    await page.getByRole("combobox", { name: "Order" }).selectOption("decided");
    await page.getByRole("searchbox", { name: "Filter" }).fill("weightBits");
    await until(async () => (await page.locator(".knob").count()) === 1);
    expect(await violations(page)).toEqual([]);
  });

  it("shows the front, and a range selects the same designs in scatter, coordinates and table", async () => {
    await page.getByRole("link", { name: "Front" }).click();
    await page.locator(".on-front").first().waitFor();
    expect(await page.locator(".scatter .out").count()).toBe(0);
    const figures = page.locator("p.hover[role=status]");
    const link = page.locator(".scatter a").first();
    await link.hover();
    await until(async () => /^Trial \d+: reward \d/.test((await figures.textContent()) ?? ""));
    expect(await link.getAttribute("aria-label")).toContain(/^Trial \d+:/.exec((await figures.textContent())!)![0]);
    await page.getByRole("combobox", { name: "Select" }).selectOption("reward");
    await page.getByRole("spinbutton", { name: "from" }).fill("0.7");
    await page.getByRole("button", { name: "Set range" }).click();
    await until(async () => (await page.locator(".scatter .out").count()) > 0);
    const rewards = await page.locator("tbody tr td:nth-child(2)").allTextContents();
    expect(rewards.length).toBeGreaterThan(0);
    for (const reward of rewards) expect(Number(reward)).toBeGreaterThanOrEqual(0.7);
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: /Export \d+ as CSV/ }).click();
    expect((await download).suggestedFilename()).toBe("live-designs.csv");
    await page.getByRole("button", { name: "Clear ranges" }).click();
    const axis = (await page.locator(".parallel .grip").first().boundingBox())!;
    await page.mouse.move(axis.x + 16, axis.y + 40);
    await page.mouse.down();
    await page.mouse.move(axis.x + 16, axis.y + 120, { steps: 4 });
    await page.mouse.up();
    await page.getByText(/\d+ selected/).waitFor();
    await page.getByRole("combobox", { name: "Across" }).selectOption("areaMm2");
    await page.locator(".on-front").first().waitFor();
    expect(await violations(page)).toEqual([]);
  });

  it("shows a design: network, chip, roofline, layers, mapping, and the difference to another", async () => {
    await page.getByRole("link", { name: "Design", exact: true }).click();
    await page.locator(".network .block").first().waitFor();
    expect(await page.getByRole("columnheader", { name: "reference" }).count()).toBe(1);
    expect(await page.locator("svg[role=img] .part").count()).toBeGreaterThanOrEqual(6);
    expect(await page.locator(".layer-dot, .roofline .on-front").count()).toBeGreaterThan(5);
    expect(await page.locator("pre").textContent()).toContain("multiply-accumulate");
    const layer = page.getByRole("combobox", { name: "Layer" });
    const [first] = await layer.locator("option").allTextContents();
    await layer.selectOption(first!);
    await page.getByRole("heading", { name: `Mapping of ${first}` }).waitFor();
    await page.getByRole("spinbutton", { name: "Compare with trial" }).fill("3");
    await page.getByRole("button", { name: "Show" }).click();
    await page.getByRole("columnheader", { name: "trial 3" }).waitFor();
    // accuracy in points, and within the proxy's error no design is called better
    const accuracy = page.getByRole("row", { name: /Top-1 accuracy/ });
    expect(await accuracy.textContent()).toMatch(/points(, too close to call \(± \d| better| worse)/);
    expect(await violations(page)).toEqual([]);
  });

  it("fits 400 px in every view, in light and dark", async () => {
    await page.setViewportSize({ width: 400, height: 800 });
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      for (const view of [
        "",
        "run/done",
        "run/done/policy",
        "run/done/front",
        "run/done/design",
        "compare/done,live",
      ]) {
        await page.goto(`${server.url}#/${view}`);
        await page.locator("h1").waitFor();
        await page.waitForTimeout(300);
        const width = await page.evaluate<number>("document.documentElement.scrollWidth");
        expect([view, width <= 400]).toEqual([view, true]);
        expect([view, colorScheme, await violations(page)]).toEqual([view, colorScheme, []]);
      }
    }
  });

  it("is reached by Tab alone: every control of every view, each where it shows, and none that keeps it", async () => {
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.emulateMedia({ colorScheme: "light" });
    for (const view of ["", "run/done", "run/done/policy", "run/done/front", "run/done/design", "compare/done,seed2"]) {
      await page.goto(`${server.url}#/${view}`);
      await page.reload();
      await page.locator("h1").waitFor();
      await page.waitForTimeout(1500);
      const missed = await tabThrough(page);
      expect([view, missed]).toEqual([view, []]);
    }
  });

  it("opens a run and changes its view by keyboard alone", async () => {
    await page.goto(server.url);
    await page.getByRole("link", { name: "done", exact: true }).focus();
    await page.keyboard.press("Enter");
    await page.locator(".uplot").first().waitFor();
    await page.getByRole("link", { name: "Policy" }).focus();
    await page.keyboard.press("Enter");
    await page.locator(".knob").first().waitFor();
    await page.getByRole("combobox", { name: "Order" }).focus();
    await page.keyboard.press("ArrowDown");
    expect(await page.getByRole("combobox", { name: "Order" }).inputValue()).toBe("decided");
  });

  it("never runs what a run folder says, and logs no error", () => {
    expect(problems).toEqual([]);
  });
});
