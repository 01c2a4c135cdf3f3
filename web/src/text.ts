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
  explore: "Explore its latent space",
  backToRun: "Back to the run",
  seed: "Seed",
  firstSeed: "First seed",
  nextSeeds: "Other seeds",
  class: "Class",
  eachClass: "each",
  cluster: "Cluster",
  asInData: "as in the data",
  truncation: "Truncation",
  across: "Drag across",
  down: "Drag down",
  fromLayer: "Directions move layers",
  toLayer: "to",
  direction: "Direction",
  directions: { principal: "Principal directions (GANSpace)", closed_form: "Closed-form directions (SeFa)" },
  dragHint: "Drag the picture to wander through latent space. The directions move all pictures.",
  undo: "Undo",
  reset: "Reset",
  savePicture: "Save this picture",
  openPicture: "Open a saved picture",
  noRecipe: "That file carries no recipe of this generator. Wanted: a picture saved from this page.",
  madeHere: "Every picture is made here, in your browser. Nothing is sent or fetched.",
  loading: "Loading the generator…",
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
  explore: "探索潜空间",
  backToRun: "返回这次训练",
  seed: "种子",
  firstSeed: "起始种子",
  nextSeeds: "换一批种子",
  class: "类别",
  eachClass: "各类",
  cluster: "簇",
  asInData: "与数据相同",
  truncation: "截断",
  across: "横向拖动",
  down: "纵向拖动",
  fromLayer: "方向作用的层：从",
  toLayer: "到",
  direction: "方向",
  directions: { principal: "主方向（GANSpace）", closed_form: "闭式方向（SeFa）" },
  dragHint: "拖动图片即可在潜空间中漫游。方向滑块作用于所有图片。",
  undo: "撤销",
  reset: "重置",
  savePicture: "保存这张图片",
  openPicture: "打开已保存的图片",
  noRecipe: "该文件不含这个生成器的配方。需要：从本页保存的图片。",
  madeHere: "每张图片都在您的浏览器中生成，不发送也不获取任何数据。",
  loading: "正在加载生成器…",
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
