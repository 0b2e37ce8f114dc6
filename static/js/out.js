// The way out of an app's browser: copies the address, which stands nowhere else for who has no script.
(() => {
  const copy = document.getElementById("copy");
  const said = document.getElementById("copied");
  if (!copy || !said) return;
  copy.hidden = false;
  copy.addEventListener("click", () => {
    const field = /** @type {HTMLInputElement} */ (document.getElementById("address"));
    field.hidden = false;
    field.select();
    /** @param {boolean} isDone */
    const tell = (isDone) => {
      field.hidden = isDone;
      said.hidden = !isDone;
    };
    // Older apps have no clipboard of today's kind; where neither works the address stands there, selected.
    if (!navigator.clipboard) return tell(document.execCommand("copy"));
    navigator.clipboard.writeText(field.value).then(
      () => tell(true),
      () => tell(document.execCommand("copy")),
    );
  });
})();
