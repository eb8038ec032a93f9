// What is added by typing: web pages, answers, tags.
import { field, question } from "../dialogs.js";
import { el } from "../shared/dom.js";
import { counted } from "../shared/words.js";

/** Ask for a web page and have it read into the bucket. */
export async function addWebsite(page, bucket) {
  const url = el("input", { type: "url", name: "url", required: true, placeholder: "https://", autocomplete: "off" });
  const data = await question("Add a web page", field("Address", url, "A public page. Calypso reads it once, now."), { yes: "Read page" });
  if (!data) return;
  page.say("Reading the page \u2026");
  await page.attempt(async () => {
    await page.api.addWebsite(bucket.id, data.get("url"), true);
    page.say("The page was read and is being indexed.");
  });
}

/** Ask for a question and its answer. */
export async function addQa(page, bucket) {
  const data = await question("Add a question and its answer", [
    field("Question", el("input", { name: "question", required: true, maxlength: 1000, autocomplete: "off" })),
    field("Answer", el("textarea", { name: "answer", required: true, rows: 6, maxlength: 50000 }), "Replaces the earlier answer to the same question."),
  ], { yes: "Add" });
  if (!data) return;
  await page.attempt(async () => {
    await page.api.addQa(bucket.id, data.get("question"), data.get("answer"));
    page.say("The answer is being indexed.");
  });
}

/** Ask for the tags of sources and set them. Returns whether they were changed. */
export async function editTags(page, sources) {
  const shared = sources[0].tags.filter((tag) => sources.every(({ tags }) => tags.includes(tag)));
  const data = await question(sources.length > 1 ? `Tags of ${sources.length} sources` : "Tags",
    field("Tags, separated by commas", el("input", { name: "tags", value: shared.join(", "), autocomplete: "off" }),
      sources.length > 1 ? "Tags that all of them share. Tags that only some have are kept." : "At most 20."), { yes: "Save" });
  if (!data) return false;
  const wanted = data.get("tags").split(",").map((tag) => tag.trim()).filter(Boolean);
  const done = await page.attempt(() => Promise.all(sources.map(({ id, tags }) =>
    page.api.relabel(id, { tags: [...new Set([...tags.filter((tag) => !shared.includes(tag)), ...wanted])] }))));
  if (done) page.say("The tags were saved.");
  return done;
}

/** Ask whether sources should be removed, and do it. Returns whether they are gone. */
export async function removeSources(page, sources, bucket) {
  const names = sources.slice(0, 8).map(({ name }) => el("li", {}, name));
  const what = sources.length === 1 ? "this source" : counted(sources.length, "source");
  const data = await question(`Remove ${what}?`, [
    el("ul", { class: "reasons" }, names, sources.length > 8 && el("li", {}, `and ${sources.length - 8} more`)),
    el("p", {}, bucket ? `This removes it from ${bucket.name}. Text that is in no other bucket is deleted for good.` : "This removes it from every bucket, for good."),
  ], { yes: "Remove", isDanger: true });
  if (!data) return false;
  let removed = 0;
  const done = await page.attempt(async () => {
    for (const { id } of sources) {
      await page.api.remove(id, bucket?.id);
      removed += 1;
    }
  });
  if (done) page.say(removed === 1 ? "The source was removed." : `${removed} sources were removed.`);
  return done || removed > 0;
}
