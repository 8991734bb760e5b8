// The runs as OpenMetrics text, for Prometheus and its like. Format: OpenMetrics 1.0 (openmetrics.io): families with TYPE and
// HELP, labels escaped, ends with # EOF.
import type { RunRow } from "./api.js";

export const OPEN_METRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8";

interface Family {
  readonly name: string;
  readonly type: "gauge" | "counter";
  readonly help: string;
  value(row: RunRow): number | null;
}

const FAMILIES: readonly Family[] = [
  { name: "cosearch_trials", type: "counter", help: "Trials recorded.", value: (row) => row.trials },
  {
    name: "cosearch_feasible_trials",
    type: "counter",
    help: "Trials within all limits.",
    value: (row) => row.feasible,
  },
  { name: "cosearch_budget_trials", type: "gauge", help: "Trials to make in all.", value: (row) => row.budget },
  { name: "cosearch_best_reward", type: "gauge", help: "Best feasible reward so far.", value: (row) => row.bestReward },
  { name: "cosearch_front_designs", type: "gauge", help: "Designs on the front.", value: (row) => row.frontSize },
  {
    name: "cosearch_running",
    type: "gauge",
    help: "1 while a process works on the run.",
    value: ({ status }) => (status === "running" || status === "paused" ? 1 : 0),
  },
];

export function openMetrics(rows: readonly RunRow[]): string {
  const sound = rows.filter(({ status }) => status !== "broken");
  const lines = FAMILIES.flatMap(({ name, type, help, value }) => [
    `# TYPE ${name} ${type}`,
    `# HELP ${name} ${help}`,
    ...sound.flatMap((row) => {
      const number = value(row);
      if (number === null) return [];
      const { id, study, agent, seed } = row;
      const labels = Object.entries({ run: id, study, agent, seed: String(seed) })
        .map(([label, text]) => `${label}="${escaped(text)}"`)
        .join(",");
      return [`${name}${type === "counter" ? "_total" : ""}{${labels}} ${number}`];
    }),
  ]);
  return `${[...lines, "# EOF"].join("\n")}\n`;
}

const escaped = (text: string): string => text.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
