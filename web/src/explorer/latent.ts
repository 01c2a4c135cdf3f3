// From what the user chose to w: the seed's latent, moved by dragging, mapped, truncated, and moved along directions.

import { cluster, latent, Mersenne, normals } from "./torch";

/** What an export says of its generator: gansmith.json, and directions. */
export interface About {
  samples: { shape: [number, number, number]; classes: string[] | null; clusters: number[] | number[][] | null }; // the shares of clusters, or of those of each facet
  z: [number];
  w: number[]; // [D], or [L, D]: one vector a layer
  given: number; // of how many classes or clusters one is told; 0: nothing
  mean_w: unknown[]; // of each; empty where they are too many to be listed
  directions: Record<Kind, number[][]>;
  named: Named[];
  largest_difference_from_torch: number;
}

/** A direction that somebody gave a name, kept with the run. */
export interface Named {
  name: string;
  vector: number[];
}

export const kinds = ["principal", "closed_form"] as const;
export type Kind = (typeof kinds)[number];

/** One view; it is what a downloaded picture carries as its recipe. */
export interface View {
  seed: number; // of the first picture; the others follow
  picked: number; // which of them is shown large
  given: number | null; // class or cluster; null: each its own
  truncation: number;
  steps: Record<Kind, number[]>; // along the directions
  named: Record<string, number>; // along the named directions
  layers: [number, number]; // that directions move, both included
  mix: { seed: number; layers: [number, number] } | null; // layers that come from another seed's w
  drags: Record<string, [number, number]>; // seed -> how far it was dragged, in turns of the latent
}

export const SHOWN = 12;
const MEAN_OF = 1024;
export const LONGEST = 3; // standard deviations along a direction

export function start(about: About): View {
  const zeros = (kind: Kind) => about.directions[kind].map(() => 0);
  return {
    seed: 0,
    picked: 0,
    given: null,
    truncation: 1,
    steps: { principal: zeros("principal"), closed_form: zeros("closed_form") },
    named: {},
    layers: [0, layerCount(about) - 1],
    mix: null,
    drags: {},
  };
}

export function layerCount(about: About): number {
  return about.w.length === 2 ? (about.w[0] as number) : 1;
}

/** The class or cluster of the k-th picture; -1 where nothing is told. */
export function given(about: About, view: View, k: number): number {
  if (!about.given) return -1;
  if (view.given !== null) return view.given;
  const shares = about.samples.clusters;
  return shares ? cluster(view.seed + k, isFacets(shares) ? shares : [shares]) : k % about.given;
}

const isFacets = (shares: number[] | number[][]): shares is number[][] => Array.isArray(shares[0]);

/** The mean of w that truncation pulls towards, as the file has it; undefined where it has none for this class or cluster. */
export function meanOf(about: About, told: number): Float32Array | undefined {
  const mean = about.mean_w[Math.max(told, 0)] as number[] | number[][] | undefined;
  return mean && Float32Array.from(mean.flat());
}

/** The latents of which that mean is taken: gansmith.explore.sampling.mean_latent. */
export function latentsOfMean(about: About): Float32Array[] {
  const [size] = about.z;
  const all = normals(new Mersenne(0n), MEAN_OF * size);
  return Array.from({ length: MEAN_OF }, (_, k) => all.slice(k * size, (k + 1) * size));
}

/** A seed's latent z. Dragging turns it towards two fixed directions at right angles to it: as long as before. */
export function dragged(about: About, view: View, seed: number): Float32Array {
  const z = latent(seed, about.z[0]);
  const [x, y] = view.drags[seed] ?? [0, 0];
  if (!x && !y) return z;
  const others = normals(new Mersenne(BigInt(seed) + 1n), 2 * z.length);
  const across = upright(others.slice(0, z.length), [z]);
  const down = upright(others.slice(z.length), [z, across]);
  const angle = 2 * Math.PI * Math.hypot(x, y);
  const [right, below] = [x / Math.hypot(x, y), y / Math.hypot(x, y)];
  const turned = (v: number, i: number) =>
    v * Math.cos(angle) + (right * (across[i] as number) + below * (down[i] as number)) * Math.sin(angle);
  return z.map(turned);
}

/** `v` without its part along `others`, as long as the first of them. */
function upright(v: Float32Array, others: Float32Array[]): Float32Array {
  for (const other of others) {
    const share = dot(v, other) / dot(other, other);
    v = v.map((x, i) => x - share * (other[i] as number));
  }
  const first = others[0] as Float32Array;
  const factor = Math.sqrt(dot(first, first) / dot(v, v));
  return v.map((x) => x * factor);
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, x, i) => sum + x * (b[i] as number), 0);
}

/** w (of one sample, flat) with the layers of another that the view mixes in. */
export function mixed(about: About, view: View, w: Float32Array, other: Float32Array): Float32Array {
  if (!view.mix) return w;
  const length = about.w[about.w.length - 1] as number;
  const [first, last] = view.mix.layers;
  const out = w.slice();
  out.set(other.slice(first * length, (last + 1) * length), first * length);
  return out;
}

/** Between two of them, at `share` of the way. */
export function between(a: Float32Array, b: Float32Array, share: number): Float32Array {
  return a.map((x, i) => x + share * ((b[i] as number) - x));
}

/** w (of one sample, flat) truncated towards its class's mean, and moved along the directions. */
export function edited(about: About, view: View, w: Float32Array, mean: Float32Array): Float32Array {
  const out = w.map((x, i) => (mean[i] as number) + view.truncation * (x - (mean[i] as number)));
  const length = about.w[about.w.length - 1] as number;
  const move = (direction: number[] | undefined, step: number) => {
    if (!step || !direction) return;
    for (let layer = view.layers[0]; layer <= view.layers[1]; layer++) {
      direction.forEach((d, i) => {
        out[layer * length + i] = (out[layer * length + i] as number) + step * d;
      });
    }
  };
  for (const kind of kinds) view.steps[kind].forEach((step, k) => move(about.directions[kind][k], step));
  for (const { name, vector } of about.named) move(vector, Object.hasOwn(view.named, name) ? (view.named[name] as number) : 0);
  return out;
}

/** A view as a picture carries it: without directions whose names were forgotten, which move nothing any more. */
export function recipe(about: About, view: View): View {
  const names = new Set(about.named.map(({ name }) => name));
  return { ...view, named: Object.fromEntries(Object.entries(view.named).filter(([name]) => names.has(name))) };
}

/** A view read back from a picture's recipe, every part of it checked; null where it is none of this generator's. */
export function restored(about: About, found: unknown): View | null {
  const plain = start(about);
  if (typeof found !== "object" || found === null) return null;
  const view: Partial<View> = { named: {}, mix: null, ...found }; // older pictures know nothing of these
  const whole = (x: unknown, least: number, most: number): x is number => Number.isInteger(x) && (x as number) >= least && (x as number) <= most;
  const numbers = (x: unknown, length: number, most: number): x is number[] =>
    Array.isArray(x) && x.length === length && x.every((v) => typeof v === "number" && Math.abs(v) <= most);
  const layers = layerCount(about) - 1;
  const range = (x: unknown): x is [number, number] => numbers(x, 2, layers) && whole(x[0], 0, layers) && whole(x[1], x[0] as number, layers);
  const names = new Set(about.named.map(({ name }) => name));
  const named = view.named && typeof view.named === "object" ? Object.entries(view.named) : [];
  const drags = view.drags && typeof view.drags === "object" ? Object.entries(view.drags) : [];
  const fits =
    whole(view.seed, 0, 2 ** 31) &&
    whole(view.picked, 0, SHOWN - 1) &&
    (view.given === null || whole(view.given, 0, about.given - 1)) &&
    typeof view.truncation === "number" && view.truncation >= 0 && view.truncation <= 1 &&
    kinds.every((kind) => numbers(view.steps?.[kind], plain.steps[kind].length, LONGEST)) &&
    named.every(([name, step]) => names.has(name) && numbers([step], 1, LONGEST)) &&
    range(view.layers) &&
    (view.mix === null || (typeof view.mix === "object" && whole(view.mix.seed, 0, 2 ** 31) && range(view.mix.layers))) &&
    drags.every(([, drag]) => numbers(drag, 2, 1e3));
  return fits ? (view as View) : null;
}
