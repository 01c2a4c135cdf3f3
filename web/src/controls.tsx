// How charts are drawn: smoothing, a logarithmic axis, time in place of samples.

import type { ComponentChildren } from "preact";
import type { View } from "./chart";
import type { Words } from "./text";

interface Props {
  view: View;
  change: (view: View) => void;
  words: Words;
  children?: ComponentChildren;
}

export function Controls({ view, change, words, children }: Props) {
  return (
    <div class="controls">
      <label>
        {words.smoothing}{" "}
        <input type="range" min={0} max={200} step={5} value={view.smoothing} onInput={(e) => change({ ...view, smoothing: Number(e.currentTarget.value) })} />
      </label>
      <label>
        <input type="checkbox" checked={view.logY} onChange={(e) => change({ ...view, logY: e.currentTarget.checked })} /> {words.logY}
      </label>
      <label>
        <input type="checkbox" checked={view.byTime} onChange={(e) => change({ ...view, byTime: e.currentTarget.checked })} /> {words.byTime}
      </label>
      {children}
    </div>
  );
}
