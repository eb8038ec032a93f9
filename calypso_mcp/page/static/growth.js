// How a bucket grew, as a picture: an area for its sources, a line for those that are searchable.
import { el } from "./shared/dom.js";
import { counted, numberInWords } from "./shared/words.js";

const [WIDTH, HEIGHT] = [640, 88];
const SVG = "http://www.w3.org/2000/svg";
const RECENT_MS = 600_000;

/** Return the figure of {whole, upload}, each [{at, sources, searchable}]; undefined where nothing has grown. */
export function growthFigure({ whole, upload }, now = Date.now()) {
  const isUpload = upload.length > 0 && now - Date.parse(upload.at(-1).at) < RECENT_MS;
  const points = isUpload ? upload : whole;
  if (points.length < 2) return undefined;
  const [first, last] = [points[0], points.at(-1)];
  const most = Math.max(...points.map(({ sources }) => sources), 1);
  const x = (_, index) => (index / (points.length - 1)) * WIDTH;
  const y = (count) => HEIGHT - (count / most) * (HEIGHT - 4);
  const line = (name) => points.map((point, index) => `${x(point, index).toFixed(1)},${y(point[name]).toFixed(1)}`).join(" ");
  const words = `${isUpload ? "Latest upload" : "Since the first source"}: ${counted(last.sources, "source")}, ${numberInWords(last.searchable)} searchable after ${spanInWords(Date.parse(last.at) - Date.parse(first.at))}`;
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": words, class: "growth" },
    svg("polygon", { class: "growth-all", points: `0,${HEIGHT} ${line("sources")} ${WIDTH},${HEIGHT}` }),
    svg("polyline", { class: "growth-ready", points: line("searchable") }));
  const time = ({ at }) => el("time", { datetime: at }, isUpload ? new Date(at).toLocaleTimeString() : new Date(at).toLocaleDateString());
  return el("figure", {}, picture, el("div", { class: "growth-ends small muted", "aria-hidden": "true" }, time(first), time(last)),
    el("figcaption", { class: "small" }, el("span", { class: "key key-all" }, "in the bucket"), el("span", { class: "key key-ready" }, "searchable"), el("span", { class: "muted" }, words)));
}

function spanInWords(milliseconds) {
  const seconds = milliseconds / 1000;
  if (seconds < 90) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${numberInWords(Math.round(seconds / 86400))} days`;
}

function svg(tag, props, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
