// One run: its grids on a scrubber that moves with the charts, alarms, scores, recipe; live while it trains.

import { useEffect, useMemo, useState } from "preact/hooks";
import * as api from "./api";
import { Chart, type View } from "./chart";
import { Controls } from "./controls";
import { State } from "./list";
import { Verdicts } from "./verdicts";
import { Wishes } from "./wishes";
import { type Columns, choices, columnsOf, csv, extended, gridAt, grouped, placeOf, places, secondsLeft, seenAt, seenOf } from "./series";
import { type Words, duration, figure, short, size } from "./text";

const FRAME = 150; // milliseconds of a grid when played

export function Run({ id, words }: { id: string; words: Words }) {
  const [run, setRun] = useState<api.Run | null>(null);
  const [columns, setColumns] = useState<Columns>({});
  const [problem, setProblem] = useState("");
  const [picked, setPicked] = useState<number | null>(null); // index of a grid; null: the newest
  const [view, setView] = useState<View>({ smoothing: 0, logY: false, byTime: false });

  useEffect(() => {
    let stop = () => {};
    let gone = false;
    const begin = async () => {
      const [found, metrics] = await Promise.all([api.run(id), api.metrics(id)]);
      if (gone) return;
      setRun(found);
      setColumns(columnsOf(metrics));
      setPicked(null);
      stop = api.listen(id, metrics.end, (news) => {
        if (news.restart) {
          stop();
          void begin();
          return;
        }
        const rows = news.rows;
        if (rows) setColumns((old) => extended(old, rows));
        if (news.changed) void api.run(id).then((latest) => !gone && setRun(latest), () => {});
      });
    };
    begin().catch((error: Error) => !gone && setProblem(error.message || words.lost));
    return () => {
      gone = true;
      stop();
    };
  }, [id]);

  const grids = run?.grids ?? [];
  const index = picked === null ? grids.length - 1 : Math.min(picked, grids.length - 1);
  const mark = grids[index] ? seenOf(grids[index]) : 0;
  const charts = useMemo(() => grouped(Object.keys(columns)), [Object.keys(columns).join("|")]);
  const x = useMemo(() => places(columns, view.byTime), [columns, view.byTime]);
  if (problem)
    return (
      <main>
        <p role="alert">{problem}</p>
      </main>
    );
  if (!run) return <main aria-busy="true" />;
  const last = <K extends string>(tag: K) => columns[tag]?.findLast((v) => v !== null) ?? null;
  const seen = last("samples_seen") ?? run.samples_seen ?? 0;
  const rate = last("rate/samples_per_second");
  const left = secondsLeft(choices(run.recipe_text), seen, last("seconds") ?? 0, rate);

  return (
    <main>
      <a href="#/">{words.back}</a>
      <h1>
        {run.id === "." ? run.name : run.id} <State state={run.state} words={words} />
      </h1>
      <p>
        {run.problem ?? [run.recipe, run.data].filter(Boolean).join(" · ")} · {short(seen)} {words.seen} · {words.trained}{" "}
        {duration(last("seconds") ?? run.seconds ?? 0)}
        {run.state === "running" && rate !== null && ` · ${short(rate)} ${words.perSecond}`}
        {run.state === "running" && left !== null && ` · ${duration(left)} ${words.left}`}
      </p>
      {(run.state === "running" || run.state === "paused") && <Wishes run={run} words={words} />}
      {run.generator !== null && (
        <p>
          <a href={`#/explore/${encodeURIComponent(id)}`}>{words.explore}</a>
        </p>
      )}
      <Alarms run={run} words={words} />
      {grids.length > 0 && <Scrubber id={id} grids={grids} index={index} pick={setPicked} words={words} />}
      <Verdicts looks={run.verdicts} seen={mark} words={words} />
      <section>
        <h2>{words.charts}</h2>
        <Controls view={view} change={setView} words={words}>
          <button type="button" onClick={() => save(csv(columns), `${run.name}.csv`)}>
            {words.csv}
          </button>
        </Controls>
        {charts.size === 0 && <p>{words.noChart}</p>}
        <div class="charts">
          {[...charts].map(([title, tags]) => (
            <Chart
              key={title}
              title={title}
              lines={tags.map((tag) => ({ label: tag, x, y: columns[tag] ?? [] }))}
              view={view}
              mark={placeOf(columns, view.byTime, mark)}
              onPick={(at) => setPicked(gridAt(grids, seenAt(columns, view.byTime, at)))}
            />
          ))}
        </div>
      </section>
      <Scores run={run} words={words} />
      <Others run={run} words={words} />
      <HandOn run={run} words={words} />
      <details>
        <summary>{words.recipe}</summary>
        <pre tabIndex={0}>{run.recipe_text}</pre>
      </details>
    </main>
  );
}

interface ScrubberProps {
  id: string;
  grids: string[];
  index: number;
  pick: (index: number | null) => void;
  words: Words;
}

function Scrubber({ id, grids, index, pick, words }: ScrubberProps) {
  const [playing, setPlaying] = useState(false);
  useEffect(() => {
    if (!playing) return;
    const timer = setTimeout(() => (index + 1 < grids.length ? pick(index + 1) : setPlaying(false)), FRAME);
    return () => clearTimeout(timer);
  }, [playing, index]);
  useEffect(() => {
    // the neighbours, so that the picture moves with the hand
    for (const k of [index - 1, index + 1, index + 2]) if (grids[k]) new Image().src = api.picture(id, grids[k]);
  }, [index, grids.length]);
  const file = grids[index] ?? "";
  const seen = `${seenOf(file).toLocaleString()} ${words.seen}`;
  return (
    <section>
      <h2>{words.samples}</h2>
      <img class="grid" src={api.picture(id, file)} alt={`${words.samples}, ${seen}`} />
      <div class="scrubber">
        <button
          type="button"
          onClick={() => {
            if (!playing && index === grids.length - 1) pick(0);
            setPlaying(!playing);
          }}
        >
          {playing ? words.pause : words.play}
        </button>
        <input
          type="range"
          min={0}
          max={grids.length - 1}
          value={index}
          aria-label={words.scrub}
          aria-valuetext={seen}
          onInput={(event) => {
            const to = Number(event.currentTarget.value);
            pick(to === grids.length - 1 ? null : to);
          }}
        />
        <output>{seen}</output>
        <a href={api.picture(id, file)} download={`${id.replaceAll("/", "-")}-${file}`}>
          {words.download}
        </a>
      </div>
    </section>
  );
}

function save(text: string, name: string) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

function Alarms({ run, words }: { run: api.Run; words: Words }) {
  if (run.alerts.length === 0) return null;
  return (
    <section>
      <h2>{words.alarms}</h2>
      <ul class="alarms">
        {run.alerts.map((alert) => (
          <li class={alert.event === "raised" ? alert.severity : "well"}>
            <strong>{alert.kind}</strong>
            {alert.event !== "raised" && ` (${words[alert.event]})`} {words.atSamples} {alert.samples_seen.toLocaleString()}: {alert.evidence}{" "}
            <em>{alert.advice}</em>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Scores({ run, words }: { run: api.Run; words: Words }) {
  const scores = Object.entries(run.scores ?? {});
  if (scores.length === 0) return null;
  return (
    <section>
      <h2>{words.scores}</h2>
      <dl class="scores">
        {scores.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{figure(value)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function HandOn({ run, words }: { run: api.Run; words: Words }) {
  return (
    <section>
      <h2>{words.handOn}</h2>
      <ul>
        <li>
          <a href={`#/card/${encodeURIComponent(run.id)}`}>{words.cardPage}</a>
        </li>
        {run.generator !== null && (
          <li>
            <a href={api.kept(run.id, "weights")}>{words.weights}</a>, {size(run.generator)}
          </li>
        )}
        <li>
          <a href={api.kept(run.id, "card")}>{words.card}</a>
        </li>
      </ul>
    </section>
  );
}

function Others({ run, words }: { run: api.Run; words: Words }) {
  const titles: Record<string, string> = { "uncurated.png": words.uncurated, "nearest.png": words.nearest, "copies.png": words.copies };
  return (
    <section class="others">
      {run.others.map((file) => (
        <figure key={file}>
          <figcaption>{titles[file]}</figcaption>
          <img src={api.picture(run.id, file)} alt={titles[file]} loading="lazy" />
        </figure>
      ))}
    </section>
  );
}
