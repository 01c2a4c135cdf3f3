// Two to eight runs beside one another: samples at equal samples seen, where the recipes differ, and each tag's curves.

import { useEffect, useMemo, useState } from "preact/hooks";
import * as api from "./api";
import { Chart, type View } from "./chart";
import { Controls } from "./controls";
import { type Columns, choices, columnsOf, differences, gridAt, grouped, placeOf, places, seenAt, seenOf } from "./series";
import { type Words, figure } from "./text";

interface Side {
  run: api.Run;
  columns: Columns;
}

export function Compare({ ids, words }: { ids: string[]; words: Words }) {
  const [sides, setSides] = useState<Side[] | null>(null);
  const [problem, setProblem] = useState("");
  const [at, setAt] = useState(Number.POSITIVE_INFINITY); // samples seen
  const [view, setView] = useState<View>({ smoothing: 20, logY: false, byTime: false });
  useEffect(() => {
    Promise.all(ids.map(async (id) => ({ run: await api.run(id), columns: columnsOf(await api.metrics(id)) }))).then(setSides, (error: Error) =>
      setProblem(error.message || words.lost),
    );
  }, []);
  const x = useMemo(() => (sides ?? []).map((side) => places(side.columns, view.byTime)), [sides, view.byTime]);
  if (problem)
    return (
      <main>
        <p role="alert">{problem}</p>
      </main>
    );
  if (!sides) return <main aria-busy="true" />;

  const named = (side: Side) => (side.run.id === "." ? side.run.name : side.run.id);
  const tags = [...grouped([...new Set(sides.flatMap((side) => Object.keys(side.columns)))]).values()].flat();
  const times = [...new Set(sides.flatMap((side) => side.run.grids.map(seenOf)))].sort((a, b) => a - b);
  const latest = times.length - 1;
  const place = Math.max(times.findLastIndex((time) => time <= at), 0);
  const seen = Math.min(at, times[latest] ?? 0);
  const first = sides[0]?.columns ?? {};
  const rows = differences(sides.map((side) => choices(side.run.recipe_text)));
  const scores = [...new Set(sides.flatMap((side) => Object.keys(side.run.scores ?? {})))];
  return (
    <main>
      <a href="#/">{words.back}</a>
      <h1>{sides.map(named).join(" · ")}</h1>
      <section>
        <h2>{words.equal}</h2>
        <div class="scrubber">
          <input
            type="range"
            min={0}
            max={Math.max(latest, 0)}
            value={place}
            aria-label={words.scrub}
            aria-valuetext={`${seen} ${words.seen}`}
            onInput={(e) => setAt(times[Number(e.currentTarget.value)] ?? 0)}
          />
          <output>
            {seen.toLocaleString()} {words.seen}
          </output>
        </div>
        <div class="side">
          {sides.map((side) => {
            const file = side.run.grids[gridAt(side.run.grids, seen)];
            return (
              <figure key={side.run.id}>
                <figcaption>
                  {named(side)}: {file ? seenOf(file).toLocaleString() : "-"} {words.seen}
                </figcaption>
                {file && <img src={api.picture(side.run.id, file)} alt={`${words.samples}: ${named(side)}`} />}
              </figure>
            );
          })}
        </div>
      </section>
      <section>
        <h2>{words.scores}</h2>
        <Table names={sides.map(named)} rows={scores.map((name) => [name, sides.map((side) => figure(side.run.scores?.[name] ?? "-"))])} />
      </section>
      <section>
        <h2>{words.differ}</h2>
        {rows.length ? <Table names={sides.map(named)} rows={rows} /> : <p>{words.same}</p>}
      </section>
      <section>
        <h2>{words.charts}</h2>
        <Controls view={view} change={setView} words={words} />
        <div class="charts">
          {tags.map((tag) => (
            <Chart
              key={tag}
              title={tag}
              lines={sides.map((side, k) => ({ label: named(side), x: x[k] ?? [], y: side.columns[tag] ?? (x[k] ?? []).map(() => null) }))}
              view={view}
              mark={placeOf(first, view.byTime, seen)}
              onPick={(to) => setAt(seenAt(first, view.byTime, to))}
            />
          ))}
        </div>
      </section>
    </main>
  );
}

function Table({ names, rows }: { names: string[]; rows: [string, string[]][] }) {
  return (
    <div class="scroll" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <td />
            {names.map((name) => (
              <th scope="col">{name}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, values]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {values.map((value) => (
                <td>{value}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
