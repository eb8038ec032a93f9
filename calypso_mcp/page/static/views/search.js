// Searching buckets: hits with their words marked, each leading to its place.
import { addressOf } from "../shared/addresses.js";
import { el, show } from "../shared/dom.js";
import { hitList } from "../shared/hits.js";
import { counted } from "../shared/words.js";

export async function draw(page) {
  const question = page.query.get("q") ?? "";
  const chosen = (page.query.get("in") ?? "").split(",").filter(Boolean);
  page.title(question ? `${question} - search` : "Search");
  const buckets = await page.api.buckets(page.signal);
  const result = el("section", { "aria-label": "Hits" });
  show(page.main, el("h1", { tabindex: -1 }, "Search"),
    el("form", { class: "stack", role: "search", onSubmit: submit },
      el("div", { class: "inline" },
        el("input", { type: "search", name: "q", value: question, required: true, "aria-label": "Search words", placeholder: "Words or a question" }),
        el("button", { type: "submit", class: "main" }, "Search")),
      buckets.length > 0 && el("fieldset", { class: "choices" }, el("legend", { class: "small muted" }, "Buckets (none chosen: search all)"),
        buckets.toSorted((one, other) => chosen.includes(other.slug) - chosen.includes(one.slug)).map(({ slug, name }) => el("label", {}, el("input", { type: "checkbox", name: "in", value: slug, checked: chosen.includes(slug) }), name)))),
    result);
  if (!question) return;
  const { hits, absent } = await page.api.search({ query: question, buckets: chosen.length ? chosen : buckets.map(({ slug }) => slug), signal: page.signal });
  show(result,
    el("h2", {}, hits.length ? counted(hits.length, "hit") : "Nothing found"),
    absent.length > 0 && el("p", { class: "small muted" }, `Words not in these buckets: ${absent.join(", ")}`),
    hitList(hits, question, { hrefOf: (hit) => (page.api.can.read && hit.fileId ? addressOf(hit.fileId, hit.place, question) : undefined) }));
  page.say(hits.length ? counted(hits.length, "hit") : "Nothing found", { isSeen: false });
}

function submit(event) {
  event.preventDefault();
  const data = new FormData(event.target);
  const asked = new URLSearchParams({ q: String(data.get("q")) });
  if (data.getAll("in").length) asked.set("in", data.getAll("in").join(","));
  location.hash = `#/search?${asked}`;
}
