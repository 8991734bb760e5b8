// Where in the page we are, in the address's fragment: it can be bookmarked and sent, and never reaches a server's log.
import { useEffect, useState } from "preact/hooks";

export type Tab = "curves" | "policy" | "front" | "design";

export type Route =
  | { readonly view: "runs" }
  | { readonly view: "compare"; readonly ids: readonly string[] }
  | { readonly view: "run"; readonly id: string; readonly tab: Tab; readonly trial?: number; readonly other?: string };

const TABS: readonly string[] = ["curves", "policy", "front", "design"];

export function parseRoute(hash: string): Route {
  const [view, first, tab, trial, other] = hash.replace(/^#\/?/, "").split("/").map(decoded);
  if (view === "compare" && first) return { view, ids: first.split(",").slice(0, 20) };
  if (view !== "run" || !first) return { view: "runs" };
  const number = /^\d{1,9}$/.test(trial ?? "") ? Number(trial) : undefined;
  return {
    view,
    id: first,
    tab: TABS.includes(tab ?? "") ? (tab as Tab) : "curves",
    ...(number !== undefined && { trial: number }),
    ...(other && { other }),
  };
}

export const runLink = (id: string, tab: Tab = "curves", trial?: number, other?: string): string =>
  `#/run/${encodeURIComponent(id)}/${tab}${trial === undefined ? "" : `/${trial}`}${other === undefined ? "" : `/${other}`}`;

export const compareLink = (ids: readonly string[]): string => `#/compare/${encodeURIComponent(ids.join(","))}`;

export function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const follow = (): void => setRoute(parseRoute(location.hash));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return route;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
