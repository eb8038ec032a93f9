// Questions to a person, in the browser's own dialog: it keeps the focus, and Escape closes it.
import { el } from "./shared/dom.js";

let count = 0;

/** Show a dialog; resolves to the form's data, or null where it was cancelled. `fields` stand above the buttons. */
export function question(title, fields, { yes = "OK", no = "Cancel", isDanger = false, isWide = false } = {}) {
  count += 1;
  const heading = `dialog-${count}`;
  const form = el("form", { onSubmit: (event) => { event.preventDefault(); dialog.returnValue = "yes"; dialog.close("yes"); } },
    el("h2", { id: heading }, title),
    fields,
    el("div", { class: "buttons" },
      el("button", { type: "submit", class: isDanger ? "danger" : "main" }, yes),
      no && el("button", { type: "button", onClick: () => dialog.close("") }, no)));
  const dialog = el("dialog", { class: isWide && "wide-dialog", "aria-labelledby": heading }, form);
  document.body.append(dialog);
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  dialog.showModal();
  // What is typed comes first; without it, the answer that does no harm.
  const safe = isDanger ? "button[type=button]" : "button[type=submit]";
  (form.querySelector("input, select, textarea") ?? form.querySelector(safe)).focus();
  return new Promise((done) => {
    dialog.addEventListener("close", () => {
      const data = dialog.returnValue === "yes" ? new FormData(form) : null;
      dialog.remove();
      before?.focus();
      done(data);
    });
  });
}

/** Return a labelled field. */
export function field(label, control, hint) {
  count += 1;
  control.id ||= `field-${count}`;
  if (hint) control.setAttribute("aria-describedby", `${control.id}-hint`);
  return el("div", { class: "field" }, el("label", { for: control.id }, label), control,
    hint && el("p", { class: "small muted", id: `${control.id}-hint` }, hint));
}
