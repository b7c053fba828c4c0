// Keeps a page as it is now: ages count on, and a page that shows what moves asks for itself again.
// It writes nothing, and works on what the server rendered: without it, the page is the same, and stands still.

const units = [["s", 1, 90], ["min", 60, 5400], ["h", 3600, 48 * 3600]];
const state = document.getElementById("live-state");
// All of a page, or the part of it that moves.
const live = document.querySelector("[data-live]");
const footer = document.querySelector("footer");
// A connection may be cut without a word.
const PATIENCE = 30000;
// The server's clock decides: that of this machine may be wrong.
let ahead = Date.parse(document.documentElement.dataset.now) - Date.now();

function lasting(seconds) {
  const unit = units.find(([, , below]) => seconds < below);
  return unit ? `${Math.round(seconds / unit[1])} ${unit[0]}` : `${Math.round(seconds / 86400)} days`;
}

function countOn() {
  const now = Date.now() + ahead;
  for (const time of document.querySelectorAll("time.age")) {
    const seconds = (now - Date.parse(time.dateTime)) / 1000;
    const told = seconds >= 0 ? `${lasting(seconds)} ago` : `in ${lasting(-seconds)}`;
    if (time.textContent !== told) time.textContent = told;
  }
}

// What a list is kept by, so that a new line does not push the focus on to another one.
function keyOf(node) {
  const link = ["LI", "TR"].includes(node.nodeName) ? node.querySelector("a")?.getAttribute("href") : "";
  return `${node.nodeName} ${node.id ?? ""} ${link ?? ""}`;
}

// Makes a node what the server shows now, and touches nothing that is so already: what has the focus, is open, is
// marked or is scrolled to stays, a bar moves on from where it was, and nothing is read aloud twice.
function become(node, fresh) {
  if (node.nodeType !== Node.ELEMENT_NODE) {
    if (node.nodeValue !== fresh.nodeValue) node.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...node.attributes]) {
    if (name !== "open" && !fresh.hasAttribute(name)) node.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  }
  const standing = Map.groupBy(node.childNodes, keyOf);
  const children = [...fresh.childNodes].map((child) => {
    const kept = standing.get(keyOf(child))?.shift();
    if (kept) become(kept, child);
    return kept ?? child;
  });
  for (const gone of [...standing.values()].flat()) gone.remove();
  children.forEach((child, place) => {
    if (node.childNodes[place] !== child) node.insertBefore(child, node.childNodes[place] ?? null);
  });
}

async function refresh() {
  const request = { headers: { accept: "text/html" }, cache: "no-store", signal: AbortSignal.timeout(PATIENCE) };
  const answer = await fetch(location.href, request);
  if (answer.status === 401) return location.reload();
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  ahead = Date.parse(page.documentElement.dataset.now) - Date.now();
  become(live, page.getElementById(live.id));
  if (live.id === "main") become(footer, page.querySelector("footer"));
}

function follow(seconds) {
  let isLost = false;
  const turn = async () => {
    if (!document.hidden) {
      try {
        await refresh();
        if (isLost) state.textContent = "";
        isLost = false;
      } catch {
        if (!isLost) state.textContent = "The dashboard does not answer: what stands here grows old.";
        isLost = true;
      }
      state.classList.toggle("lost", isLost);
      countOn();
    }
    setTimeout(turn, 1000 * seconds);
  };
  setTimeout(turn, 1000 * seconds);
}

// Pages of rows turn by the arrow keys, where nobody is typing.
function turnByKeys(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, select, textarea")) return;
  const way = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  if (way) document.querySelector(`main a[rel="${way}"]`)?.click();
}

countOn();
setInterval(countOn, 1000);
document.addEventListener("keydown", turnByKeys);
if (live) follow(Number(live.dataset.live));
