// Status page and receipt: takes the bank's parameters out of the address, and prints.
(() => {
  // A payment's client secret stands in them: not for the history, not for a shared screen.
  if (location.search) history.replaceState(null, "", location.pathname);
  const print = document.getElementById("print");
  if (!print) return;
  print.hidden = false;
  print.addEventListener("click", () => window.print());
})();
