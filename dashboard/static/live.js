// Keeps a page as it is now: ages count on, and parts that move (data-live, every so many seconds) are asked for again.
// It writes nothing, and works on what the server rendered: without it, the page is the same, and stands still.

const units = [["s", 1, 90], ["min", 60, 5400], ["h", 3600, 48 * 3600]];
const state = document.getElementById("live-state");
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

// What somebody has opened stays open, and what has the focus keeps it.
function replace(old, fresh) {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const isSame = (each) => each.tagName === focused.tagName && each.id === focused.id && each.href === focused.href;
  const open = [...old.querySelectorAll("details")].map((each) => each.open);
  [...fresh.querySelectorAll("details")].forEach((each, place) => { each.open = open[place] ?? each.open; });
  old.replaceChildren(...fresh.childNodes);
  if (focused) [...old.querySelectorAll("*")].find(isSame)?.focus({ preventScroll: true });
}

async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
  if (answer.status === 401) return location.reload();
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  ahead = Date.parse(page.documentElement.dataset.now) - Date.now();
  for (const part of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(part.id);
    if (fresh) replace(part, fresh);
  }
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
const live = document.querySelector("[data-live]");
if (live) follow(Number(live.dataset.live));
