// Sends a picture that is dropped or chosen, and shows what the server found near it.

const form = document.querySelector("[data-drop]");
const result = document.getElementById("result");
let asked = 0;

async function search(file) {
  const mine = ++asked;
  result.textContent = `Looking at ${file.name} …`;
  try {
    const answer = await fetch(form.dataset.drop, { method: "POST", body: file });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = page.getElementById("main") ?? page.body;
    // The answer to the last picture counts, whichever comes last.
    if (mine === asked) result.replaceChildren(...found.childNodes);
  } catch {
    if (mine === asked) result.textContent = "The dashboard does not answer; try again.";
  }
}

if (form) {
  const input = form.querySelector("input");
  input.addEventListener("change", () => input.files[0] && search(input.files[0]));
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const kind of ["dragover", "dragleave", "drop"]) {
    form.addEventListener(kind, (event) => {
      event.preventDefault();
      form.classList.toggle("over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files[0]) search(event.dataTransfer.files[0]);
    });
  }
}
