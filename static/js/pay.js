// The payment page's script. Paying is possible only after the server has said how things stand: on load, after the
// back button, after an absence, after silence. Whatever happens here, one link has one payment: never a second charge.
(() => {
  /** @typedef {import("@stripe/stripe-js").Stripe} Stripe */
  /** @typedef {import("@stripe/stripe-js").StripeElements} StripeElements */
  /** @typedef {import("@stripe/stripe-js").StripeError} StripeError */
  /** @typedef {{known: boolean, go: string | null}} State */
  /** @typedef {{go?: string, note?: string, client_secret?: string, return_url?: string}} Started */

  /** @param {string} id @returns {HTMLElement} */
  const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
  const form = /** @type {HTMLFormElement} */ (byId("pay"));
  const shown = () => /** @type {HTMLInputElement} */ (byId("amount_shown"));
  if (!shown()) return;
  const base = form.dataset.base || "";
  const currency = form.dataset.currency || "";
  const ways = /** @type {HTMLDetailsElement} */ (byId("ways"));
  const cardButton = /** @type {HTMLButtonElement} */ (byId("card-pay"));
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;

  /** @type {Stripe | null} */
  let stripe = null;
  /** @type {StripeElements | undefined} */
  let wallets;
  /** @type {StripeElements | undefined} */
  let card;
  let amount = Number(shown().value);
  let isKnown = false; // the server has said that this page may pay
  let isSummed = true; // the sum is the one of the ticks
  let isPaying = false;
  let isStranger = false; // this browser keeps no cookie: nothing here can be paid or summed up
  let isWaiting = false; // a note stands there only until the server answers again
  let asked = 0;

  const canPay = () => isKnown && isSummed && !isPaying && amount > 0;

  /** What may be tapped now: the wallets keep their place while they may not. */
  function refresh() {
    byId("wallets").classList.toggle("busy", !canPay());
    byId("wallets").toggleAttribute("inert", !canPay());
    cardButton.disabled = !canPay() || !card;
    form.querySelectorAll("input[type=checkbox]").forEach((tick) => tick.toggleAttribute("disabled", isPaying || isStranger));
    ways.hidden = isStranger;
  }

  /** Shows one of the page's notes, or none. @param {string} note @param {string} [place] */
  function tell(note, place = "said") {
    byId("said").textContent = byId("card-said").textContent = "";
    const found = /** @type {HTMLTemplateElement | null} */ (document.querySelector(`[data-note="${note}"]`));
    if (found) byId(place).append(found.content.cloneNode(true));
  }

  /** The link has ended, or this page is too old to post: loaded anew, it says which. @param {number} status */
  const isOver = (status) => status === 403 || status === 404;

  /** Asks our server; throws when no usable answer came. @param {string} path @param {FormData} [body] */
  async function ask(path, body) {
    const headers = { Accept: "application/json" };
    const answer = await fetch(base + path, { method: body ? "POST" : "GET", body, cache: "no-store", headers });
    return isOver(answer.status) ? { go: base } : answer.json();
  }

  /** Asks how things stand and goes where that says; several askings at once: only the last one counts. */
  async function check() {
    const mine = (asked += 1);
    isKnown = false;
    refresh();
    /** @type {State} */
    let state;
    try {
      state = await ask(`state?v=${form.dataset.version}&paid=${form.dataset.paid}`);
      if (typeof state.known !== "boolean") throw new Error("no state");
    } catch (error) {
      if (mine !== asked) return;
      isWaiting = true;
      tell(navigator.onLine ? "silence" : "offline");
      setTimeout(() => mine === asked && check(), 4000);
      return;
    }
    if (mine !== asked) return;
    isStranger = !state.known;
    if (isStranger) return turnAway();
    if (state.go) return location.replace(state.go);
    if (location.pathname !== base || location.search) history.replaceState(null, "", base);
    // Only now, with an address that opens nothing, somebody else's script may run here.
    isKnown = true;
    if (isWaiting) tell("");
    isWaiting = false;
    if (stripe) refresh();
    else load();
  }

  /** Without the cookie: where the address was replaced there was one, and the link has ended since. */
  function turnAway() {
    if (location.pathname === base) return location.replace(base);
    refresh();
    tell("cookies");
  }

  function load() {
    const script = document.createElement("script");
    script.src = form.dataset.stripe || "";
    script.onload = start;
    script.onerror = () => {
      script.remove();
      tell("blocked");
    };
    document.head.append(script);
  }

  function start() {
    if (!window.Stripe || stripe) return;
    const locale = /** @type {import("@stripe/stripe-js").StripeElementLocale} */ (document.documentElement.lang);
    stripe = window.Stripe(form.dataset.key || "", { locale });
    fill();
    refresh();
  }

  /** A group of elements for the sum; Stripe refuses a sum of nothing. @param {Stripe} by @returns {StripeElements} */
  function group(by) {
    return by.elements({
      mode: "payment",
      amount,
      currency,
      appearance: { theme: isDark ? "night" : "stripe", variables: { borderRadius: "12px", fontSizeBase: "17px" } },
    });
  }

  /** Makes what is wanted and not there yet, and tells both groups the sum. */
  function fill() {
    if (!stripe || !amount) return;
    if (wallets) wallets.update({ amount, currency });
    else showWallets((wallets = group(stripe)));
    if (card) card.update({ amount, currency });
    else if (ways.open) showCard((card = group(stripe)));
  }

  /** @param {StripeElements} elements */
  function showWallets(elements) {
    const theme = isDark ? "white" : "black";
    const element = elements.create("expressCheckout", {
      buttonHeight: 50,
      buttonTheme: { applePay: theme, googlePay: theme },
      buttonType: { applePay: "plain", googlePay: "plain" },
      layout: { maxColumns: 2, maxRows: 1, overflow: "auto" },
      paymentMethods: { link: "never", paypal: "never", amazonPay: "never", klarna: "never" },
    });
    element.on("ready", (event) => {
      const has = event.availablePaymentMethods;
      // No wallet on this phone: the next step is the card.
      byId("wallets").hidden = !has;
      if (!has) ways.open = true;
      else seen(Object.entries(has).flatMap(([name, is]) => (is ? [name] : [])));
    });
    element.on("loaderror", () => tell("blocked"));
    // Within a second, or the sheet stays closed: nothing is asked here.
    element.on("click", (event) => (canPay() ? event.resolve() : undefined));
    element.on("confirm", (event) => void pay(elements, "said", () => event.paymentFailed({ reason: "fail" })));
    element.on("cancel", refresh);
    element.mount("#wallets");
  }

  /** Tells our server which wallets stand there: for the timeline, and nobody waits for it. @param {string[]} names */
  function seen(names) {
    const body = new FormData();
    const token = /** @type {HTMLInputElement} */ (form.elements.namedItem("csrfmiddlewaretoken"));
    body.append(token.name, token.value);
    for (const name of names) body.append("wallet", name);
    fetch(base + "seen", { method: "POST", body, keepalive: true }).catch(() => {});
  }

  /** @param {StripeElements} elements */
  function showCard(elements) {
    const element = elements.create("payment", { wallets: { applePay: "never", googlePay: "never" } });
    element.on("loaderror", () => tell("blocked", "card-said"));
    element.mount("#card");
    cardButton.onclick = () => void pay(elements, "card-said", () => {});
  }

  /** Pays what is ticked. @param {StripeElements} elements @param {string} place @param {() => void} failed */
  async function pay(elements, place, failed) {
    if (!canPay() || !stripe) return failed();
    const body = new FormData(form);
    isPaying = true;
    tell("");
    refresh();
    try {
      const missing = (await elements.submit()).error;
      if (missing) return failed();
      /** @type {Started} */
      const started = await ask("pay", body);
      const { client_secret: clientSecret, return_url: address } = started;
      if (!clientSecret || !address) {
        failed();
        if (started.go) return location.replace(started.go);
        return started.note === "refusal" ? tell("refusal", place) : await doubt("silence", place);
      }
      const confirmParams = { return_url: address };
      const { error } = await stripe.confirmPayment({ elements, clientSecret, confirmParams, redirect: "if_required" });
      // Wallets don't redirect: the page goes by itself.
      if (!error) return location.replace(address);
      failed();
      await explain(error, place);
    } catch (error) {
      // It may have been taken or not: the server asks Stripe.
      failed();
      await doubt(navigator.onLine ? "silence" : "offline", place);
    } finally {
      isPaying = false;
      refresh();
    }
  }

  /** Says what a refusal means, and what to do next. @param {StripeError} error @param {string} place */
  async function explain(error, place) {
    if (error.type === "validation_error") return;
    const code = error.decline_code || error.code || "";
    if (error.type === "card_error") {
      const note = code === "insufficient_funds" ? "funds" : "declined";
      return tell(/authentication/.test(code) ? "refused" : note, place);
    }
    if (/authentication/.test(code)) return tell("refused", place);
    return doubt("silence", place);
  }

  /** No answer: asks how things stand, and once more soon: another phone with this link may be just paying. */
  async function doubt(/** @type {string} */ note, /** @type {string} */ place) {
    tell(note, place);
    await check();
    setTimeout(() => isPaying || void check(), 3000);
  }

  form.addEventListener("change", () => {
    isSummed = false;
    document.querySelectorAll(".shy").forEach((part) => part.classList.remove("shy"));
    refresh();
  });
  form.addEventListener("sum", (event) => {
    amount = /** @type {CustomEvent<{amount: number}>} */ (event).detail.amount;
    shown().value = String(amount);
    isSummed = true;
    tell("");
    fill();
    refresh();
  });
  for (const name of ["htmx:sendError", "htmx:responseError"]) {
    form.addEventListener(name, (event) => {
      if (isOver(/** @type {CustomEvent<{xhr: XMLHttpRequest}>} */ (event).detail.xhr.status)) location.replace(base);
      else tell(navigator.onLine ? "silence" : "offline");
    });
  }
  ways.addEventListener("toggle", () => {
    fill();
    refresh();
  });

  /** Back after an absence: a page kept in memory may show what is no longer true. */
  function back() {
    if (isPaying) return;
    if (isSummed) void check();
    else form.dispatchEvent(new Event("change", { bubbles: true }));
  }
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    isPaying = false;
    back();
  });
  addEventListener("online", () => {
    tell("");
    back();
  });
  addEventListener("offline", () => tell("offline"));
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && back());
  void check();
})();
