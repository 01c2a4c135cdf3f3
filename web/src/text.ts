// All words of the pages, in English and Chinese; the browser's language decides until the button is pressed.

const en = {
  runs: "Runs",
  none: "There are no runs here yet. Train one: gansmith train photos --run runs/photos",
  lost: "The server does not answer. Is gansmith serve still running?",
  back: "All runs",
  state: { running: "running", stopped: "stopped", finished: "finished", failed: "failed", interrupted: "interrupted", unreadable: "unreadable" },
  seen: "samples seen",
  perSecond: "samples/s",
  trained: "trained",
  left: "left",
  alarmsOpen: "open alarms",
  samples: "Samples",
  scrub: "Which grid, by samples seen",
  play: "Play",
  pause: "Pause",
  charts: "Charts",
  smoothing: "Smoothing",
  logY: "Logarithmic",
  byTime: "By training time",
  minutes: "minutes",
  csv: "CSV",
  download: "Download this picture",
  alarms: "Alarms",
  cleared: "well again",
  recovered: "recovered",
  atSamples: "at",
  scores: "Scores at the end",
  recipe: "Recipe",
  uncurated: "Samples as they come",
  nearest: "Their nearest training pictures",
  copies: "Possible copies",
  noChart: "No numbers yet.",
  compare: "Compare",
  choose: "Compare this run",
  atMost: "Two to eight runs can be compared.",
  differ: "Recipes, where they differ",
  same: "The recipes are the same.",
  equal: "Samples at equal samples seen",
  language: "中文",
};

export type Words = typeof en;

const zh: Words = {
  runs: "训练",
  none: "这里还没有训练。先训练一个：gansmith train photos --run runs/photos",
  lost: "服务器没有应答。gansmith serve 还在运行吗？",
  back: "所有训练",
  state: { running: "进行中", stopped: "已停止", finished: "已完成", failed: "失败", interrupted: "被中断", unreadable: "无法读取" },
  seen: "已看样本",
  perSecond: "样本/秒",
  trained: "训练时长",
  left: "后结束",
  alarmsOpen: "未解除的警报",
  samples: "样本",
  scrub: "按已看样本数选择图片",
  play: "播放",
  pause: "暂停",
  charts: "曲线",
  smoothing: "平滑",
  logY: "对数",
  byTime: "按训练时间",
  minutes: "分钟",
  csv: "CSV",
  download: "下载这张图片",
  alarms: "警报",
  cleared: "已恢复正常",
  recovered: "已回退并恢复",
  atSamples: "于",
  scores: "最终得分",
  recipe: "配方",
  uncurated: "未经挑选的样本",
  nearest: "最接近的训练图片",
  copies: "可能的复制",
  noChart: "还没有数据。",
  compare: "比较",
  choose: "比较这次训练",
  atMost: "可以比较两到八次训练。",
  differ: "配方的不同之处",
  same: "配方相同。",
  equal: "已看样本数相同时的样本",
  language: "English",
};

export const languages = { en, zh };
export type Language = keyof typeof languages;

export function preferred(): Language {
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

/** 12,345 as 12.3k: counts for headings. */
export function short(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toPrecision(3)}M`;
  return value >= 1e4 ? `${(value / 1e3).toPrecision(3)}k` : String(Math.round(value));
}

export function duration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  return minutes >= 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : minutes ? `${minutes} min` : `${Math.round(seconds)} s`;
}

export function figure(value: unknown): string {
  return typeof value === "number" ? Number(value.toPrecision(4)).toString() : String(value);
}
