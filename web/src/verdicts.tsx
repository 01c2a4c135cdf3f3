// What the discriminator says of reals, fakes and held-out reals: their scores' histograms at the moment of a grid.

import type { Look } from "./api";
import { HEIGHT, WIDTH, lookAt, outline, tallest } from "./histogram";
import { type Words, figure } from "./text";

const COLOURS: Record<string, string> = { real: "#4477aa", fake: "#cc6677", held_out: "#228833" };

export function Verdicts({ looks, seen, words }: { looks: Look[]; seen: number; words: Words }) {
  const look = lookAt(looks, seen);
  if (!look) return null;
  const kinds = Object.keys(COLOURS).filter((kind) => look.counts[kind]) as (keyof Words["kinds"])[];
  const most = tallest(look);
  return (
    <figure class="chart verdicts">
      <figcaption>
        {words.verdicts}, {words.atSamples} {look.samples_seen.toLocaleString()}
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={words.verdictsHint}>
        {kinds.map((kind) => (
          <path key={kind} d={outline(look.counts[kind] ?? [], most)} fill={COLOURS[kind]} fill-opacity="0.25" stroke={COLOURS[kind]} vector-effect="non-scaling-stroke" />
        ))}
      </svg>
      <p class="ends">
        <span>{figure(look.low)}</span>
        <span>{figure(look.high)}</span>
      </p>
      <ul class="legend">
        {kinds.map((kind) => (
          <li key={kind}>
            <svg viewBox="0 0 10 10" aria-hidden="true">
              <rect width="10" height="10" fill={COLOURS[kind]} />
            </svg>
            {words.kinds[kind]}
          </li>
        ))}
      </ul>
      <p>{words.verdictsHint}</p>
    </figure>
  );
}
