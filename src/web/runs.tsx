// The table of runs: filter, sort, select several to compare.
import { useMemo, useState } from "preact/hooks";
import type { RunRow } from "../app/server/api.js";
import { useJson } from "./api.js";
import { Loading, Problem, Scroll, StatusBadge } from "./parts.js";
import { compareLink, runLink } from "./route.js";
import { ago, count, csvOf, download, shown } from "./words.js";

type Key = "id" | "status" | "study" | "agent" | "seed" | "trials" | "bestReward" | "frontSize" | "created";

const COLUMNS: readonly (readonly [Key, string])[] = [
  ["id", "Run"],
  ["status", "Status"],
  ["study", "Study"],
  ["agent", "Agent"],
  ["seed", "Seed"],
  ["trials", "Trials"],
  ["bestReward", "Best feasible reward"],
  ["frontSize", "Front"],
  ["created", "Age"],
];
const NUMERIC: ReadonlySet<Key> = new Set(["seed", "trials", "bestReward", "frontSize", "created"]);

export function Runs() {
  const { value, error } = useJson<{ folder: string; runs: RunRow[] }>("api/runs", 2000);
  const [filter, setFilter] = useState("");
  const [sort, setSort] = useState<{ key: Key; down: boolean }>({ key: "created", down: true });
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const rows = useMemo(
    () =>
      sorted(
        (value?.runs ?? []).filter((row) => matches(row, filter)),
        sort,
      ),
    [value, filter, sort],
  );
  if (value === undefined) return error === undefined ? <Loading /> : <Problem text={error} />;
  const toggle = (id: string): void => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
  };
  const turn = (key: Key): void => setSort({ key, down: sort.key === key ? !sort.down : NUMERIC.has(key) });
  return (
    <>
      <h1>Runs</h1>
      {error !== undefined && <Problem text={error} />}
      <div class="toolbar">
        <label>
          Filter
          <input
            type="search"
            placeholder="study, agent, status …"
            value={filter}
            onInput={(event) => setFilter(event.currentTarget.value)}
          />
        </label>
        <button
          type="button"
          disabled={chosen.size < 2}
          onClick={() => {
            location.hash = compareLink([...chosen]);
          }}
        >
          Compare {chosen.size > 0 ? chosen.size : ""} selected
        </button>
        <button type="button" onClick={() => exportRows(rows)}>
          Export CSV
        </button>
        <span class="muted" role="status">
          {rows.length} of {value.runs.length} runs in {value.folder}
        </span>
      </div>
      {value.runs.length === 0 ? (
        <p>
          No runs yet. Start one: <code>cosearch run quick</code>
        </p>
      ) : (
        <Scroll label="Table of runs">
          <table class="runs">
            <thead>
              <tr>
                <th scope="col">
                  <span class="hidden">Select</span>
                </th>
                {COLUMNS.map(([key, name]) => (
                  <th
                    key={key}
                    scope="col"
                    class={NUMERIC.has(key) ? "number" : ""}
                    aria-sort={sort.key === key ? (sort.down ? "descending" : "ascending") : "none"}
                  >
                    <button type="button" class="plain" onClick={() => turn(key)}>
                      {name}
                      <span aria-hidden="true">{sort.key === key ? (sort.down ? " ↓" : " ↑") : ""}</span>
                    </button>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <Row key={row.id} row={row} chosen={chosen.has(row.id)} toggle={() => toggle(row.id)} />
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </>
  );
}

function Row({ row, chosen, toggle }: { readonly row: RunRow; readonly chosen: boolean; readonly toggle: () => void }) {
  const broken = row.status === "broken";
  return (
    <tr>
      <td>
        <input type="checkbox" aria-label={`Select ${row.id}`} checked={chosen} disabled={broken} onChange={toggle} />
      </td>
      <th scope="row">{broken ? row.id : <a href={runLink(row.id)}>{row.id}</a>}</th>
      <td>
        <StatusBadge status={row.status} />
      </td>
      {broken ? (
        <td colSpan={7} class="problem">
          {row.error}
        </td>
      ) : (
        <>
          <td>{row.study}</td>
          <td>{row.agent}</td>
          <td class="number">{row.seed}</td>
          <td class="number">
            {count(row.trials)} <span class="muted">/ {count(row.budget)}</span>
          </td>
          <td class="number">{shown(row.bestReward)}</td>
          <td class="number">{row.frontSize}</td>
          <td class="number">{ago(row.created, Date.now())}</td>
        </>
      )}
    </tr>
  );
}

const matches = (row: RunRow, filter: string): boolean =>
  filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => `${row.id} ${row.status} ${row.study} ${row.agent} seed ${row.seed}`.toLowerCase().includes(word));

function sorted(rows: RunRow[], { key, down }: { key: Key; down: boolean }): RunRow[] {
  const order = (a: RunRow, b: RunRow): number => {
    const [x, y] = [a[key], b[key]];
    if (typeof x === "string" && typeof y === "string") return x.localeCompare(y);
    return Number(x ?? Number.NEGATIVE_INFINITY) - Number(y ?? Number.NEGATIVE_INFINITY);
  };
  return rows.sort((a, b) => (down ? -order(a, b) : order(a, b)) || a.id.localeCompare(b.id));
}

function exportRows(rows: readonly RunRow[]): void {
  const keys = [
    "id",
    "status",
    "study",
    "agent",
    "seed",
    "trials",
    "budget",
    "feasible",
    "bestReward",
    "frontSize",
    "created",
  ] as const;
  download(
    "runs.csv",
    "text/csv",
    csvOf(
      keys,
      rows.map((row) => keys.map((key) => row[key])),
    ),
  );
}
