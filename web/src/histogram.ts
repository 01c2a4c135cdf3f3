// Histograms as paths: every kind in shares of itself, so that few held-out samples stand as high as many reals.

import type { Look } from "./api";

export const WIDTH = 320;
export const HEIGHT = 100;

/** The latest look at or before so many samples seen, or the first. */
export function lookAt(looks: Look[], seen: number): Look | undefined {
  return looks.findLast((look) => look.samples_seen <= seen) ?? looks[0];
}

const total = (counts: number[]) => counts.reduce((sum, count) => sum + count, 0);
const shares = (counts: number[]) => counts.map((count) => count / Math.max(total(counts), 1));

/** The largest share that any kind has in a bin. */
export function tallest(look: Look): number {
  return Math.max(...Object.values(look.counts).flatMap(shares), 1e-9);
}

/** The outline of a kind's bars, as the `d` of a path; `most` is the share that fills the height. */
export function outline(counts: number[], most: number): string {
  const step = WIDTH / counts.length;
  const bars = shares(counts).map((share, k) => {
    const y = (HEIGHT * (1 - share / most)).toFixed(1);
    return `L${(k * step).toFixed(1)} ${y}L${((k + 1) * step).toFixed(1)} ${y}`;
  });
  return `M0 ${HEIGHT}${bars.join("")}L${WIDTH} ${HEIGHT}Z`;
}
