// Small inputs of the explorer: a slider with its number, and a range of layers.

export function Slide({ label, value, least, most, change }: { label: string; value: number; least: number; most: number; change: (to: number) => void }) {
  return (
    <label class="slide">
      <span>{label}</span>
      <input type="range" min={least} max={most} step={(most - least) / 200} value={value} onInput={(e) => change(e.currentTarget.valueAsNumber)} />
      <output>{value.toFixed(2)}</output>
    </label>
  );
}

/** From one layer to another, both included; shown from 1 on. */
export function Layers({ from, to, value, count, change }: { from: string; to: string; value: [number, number]; count: number; change: (to: [number, number]) => void }) {
  return (
    <>
      <Layer label={from} value={value[0]} count={count} change={(k) => change([k, Math.max(k, value[1])])} />
      <Layer label={to} value={value[1]} count={count} change={(k) => change([Math.min(k, value[0]), k])} />
    </>
  );
}

function Layer({ label, value, count, change }: { label: string; value: number; count: number; change: (to: number) => void }) {
  return (
    <label>
      {label} <input type="number" min={1} max={count} value={value + 1} onChange={(e) => change(Math.min(Math.max(e.currentTarget.valueAsNumber || 1, 1), count) - 1)} />
    </label>
  );
}
