// One chart of some tags over samples or time, drawn by uPlot. A line marks the grid that is shown.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { type Columns, smoothed } from "./series";

const COLOURS = ["#4477aa", "#cc6677", "#228833", "#aa7733", "#aa3377", "#2299bb", "#777777"]; // told apart by most eyes

export interface View {
  smoothing: number; // rows
  logY: boolean;
  byTime: boolean;
}

interface Props {
  title: string;
  tags: string[];
  columns: Columns;
  view: View;
  mark: number; // samples seen
  onPick: (seen: number) => void;
}

const HEIGHT = 220;

export function Chart({ title, tags, columns, view, mark, onPick }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ mark, onPick, columns, view });
  latest.current = { mark, onPick, columns, view };
  const positive = tags.every((tag) => columns[tag]?.every((v) => v === null || v > 0));
  const logY = view.logY && positive;

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const ink = getComputedStyle(element).color;
    const axis = { stroke: ink, grid: { stroke: "#8883", width: 1 }, ticks: { stroke: "#8883", width: 1 } };
    const made = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        scales: { x: { time: false }, y: { distr: logY ? 3 : 1 } },
        axes: [axis, { ...axis, size: 64 }],
        series: [
          { label: view.byTime ? "min" : "samples", value: (_, v) => (v === null ? "" : v.toLocaleString()) },
          ...tags.map((tag, k) => ({
            label: tag,
            stroke: COLOURS[k % COLOURS.length],
            width: 1.5,
            spanGaps: true,
            points: { show: (columns[tag] ?? []).filter((v) => v !== null).length < 30 },
            value: (_: uPlot, v: number | null) => (v === null ? "" : v.toPrecision(4)),
          })),
        ],
        hooks: {
          draw: [
            (u) => {
              const at = latest.current.view.byTime ? timeAt(latest.current.columns, latest.current.mark) : latest.current.mark;
              const x = u.valToPos(at, "x", true);
              if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) return;
              u.ctx.fillStyle = "#cc6677";
              u.ctx.fillRect(x - 1, u.bbox.top, 2, u.bbox.height);
            },
          ],
        },
      },
      [[]],
      element,
    );
    made.over.addEventListener("click", () => {
      const index = made.cursor.idx;
      const seen = index == null ? null : latest.current.columns.samples_seen?.[index];
      if (seen != null) latest.current.onPick(seen);
    });
    const watch = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    watch.observe(element);
    plot.current = made;
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [tags.join("|"), logY, view.byTime]);

  useEffect(() => {
    const x = view.byTime ? (columns.seconds ?? []).map((s) => (s ?? 0) / 60) : (columns.samples_seen ?? []);
    const lines = tags.map((tag) => smoothed(columns[tag] ?? [], view.smoothing));
    plot.current?.setData([x as number[], ...lines]);
  }, [columns, view.smoothing, tags.join("|"), logY, view.byTime]);

  useEffect(() => plot.current?.redraw(false), [mark]);

  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <div ref={box} role="img" aria-label={summary(title, tags, columns)} />
    </figure>
  );
}

/** Minutes of training at `seen` samples. */
function timeAt(columns: Columns, seen: number): number {
  const index = (columns.samples_seen ?? []).findIndex((s) => (s ?? 0) >= seen);
  const seconds = columns.seconds?.at(index);
  return (seconds ?? 0) / 60;
}

/** A chart in words, for those who cannot see it: the last value of each line. */
function summary(title: string, tags: string[], columns: Columns): string {
  const last = (tag: string) => (columns[tag] ?? []).findLast((v) => v !== null);
  return `${title}: ${tags.map((tag) => `${tag} ${last(tag)?.toPrecision(4) ?? "-"}`).join(", ")}`;
}
