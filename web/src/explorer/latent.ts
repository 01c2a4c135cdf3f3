// From what the user chose to w: the seed's latent, moved by dragging, mapped, truncated, and moved along directions.

import { cluster, latent, Mersenne, normals } from "./torch";

/** What an export says of its generator: gansmith.json, and directions. */
export interface About {
  samples: { shape: [number, number, number]; classes: string[] | null; clusters: number[] | null };
  z: [number];
  w: number[]; // [D], or [L, D]: one vector a layer
  given: number;
  mean_w: unknown[];
  directions: Record<Kind, number[][]>;
  largest_difference_from_torch: number;
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
  layers: [number, number]; // that directions move, both included
  drags: Record<string, [number, number]>; // seed -> how far it was dragged, in turns of the latent
}

export const SHOWN = 12;
export const LONGEST = 3; // standard deviations along a direction

export function start(about: About): View {
  const zeros = (kind: Kind) => about.directions[kind].map(() => 0);
  return {
    seed: 0,
    picked: 0,
    given: null,
    truncation: 1,
    steps: { principal: zeros("principal"), closed_form: zeros("closed_form") },
    layers: [0, layerCount(about) - 1],
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
  return shares ? cluster(view.seed + k, shares) : k % about.given;
}

/** The k-th picture's latent z. Dragging turns it towards two fixed directions at right angles to it: as long as before. */
export function dragged(about: About, view: View, k: number): Float32Array {
  const seed = view.seed + k;
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

/** w (of one sample, flat) truncated towards its class's mean, and moved along the directions. */
export function edited(about: About, view: View, w: Float32Array, told: number): Float32Array {
  const mean = Float32Array.from((about.mean_w[Math.max(told, 0)] as number[] | number[][]).flat());
  const out = w.map((x, i) => (mean[i] as number) + view.truncation * (x - (mean[i] as number)));
  const length = about.w[about.w.length - 1] as number;
  for (const kind of kinds) {
    for (const [k, step] of view.steps[kind].entries()) {
      const direction = about.directions[kind][k];
      if (!step || !direction) continue;
      for (let layer = view.layers[0]; layer <= view.layers[1]; layer++) {
        direction.forEach((d, i) => {
          out[layer * length + i] = (out[layer * length + i] as number) + step * d;
        });
      }
    }
  }
  return out;
}

/** A view read back from a picture's recipe, every part of it checked; null where it is none of this generator's. */
export function restored(about: About, found: unknown): View | null {
  const plain = start(about);
  if (typeof found !== "object" || found === null) return null;
  const view = found as Partial<View>;
  const whole = (x: unknown, least: number, most: number): x is number => Number.isInteger(x) && (x as number) >= least && (x as number) <= most;
  const numbers = (x: unknown, length: number, most: number): x is number[] =>
    Array.isArray(x) && x.length === length && x.every((v) => typeof v === "number" && Math.abs(v) <= most);
  const layers = layerCount(about) - 1;
  const drags = view.drags && typeof view.drags === "object" ? Object.entries(view.drags) : [];
  const fits =
    whole(view.seed, 0, 2 ** 31) &&
    whole(view.picked, 0, SHOWN - 1) &&
    (view.given === null || whole(view.given, 0, about.given - 1)) &&
    typeof view.truncation === "number" && view.truncation >= 0 && view.truncation <= 1 &&
    kinds.every((kind) => numbers(view.steps?.[kind], plain.steps[kind].length, LONGEST)) &&
    numbers(view.layers, 2, layers) && whole(view.layers[0], 0, layers) && whole(view.layers[1], view.layers[0], layers) &&
    drags.every(([, drag]) => numbers(drag, 2, 1e3));
  return fits ? (view as View) : null;
}
