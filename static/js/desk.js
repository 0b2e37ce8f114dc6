// Staff pages that follow what happens: they ask while somebody can see them, and at once when they are seen again.
(() => {
  // A form that is on its way says what its page showed: until the answer is there, nothing else is shown.
  let leaving = false;
  /** @param {Event} event */
  const still = (event) => {
    if (leaving || (document.hidden && event.type === "htmx:beforeRequest")) event.preventDefault();
  };
  document.addEventListener("htmx:beforeRequest", still);
  document.addEventListener("htmx:beforeSwap", still);
  document.addEventListener("submit", () => { leaving = true; });
  addEventListener("pageshow", () => { leaving = false; });
  document.addEventListener("visibilitychange", () => {
    const follower = document.querySelector("[data-follows]");
    // htmx listens for it as for any other event (hx-trigger).
    if (!document.hidden && follower) follower.dispatchEvent(new Event("seen"));
  });
})();
