// All runs below the folder, the latest first; asked for again every few seconds.

import { useEffect, useState } from "preact/hooks";
import * as api from "./api";
import { plain } from "./series";
import { type Words, duration, figure, short } from "./text";

const PAUSE = 4000; // milliseconds
const MOST = 8; // runs beside one another

export function List({ words }: { words: Words }) {
  const [runs, setRuns] = useState<api.Overview[] | null>(null);
  const [problem, setProblem] = useState("");
  const [chosen, setChosen] = useState<string[]>([]);
  useEffect(() => {
    let timer = 0;
    let gone = false;
    const ask = async () => {
      try {
        const found = await api.runs();
        if (gone) return;
        setRuns(found);
        setProblem("");
      } catch {
        if (!gone) setProblem(words.lost);
      }
      if (!gone) timer = window.setTimeout(ask, PAUSE);
    };
    void ask();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, []);
  return (
    <main>
      <h1>{words.runs}</h1>
      {problem && <p role="alert">{problem}</p>}
      {runs?.length === 0 && <p>{words.none}</p>}
      {chosen.length > 0 && (
        <p class="choice">
          {chosen.length > 1 && chosen.length <= MOST ? (
            <a href={`#/compare/${chosen.map(encodeURIComponent).join(",")}`}>
              {words.compare}: {chosen.join(", ")}
            </a>
          ) : (
            words.atMost
          )}
        </p>
      )}
      <ul class="runs">
        {runs?.map((run) => (
          <li key={run.id}>
            <input
              type="checkbox"
              aria-label={`${words.choose}: ${run.id}`}
              title={words.choose}
              checked={chosen.includes(run.id)}
              onChange={(e) => setChosen(e.currentTarget.checked ? [...chosen, run.id] : chosen.filter((id) => id !== run.id))}
            />
            <Entry run={run} words={words} />
          </li>
        ))}
      </ul>
    </main>
  );
}

function Entry({ run, words }: { run: api.Overview; words: Words }) {
  const open = run.alarms?.open ?? [];
  const frechet = run.scores?.frechet ?? run.best?.frechet; // of fewer samples, until the training is complete
  return (
    <a class="run" href={`#/run/${encodeURIComponent(run.id)}`}>
      {run.picture ? <img src={api.picture(run.id, run.picture)} alt="" loading="lazy" /> : <span class="blank" />}
      <span class="facts">
        <strong>{run.id === "." ? run.name : run.id}</strong> <State state={run.state} words={words} />{" "}
        {open.length > 0 && (
          <span class="badge alarm">
            {words.alarmsOpen}: {open.join(", ")}
          </span>
        )}
        <br />
        {run.problem ?? [run.recipe, run.data, run.started].filter(Boolean).join(" · ")}
        <br />
        {!run.problem && (
          <span class="numbers">
            {short(run.samples_seen ?? 0)} {words.seen}
            {run.seconds ? ` · ${duration(run.seconds)}` : ""}
            {run.state === "running" && run.rate ? ` · ${short(run.rate)} ${words.perSecond}` : ""}
            {frechet != null ? ` · Frechet ${figure(frechet)}` : ""}
          </span>
        )}
      </span>
      <Spark values={(run.loss ?? []).map(plain)} />
    </a>
  );
}

export function State({ state, words }: { state: string; words: Words }) {
  const known = words.state[state as keyof Words["state"]];
  return <span class={`badge ${known ? state : ""}`}>{known ?? state}</span>;
}

/** A small line without axes, a hundred values wide. */
function Spark({ values }: { values: (number | null)[] }) {
  const known = values.filter((v) => v !== null);
  if (known.length < 2) return <svg class="spark" aria-hidden="true" />;
  const low = Math.min(...known);
  const high = Math.max(...known);
  const points = known.map((v, k) => `${((100 * k) / (known.length - 1)).toFixed(1)},${(28 - (24 * (v - low)) / (high - low || 1)).toFixed(1)}`);
  return (
    <svg class="spark" viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true">
      <polyline points={points.join(" ")} fill="none" stroke="currentColor" stroke-width="1" vector-effect="non-scaling-stroke" />
    </svg>
  );
}
