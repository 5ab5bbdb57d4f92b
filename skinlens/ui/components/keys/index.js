// Keys of the review. A key presses the button of the page that it stands for, so that both do the same, and a button
// that is not there or cannot be pressed has no key either.

const TEXT = new Set(["text", "search", "number", "email", "url", "tel", "password", "date", "time"]);
const OWN_ARROWS = "[role=slider],[role=radiogroup],[role=tablist],[role=listbox],[role=grid],[role=menu],canvas";
// Milliseconds after which a key counts again though the page has not answered.
const PATIENCE = 5000;
const parts = new WeakMap();

function isTyping(target) {
  if (target.isContentEditable || target.tagName === "TEXTAREA" || target.tagName === "SELECT") return true;
  return target.tagName === "INPUT" && TEXT.has(target.type);
}

// Both end the note: the next letter is a verdict. Streamlit saves a text when it loses the focus, and keeps these keys
// to itself, so they are seen before it gets them.
function leaveNote(part, event) {
  const target = event.composedPath()[0];
  if ((event.key !== "Escape" && event.key !== "Enter") || event.isComposing || !part.data.note) return;
  if (target instanceof Element && target.closest(part.data.note)) setTimeout(() => target.blur());
}

function show(part, root) {
  const { data } = part;
  const open = root.querySelector(".open");
  open.textContent = data.open;
  open.onclick = () => root.querySelector("dialog").showModal();
  root.querySelector("h2").textContent = data.title;
  const close = root.querySelector(".close");
  close.textContent = data.close;
  close.onclick = () => root.querySelector("dialog").close();
  root.querySelector("table").replaceChildren(
    ...data.rows.map(([key, meaning]) => {
      const row = document.createElement("tr");
      const head = document.createElement("th");
      const sign = document.createElement("kbd");
      sign.textContent = key;
      head.append(sign);
      const text = document.createElement("td");
      text.textContent = meaning;
      row.append(head, text);
      return row;
    }),
  );
}

function pressed(part, root, event) {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.composedPath()[0];
  const dialog = root.querySelector("dialog");
  if (!(target instanceof Element)) return;
  if (isTyping(target)) return;
  if (event.key === "?") {
    event.preventDefault();
    if (dialog.open) dialog.close();
    else dialog.showModal();
    return;
  }
  // Another dialog of the page, or a list that is open, has the keys to itself.
  if (dialog.open || document.querySelector("[role=dialog],[role=listbox]")) return;
  if (event.key.toLowerCase() === part.data.noteKey && part.data.note) {
    event.preventDefault();
    document.querySelector(`${part.data.note} input`)?.focus();
    return;
  }
  const name = part.data.keys[event.key.toLowerCase()];
  if (!name || event.repeat) return;
  if (event.key.startsWith("Arrow") && target.closest(OWN_ARROWS)) return;
  // Until the next image is there, a further key would be about an image that nobody has seen.
  if (part.waiting === part.data.token && Date.now() - part.since < PATIENCE) return;
  const button = document.querySelector(`.st-key-${name} button`);
  if (!button || button.disabled) return;
  event.preventDefault();
  part.waiting = part.data.token;
  part.since = Date.now();
  button.click();
}

export default function ({ data, parentElement }) {
  const known = parts.get(parentElement);
  const part = known ?? { waiting: null, since: 0 };
  part.data = data;
  show(part, parentElement);
  if (known) return part.end;
  parts.set(parentElement, part);
  const listen = (event) => pressed(part, parentElement, event);
  const leave = (event) => leaveNote(part, event);
  document.addEventListener("keydown", leave, { capture: true });
  document.addEventListener("keydown", listen);
  part.end = () => {
    document.removeEventListener("keydown", leave, { capture: true });
    document.removeEventListener("keydown", listen);
    parts.delete(parentElement);
  };
  return part.end;
}
