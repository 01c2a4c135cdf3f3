// Metrics as numbers for charts: adding rows, smoothing, grouping, and a table for others.

import type { Metrics, Num, Row } from "./api";

export type Columns = Record<string, (number | null)[]>;

/** A line of a chart: x grows. */
export interface Line {
  label: string;
  x: number[];
  y: (number | null)[];
}

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

/** Where the rows lie on the x axis: samples seen, or minutes of training. */
export function places(columns: Columns, byTime: boolean): number[] {
  return byTime ? (columns.seconds ?? []).map((s) => (s ?? 0) / 60) : (columns.samples_seen ?? []).map((s) => s ?? 0);
}

/** Where `seen` samples lie on the x axis; null before there are rows. */
export function placeOf(columns: Columns, byTime: boolean, seen: number): number | null {
  if (!byTime) return seen;
  const index = (columns.samples_seen ?? []).findIndex((s) => (s ?? 0) >= seen);
  const seconds = columns.seconds?.at(index);
  return seconds == null ? null : seconds / 60;
}

/** Samples seen at place `x`. */
export function seenAt(columns: Columns, byTime: boolean, x: number): number {
  if (!byTime) return x;
  const index = (columns.seconds ?? []).findIndex((s) => (s ?? 0) / 60 >= x);
  return columns.samples_seen?.at(index) ?? 0;
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

/** A recipe's lines as keys and values: [data] and mirror = false make data.mirror. */
export function choices(toml: string): Map<string, string> {
  const found = new Map<string, string>();
  const times = new Map<string, number>();
  let section = "";
  for (const line of toml.split("\n")) {
    const head = /^\s*\[+([^\]]+)\]+\s*$/.exec(line)?.[1];
    const [, key, value] = /^\s*([\w."-]+)\s*=\s*(.*)$/.exec(line) ?? [];
    if (head) {
      const nth = (times.get(head) ?? 0) + 1;
      times.set(head, nth);
      section = `${head}${nth > 1 ? ` ${nth}` : ""}.`;
    } else if (key) found.set(section + key, value ?? "");
  }
  return found;
}

/** Seconds that a training still takes, by its recipe's minutes or samples; null where that is not known. */
export function secondsLeft(recipe: Map<string, string>, seen: number, seconds: number, rate: number | null): number | null {
  const minutes = Number(recipe.get("train.minutes"));
  const samples = Number(recipe.get("train.samples"));
  if (minutes > 0) return Math.max(60 * minutes - seconds, 0);
  return samples > 0 && rate ? Math.max((samples - seen) / rate, 0) : null;
}

/** The keys in which several recipes differ, with the value of each; "" where it has none. */
export function differences(recipes: Map<string, string>[]): [string, string[]][] {
  const keys = new Set(recipes.flatMap((recipe) => [...recipe.keys()]));
  const rows = [...keys].map((key): [string, string[]] => [key, recipes.map((recipe) => recipe.get(key) ?? "")]);
  return rows.filter(([, values]) => new Set(values).size > 1);
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
