// One chart of some lines over samples or time, drawn by uPlot. A mark shows where the grid that is shown was made.

import { useEffect, useMemo, useRef } from "preact/hooks";
import uPlot from "uplot";
import { type Line, smoothed } from "./series";

const COLOURS = ["#4477aa", "#cc6677", "#228833", "#aa7733", "#aa3377", "#2299bb", "#777777", "#999933"]; // told apart by most eyes

export interface View {
  smoothing: number; // rows
  logY: boolean;
  byTime: boolean;
}

interface Props {
  title: string;
  lines: Line[];
  view: View;
  mark: number | null; // where on the x axis
  onPick: (x: number) => void;
}

const HEIGHT = 220;
const FEW = 30; // values that are shown as points too

export function Chart({ title, lines, view, mark, onPick }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ mark, onPick });
  latest.current = { mark, onPick };
  const logY = view.logY && lines.every((line) => line.y.every((v) => v === null || v > 0));
  const few = lines.map((line) => line.y.filter((v) => v !== null).length < FEW);
  const form = JSON.stringify([lines.map((line) => line.label), few, logY, view.byTime]); // what needs another plot

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const axis = { stroke: getComputedStyle(element).color, grid: { stroke: "#8883", width: 1 }, ticks: { stroke: "#8883", width: 1 } };
    const made = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        scales: { x: { time: false }, y: { distr: logY ? 3 : 1 } },
        axes: [axis, { ...axis, size: 64 }],
        series: [
          { label: view.byTime ? "min" : "samples", value: (_, v) => (v === null ? "" : v.toLocaleString()) },
          ...lines.map((line, k) => ({
            label: line.label,
            stroke: COLOURS[k % COLOURS.length],
            width: 1.5,
            spanGaps: true,
            points: { show: few[k] },
            value: (_: uPlot, v: number | null) => (v === null ? "" : v.toPrecision(4)),
          })),
        ],
        hooks: { draw: [(u) => draw(u, latest.current.mark)] },
      },
      [[]],
      element,
    );
    made.over.addEventListener("click", () => {
      const x = made.cursor.idx == null ? undefined : made.data[0][made.cursor.idx];
      if (x !== undefined) latest.current.onPick(x);
    });
    const watch = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    watch.observe(element);
    plot.current = made;
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [form]);

  const data = useMemo(() => aligned(lines.map((line, k) => (few[k] ? line : { ...line, y: smoothed(line.y, view.smoothing) }))), [lines, view.smoothing]);
  useEffect(() => plot.current?.setData(data), [data, form]);
  useEffect(() => plot.current?.redraw(false), [mark]);

  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <div ref={box} role="img" aria-label={summary(title, lines)} />
    </figure>
  );
}

function draw(u: uPlot, mark: number | null) {
  if (mark === null) return;
  const x = u.valToPos(mark, "x", true);
  if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) return;
  u.ctx.fillStyle = "#cc6677";
  u.ctx.fillRect(x - 1, u.bbox.top, 2, u.bbox.height);
}

/** One table of all lines, as uPlot wants it. */
function aligned(lines: Line[]): uPlot.AlignedData {
  const x = lines[0]?.x ?? [];
  if (lines.every((line) => line.x === x)) return [x, ...lines.map((line) => line.y)];
  return uPlot.join(lines.map((line) => [line.x, line.y]));
}

/** A chart in words, for those who cannot see it: the last value of each line. */
function summary(title: string, lines: Line[]): string {
  const last = (line: Line) => line.y.findLast((v) => v !== null)?.toPrecision(4) ?? "-";
  return `${title}: ${lines.map((line) => `${line.label} ${last(line)}`).join(", ")}`;
}
