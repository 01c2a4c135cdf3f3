// What the server tells. Everything in it comes from run folders that nobody vouches for: it is shown as text only.

import type { About, Named } from "./explorer/latent";
import type { Nearest } from "./explorer/neighbours";

export interface Overview {
  id: string;
  name: string;
  changed: number; // seconds since 1970
  state: string;
  problem?: string;
  recipe?: string;
  started?: string;
  data?: string;
  samples_seen?: number;
  seconds?: number | null;
  rate?: number | null;
  scores?: Record<string, unknown>;
  best?: { frechet?: number; samples_seen?: number } | null;
  alarms?: { open?: string[]; raised?: number };
  loss?: Num[];
  picture?: string | null;
}

export interface Alert {
  samples_seen: number;
  kind: string;
  evidence: string;
  advice: string;
  event: "raised" | "cleared" | "recovered";
  severity: "warn" | "alarm";
}

/** Histograms of the discriminator's scores, over the same equal bins from `low` to `high`. */
export interface Look {
  samples_seen: number;
  low: number;
  high: number;
  counts: Record<string, number[]>;
}

export interface Run extends Overview {
  folder: string;
  recipe_text: string;
  alerts: Alert[];
  verdicts: Look[];
  grids: string[];
  others: string[];
  snapshots: string[]; // generators that were kept in training
  generator: number | null; // bytes of the one that can be explored
}

/** A number as JSON has it: NaN and infinities are words. */
export type Num = number | string | null | undefined;
export type Row = Record<string, Num>;

export interface Metrics {
  end: number;
  rows: number;
  columns: Record<string, Num[]>;
}

export interface News {
  rows?: Row[];
  grids?: string[];
  changed?: boolean;
  restart?: boolean;
}

async function get<T>(path: string): Promise<T> {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json() as Promise<T>;
}

export type Wish = "pause" | "continue" | "snapshot" | "stop";

/** Asks a live training; it hears within a second, between two steps. */
export const wish = (id: string, what: Wish) => post(`api/wish?${named(id)}&do=${what}`);

async function post(path: string, body?: BodyInit): Promise<Response> {
  const answer = await fetch(path, { method: "POST", body });
  if (!answer.ok) throw new Error(await answer.text());
  return answer;
}

const named = (id: string) => `id=${encodeURIComponent(id)}`;

export const runs = () => get<Overview[]>("api/runs");
export const run = (id: string) => get<Run>(`api/run?${named(id)}`);
export const metrics = (id: string) => get<Metrics>(`api/metrics?${named(id)}`);
export const picture = (id: string, file: string) => `api/picture?${named(id)}&file=${encodeURIComponent(file)}`;

/** Files to keep; the page is made when it is asked for, in some seconds. */
export const kept = (id: string, what: "card" | Export["what"]) => `api/${what}?${named(id)}`;

export const card = async (id: string): Promise<string> => new TextDecoder().decode(await bytes(kept(id, "card")));

/** What is handed on, made and measured now: some seconds. */
export interface Export {
  what: "page" | "onnx" | "weights";
  bytes?: number;
  difference?: number | null; // the largest of a value from PyTorch's
  problem?: string;
}
export const exports = (id: string) => get<Export[]>(`api/exports?${named(id)}`);

/** A run's generator for the explorer; the server works some seconds for it. */
export const generator = (id: string, file: string) => get<About & { version: string; data: string }>(`api/generator?${which({ id, file })}`);

/** A generator that is looked at: the same one while a training writes newer ones. */
export interface Open {
  id: string;
  file: string;
  version?: string;
}

/** The first pictures of seeds 0, 1, ... as PyTorch makes them, RGBA. */
export const proof = (open: Open) => bytes(`api/proof?${which(open)}`);
export const graph = (open: Open, name: string) => bytes(`api/graph?${which(open)}&name=${name}`);

/** Both answer with all named directions. */
export const keepName = async (open: Open, direction: string, name: string): Promise<Named[]> =>
  (await post(`api/name?${which(open)}&direction=${encodeURIComponent(direction)}&name=${encodeURIComponent(name)}`)).json() as Promise<Named[]>;
export const forgetName = async (open: Open, name: string): Promise<Named[]> =>
  (await post(`api/forget?${which(open)}&name=${encodeURIComponent(name)}`)).json() as Promise<Named[]>;

/** The training pictures nearest to a picture; the first time the server works some seconds for it. */
export const nearest = async (open: Open, picture: ImageData): Promise<Nearest> =>
  (await post(`api/nearest?${which(open)}`, picture.data)).json() as Promise<Nearest>;

export const NEWEST = "generator.safetensors";
const which = ({ id, file, version }: Open) => `${named(id)}&file=${encodeURIComponent(file)}${version ? `&version=${version}` : ""}`;

/** The samples seen of a snapshot, from its name. */
export const seenOf = (snapshot: string) => Number.parseInt(snapshot.split("/").pop() ?? "", 10);

export const runtime = () => bytes(new URL("runtime.wasm.gz", location.href).pathname, true);

async function bytes(path: string, packed = false): Promise<ArrayBuffer> {
  const answer = await fetch(path);
  if (!answer.ok || !answer.body) throw new Error(await answer.text());
  return (packed ? new Response(answer.body.pipeThrough(new DecompressionStream("gzip"))) : answer).arrayBuffer();
}

/** Calls `hear` with what is new in a run after byte `from` of its metrics; the browser reconnects by itself. */
export function listen(id: string, from: number, hear: (news: News) => void): () => void {
  const source = new EventSource(`api/events?${named(id)}&from=${from}`);
  source.onmessage = (event) => hear(JSON.parse(event.data as string) as News);
  return () => source.close();
}
