// Closes the sidebar where the window is narrow, so that the images get its place. Who opens it keeps it open until
// another page is shown; who widens the window gets back the sidebar that was closed here. Hands words in the page's
// language to its style, which writes them where Streamlit has none, or has English ones.

const parts = new Map();
// Of the whole visit: the page for which the sidebar was closed.
let closedFor = null;

const sidebar = () => document.querySelector('[data-testid="stSidebar"]');
const isOpen = () => sidebar()?.getAttribute("data-collapsed") === "false";

function press(testid) {
  document.querySelector(`[data-testid="${testid}"] button, button[data-testid="${testid}"]`)?.click();
}

function fit(part) {
  if (part.narrow.matches) {
    if (closedFor === part.page || !sidebar()) return;
    closedFor = part.page;
    if (isOpen()) press("stSidebarCollapseButton");
  } else if (closedFor !== null) {
    closedFor = null;
    if (!isOpen()) press("stExpandSidebarButton");
  }
}

export default function ({ data, parentElement }) {
  const { width, page, ...words } = data;
  for (const [place, word] of Object.entries(words))
    document.documentElement.style.setProperty(`--skinlens-${place}`, JSON.stringify(word));
  const known = parts.get(parentElement);
  if (known) {
    known.page = page;
    fit(known);
    return known.end;
  }
  const part = { page, narrow: window.matchMedia(`(max-width: ${width}px)`) };
  parts.set(parentElement, part);
  const listen = () => fit(part);
  part.narrow.addEventListener("change", listen);
  // The sidebar is drawn a moment later on a first visit.
  const waiting = setInterval(() => sidebar() && (clearInterval(waiting), fit(part)), 50);
  part.end = () => {
    clearInterval(waiting);
    part.narrow.removeEventListener("change", listen);
    parts.delete(parentElement);
  };
  return part.end;
}
