// Keeps a page as it is now: ages count on, and a page that shows what moves asks for itself again.
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
function keepStanding(fresh) {
  const open = [...document.querySelectorAll("main details")].map((each) => each.open);
  [...fresh.querySelectorAll("details")].forEach((each, place) => { each.open = open[place] ?? each.open; });
}

function replaceMain(fresh) {
  const main = document.getElementById("main");
  const focused = document.activeElement;
  const link = focused && main.contains(focused) ? [focused.tagName, focused.id, focused.getAttribute("href")] : null;
  keepStanding(fresh);
  main.replaceChildren(...fresh.childNodes);
  if (!link) return;
  const again = [...main.querySelectorAll(link[0])]
    .find((each) => each.id === link[1] && each.getAttribute("href") === link[2]);
  again?.focus({ preventScroll: true });
}

async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
  if (answer.status === 401) return location.reload();
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  ahead = Date.parse(page.documentElement.dataset.now) - Date.now();
  replaceMain(page.getElementById("main"));
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
const seconds = Number(document.getElementById("main").dataset.live);
if (seconds) follow(seconds);
