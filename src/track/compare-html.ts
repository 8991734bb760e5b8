// A comparison as one HTML page: curves with bands over seeds, and the tables. No script, no request.
import type { Comparison } from "./compare-data.js";
import { comparisonTables } from "./compare-text.js";
import { bandChart, runColour } from "./report-charts.js";
import { escapeHtml, htmlPage, legend, section, table } from "./report-html.js";

/** The whole page. */
export function comparisonHtml(comparison: Comparison): string {
  const { groups, notes } = comparison;
  const curves = groups.map(({ band }, i) => ({ colour: runColour(i), points: band }));
  const labels = groups.map(({ name, seeds }, i) => {
    const shown = seeds.length === 1 ? `seed ${seeds[0]}` : `median of ${seeds.length} seeds`;
    return [runColour(i), "line", `${name}: ${shown}`] as const;
  });
  const tables = comparisonTables(comparison).map(({ title, header, rows }) => {
    const numeric = header.flatMap((_, i) => (i > 0 && rows.every((row) => /^[–\d]/.test(row[i] ?? "")) ? [i] : []));
    return section(
      title,
      table(
        header,
        rows.map((row) => row.map(escapeHtml)),
        numeric,
      ),
    );
  });
  const members = groups.map(({ name, runIds }) => [escapeHtml(name), escapeHtml(runIds.join(", "))]);
  return htmlPage(
    "Comparison of runs",
    `<h1>Comparison</h1>
${notes.map((note) => `<p class="note">Note: ${escapeHtml(note)}.</p>`).join("\n")}
${section("Best feasible reward so far", `<div class="wide">${bandChart(curves)}</div>${legend(labels)}<p class="note">Line: median over seeds; band: between the quartiles.</p>`)}
${tables.join("\n")}
${section("Runs", table(["group", "runs"], members, []))}`,
  );
}
