// Metrics as numbers for charts: adding rows, smoothing, grouping, and a table for others.

import type { Metrics, Num, Row } from "./api";

export type Columns = Record<string, (number | null)[]>;

/** Words for what JSON has no numbers for become gaps: a chart has no place for them. */
export function plain(value: Num): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

export function columnsOf(metrics: Metrics): Columns {
  return Object.fromEntries(Object.entries(metrics.columns).map(([tag, values]) => [tag, values.map(plain)]));
}

/** `columns` with `rows` after them. A training that went back (it was killed and resumed) supersedes its later rows. */
export function extended(columns: Columns, rows: Row[]): Columns {
  const next: Columns = {};
  for (const [tag, values] of Object.entries(columns)) next[tag] = values.slice();
  const seen = (next.samples_seen ??= []);
  for (const row of rows) {
    const at = plain(row.samples_seen);
    if (at === null) continue;
    while (seen.length && (seen[seen.length - 1] ?? 0) > at) for (const values of Object.values(next)) values.pop();
    const merge = seen.length > 0 && seen[seen.length - 1] === at;
    const index = merge ? seen.length - 1 : seen.length;
    if (!merge) for (const values of Object.values(next)) values.push(null);
    for (const [tag, value] of Object.entries(row)) {
      const values = (next[tag] ??= new Array<number | null>(seen.length).fill(null));
      values[index] = plain(value) ?? values[index] ?? null;
    }
  }
  return next;
}

/** The running mean of about `span` values before each, gaps left alone; 0 changes nothing. */
export function smoothed(values: (number | null)[], span: number): (number | null)[] {
  if (span < 2) return values;
  const keep = 1 - 1 / span;
  let mean = 0;
  let weight = 0;
  return values.map((value) => {
    if (value === null) return null;
    mean = keep * mean + (1 - keep) * value;
    weight = keep * weight + (1 - keep);
    return mean / weight;
  });
}

const OWN = new Set(["samples_seen", "seconds"]);
const SHARES = ["precision", "recall", "coverage", "density"];

/** Which tags share a chart: those before the same slash; of the scores, shares between 0 and 1 together. */
export function grouped(tags: string[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const tag of tags) {
    if (OWN.has(tag)) continue;
    const [first = "", ...rest] = tag.split("/");
    const name = rest.join("/");
    let group = first;
    if (first === "score") group = SHARES.includes(name) ? "score: shares" : `score: ${name.split("/")[0]}`;
    if (first === "rate") group = tag;
    groups.set(group, [...(groups.get(group) ?? []), tag]);
  }
  const rank = (name: string) => {
    const place = ["score: frechet", "score: shares", "loss", "verdict", "health", "score"].findIndex((n) => name.startsWith(n));
    return place < 0 ? 9 : place;
  };
  return new Map([...groups].sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b)));
}

/** The index of the last grid made at or before `seen` samples. */
export function gridAt(grids: string[], seen: number): number {
  let index = 0;
  grids.forEach((name, i) => {
    if (seenOf(name) <= seen) index = i;
  });
  return index;
}

/** Samples seen when a grid was made, from its name. */
export const seenOf = (name: string) => Number(name.split(".")[0]);

export function csv(columns: Columns): string {
  const tags = Object.keys(columns);
  const rows = (columns.samples_seen ?? []).map((_, i) => tags.map((tag) => columns[tag]?.[i] ?? "").join(","));
  return [tags.join(","), ...rows].join("\n") + "\n";
}
