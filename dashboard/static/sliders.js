// Makes two pictures one with a slider over it, and a row of samples a film; without it they stand side by side.

for (const figure of document.querySelectorAll("[data-compare]")) {
  const range = figure.querySelector(".range");
  const stage = figure.querySelector(".stage");
  const show = () => figure.style.setProperty("--shown", `${range.value}%`);
  const follow = (event) => {
    const box = stage.getBoundingClientRect();
    range.value = Math.round((100 * (event.clientX - box.left)) / box.width);
    show();
  };
  range.hidden = false;
  figure.classList.add("ready");
  range.addEventListener("input", show);
  stage.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    stage.setPointerCapture(event.pointerId);
    follow(event);
  });
  stage.addEventListener("pointermove", (event) => {
    if (stage.hasPointerCapture(event.pointerId)) follow(event);
  });
  show();
}

for (const figure of document.querySelectorAll("[data-film]")) {
  const pictures = [...figure.querySelectorAll("img")];
  const range = figure.querySelector(".range");
  const show = () => {
    const now = range ? Number(range.value) : 0;
    pictures.forEach((picture, place) => picture.classList.toggle("now", place === now));
    figure.querySelector(".step").textContent = pictures[now].dataset.step;
    if (range) range.setAttribute("aria-valuetext", pictures[now].dataset.step);
  };
  figure.classList.add("ready");
  if (range) {
    range.hidden = false;
    range.addEventListener("input", show);
  }
  show();
}
